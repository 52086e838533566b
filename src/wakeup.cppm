// :wakeup — how one coroutine waits until another one on the same strand has news for it.
// It carries no value: whoever wakes up looks at the facts, so a notification can be early or double, never
// lost.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <coroutine>
#include <utility>

module holdfast:wakeup;

import :time;

namespace holdfast {

// One waiter at a time; on one strand.
class wakeup {
 public:
  explicit wakeup(const net::any_io_executor& strand) : timer_(strand) {}

  void notify() {
    notified_ = true;
    timer_.cancel();
  }
  // Returns at the next notification, or at once if there was one since the last wait.
  // A timer that never expires holds the waiter: so it is the executor's context that owns it, and frees it
  // with itself.
  net::awaitable<void> wait() { return wait_until(clock::time_point::max()); }
  // The same, but not after `when`.
  net::awaitable<void> wait_until(clock::time_point when) {
    if (!notified_) co_await timer_.async_wait_until(when, net::as_tuple(net::deferred));
    notified_ = false;
  }

 private:
  timer timer_;
  bool notified_ = false;
};

}  // namespace holdfast
