// The inbox: receivers are served in the order of their calls. The reader is woken once half of the room is
// free.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

module holdfast.core;

import :inbox;
import :message_handler;

namespace holdfast {

namespace {

constexpr int most_at_once = 64;  // then what else the executor has to do gets its turn

}  // namespace

void inbox::receive(single op) { start(std::move(op)); }
void inbox::receive(batch op) { start(std::move(op)); }

bool inbox::may_take_at_once() {
  asks_for_more();
  if (messages_.empty() || taken_at_once_ == most_at_once || !permission_.may_act()) return false;
  ++taken_at_once_;
  return true;
}

std::optional<message> inbox::take_one() {
  const std::lock_guard lock(mutex_);
  if (!may_take_at_once()) return std::nullopt;
  auto one = messages_.pop_front();
  wake_reader();
  return one;
}

std::optional<message_batch> inbox::take_all() {
  const std::lock_guard lock(mutex_);
  if (!may_take_at_once()) return std::nullopt;
  auto all = std::exchange(messages_, {});
  wake_reader();
  return all;
}

template <class Operation>
void inbox::start(Operation op) {
  const std::lock_guard lock(mutex_);
  taken_at_once_ = 0;
  asks_for_more();
  receiver waits(std::move(op));
  if (!messages_.empty() && permission_.may_act()) {
    satisfy(waits, messages_);
    return wake_reader();
  }
  auto& mine = std::get<Operation>(waits);
  if (finished_ && messages_.empty()) return mine.complete(why_finished_, {});
  const auto id = ++last_id_;
  mine.on_cancel([box = weak_from_this(), id] {
    if (const auto self = box.lock()) self->cancel(id);
  });
  receivers_.push_back({id, std::move(waits)});
}

void inbox::satisfy(receiver& op, message_batch& from) {
  std::visit(
      [&from](auto& each) {
        if constexpr (std::is_same_v<std::decay_t<decltype(each)>, single>) {
          each.complete({}, from.pop_front());
        } else {
          each.complete({}, std::exchange(from, {}));
        }
      },
      op);
}

void inbox::cancel(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(receivers_, id, &waiting::id);
  if (found == receivers_.end()) return;
  std::visit([](auto& each) { each.complete(net::error::operation_aborted, {}); }, found->op);
  receivers_.erase(found);
}

void inbox::finish(error_code why) {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(finished_, true)) why_finished_ = why;
  complete_receivers();
}

void inbox::complete_receivers() {
  for (auto& each : std::exchange(receivers_, {})) {
    std::visit([this](auto& op) { op.complete(why_finished_, {}); }, each.op);
  }
}

void inbox::forget_receivers() {
  std::vector<waiting> receivers;  // destroyed after the lock is released: a handler may own anything
  const std::lock_guard lock(mutex_);
  receivers.swap(receivers_);
}

inbox::space inbox::room() {
  const std::lock_guard lock(mutex_);
  if (messages_.size() >= message_limit_ || messages_.size_bytes() >= byte_limit_) return {0, 0};
  return {message_limit_ - messages_.size(), byte_limit_ - messages_.size_bytes()};
}

// No message waits while a receiver waits and may be served, so receivers are served directly from the new
// messages.
void inbox::put(message_batch& messages) {
  const std::lock_guard lock(mutex_);
  received_ += messages.size();
  received_bytes_ += messages.size_bytes();
  if (messages_.empty()) serve_receivers(messages);
  messages_.append(messages);
  unread_ = messages_.size();
  most_unread_.raise(messages_.size());
  if (!messages_.empty() && std::exchange(handler_waits_, false)) handler_->messages_wait();
}

void inbox::serve_receivers(message_batch& from) {
  std::size_t served = 0;
  while (served < receivers_.size() && !from.empty()) satisfy(receivers_[served++].op, from);
  receivers_.erase(receivers_.begin(), receivers_.begin() + static_cast<std::ptrdiff_t>(served));
}

void inbox::look_again() {
  const std::lock_guard lock(mutex_);
  if (messages_.empty() || !permission_.may_act()) return;
  serve_receivers(messages_);
  if (finished_ && messages_.empty()) complete_receivers();
  wake_reader();
  if (!messages_.empty() && std::exchange(handler_waits_, false)) handler_->messages_wait();
}

std::size_t inbox::drop_all() {
  const std::lock_guard lock(mutex_);
  const auto count = messages_.size();
  messages_.clear();
  if (finished_) complete_receivers();
  wake_reader();
  return count;
}

// A program that asks for more is done with those before.
bool inbox::is_done_with(std::uint64_t mark) {
  const std::lock_guard lock(mutex_);
  return done_ >= mark;
}

bool inbox::take(message_batch& into) {
  const std::lock_guard lock(mutex_);
  asks_for_more();
  handler_waits_ = messages_.empty() || !permission_.may_act();
  if (handler_waits_) return false;
  into = std::exchange(messages_, {});
  wake_reader();
  return true;
}

bool inbox::take_back(message_batch& rest) {
  const std::lock_guard lock(mutex_);
  rest.append(messages_);
  messages_ = std::exchange(rest, {});
  serve_receivers(messages_);
  unread_ = messages_.size();
  most_unread_.raise(messages_.size());
  return std::exchange(handler_waits_, false);
}

// Not at the first free place: if the program takes one message at a time, each would cost a switch to the
// reader.
void inbox::wake_reader() {
  unread_ = messages_.size();  // it is called whenever some were taken
  if (!reader_waits_) return;
  if (messages_.size() * 2 > message_limit_ || messages_.size_bytes() * 2 > byte_limit_) return;
  reader_waits_ = false;
  net::post(where_->strand, [self = shared_from_this()] { self->room_.notify(); });
}

net::awaitable<void> inbox::wait_for_room() {
  {
    const std::lock_guard lock(mutex_);
    reader_waits_ = true;
    wake_reader();
  }
  co_await room_.wait();
}

}  // namespace holdfast
