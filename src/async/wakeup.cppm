// :wakeup — how one coroutine waits until another one on the same strand has news for it.
// It carries no value: the waiter re-checks its condition, so notifications may coalesce but are never lost.
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
#include <optional>
#include <utility>

module holdfast.core:wakeup;

import :error;
import :time;

namespace holdfast {

// One waiter at a time; on `strand`, which must outlive it.
class wakeup {
 public:
  explicit wakeup(const net::any_io_executor& strand) : strand_(&strand) {}

  void notify() {
    notified_ = true;
    if (timer_) timer_->cancel();
  }
  // Returns at the next notification, or at once if there was one since the last wait.
  // A timer that never expires holds the waiter: so it is the executor's context that owns it, and frees it
  // with itself.
  net::awaitable<void> wait() { return wait_until(clock::time_point::max()); }
  // The same, but not after `when`.
  net::awaitable<void> wait_until(clock::time_point when) {
    if (!notified_) co_await own_timer().async_wait_until(when, net::as_tuple(net::deferred));
    notified_ = false;
  }
  // True: there was one since the last wait.
  bool take_notification() { return std::exchange(notified_, false); }
  // Calls at the next notification or at `when`. There must be no notification to take.
  template <class Function>
  void call_at(clock::time_point when, Function function) {
    own_timer().async_wait_until(when, [this, function = std::move(function)](error_code) {
      notified_ = false;
      function();
    });
  }
  // Nobody will wait for a long time.
  void release() { timer_.reset(); }

 private:
  // Made when it is first needed: most of a connection's are never waited for.
  timer& own_timer() {
    if (!timer_) timer_.emplace(*strand_);
    return *timer_;
  }

  const net::any_io_executor* strand_;
  std::optional<timer> timer_{};
  bool notified_ = false;
};

}  // namespace holdfast
