// One call at a time, on the handler's executor. Once the function is removed, the messages that it has not
// seen go back to the inbox, so that the next receiver gets them in order.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

module holdfast.core;

import :message_handler;

namespace holdfast {
namespace {

constexpr int calls_per_turn = 64;  // then other work of the executor gets a turn

}  // namespace

void message_handler::set(function next) {
  auto wanted = next ? std::make_shared<const function>(std::move(next)) : nullptr;
  std::unique_lock lock(mutex_);
  if (!retired_) replace(lock, std::move(wanted));
}

void message_handler::retire() {
  std::unique_lock lock(mutex_);
  retired_ = true;
  replace(lock, nullptr);
}

void message_handler::replace(std::unique_lock<std::mutex>& lock, std::shared_ptr<const function> wanted) {
  function_.swap(wanted);
  if (!function_) {
    give_back();
  } else if (!std::exchange(serving_, true)) {
    net::post(executor_, [self = shared_from_this()] { self->serve(); });
  }
  running_.wait(lock, idle_);
  lock.unlock();  // the old function may own the handle, so it is destroyed without the lock
  wanted.reset();
}

void message_handler::messages_wait() {
  net::post(executor_, [self = shared_from_this()] { self->serve(); });
}

void message_handler::serve() {
  std::unique_lock lock(mutex_);
  for (int calls = 0; function_; ++calls) {
    if (!take_batch()) return;
    if (calls == calls_per_turn) return messages_wait();
    call_next(lock);
  }
  serving_ = false;
}

// Returns false if no message waits. The inbox then calls messages_wait() when one comes.
bool message_handler::take_batch() {
  if (batch_ && next_ < batch_->size()) return true;
  batch_ = std::make_shared<message_batch>();
  next_ = 0;
  const auto from = inbox_.lock();
  return from && from->take(*batch_);
}

void message_handler::call_next(std::unique_lock<std::mutex>& lock) {
  auto mine = function_;
  auto read_in = batch_;
  const auto given = (*batch_)[next_++];
  running_.run(lock, idle_, [&] { call(*mine, given); });
  const bool replaced = mine != function_ || read_in != batch_;
  if (replaced) running_call::destroy(lock, mine);
}

void message_handler::give_back() {
  const auto to = inbox_.lock();
  if (!to) return;
  message_batch rest;
  while (batch_ && next_ < batch_->size()) {
    const auto each = (*batch_)[next_++];
    rest.stamp(each.session, each.received);
    rest.push_back(each.kind, each.payload);
  }
  batch_.reset();
  if (to->take_back(rest)) serving_ = false;
}

void message_handler::call(const function& one, const message_view& given) const {
  try {
    one(given);
  } catch (...) {
    log_->write(journal::kind::thrown, log_level::error, "message handler " + describe_thrown());
  }
}

}  // namespace holdfast
