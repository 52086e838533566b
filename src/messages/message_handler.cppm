// :message_handler — for programs without coroutines: a function that is called with each message. It takes
// from the inbox what waits there, call by call, so that a slow one holds the server back as receive() does.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

module holdfast.core:message_handler;

import :error;
import :inbox;
import :journal;
import :message;
import :running_call;

namespace holdfast {

class message_handler : public std::enable_shared_from_this<message_handler> {
 public:
  using function = std::function<void(const message_view&)>;

  message_handler(net::any_io_executor executor, inbox& from, std::shared_ptr<journal> log)
      : executor_(std::move(executor)), inbox_(from.weak_from_this()), log_(std::move(log)) {}

  // Any thread. From now on `next` is called, or none if it is empty. Once this has returned, the one before
  // is not running (unless it is the caller) and never runs again; what it has not seen waits in the inbox.
  void set(function next);
  // Any thread. As set() with an empty function, for good: another handler has taken its place.
  void retire();
  [[nodiscard]] const net::any_io_executor& executor() const noexcept { return executor_; }
  // The inbox, under its lock: what serve() found missing has come.
  void messages_wait();

 private:
  void replace(std::unique_lock<std::mutex>& lock, std::shared_ptr<const function> wanted);
  void serve();
  bool take_batch();
  void call_next(std::unique_lock<std::mutex>& lock);
  void give_back();
  void call(const function& one, const message_view& given) const;

  const net::any_io_executor executor_;
  const std::weak_ptr<inbox> inbox_;  // which holds this
  const std::shared_ptr<journal> log_;

  std::mutex mutex_;  // before that of the inbox
  std::condition_variable idle_;
  std::shared_ptr<const function> function_{};
  running_call running_;
  bool retired_ = false;
  bool serving_ = false;                    // serve() is under way, or the inbox will call for it
  std::shared_ptr<message_batch> batch_{};  // shared with the call that reads in it
  std::size_t next_ = 0;                    // of the batch
};

}  // namespace holdfast
