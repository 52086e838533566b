// The side of the program: calls, publications and subscriptions as they are made, and the timer of the
// calls.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.channels;

import holdfast.core;
import :attached_frame;
import :channel_hub;

namespace holdfast::channels {
namespace {

constexpr int most_taken_at_once = 64;  // items that a coroutine takes without giving way

}  // namespace

channel_hub::channel_hub(net::any_io_executor executor, std::unique_ptr<dialect> spoken, client_options how,
                         std::unique_ptr<journal> log)
    : executor_(std::move(executor)),
      strand_(net::make_strand(executor_)),
      dialect_(std::move(spoken)),
      tokens_(std::move(how.channel_tokens)),
      log_(std::move(log)),
      calls_(dialect_->calls_in_flight(), how.messages_per_second),
      channels_(dialect_->asks_for_channels() ? how.subscriptions_per_second : 0, how.subscription_deadline),
      timer_(strand_) {}

void channel_hub::attach(std::shared_ptr<connection> conn) {
  const std::lock_guard lock(mutex_);
  conn_ = std::move(conn);
}

std::shared_ptr<connection> channel_hub::conn() const {
  const std::lock_guard lock(mutex_);
  return conn_;
}

// Without the lock: the connection may call the program's log.
void channel_hub::send(std::string frame, send_options how,
                       net::any_completion_handler<void(send_result)> handler) {
  // What is taken apart again is no text before.
  if (has_attachments(frame)) how.kind = message_kind::binary;
  if (const auto by = conn()) {
    if (!handler) return by->send(std::move(frame), how, net::detached);
    by->send(std::move(frame), how, std::move(handler));
  } else if (handler) {
    pending_operation<send_result> op(std::move(handler), executor_);
    op.complete({delivery::not_sent, net::error::operation_aborted});
  }
}

void channel_hub::call(std::string_view method, const json::value& params, const call_options& how,
                       call_table::operation op) {
  requests ready;
  {
    const std::lock_guard lock(mutex_);
    const auto id = ++last_id_;
    auto frame = attach(dialect_->call(id, method, params), params, how.attachments);
    if (frame.has_error()) return op.complete({.reason = frame.error()});
    if (finished_ || drains_)
      return op.complete({.reason = finished_.value_or(make_error_code(error::closed))});
    call_table::request one{.id = id, .frame = std::move(*frame), .feature = std::string(how.feature)};
    if (how.timeout > std::chrono::milliseconds::zero()) one.deadline = later(clock::now(), how.timeout);
    op.on_cancel(cancellation_with_effects, [weak = weak_from_this(), id] {
      if (const auto self = weak.lock()) self->cancel_call(id);
    });
    calls_.add(std::move(one), how.idempotent, std::move(op));
    ready = take_requests();
    if (is_throttle_new()) wake();
  }
  send_all(std::move(ready));
}

void channel_hub::send_all(requests ready) {
  for (auto& each : ready) {
    send_options how{
        .when_offline = offline_rule::wait, .when_throttled = throttled_rule::wait, .feature = each.feature};
    if (each.deadline) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*each.deadline - clock::now());
      how.time_to_live = std::max(left, std::chrono::milliseconds(1));
    }
    send(std::move(each.frame), how,
         net::bind_executor(executor_, [self = shared_from_this(), id = each.id](send_result fate) {
           self->sent(id, fate);
         }));
  }
}

void channel_hub::sent(std::uint64_t id, const send_result& fate) {
  requests ready;
  {
    const std::lock_guard lock(mutex_);
    calls_.sent(id, fate);
    if (finished_) calls_.finish(*finished_);
    ready = take_requests();
    if (is_throttle_new()) wake();
  }
  send_all(std::move(ready));
  close_if_drained();
}

void channel_hub::cancel_call(std::uint64_t id) {
  {
    const std::lock_guard lock(mutex_);
    if (calls_.cancel(id)) say_later(dialect_->cancel(id));
    wake();
  }
  close_if_drained();
}

void channel_hub::drain() {
  {
    const std::lock_guard lock(mutex_);
    drains_ = true;
  }
  close_if_drained();
}

// The farewells are messages, so that they leave before the close frame.
void channel_hub::close_if_drained() {
  std::vector<std::string> farewells;
  std::shared_ptr<connection> over;
  {
    const std::lock_guard lock(mutex_);
    if (!drains_ || calls_.size() != 0 || closes_ || !conn_) return;
    closes_ = true;
    if (session_ != 0) {
      for (const auto& each : channels_.asked()) farewells.push_back(farewell_to(*each, each->id));
    }
    over = conn_;
  }
  for (auto& each : farewells) {
    if (!each.empty()) over->send(std::move(each), net::detached);
  }
  over->close();
}

void channel_hub::notify(std::string_view method, const json::value& params,
                         net::any_completion_handler<void(send_result)> handler) {
  auto frame = attach(dialect_->notify(method, params), params, {});
  if (frame) {
    if (const auto why = why_not_now()) frame = why;
  }
  send_made(std::move(frame), std::move(handler));
}

void channel_hub::publish(const channel_request& channel, const json::value& data, const publish_options& how,
                          net::any_completion_handler<void(send_result)> handler) {
  auto frame = attach(dialect_->publish(channel, how.event_name, data), data, how.attachments);
  if (frame) {
    if (const auto why = why_not_now()) frame = why;
  }
  send_made(std::move(frame), std::move(handler));
}

// Why a message that does not wait must not leave; empty: it may. The connection keeps such messages for a
// moment, too, while it moves from one session to the next: so they are refused here.
error_code channel_hub::why_not_now() {
  if (!calls_.is_paced()) return {};
  const std::lock_guard lock(mutex_);
  if (finished_) return {};  // the connection refuses it
  if (session_ == 0) return error::no_connection;
  return calls_.take_turn(clock::now()) ? error_code() : make_error_code(error::feature_throttled);
}

// The data name their attachments. One too few, and the server waits for it; one too many, and it closes.
result<std::string> channel_hub::attach(result<std::string> frame, const json::value& data,
                                        attachment_list attachments) const {
  if (frame.has_error()) return frame;
  if (dialect_->attachments_in(data) != attachments.size()) return make_error_code(error::message_invalid);
  if (attachments.empty()) return frame;
  if (!is_valid_utf8(*frame)) return make_error_code(error::invalid_utf8);
  return with_attachments(std::move(*frame), attachments);
}

void channel_hub::send_made(result<std::string> frame,
                            net::any_completion_handler<void(send_result)> handler) {
  if (frame) return send(std::move(*frame), {}, std::move(handler));
  if (!handler)
    return log_->write(journal::kind::lost_message, log_level::warning,
                       "a message was not sent, and no caller awaits its result: " + frame.error().message());
  pending_operation<send_result> op(std::move(handler), executor_);
  op.complete({delivery::not_sent, frame.error()});
}

// The server forgets its calls with the session. An answer is a message, so that it leaves before a close()
// behind it.
void channel_hub::answer(const server_call& to, const json::value& value, const call_error* error,
                         attachment_list attachments) {
  if (to.id.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    if (to.session != session_) return;
  }
  auto frame = attach(dialect_->answer(to.id, value, error), value, attachments);
  if (frame) return send(std::move(*frame), {.session = to.session}, {});
  log_->write(journal::kind::lost_message, log_level::warning,
              "the answer to a call of the server was not sent: " + frame.error().message());
}

void channel_hub::set_call_handler(call_handler handler) {
  const std::lock_guard lock(mutex_);
  on_call_.swap(handler);  // the one before is destroyed after the lock is released: it may own anything
}

void channel_hub::hand_over(server_call asked) {
  const auto handler = [this] {
    const std::lock_guard lock(mutex_);
    return conn_ ? on_call_ : call_handler();
  }();
  if (handler) handler(std::move(asked));
}

subscription_table::pointer channel_hub::join(std::string_view name, const subscribe_options& how,
                                              const std::shared_ptr<item_queue>& subscriber) {
  const std::lock_guard lock(mutex_);
  auto alias = dialect_->alias_of({.name = name, .params = how.params});
  auto one = channels_.join(name, std::move(alias), how, subscriber);
  if (finished_) channels_.finish(*finished_);
  wake();
  return one;
}

void channel_hub::leave(const subscription_table::pointer& from,
                        const std::shared_ptr<item_queue>& subscriber) {
  const std::lock_guard lock(mutex_);
  drop(from, subscriber);
}

void channel_hub::receive(const std::shared_ptr<item_queue>& from, item_queue::operation op) {
  const auto id = ++last_receive_;
  op.on_cancel([weak = weak_from_this(), from, id] {
    const auto self = weak.lock();
    if (!self) return;
    const std::lock_guard guard(self->mutex_);
    from->cancel(id);
  });
  const std::lock_guard lock(mutex_);
  taken_at_once_ = 0;
  from->receive(id, std::move(op));
  took_item();
}

std::optional<item> channel_hub::take(const std::shared_ptr<item_queue>& from) {
  const std::lock_guard lock(mutex_);
  if (taken_at_once_ == most_taken_at_once) return std::nullopt;
  ++taken_at_once_;
  auto one = from->take();
  took_item();
  return one;
}

void channel_hub::took_item() {
  if (holds_socket_ && !channels_.any_holds_socket()) wake();
}

std::string channel_hub::position_of(const item_queue& one) const {
  const std::lock_guard lock(mutex_);
  return one.position();
}

subscription_state channel_hub::state_of(const subscription_table::entry& one) const {
  const std::lock_guard lock(mutex_);
  return one.state;
}

void channel_hub::finish(error_code why) {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  finished_ = why ? why : make_error_code(error::closed);
  calls_.finish(*finished_);
  channels_.finish(*finished_);
  cancel_fetches();
  // A timer that waits keeps the context from running out of work.
  armed_ = clock::time_point::max();
  net::post(strand_, [self = shared_from_this()] { self->timer_.cancel(); });
  arm_timer();
}

void channel_hub::abandon() {
  finish(net::error::operation_aborted);
  call_handler handler;  // destroyed after the lock is released, as the connection is
  std::shared_ptr<connection> conn;
  const std::lock_guard lock(mutex_);
  handler.swap(on_call_);
  conn.swap(conn_);
}

// Tells the server behind what is under way, if it is the present session's affair.
void channel_hub::say_later(std::string farewell) {
  if (session_ != 0 && !farewell.empty()) farewells_.push_back(std::move(farewell));
}

void channel_hub::wake() const {
  if (waker_) waker_();
}

// Called with the lock.
channel_hub::requests channel_hub::take_requests() {
  auto ready = calls_.take_requests(clock::now(), session_ != 0);
  arm_timer();
  return ready;
}

// Called with the lock: whether the session has to publish that calls wait for the pace, or do so no more.
bool channel_hub::is_throttle_new() {
  return session_ != 0 && calls_.is_throttled(clock::now()) != throttled_;
}

// Called with the lock.
void channel_hub::arm_timer() {
  const auto next = calls_.next_time(session_ != 0);
  if (next >= armed_) return;
  armed_ = next;
  net::post(strand_, [self = shared_from_this(), next] {
    self->timer_.async_wait_until(
        next, net::bind_executor(self->strand_, [weak = self->weak_from_this()](error_code) {
          if (const auto alive = weak.lock()) alive->end_expired();
        }));
  });
}

void channel_hub::end_expired() {
  requests ready;
  {
    const std::lock_guard lock(mutex_);
    const auto now = clock::now();
    for (const auto id : calls_.expire(now)) say_later(dialect_->cancel(id));
    if (armed_ <= now) armed_ = clock::time_point::max();
    ready = take_requests();
    wake();
  }
  send_all(std::move(ready));
  close_if_drained();
}

}  // namespace holdfast::channels
