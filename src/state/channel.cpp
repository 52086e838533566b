// The ring and the waits for it. publish() settles the waits, so nothing polls.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

module holdfast.core;

import :channel;
import :completion;

namespace holdfast {

state_channel::state_channel(net::any_io_executor executor, std::shared_ptr<journal> log)
    : executor_(std::move(executor)), log_(std::move(log)) {}

state_change state_channel::snapshot() const {
  const std::lock_guard lock(mutex_);
  return newest();
}

state_change state_channel::newest() const {
  return last_ == 0 ? state_change{} : ring_[(last_ - 1) % state_ring_size].restored();
}

void state_channel::publish(state_change change) {
  const std::lock_guard lock(mutex_);
  change.sequence = ++last_;
  change.from = status();
  change.time = clock::now();
  const auto to = change.to;
  kept_change entry(std::move(change), last_ == 1 ? nullptr : &ring_[(last_ - 2) % state_ring_size]);
  status_.store(to, std::memory_order_release);
  if (ring_.size() < state_ring_size) {
    ring_.push_back(std::move(entry));
  } else {
    ring_[(last_ - 1) % state_ring_size] = std::move(entry);
  }
  std::erase_if(waits_, [this](wait& each) { return settle(each); });
  for (const auto& each : groups_) schedule(each);
}

void state_channel::finish(error_code why) {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  finished_ = true;
  why_finished_ = why;
  for (auto& each : std::exchange(waits_, {})) each.op.complete(why, {});
}

void state_channel::forget_waits() {
  std::vector<wait> waits;  // destroyed after the unlock: a handler may own anything
  const std::lock_guard lock(mutex_);
  waits.swap(waits_);
}

// Reads transition `next` and advances it. If the ring no longer has it, reads the oldest one and counts
// those lost.
observed_change state_channel::read(std::uint64_t& next) const {
  const auto oldest = last_ - ring_.size() + 1;
  const auto at = std::max(next, oldest);
  observed_change change{ring_[(at - 1) % state_ring_size].restored(), at - next};
  next = at + 1;
  return change;
}

bool state_channel::settle(wait& waiting) {
  if (waiting.at == nullptr) {
    return settle_reach(waiting.op, waiting.state, newest());
  }
  if (!readable(*waiting.at)) return false;
  waiting.op.complete({}, read(waiting.at->next));
  return true;
}

bool state_channel::settle_reach(operation& op, connection_state state, const state_change& now) {
  if (now.to == state) {
    op.complete({}, observed_change{now, 0});
  } else if (now.final) {
    op.complete(now.reason.error ? now.reason.error : make_error_code(error::closed),
                observed_change{now, 0});
  } else {
    return false;
  }
  return true;
}

void state_channel::next(const std::shared_ptr<state_watch::cursor>& at, operation op) {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(at->started, true)) at->next = std::max<std::uint64_t>(last_, 1);
  if (readable(*at)) return op.complete({}, read(at->next));
  add_wait(std::move(op), at, {});
}

void state_channel::next(operation op) {
  const std::lock_guard lock(mutex_);
  follow(last_, std::move(op));
}

void state_channel::next_after(std::uint64_t after, operation op) {
  const std::lock_guard lock(mutex_);
  follow(after, std::move(op));
}

// Guards against overflow: no number follows the largest.
void state_channel::follow(std::uint64_t after, operation op) {
  state_watch::cursor at{.next = std::max(after + 1, after), .started = true};
  if (readable(at)) return op.complete({}, read(at.next));
  add_wait(std::move(op), std::make_shared<state_watch::cursor>(at), {});
}

void state_channel::reach(connection_state state, operation op) {
  const std::lock_guard lock(mutex_);
  if (!settle_reach(op, state, newest())) add_wait(std::move(op), nullptr, state);
}

void state_channel::reach_next(connection_state state, operation op, std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  if (finished_) return op.complete(why_finished_, {});
  waits_.push_back({id, std::move(op), nullptr, state});
}

std::uint64_t state_channel::reserve_wait() {
  const std::lock_guard lock(mutex_);
  return ++last_wait_id_;
}

void state_channel::add_wait(operation op, std::shared_ptr<state_watch::cursor> at, connection_state state) {
  if (finished_) return op.complete(why_finished_, {});
  const auto id = ++last_wait_id_;
  op.on_cancel([channel = weak_from_this(), id] {
    if (const auto self = channel.lock()) self->cancel(id);
  });
  waits_.push_back({id, std::move(op), std::move(at), state});
}

void state_channel::cancel(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(waits_, id, &wait::id);
  if (found == waits_.end()) return;
  found->op.complete(net::error::operation_aborted, {});
  waits_.erase(found);
}

std::shared_ptr<state_watch::cursor> state_channel::copy(const state_watch::cursor& at) const {
  const std::lock_guard lock(mutex_);  // a wait of the original may be advancing it
  return std::make_shared<state_watch::cursor>(at);
}

state_watch::state_watch(const state_watch& other)
    : channel_(other.channel_), cursor_(channel_->copy(*other.cursor_)) {}

state_watch::executor_type state_watch::get_executor() const noexcept { return channel_->executor(); }

state_watch::executor_type state_watch::executor_of(const place& where) noexcept {
  return where.channel->executor();
}

void state_watch::start(const place& where, handler on_change) {
  where.channel->next(where.at, {std::move(on_change), where.channel->executor()});
}

}  // namespace holdfast
