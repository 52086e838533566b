// Carries out the calls of a protocol at once, or records them for the session.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :conversation;

namespace holdfast {
namespace {

constexpr auto never = clock::time_point::max();

}  // namespace

conversation::conversation(const options& given, std::shared_ptr<protocol> spoken,
                           std::shared_ptr<outbox> out, session_listener& listener,
                           std::function<void()> waker)
    : options_(given),
      protocol_(std::move(spoken)),
      outbox_(std::move(out)),
      listener_(listener),
      login_by_(clock::now() + given.deadlines.login),
      waker_(std::move(waker)) {}

// The text of an exception may contain a secret of the login, so it is not passed on.
template <class Call>
void conversation::guarded(Call call) {
  if (ending_) return;
  try {
    call();
  } catch (...) {
    end(error::protocol_failed, "the protocol threw an exception", close_codes::internal_error);
  }
}

void conversation::open(const session_facts& session) {
  guarded([&] { protocol_->opened(*this, session); });
}

// Not guarded: the session is over, and has its reason.
end_verdict conversation::close(const session_end& how) {
  try {
    auto verdict = protocol_->ended(how);
    return ending_ ? end_verdict{} : verdict;
  } catch (...) {
    return {};
  }
}

void conversation::received(message_view frame, message_batch& into) {
  heard_part(frame.received);
  into_ = &into;
  guarded([&] { protocol_->received(*this, frame); });
  into_ = nullptr;
}

void conversation::tend(clock::time_point now) {
  if (ending_) return;
  if (!ready_ && now >= login_by_) {
    return end(error::timed_out, {}, close_codes::normal);
  }
  if (answer_by_ && !paused_ && now >= *answer_by_) return end(error::liveness_lost, {}, 0);
  if (next_heartbeat_ && now >= *next_heartbeat_) {
    next_heartbeat_ = now + interval_;
    if (!answer_by_) answer_by_ = now + options_.heartbeat.pong_deadline;
    guarded([&] { protocol_->heartbeat(*this); });
  }
  if (silent_by_ && !paused_ && now >= *silent_by_) return end(error::liveness_lost, {}, 0);
  const bool is_time = now >= wake_at_;
  if (is_time) wake_at_ = never;
  if (std::exchange(woken_, false) || is_time) guarded([&] { protocol_->woken(*this); });
  lift_expired(now);
}

clock::time_point conversation::next_look() const {
  if (ending_) return never;
  auto next = ready_ ? never : login_by_;
  if (answer_by_ && !paused_) next = std::min(next, *answer_by_);
  if (next_heartbeat_) next = std::min(next, *next_heartbeat_);
  if (silent_by_ && !paused_) next = std::min(next, *silent_by_);
  next = std::min(next, wake_at_);
  for (const auto& each : throttled_) {
    if (each.until) next = std::min(next, *each.until);
  }
  return next;
}

void conversation::resume(clock::time_point now) noexcept {
  paused_ = false;
  if (answer_by_) answer_by_ = now + options_.heartbeat.pong_deadline;
  heard_part(now);
}

void conversation::heard_part(clock::time_point now) noexcept {
  // What was read before a pause may be decoded after it.
  if (silent_by_) silent_by_ = std::max(*silent_by_, later(now, silence_));
}

void conversation::heard_progress(clock::time_point now) noexcept {
  if (answer_by_) answer_by_ = now + options_.heartbeat.pong_deadline;
}

void conversation::lift_expired(clock::time_point now) {
  const auto lifted = std::erase_if(
      throttled_, [now](const throttled_feature& each) { return each.until && *each.until <= now; });
  if (lifted != 0 && ready_) listener_.on_throttle(throttled_);
}

void conversation::send(message_kind kind, std::string_view payload) {
  if (outbox_->protocol_frame(kind, payload)) return;
  end(error::outbound_full, "the server does not read what the protocol sends", close_codes::internal_error);
}

void conversation::ready(login_result result) {
  if (ready_ || ending_) return;
  ready_ = true;
  listener_.on_ready(result);
  if (!throttled_.empty()) listener_.on_throttle(throttled_);
}

void conversation::deliver(message_kind kind, std::string_view payload) {
  if (into_ != nullptr) return into_->push_back(kind, payload);
  // Here the message has no position among those of the server, and it must not be lost silently.
  end(error::protocol_failed, "the protocol delivered a message outside of received()",
      close_codes::internal_error);
}

void conversation::acknowledged(std::uint64_t last) { outbox_->acknowledged(last); }

void conversation::acknowledged_one(std::uint64_t number) { outbox_->acknowledged_one(number); }

void conversation::throttle(std::vector<throttled_feature> features) {
  throttled_ = std::move(features);
  has_new_deadline_ = true;
  if (ready_) listener_.on_throttle(throttled_);
}

void conversation::heartbeat_every(clock::duration interval, clock::duration first) {
  interval_ = interval;
  has_new_deadline_ = true;
  answer_by_.reset();
  next_heartbeat_.reset();
  if (interval > clock::duration::zero()) next_heartbeat_ = clock::now() + first;
}

void conversation::heartbeat_answered() { answer_by_.reset(); }

void conversation::expect_within(clock::duration silence) {
  silence_ = silence;
  silent_by_.reset();
  if (silence > clock::duration::zero()) silent_by_ = later(clock::now(), silence);
  has_new_deadline_ = true;
}

void conversation::wake_at(clock::time_point when) {
  wake_at_ = when;
  has_new_deadline_ = true;
}

void conversation::fail(protocol_failure why) {
  end(why.error ? why.error : make_error_code(error::protocol_failed), std::move(why.text), why.close_code);
}

void conversation::go_away(std::string reason, clock::duration wait, std::string endpoint) {
  if (ending_) return;
  const bool may_move = ready_ && wait <= clock::duration::zero();
  listener_.on_go_away({.reason = reason, .endpoint = std::move(endpoint), .may_move = may_move});
  if (may_move) return;
  end(error::server_going_away, std::move(reason), close_codes::normal);
  if (wait > clock::duration::zero()) ending_->retry_after = wait;
}

// Keeps the first reason.
void conversation::end(error_code why, std::string text, std::uint16_t close_code) {
  if (ending_) return;
  ending_ = ending{
      .reason = {.error = why, .at = ready_ ? stage::session : stage::login, .detail = std::move(text)},
      .close_code = close_code};
}

}  // namespace holdfast
