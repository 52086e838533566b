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
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast;

import :outbox;

namespace holdfast {

// RFC 6455 section 8.1: a text message that is not UTF-8 would make the peer close the connection; refuse it
// here.
outbox::verdict outbox::judge(std::string_view payload, const send_options& how) {
  const bool may_wait = expecting_ && (held_ || how.when_offline != offline_rule::fail);
  if (!is_open() && !may_wait) return {fate::refused, refusal_};
  if (payload.size() > largest_message_) return {fate::refused, error::message_too_big};
  if (how.kind == message_kind::text && !is_valid_utf8(payload)) return {fate::refused, error::invalid_utf8};
  auto decision = gate(how);
  if (decision.act == fate::dropped || decision.act == fate::refused) return decision;
  if (decision.act == fate::waits && protocol_) {
    const auto frame = protocol_->encode({.kind = how.kind, .payload = payload, .feature = how.feature});
    if (frame.has_error()) return {fate::refused, frame.error()};
  }
  if (!make_room(payload.size(), how)) return {fate::refused, error::outbound_full};
  return decision;
}

std::optional<clock::time_point> outbox::expiry_of(const send_options& how) {
  if (how.time_to_live <= std::chrono::milliseconds::zero()) return std::nullopt;
  return clock::now() + how.time_to_live;
}

outbox::verdict outbox::gate(const send_options& how) const {
  if (is_throttled(how.feature)) {
    if (how.when_throttled == throttled_rule::fail) return {fate::refused, error::feature_throttled};
    if (how.when_throttled == throttled_rule::drop) return {fate::dropped, error::feature_throttled};
    return {fate::waits, {}};
  }
  return {is_open() ? fate::leaves : fate::waits, {}};
}

bool outbox::is_throttled(std::string_view feature) const {
  return !feature.empty() && std::ranges::find(throttled_, feature) != throttled_.end();
}

// The limit bounds what waits: a message of any size is taken when nothing does (R69).
bool outbox::has_room(std::size_t more_bytes, const kept_message* replaced) const {
  auto count = frames_.size() - first_frame_ + waiting_.size() + unconfirmed_.size();
  auto bytes = payload_bytes_;
  if (replaced != nullptr) {
    --count;
    bytes -= replaced->payload.size();
  }
  return count == 0 || (count < message_limit_ && bytes + more_bytes <= byte_limit_);
}

bool outbox::make_room(std::size_t more_bytes, const send_options& how) {
  const auto* replaced = waiting_.with_key(how.key);
  if (replaced == nullptr && how.when_offline == offline_rule::queue) {
    while (!has_room(more_bytes, nullptr)) {
      auto oldest =
          waiting_.take_first([](const kept_message& each) { return each.rule == offline_rule::queue; });
      if (oldest.empty()) return false;
      drop(std::move(oldest), error::outbound_full);
    }
  }
  if (!has_room(more_bytes, replaced)) return false;
  if (replaced != nullptr) {
    drop(waiting_.take_first([&](const kept_message& each) { return &each == replaced; }),
         error::message_superseded);
  }
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
                   .held = held_ && how.when_offline == offline_rule::fail && !is_throttled(how.feature),
                   .expires = expiry_of(how),
                   .op = std::move(op)};
  payload_bytes_ += payload.size();
  const bool ages = one.expires.has_value();
  const bool sooner = ages && (!expiry_armed_ || *one.expires < *expiry_armed_);
  waiting_.push_back(std::move(one));
  if (sooner) net::post(where_->strand, [self = shared_from_this()] { self->arm_expiry(); });
}

// A message keeps the number under which it left first: by that the peer knows it again.
error_code outbox::encode_kept(kept_message& one, std::string_view payload) {
  const auto number = one.number != 0 ? one.number : last_number_ + 1;
  auto kind = one.kind;
  if (protocol_) {
    const auto frame =
        protocol_->encode({.id = number, .kind = one.kind, .payload = payload, .feature = one.feature});
    if (frame.has_error()) return frame.error();
    kind = protocol_->encoded_kind(kind);
    encoder_.message(data_, kind, *frame);
  } else {
    encoder_.message(data_, kind, payload);
  }
  one.number = number;
  last_number_ = std::max(last_number_, number);
  return {};
}

void outbox::ready() {
  const section lock(*this);
  if (stream_ == nullptr) return;
  ready_ = true;
  held_ = false;
  release(std::exchange(unconfirmed_, {}));
  release_what_may_leave();
}

void outbox::release_what_may_leave() {
  if (!is_open()) return;
  release(waiting_.take_if([this](const kept_message& each) { return !is_throttled(each.feature); }));
}

void outbox::release(std::list<kept_message> messages) {
  while (!messages.empty()) {
    auto& one = messages.front();
    std::list<kept_message> alone;
    alone.splice(alone.end(), messages, messages.begin());
    if (const auto ec = encode_kept(one, one.payload)) {
      settle(std::move(alone), ec);
      continue;
    }
    frame next{one.operation_id, written_ + data_.size(), one.payload.size(), std::exchange(one.op, {})};
    if (acknowledged_ || one.rule != offline_rule::fail) next.kept = std::move(alone);
    frames_.push_back(std::move(next));
  }
  wake_writer();
}

void outbox::acknowledged(std::uint64_t last) {
  const std::lock_guard lock(mutex_);
  while (!unconfirmed_.empty() && unconfirmed_.front().number <= last) {
    auto& first = unconfirmed_.front();
    payload_bytes_ -= first.payload.size();
    if (first.op) first.op.complete({delivery::acked, {}});
    unconfirmed_.pop_front();
  }
}

// Frames from that one on leave no more in this session.
void outbox::take_back(std::size_t from_frame, error_code why) {
  std::list<kept_message> taken;
  for (auto i = from_frame; i < frames_.size(); ++i) {
    auto& each = frames_[i];
    if (expecting_ && !each.kept.empty()) {
      each.kept.front().op = std::move(each.op);
      taken.splice(taken.end(), each.kept);
    } else {
      // Sent again, it has left in an earlier session.
      const bool was_written = !each.kept.empty() && each.kept.front().written;
      payload_bytes_ -= each.payload_bytes;
      tell(each.op, {was_written ? delivery::in_doubt : delivery::not_sent, why});
    }
  }
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
    tell(each.op, {each.written ? delivery::in_doubt : delivery::not_sent, why});
  }
}

void outbox::drop(std::list<kept_message> messages, error_code why) {
  for (auto& each : messages) {
    payload_bytes_ -= each.payload.size();
    tell(each.op, {delivery::dropped, why});
  }
}

void outbox::cancel_kept(std::uint64_t id) {
  const auto is_it = [id](const kept_message& each) { return each.operation_id == id; };
  settle(waiting_.take_first(is_it), net::error::operation_aborted);
  // It is sent again all the same: the peer must not miss a number.
  const auto found = std::ranges::find_if(unconfirmed_, is_it);
  if (found == unconfirmed_.end() || !found->op) return;
  std::exchange(found->op, {}).complete({delivery::in_doubt, net::error::operation_aborted});
}

void outbox::throttle(const std::vector<throttled_feature>& features) {
  const section lock(*this);
  throttled_.clear();
  for (const auto& each : features) throttled_.push_back(each.name);
  release_what_may_leave();
}

void outbox::expect_session() {
  const std::lock_guard lock(mutex_);
  expecting_ = refusal_ == error::no_connection;
}

void outbox::expect_no_session(error_code why) {
  const section lock(*this);
  expecting_ = held_ = false;
  settle(waiting_.take_all(), why);
  if (stream_ == nullptr) settle(std::exchange(unconfirmed_, {}), why);
}

void outbox::hold() {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr || !ready_) return;
  ready_ = false;
  held_ = expecting_;
}

void outbox::give_up_hold(error_code why) {
  const section lock(*this);
  if (!std::exchange(held_, false) || acknowledged_) return;
  settle(waiting_.take_if([](const kept_message& each) { return each.held; }), why);
}

void outbox::retire(error_code refusal, error_code why) {
  {
    const std::lock_guard lock(mutex_);
    refusal_ = refusal;
  }
  expect_no_session(why);
  net::post(where_->strand, [self = shared_from_this()] { self->expiry_.release(); });
}

void outbox::forget_senders() {
  std::vector<frame> frames;  // destroyed after the lock: a handler may hold anything
  std::list<kept_message> waiting;
  std::list<kept_message> unconfirmed;
  const std::lock_guard lock(mutex_);
  stream_ = nullptr;
  frames.swap(frames_);
  waiting = waiting_.take_all();
  unconfirmed.swap(unconfirmed_);
  first_frame_ = 0;
  payload_bytes_ = 0;
}

// On the strand, like the next one.
void outbox::arm_expiry() {
  const std::lock_guard lock(mutex_);
  const auto next = waiting_.next_expiry();
  if (!next || (expiry_armed_ && *expiry_armed_ <= *next)) return;
  expiry_armed_ = next;
  expiry_.call_at(*next, [self = shared_from_this()] { self->expire(); });
}

void outbox::expire() {
  {
    const section lock(*this);
    const auto now = clock::now();
    if (expiry_armed_ && *expiry_armed_ <= now) expiry_armed_.reset();
    drop(waiting_.take_if([now](const kept_message& each) { return each.expires && *each.expires <= now; }),
         error::message_expired);
  }
  arm_expiry();
}

}  // namespace holdfast
