// The outbox between sessions: which messages may leave, which wait, and which have to be sent again.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :outbox;

namespace holdfast {
namespace {

constexpr auto never = clock::time_point::max();

}  // namespace

// RFC 6455 section 8.1: a text message that is not UTF-8 would make the peer close the connection; refuse it
// here.
outbox::verdict outbox::judge(std::string_view payload, const send_options& how) {
  const bool may_wait = next_ == next_session::at_once ||
                        (next_ == next_session::some_day && how.when_offline != offline_rule::fail);
  if (keeps_rest_) return {fate::refused, refusal_};
  if (phase_ != phase::open && !may_wait) return {fate::refused, refusal_};
  if (how.session != 0 && (how.session != session_ || phase_ != phase::open))
    return {fate::refused, error::no_connection};
  if (payload.size() > limits_.largest) return {fate::refused, error::message_too_big};
  if (how.kind == message_kind::text && !is_valid_utf8(payload)) return {fate::refused, error::invalid_utf8};
  auto decision = gate(how);
  if (decision.act == fate::dropped || decision.act == fate::refused) return decision;
  if (decision.act == fate::waits && protocol_) {
    const auto encoded = encode({.kind = how.kind, .payload = payload, .feature = how.feature});
    if (encoded.has_error()) return {fate::refused, encoded.error()};
  }
  if (!make_room(payload.size(), how)) return {fate::refused, error::outbound_full};
  return decision;
}

std::optional<clock::time_point> outbox::expiry_of(const send_options& how) {
  if (how.time_to_live <= std::chrono::milliseconds::zero()) return std::nullopt;
  return later(clock::now(), how.time_to_live);
}

outbox::verdict outbox::gate(const send_options& how) const {
  if (is_throttled(how.feature)) {
    if (how.when_throttled == throttled_rule::fail) return {fate::refused, error::feature_throttled};
    if (how.when_throttled == throttled_rule::drop) return {fate::dropped, error::feature_throttled};
    return {fate::waits, {}};
  }
  return {phase_ == phase::open ? fate::leaves : fate::waits, {}};
}

// A held message waits for a session that follows at once, and fails if none does. Where messages are
// acknowledged, none is held: all go on to the next session.
bool outbox::is_held(const send_options& how) const {
  return next_ == next_session::at_once && how.when_offline == offline_rule::fail && !acknowledged_ &&
         !is_throttled(how.feature);
}

bool outbox::is_throttled(std::string_view feature) const {
  return !feature.empty() && std::ranges::find(throttled_, feature) != throttled_.end();
}

// The limits bound the messages that wait. If none waits, a message of any size is accepted (R69).
bool outbox::has_room(std::size_t more_bytes, std::size_t without, std::size_t bytes_without) const {
  const auto count = frames_.size() + waiting_.size() + unconfirmed_.size() - without;
  const auto bytes = payload_bytes_.read() - bytes_without;
  return count == 0 || (count < limits_.messages && bytes + more_bytes <= limits_.bytes);
}

// A held message may still be refused, so it replaces only another held one.
bool outbox::make_room(std::size_t more_bytes, const send_options& how) {
  const auto* replaced = waiting_.with_key(how.key, is_held(how));
  if (replaced == nullptr) {
    return has_room(more_bytes) ||
           (how.when_offline == offline_rule::queue && make_room_of_queued(more_bytes));
  }
  if (!has_room(more_bytes, 1, replaced->payload.size())) return false;
  drop(waiting_.take_first([&](const kept_message& each) { return &each == replaced; }),
       error::message_superseded);
  return true;
}

// Drops the oldest, as many as it takes, and none if all of them would not be enough.
bool outbox::make_room_of_queued(std::size_t more_bytes) {
  const auto is_queued = [](const kept_message& each) { return each.rule == offline_rule::queue; };
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (const auto& each : waiting_.all()) {
    if (has_room(more_bytes, count, bytes)) break;
    if (!is_queued(each)) continue;
    ++count;
    bytes += each.payload.size();
  }
  if (!has_room(more_bytes, count, bytes)) return false;
  for (; count != 0; --count) drop(waiting_.take_first(is_queued), error::outbound_full);
  return true;
}

void outbox::keep(std::uint64_t id, std::string_view payload, const send_options& how, operation op) {
  if (op) cancel_later(op, id);
  kept_message one{.operation_id = id,
                   .kind = how.kind,
                   .payload = std::string(payload),
                   .feature = std::string(how.feature),
                   .key = std::string(how.key),
                   .rule = how.when_offline,
                   .held = is_held(how),
                   .expires = expiry_of(how),
                   .op = std::move(op)};
  payload_bytes_ += payload.size();
  counted_.most_waiting.raise(payload_bytes_.read());
  const bool sooner = one.expires && *one.expires < expiry_armed_;
  waiting_.push_back(std::move(one));
  if (sooner) net::post(where_->strand, [self = shared_from_this()] { self->arm_expiry(); });
}

void outbox::ready() {
  const section lock(*this);
  if (phase_ != phase::login) return;
  phase_ = phase::open;
  if (next_ == next_session::at_once) next_ = next_session::some_day;
  release(std::exchange(unconfirmed_, {}));
  release_what_may_leave();
}

void outbox::release_what_may_leave() {
  if (phase_ != phase::open) return;
  release(waiting_.take_if([this](const kept_message& each) { return !is_throttled(each.feature); }));
}

void outbox::release(std::list<kept_message> messages) {
  while (!messages.empty()) {
    frames_.reserve_one();
    auto& one = messages.front();
    std::list<kept_message> alone;
    alone.splice(alone.end(), messages, messages.begin());
    if (const auto ec = encode_kept(one, one.payload)) {
      settle(std::move(alone), ec);
      continue;
    }
    frame next{one.operation_id, one.payload.size(), std::exchange(one.op, {})};
    if (acknowledged_ || one.rule != offline_rule::fail) next.kept = std::move(alone);
    frames_.push_back(std::move(next));
  }
  wake_writer();
}

void outbox::acknowledged(std::uint64_t last) {
  if (refuses_call()) return;
  const std::lock_guard lock(mutex_);
  while (!unconfirmed_.empty() && unconfirmed_.front().number <= last) {
    confirm(unconfirmed_.front());
    unconfirmed_.pop_front();
  }
}

void outbox::acknowledged_one(std::uint64_t number) {
  if (refuses_call()) return;
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(unconfirmed_, number, &kept_message::number);
  if (found == unconfirmed_.end()) return;
  confirm(*found);
  unconfirmed_.erase(found);
}

void outbox::confirm(kept_message& one) {
  payload_bytes_ -= one.payload.size();
  count(delivery::acked);
  has_come_through(is_confirmed_, one.operation_id, &measured_times::acks);
  if (one.op) one.op.complete({delivery::acked, {}, one.written_in});
}

// Frames from `from_frame` on do not leave in this session any more.
void outbox::take_back(std::size_t from_frame, error_code why) {
  std::list<kept_message> taken;
  for (auto& each : frames_.all().subspan(from_frame)) {
    if (next_ != next_session::none && !each.kept.empty()) {
      each.kept.front().op = std::move(each.op);
      taken.splice(taken.end(), each.kept);
    } else {
      // A message that is sent again has left in an earlier session.
      const auto written_in = each.kept.empty() ? 0 : each.kept.front().written_in;
      payload_bytes_ -= each.payload_bytes;
      gives_up(each.id);
      report(each.op, {written_in != 0 ? delivery::in_doubt : delivery::not_sent, why, written_in});
    }
  }
  frames_.truncate(from_frame);
  if (acknowledged_) {
    unconfirmed_.splice(unconfirmed_.end(), taken);
  } else {
    const bool ages = std::ranges::any_of(taken, [](const auto& each) { return each.expires.has_value(); });
    waiting_.push_front(std::move(taken));
    if (ages) net::post(where_->strand, [self = shared_from_this()] { self->arm_expiry(); });
  }
}

void outbox::settle(std::list<kept_message> messages, error_code why) {
  for (auto& each : messages) {
    payload_bytes_ -= each.payload.size();
    gives_up(each.operation_id);
    report(each.op, {each.written_in != 0 ? delivery::in_doubt : delivery::not_sent, why, each.written_in});
  }
}

void outbox::drop(std::list<kept_message> messages, error_code why) {
  for (auto& each : messages) {
    payload_bytes_ -= each.payload.size();
    gives_up(each.operation_id);
    report(each.op, {delivery::dropped, why});
  }
}

void outbox::cancel_kept(std::uint64_t id, bool ends_the_wait) {
  const auto is_it = [id](const kept_message& each) { return each.operation_id == id; };
  settle(waiting_.take_first(is_it), net::error::operation_aborted);
  if (!ends_the_wait) return;
  // The message is still sent again, because the peer must not miss a number.
  const auto found = std::ranges::find_if(unconfirmed_, is_it);
  if (found == unconfirmed_.end() || !found->op) return;
  std::exchange(found->op, {})
      .complete({delivery::in_doubt, net::error::operation_aborted, found->written_in});
}

void outbox::throttle(const std::vector<throttled_feature>& features) {
  if (refuses_call()) return;
  const section lock(*this);
  throttled_.clear();
  for (const auto& each : features) throttled_.push_back(each.name);
  release_what_may_leave();
}

void outbox::expect_session() {
  if (is_encoding()) return;  // the actor calls again, on its strand
  const std::lock_guard lock(mutex_);
  if (refusal_ == error::no_connection && next_ == next_session::none) next_ = next_session::some_day;
}

void outbox::expect_no_session(error_code why) {
  const section lock(*this);
  if (!keeps_rest_) give_up_waiting(why);
}

void outbox::give_up_waiting(error_code why) {
  next_ = next_session::none;
  settle(waiting_.take_all(), why);
  if (phase_ == phase::no_session) settle(std::exchange(unconfirmed_, {}), why);
}

void outbox::hold() {
  const std::lock_guard lock(mutex_);
  if (phase_ != phase::open) return;
  phase_ = phase::leaving;
  if (next_ == next_session::some_day) next_ = next_session::at_once;
}

void outbox::end_hold() {
  const section lock(*this);
  if (phase_ != phase::leaving || buffer_.closed()) return;
  phase_ = phase::open;
  release_what_may_leave();
}

void outbox::give_up_hold(error_code why) {
  const section lock(*this);
  if (next_ != next_session::at_once) return;
  next_ = next_session::some_day;
  settle(waiting_.take_if([](const kept_message& each) { return each.held; }), why);
}

void outbox::retire(error_code refusal, error_code why) {
  if (is_encoding()) {  // encode() is destroying the connection
    return net::post(where_->strand,
                     [self = shared_from_this(), refusal, why] { self->retire(refusal, why); });
  }
  {
    const section lock(*this);
    refusal_ = refusal;
    keeps_rest_ = false;
    give_up_waiting(why);
  }
  net::post(where_->strand, [self = shared_from_this()] { self->expiry_.release(); });
}

void outbox::forget_senders() {
  frame_queue frames;  // destroyed after the lock is released: a handler may own anything
  std::list<kept_message> waiting;
  std::list<kept_message> unconfirmed;
  const std::lock_guard lock(mutex_);
  phase_ = phase::no_session;
  std::swap(frames, frames_);
  waiting = waiting_.take_all();
  unconfirmed.swap(unconfirmed_);
  payload_bytes_ = 0;
}

// Called on the strand, like expire().
void outbox::arm_expiry() {
  const std::lock_guard lock(mutex_);
  const auto next = waiting_.next_expiry();
  if (!next || expiry_armed_ <= *next) return;
  expiry_armed_ = *next;
  expiry_.call_at(*next, [self = shared_from_this()] { self->expire(); });
}

void outbox::expire() {
  {
    const section lock(*this);
    const auto now = clock::now();
    if (expiry_armed_ <= now) expiry_armed_ = never;
    drop(waiting_.take_if([now](const kept_message& each) { return each.expires && *each.expires <= now; }),
         error::message_expired);
  }
  arm_expiry();
}

}  // namespace holdfast
