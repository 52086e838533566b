/// :network_watcher — notices when the network of this machine changes: a cable, an access point, a tunnel.
/// Knows nothing of connections: it calls a function. Linux only, where the kernel tells it through netlink.
module;
#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

export module holdfast.core:network_watcher;

import :journal;
import :netlink;
import :time;

namespace holdfast {

/// A change of the network comes as many messages. They are one change: it is reported when nothing more has
/// come for `quiet`, or when the first is `longest` ago. Pure; not thread-safe.
export class change_burst {
 public:
  static constexpr milliseconds quiet{250};      ///< without a further change; then the burst is over
  static constexpr milliseconds longest{2'000};  ///< from the first change to the report

  /// Notes a change that came `now`.
  void changed(clock::time_point now) noexcept {
    if (!first_) first_ = now;
    last_ = now;
  }
  /// Returns when the burst is to be reported; empty: nothing has changed.
  [[nodiscard]] std::optional<clock::time_point> due() const noexcept {
    if (!first_) return std::nullopt;
    return std::min<clock::time_point>(last_ + quiet, *first_ + longest);
  }
  /// Returns whether the burst is to be reported `now`: true once, then it is over.
  bool take(clock::time_point now) noexcept {
    const auto when = due();
    if (!when || now < *when) return false;
    first_.reset();
    return true;
  }

 private:
  std::optional<clock::time_point> first_{};
  clock::time_point last_{};
};

/// Watches from its construction to its end, and keeps its executor busy as long. Connections need none of
/// their own: see `options::watch_network`. In a virtual world (see :time) there is no network of the
/// machine: there it does nothing.
export class network_watcher {
 public:
  /// Gets a level and one line.
  using log_function = std::function<void(log_level, std::string_view)>;
  /// Gets what has changed in one burst.
  using news_function = std::function<void(const network_news&)>;

  /// Calls `on_change` on `executor`, once per burst of changes, never twice at the same time; it must
  /// neither block nor throw. What keeps it from watching is said to `log` once, on `executor`: anywhere but
  /// on Linux this is operation_not_supported. The context of `executor` must outlive it.
  network_watcher(const net::any_io_executor& executor, std::function<void()> on_change,
                  log_function log = {});
  /// Calls `on_news` with what has changed in the burst; otherwise the same.
  network_watcher(const net::any_io_executor& executor, news_function on_news, log_function log = {});
  /// Takes over the other one, which may then only be assigned to or destroyed.
  network_watcher(network_watcher&&) noexcept;
  network_watcher& operator=(network_watcher&&) noexcept;
  /// Ends the watching. No call begins afterwards; one that is running on another thread is not waited for.
  /// Any thread.
  ~network_watcher();

 private:
  struct implementation;
  std::shared_ptr<implementation> implementation_;  // shared with its own coroutines
};

/// Asks the kernel for the route to `peer`, without sending anything to it; see `concerns`. Empty: there is
/// none. Elsewhere than on Linux, in a virtual world, and if the kernel does not answer at once, the route is
/// not known. Any thread.
export std::optional<route_to_peer> find_route(const net::ip::address& peer);

}  // namespace holdfast
