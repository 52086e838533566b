// One call at a time, on the connection's executor. What is in hand is given back as soon as nobody wants it:
// so whoever receives next gets the messages in their order.
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

constexpr int calls_per_turn = 64;  // then what else the executor has to do gets its turn

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
  idle_.wait(lock, [&] { return running_ == std::thread::id{} || running_ == std::this_thread::get_id(); });
  lock.unlock();  // what the old one holds (the handle, perhaps) ends after the lock
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

// False: there is none, and messages_wait() will be called.
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
  running_ = std::this_thread::get_id();
  lock.unlock();
  call(*mine, given);
  lock.lock();
  running_ = {};
  idle_.notify_all();
  if (mine == function_ && read_in == batch_) return;
  // It was replaced, and what it holds (the handle, perhaps) must not end under the lock.
  lock.unlock();
  mine.reset();
  lock.lock();
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
