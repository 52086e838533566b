// The side of a session that writes, checks that the peer is alive, and enforces deadlines: each call of
// tend() does what is due, and schedules the next call.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <cstring>
#include <functional>
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

import :completion;
import :session;

namespace holdfast {
namespace {

constexpr std::size_t most_pings = 64;  // of the program, that may be unanswered at a time
constexpr int looks_per_patience = 20;  // at an upload that delays an answer: one every 5 % of pong_deadline

}  // namespace

void session::handle_pong(std::string_view payload) {
  const auto now = clock::now();
  std::uint64_t number = 0;
  if (payload.size() == sizeof number) std::memcpy(&number, payload.data(), sizeof number);
  // A pong also answers all earlier pings (RFC 6455 section 5.5.3). An unsolicited pong answers none.
  if (number == 0 || number > last_ping_) return;
  liveness_.heard_pong(now);
  if (number == last_ping_ && last_ping_at_) {
    const auto took = now - *std::exchange(last_ping_at_, {});
    liveness_.measured(took);
    listener_.on_round_trip(took, liveness_.patience());
  }
  if (link_) link_->judge.heard_pong(number, now);
  std::erase_if(pings_, [&](pending_ping& each) {
    if (each.number > number) return false;
    each.op.complete({}, now - each.sent);
    return true;
  });
}

void session::ping(ping_operation op, std::uint64_t id) {
  if (over_) {  // ended, but the actor has not acted on it yet
    if (op) op.complete(ending_->reason.error, {});
    return;
  }
  if (op && pings_.size() >= most_pings) return op.complete(error::outbound_full, {});
  const auto now = clock::now();
  ++last_ping_;
  last_ping_at_ = now;
  std::array<char, sizeof last_ping_> payload{};
  std::memcpy(payload.data(), &last_ping_, sizeof last_ping_);
  outbox_->ping({payload.data(), payload.size()});
  if (!waits_for_answer()) upstream_.reset();  // it watched for an answer that has come
  liveness_.pinged(now);
  if (link_ && !reader_waits_) link_->judge.pinged(last_ping_, now);
  work_.notify();
  if (!op) return;
  pings_.push_back({last_ping_, id, now, std::move(op)});
}

void session::probe() {
  if (liveness_.is_off()) return;
  ping();
  liveness_.probe(clock::now());
}

void session::cancel_ping(std::uint64_t id) {
  const auto found = std::ranges::find(pings_, id, &pending_ping::id);
  if (found == pings_.end()) return;
  found->op.complete(net::error::operation_aborted, {});
  pings_.erase(found);
}

// Not a coroutine: it has no sequence of waits, and each idle connection would keep its frame in memory.
void session::tend() {
  do {
    write();
    if (hand_over_by_) close_when_written();
    watch_liveness(clock::now());
    expire_pings(clock::now());
    warn_of_pause(clock::now());
    look_for_congestion(clock::now());
    if (conversation_ && !over_) conversation_->tend(clock::now());
    if (waits_held_ && !is_held()) read_on_after_hold();
    follow_protocol();
  } while (!over_ && work_.take_notification());
  if (over_) return;
  work_.call_at(next_look(), [self = shared_from_this()] { self->tend(); });
}

clock::time_point session::next_look() const {
  auto next = clock::time_point::max();
  if (!pings_.empty())
    next = std::min<clock::time_point>(next, pings_.front().sent + options_->heartbeat.pong_deadline);
  if (ending_) return hand_over_by_ && reader_waits_ ? next : std::min(next, ending_->close_by);
  const auto now = clock::now();
  next = std::min(next, liveness_.next_look(now, !late_told_ && can_tell_lateness()));
  if (broken_) next = std::min(next, broken_->read_until);
  if (upstream_ && upstream_->watches())
    next = std::min<clock::time_point>(next, now + options_->heartbeat.pong_deadline / looks_per_patience);
  if (reader_waits_ && !warned_of_pause_) next = std::min(next, pause_warned_at_);
  if (conversation_) next = std::min(next, conversation_->next_look());
  if (link_) next = std::min(next, link_->judge.next_look(outbox_->progress(), clock::now()));
  if (hand_over_by_) next = std::min(next, *hand_over_by_);
  return next;
}

// Writes all pending output, or as much of it as the socket takes.
void session::write() {
  while (!over_ && !broken_ && !socket_is_full_ && outbox_->may_act() && outbox_->has_output()) {
    error_code ec;
    if (!outbox_->flush(ec)) {
      write_failed(ec);
    } else if (ec) {
      wait_until_writable();
    }
  }
  // From here on the rest of the peer's input may be read, even if the program does not receive.
  if (ending_ && reader_waits_ && drops_messages()) inbox_->cancel_wait();
}

void session::wait_until_writable() {
  socket_is_full_ = true;
  stream_.async_wait(readiness::writable,
                     net::bind_executor(where_->strand, [self = shared_from_this()](error_code failed) {
                       self->socket_is_full_ = false;
                       if (failed && !self->over_) self->write_failed(failed);
                       self->work_.notify();
                     }));
}

void session::watch_liveness(clock::time_point now) {
  if (over_) return;
  if (ending_) {
    if (now >= next_look()) end(ending_->reason);
    return;
  }
  if (broken_ && now >= broken_->read_until) return reader_waits_ ? scan_for_end() : lost(broken_->why);
  watch_upload(now);
  switch (liveness_.judge(now)) {
    case liveness::verdict::ping:
      outbox_->release_memory();
      decoder_.release_memory();
      stream_.release_memory();
      was_idle_ = true;
      ping();
      break;
    case liveness::verdict::lost:
      if (!has_heard_all()) break;
      end({.error = error::liveness_lost, .at = stage::session});
      break;
    case liveness::verdict::fine:
      last_read_ = last_read::is_not_due;
      break;
  }
  tell_of_lateness(now);
}

// If this process itself has stood still, the answer may have come, and wait to be read: the read gets one
// more turn. Returns whether it has had it.
bool session::has_heard_all() {
  if (last_read_ == last_read::is_over) return true;
  if (std::exchange(last_read_, last_read::is_due) == last_read::is_due) return false;
  net::post(where_->strand, [self = shared_from_this()] {
    net::post(self->where_->strand, [self] {
      self->last_read_ = last_read::is_over;
      self->work_.notify();
    });
  });
  return false;
}

// During a login nobody takes the session for one that can be used. While it does not read, it cannot know.
bool session::can_tell_lateness() const {
  return !over_ && !liveness_.is_paused() && (!conversation_ || conversation_->is_ready());
}

void session::tell_of_lateness(clock::time_point now) {
  if (liveness_.is_late(now) == late_told_ || !can_tell_lateness()) return;
  late_told_ = !late_told_;
  listener_.on_unresponsive(late_told_);
}

// Merges the features that the server throttles with those that the session itself throttles.
void session::on_throttle(const std::vector<throttled_feature>& features) {
  if (!link_) return listener_.on_throttle(features);
  link_->by_server = features;
  listener_.on_throttle(link_->judge.added_to(features));
}

void session::look_for_congestion(clock::time_point now) {
  if (!link_ || over_ || ending_ || (conversation_ && !conversation_->is_ready())) return;
  auto& judge = link_->judge;
  if (judge.look(outbox_->progress(), now)) listener_.on_throttle(judge.added_to(link_->by_server));
  if (judge.wants_ping(now) && !reader_waits_) ping();
}

bool session::waits_for_answer() const noexcept {
  return liveness_.waits_for_answer() || (conversation_ && conversation_->waits_for_answer());
}

// A ping behind a slow upload cannot be answered before it arrives, so upload progress counts as life (R62).
void session::watch_upload(clock::time_point now) {
  if (!waits_for_answer()) return upstream_.reset();
  if (!upstream_) upstream_ = std::make_unique<upstream>();
  upstream_->asked();
  if (!upstream_->watches()) return;
  const auto [taken, control_waits] = outbox_->taken();
  if (!upstream_->looked({taken, stream_.unconfirmed_bytes(), control_waits})) return;
  liveness_.heard_progress(now);
  if (conversation_) conversation_->heard_progress(now);
}

// A ping of the program times out even if other signs of life arrive (R65).
void session::expire_pings(clock::time_point now) {
  if (last_read_ == last_read::is_due) return;  // the answer may have come
  std::erase_if(pings_, [&](pending_ping& each) {
    if (now < each.sent + options_->heartbeat.pong_deadline) return false;
    each.op.complete(error::timed_out, {});
    return true;
  });
}

void session::warn_of_pause(clock::time_point now) {
  if (!reader_waits_ || warned_of_pause_ || now < pause_warned_at_) return;
  warned_of_pause_ = true;
  if (is_held()) {
    log_->write(
        log_level::warning,
        "the protocol has stopped reading, because the program does not take what has come for it: the "
        "server's pings are not answered");
    return;
  }
  log_->write(
      log_level::warning,
      "limits.inbound_bytes or limits.inbound_messages is reached, because the program does not receive: the "
      "socket is no longer read, and the server's pings are not answered. Call receive(), or set "
      "receive_messages to false if the program only sends");
}

void session::read_on_after_hold() {
  waits_held_ = false;
  inbox_->cancel_wait();
}

end_verdict session::judge_end(bool moved) {
  if (!conversation_) return {};
  return conversation_->close(
      {.number = number_, .reason = ending_->reason, .was_ready = conversation_->is_ready(), .moved = moved});
}

// Ends the session if the protocol wants it, once the program has had a turn with the earlier messages.
void session::follow_protocol() {
  if (!conversation_ || !conversation_->wants_to_end() || over_ || ending_ || gives_way_) return;
  const auto& wanted = *conversation_->wants_to_end();
  if (wanted.reason.error == error::server_going_away) {
    return begin_to_close(wanted.close_code, {}, wanted.reason);
  }
  if (wanted.reason.error != error::liveness_lost) {
    outbox_->finish(wanted.close_code, wanted.reason.error.message(), wanted.reason.error);
  }
  end(wanted.reason);
}

}  // namespace holdfast
