/// :state_channel — one writer, any number of readers of state changes: a ring, cursors, listeners.
/// All observers read the same ring in the same order. Knows nothing of why states change.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

export module holdfast.core:state_channel;

import :error;
import :frame;
export import :initiation;
import :time;
import :state;

namespace holdfast {

// Clang 19 loses a default argument of Asio's executors if Asio is included below the import (R77). Depends
// on the token, so that it is checked where a program gives one.
template <class Token, class Executor = net::any_io_executor>
consteval bool asio_is_whole() {
  static_assert(
      requires(const Executor& any) { any.require(net::execution::blocking.never); },
      "import holdfast; must come after every #include of Boost.Asio");
  return true;
}
/// Whether `Token` can be that of an operation with this signature.
export template <class Token, class Signature>
concept token_for = asio_is_whole<Token>() && net::completion_token_for<Token, Signature>;

class state_channel;

/// The code and the text of the close frame that connection::close() and disconnect() send (RFC 6455
/// section 7.1.5).
export struct close_reason {
  /// `close_codes::normal`, `close_codes::going_away`, or one of the program's own from 3000 to 4999.
  std::uint16_t code = close_codes::normal;
  std::string text{};  ///< UTF-8, at most 123 bytes
};

/// How many transitions are kept. A reader that falls further behind misses the oldest; `missed` counts them.
export inline constexpr std::size_t state_ring_size = 64;

/// Callbacks, each optional, called one after the other on the listener's executor. For one transition the
/// order is on_connection_error, the state's own callback, on_session, on_state_change. The references are
/// valid during the call.
export struct connection_listener {
  std::function<void(const observed_change&)> on_connecting{};    ///< an attempt has begun
  std::function<void(const observed_change&)> on_connected{};     ///< usable, and nothing is throttled
  std::function<void(const observed_change&)> on_disconnected{};  ///< an attempt or a session has ended
  /// Usable, but for the features that the change names; called again when those become others.
  std::function<void(const observed_change&)> on_feature_throttled{};
  /// Once per session, as soon as it is usable: the place to subscribe. Unlike on_connected it is not called
  /// again when a throttle ends, and with `replay_current` it is called for a session that is already open,
  /// throttled or not. `session` of the change is its number, which messages carry, too.
  std::function<void(const observed_change&)> on_session{};
  /// The answer to a ping is late (`unresponsive` is set), or the peer answers again: instead of on_connected
  /// and on_feature_throttled. Not called if the session ends meanwhile. Only with
  /// heartbeat.unresponsive_after.
  std::function<void(const observed_change&)> on_unresponsive{};
  /// Once per failed attempt or lost session; not for a disconnect that the program asked for.
  std::function<void(const observed_change&)> on_connection_error{};
  std::function<void(const observed_change&)> on_state_change{};  ///< every transition, last of all
};

/// How a listener is called.
export struct listener_options {
  bool replay_current = false;  ///< first of all, deliver the last transition (if there was one) once more
  /// Where the callbacks run; empty: the connection's executor, one at a time in order of registration. run()
  /// completes only after the last call, so an executor that is not run any more holds it up.
  /// With one of its own, a listener that blocks delays no other listener.
  net::any_io_executor executor{};
};

/// A cursor over the transitions. One reader per cursor; copies go their own way from there on.
/// Thread-safe for one operation at a time. May outlive the connection. A watch that was moved from may only
/// be assigned to or destroyed.
export class state_watch {
 public:
  /// The type of the connection's executor.
  using executor_type = net::any_io_executor;

  /// Makes a second cursor at the same place, also while a wait of `other` is under way; that is not copied.
  state_watch(const state_watch& other);
  state_watch& operator=(const state_watch& other) { return *this = state_watch(other); }
  state_watch(state_watch&&) noexcept = default;
  state_watch& operator=(state_watch&&) noexcept = default;
  ~state_watch() = default;

  /// Returns the connection's executor, which calls handlers that have none of their own. Any thread.
  [[nodiscard]] executor_type get_executor() const noexcept;

  /// The first time, completes at once with the last transition, or with the first one as soon as there is
  /// one. Later, completes with each transition in order: nothing is merged or skipped, and `missed` says how
  /// many transitions the cursor lost by falling behind the ring. void(error_code, observed_change).
  ///
  /// - Errors: closed, or the reason for which run() has ended, once all is read of a connection that has
  ///   ended; operation_aborted if it was cancelled, or if the connection was destroyed.
  /// - Cancellation: terminal, partial and total. Ends the wait alone. Nothing is lost: the next call yields
  ///   what this one would have.
  /// - Any thread, one operation at a time. The operation does not need the watch: that may be moved or
  ///   destroyed before it is started.
  template <token_for<void(error_code, observed_change)> Token = net::deferred_t>
  auto next_state(Token&& token = Token()) {
    using operation = initiation<&state_watch::start, &state_watch::executor_of, place>;
    return net::async_initiate<Token, void(error_code, observed_change)>(operation{{channel_, cursor_}},
                                                                         token);
  }

  /// A place in the sequence of transitions. For the library itself.
  struct cursor {
    std::uint64_t next = 0;  ///< number of the transition that comes next
    bool started = false;    ///< `next` is set
  };

 private:
  friend class connection;
  using handler = net::any_completion_handler<void(error_code, observed_change)>;
  // What a wait is about. It does not need the watch.
  struct place {
    std::shared_ptr<state_channel> channel;
    std::shared_ptr<cursor> at;
  };
  explicit state_watch(std::shared_ptr<state_channel> channel)
      : channel_(std::move(channel)), cursor_(std::make_shared<cursor>()) {}
  static executor_type executor_of(const place& where) noexcept;
  static void start(const place& where, handler on_change);

  std::shared_ptr<state_channel> channel_;
  std::shared_ptr<cursor> cursor_;  // shared with operations, which may outlive the watch
};

}  // namespace holdfast
