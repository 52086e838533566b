/// :connection — the handle that a program holds. Every member may be called from any thread.
/// Every asynchronous member takes any completion token (default: `co_await` it), completes exactly once, on
/// the executor associated with the token's handler (default: the connection's), and honours a cancellation
/// slot.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

export module holdfast:connection;

import :error;
import :json;
import :message;
import :options;
import :state;
import :state_channel;
import :time;

namespace holdfast {

class actor;

/// What a command that has been given already returns: await it or let it be (unlike Asio's deferred
/// operations, which the compiler wants to see used).
template <class Operation>
struct optional_operation : Operation {
  explicit optional_operation(Operation operation) : Operation(std::move(operation)) {}
};

/// A web-socket that is kept open. Move-only: whoever holds it decides how long it lives. Destroying it is
/// always safe: the socket is closed at once, pending operations complete with operation_aborted, run()
/// returns, and no listener runs any more once the destructor has returned (it waits for one that runs on
/// another thread). So a listener may capture a reference to the handle; a shared_ptr to it would keep it
/// alive for ever.
export class connection {
 public:
  /// Connects to nothing yet, but reads the files that `options::tls` names. Throws option_error, which names
  /// the wrong field.
  /// `executor` must outlive the connection; all its work is serialised on a strand of its own.
  connection(net::any_io_executor executor, options given);
  template <class Context>
    requires requires(Context& context) {
      { context.get_executor() } -> std::convertible_to<net::any_io_executor>;
    }
  connection(Context& context, options given) : connection(context.get_executor(), std::move(given)) {}
  /// Many connections can share one set of options: each copy of them takes a kibibyte and more. Must not be
  /// null, nor change while one of them exists.
  connection(net::any_io_executor executor, std::shared_ptr<const options> shared);
  connection(connection&&) noexcept;
  connection& operator=(connection&&) noexcept;
  ~connection();

  /// The connection's life: `co_spawn(executor, conn.run(), detached)`. Returns after close(), when the last
  /// listener has been called; in automatic mode throws the reason when the connection has given up (see
  /// `options::keep_running`); throws
  /// operation_aborted if it was cancelled (which closes as close() does) or the handle was destroyed, and
  /// already_running if it runs already.
  [[nodiscard]] net::awaitable<void> run();
  /// The same as an operation with a token, void(error_code): `conn.run(detached)`.
  template <token_for<void(error_code)> Token>
  auto run(Token&& token) {
    return net::async_initiate<Token, void(error_code)>(
        [](auto handler, std::shared_ptr<actor> self) { start_run(self, std::move(handler)); }, token,
        actor_);
  }

  /// Connects, unless it is connecting or connected already; ends a wait between two attempts. It is told at
  /// once; the result need only be awaited by who wants to know when it is connected. void(error_code,
  /// observed_change).
  template <token_for<void(error_code, observed_change)> Token = net::deferred_t>
  auto connect(Token&& token = Token()) {
    tell_connect();
    return optional<Token>([&] {
      return net::async_initiate<Token, void(error_code, observed_change)>(
          [](auto handler, std::shared_ptr<actor> self) { start_connected(self, std::move(handler)); }, token,
          actor_);
    });
  }
  /// Closes the socket, and stays disconnected until connect(). Messages that were accepted leave first, then
  /// the close frame, all within `options::close_timeout`; what has not left by then is reported as not sent.
  /// Takes effect at once; awaited, it completes when the socket is closed. void(error_code).
  template <token_for<void(error_code)> Token = net::deferred_t>
  auto disconnect(Token&& token = Token()) {
    return disconnect(close_reason{}, std::forward<Token>(token));
  }
  /// The same with a code and a text for the server. Throws std::invalid_argument for what must not be sent.
  template <token_for<void(error_code)> Token = net::deferred_t>
  auto disconnect(close_reason how, Token&& token = Token()) {
    tell_disconnect(std::move(how));
    return settled(std::forward<Token>(token));
  }
  /// Closes the socket for good; run() returns. Otherwise like disconnect().
  template <token_for<void(error_code)> Token = net::deferred_t>
  auto close(Token&& token = Token()) {
    return close(close_reason{}, std::forward<Token>(token));
  }
  template <token_for<void(error_code)> Token = net::deferred_t>
  auto close(close_reason how, Token&& token = Token()) {
    tell_close(std::move(how));
    return settled(std::forward<Token>(token));
  }
  /// Throws away the messages that have not begun to leave: those that wait for a session or a feature, and
  /// those that the socket has not taken yet. They complete as dropped, with message_discarded. Messages that
  /// are compressed, or numbered by a protocol that acknowledges, leave all the same once they wait for the
  /// socket: the peer would miss them. Returns how many were thrown away. Any thread.
  std::size_t discard_waiting();
  /// Ends a wait between two attempts. The backoff goes on from where it is, unless `reset_backoff`.
  void retry_now(bool reset_backoff = false);
  /// The network of the machine has changed: ends a wait between two attempts, and checks an open socket by a
  /// ping, for whose answer it waits `heartbeat.probe_deadline`. `options::watch_network` calls it for you.
  /// If the first attempt after it fails, the next delay is the base delay.
  void network_changed();
  /// Automatic mode: closes at once, and connects again in the foreground. Manual mode: closes
  /// `options::background_grace` after the last ping(), and stays disconnected until connect().
  void enter_background();
  /// The program is in front again: automatic mode connects, unless disconnect() was called.
  void enter_foreground();
  /// Measures the round-trip time by a ping frame. Fails with no_connection if no socket is open, with
  /// timed_out if this ping is not answered within `heartbeat.pong_deadline` (whatever else comes from the
  /// peer), with the reason of the loss if the session ends before, and with outbound_full if 64 pings wait
  /// already. void(error_code, clock::duration).
  template <token_for<void(error_code, clock::duration)> Token = net::deferred_t>
  [[nodiscard]] auto ping(Token&& token = Token()) {
    return net::async_initiate<Token, void(error_code, clock::duration)>(
        [](auto handler, std::shared_ptr<actor> self) { start_ping(self, std::move(handler)); }, token,
        actor_);
  }

  /// Moves to another socket without a break, as for a server that is about to stop: opens one beside the
  /// present one, and closes that when the new one is there. Observers see no state other than connected
  /// (again, with the number and the facts of the new session); messages keep their order; those that are
  /// sent while the old socket is being closed wait for the new one, also with offline_rule::fail. Completes
  /// when the new session is usable. If no socket can be opened, or the login there fails, it fails with the
  /// reason; in the first case the present session goes on. Fails with no_connection if no session is open,
  /// and joins a move that is under way. Cancelled, only the wait ends. void(error_code).
  template <token_for<void(error_code)> Token = net::deferred_t>
  [[nodiscard]] auto migrate(Token&& token = Token()) {
    return net::async_initiate<Token, void(error_code)>(
        [](auto handler, std::shared_ptr<actor> self) { start_migrate(self, std::move(handler)); }, token,
        actor_);
  }

  /// Lock-free.
  [[nodiscard]] connection_state status() const noexcept;
  /// The last transition; sequence 0 before the first.
  [[nodiscard]] state_change snapshot() const;
  /// True while messages of this feature must not be sent. Any thread.
  [[nodiscard]] bool is_throttled(std::string_view feature) const;
  /// A cursor whose first item is the current state.
  [[nodiscard]] state_watch watch() const;
  /// The next transition after the call. Fails with closed after the last one. void(error_code,
  /// observed_change).
  template <token_for<void(error_code, observed_change)> Token = net::deferred_t>
  [[nodiscard]] auto next_state(Token&& token = Token()) {
    return net::async_initiate<Token, void(error_code, observed_change)>(
        [](auto handler, std::shared_ptr<actor> self) { start_next_state(self, std::move(handler)); }, token,
        actor_);
  }
  /// Completes at once in `wanted`, else when it is reached. Fails in a final state, with the reason of that
  /// state.
  template <token_for<void(error_code, observed_change)> Token = net::deferred_t>
  [[nodiscard]] auto wait_for(connection_state wanted, Token&& token = Token()) {
    return net::async_initiate<Token, void(error_code, observed_change)>(
        [](auto handler, std::shared_ptr<actor> self, connection_state state) {
          start_reach(self, std::move(handler), state);
        },
        token, actor_, wanted);
  }

  /// False, and a line in the log, if `id` is taken. The first transition delivered is the next one, or the
  /// last one if `how.replay_current`.
  bool add_connection_listener(std::string id, connection_listener callbacks, listener_options how = {});
  /// False if `id` is unknown. When it has returned, the listener is not running (unless it is the caller)
  /// and never runs again.
  bool remove_connection_listener(std::string_view id);

  /// Sends one message; `payload` need only live until the operation is started. Any number may be under way,
  /// they leave in the order of the calls. The result tells what became of it: see `delivery`. Refused with
  /// no_connection, outbound_full, message_too_big, invalid_utf8, or message_invalid by the protocol. What is
  /// to happen without a connection, and to a throttled feature, says `send_options`. Cancelled while it
  /// waits: not_sent; after that: in_doubt. void(send_result).
  template <token_for<void(send_result)> Token = net::deferred_t>
  [[nodiscard]] auto send(std::string_view payload, Token&& token = Token()) {
    return send(payload, send_options{}, std::forward<Token>(token));
  }
  template <token_for<void(send_result)> Token = net::deferred_t>
  [[nodiscard]] auto send(std::string_view payload, send_options how, Token&& token = Token()) {
    if constexpr (std::is_same_v<std::decay_t<Token>, net::detached_t>) {
      start_send(actor_, {}, payload, how);  // nobody hears the result, so none is made
    } else {
      return net::async_initiate<Token, void(send_result)>(
          [](auto handler, std::shared_ptr<actor> self, std::string_view bytes, send_options options) {
            start_send(self, std::move(handler), bytes, options);
          },
          token, actor_, payload, how);
    }
  }

  /// The same with a value as its JSON text; `how.kind` does not matter.
  template <token_for<void(send_result)> Token = net::deferred_t>
  [[nodiscard]] auto send_json(const json::value& value, Token&& token = Token()) {
    return send_json(value, send_options{}, std::forward<Token>(token));
  }
  template <token_for<void(send_result)> Token = net::deferred_t>
  [[nodiscard]] auto send_json(const json::value& value, send_options how, Token&& token = Token()) {
    if constexpr (std::is_same_v<std::decay_t<Token>, net::detached_t>) {
      how.kind = message_kind::text;
      start_send(actor_, {}, to_text(value), how);
    } else {
      return net::async_initiate<Token, void(send_result)>(
          [](auto handler, std::shared_ptr<actor> self, const std::string& text, send_options options) {
            options.kind = message_kind::text;
            start_send(self, std::move(handler), text, options);
          },
          token, actor_, to_text(value), how);
    }
  }

  /// The next message, in any state; after a loss what had already arrived. When all is read of a connection
  /// that has ended, fails with closed, or with the reason for which run() has ended by itself. Messages that
  /// nobody receives stop the reading at `limits.inbound_*`.
  /// void(error_code, message).
  template <token_for<void(error_code, message)> Token = net::deferred_t>
  [[nodiscard]] auto receive(Token&& token = Token()) {
    return net::async_initiate<Token, void(error_code, message)>(
        [](auto handler, std::shared_ptr<actor> self) { start_receive(self, std::move(handler)); }, token,
        actor_);
  }
  /// All messages that wait, at least one. For high rates: one hand-over for many messages.
  template <token_for<void(error_code, message_batch)> Token = net::deferred_t>
  [[nodiscard]] auto receive_batch(Token&& token = Token()) {
    return net::async_initiate<Token, void(error_code, message_batch)>(
        [](auto handler, std::shared_ptr<actor> self) { start_receive_batch(self, std::move(handler)); },
        token, actor_);
  }
  /// The next message as JSON. One that is none fails with message_not_json, and is there to be looked at;
  /// the connection and the messages after it are not concerned. Otherwise like receive(). void(error_code,
  /// json_message).
  template <token_for<void(error_code, json_message)> Token = net::deferred_t>
  [[nodiscard]] auto receive_json(Token&& token = Token()) {
    return net::async_initiate<Token, void(error_code, json_message)>(
        [](auto handler, std::shared_ptr<actor> self) { start_receive_json(self, std::move(handler)); },
        token, actor_);
  }
  /// For programs without coroutines: from now on `handler` is called with each message, in their order, one
  /// call at a time; an empty one ends this. The view is valid during the call.
  /// While it runs, messages wait as they do for receive(), so a slow one holds the server back. What it
  /// throws goes to the log. It may replace itself, and do all that a listener may. When this has returned,
  /// the one before is not running (unless it is the caller) and never runs again; messages that it has not
  /// seen wait for the next. Besides it, receive() gets only what it asks for before the handler is called.
  /// `executor` is where it is called; empty: the connection's. Any executor does, one with several threads,
  /// too.
  void set_message_handler(std::function<void(const message_view&)> handler,
                           net::any_io_executor executor = {});

 private:
  template <class... Results>
  using any_handler = net::any_completion_handler<void(Results...)>;

  template <class Token, class Initiate>
  static auto optional(const Initiate& initiate) {
    if constexpr (std::is_same_v<std::decay_t<Token>, net::deferred_t>) {
      return optional_operation(initiate());
    } else {
      return initiate();
    }
  }
  template <class Token>
  auto settled(Token&& token) {
    return optional<Token>([&] {
      return net::async_initiate<Token, void(error_code)>(
          [](auto handler, std::shared_ptr<actor> self) { start_settled(self, std::move(handler)); }, token,
          actor_);
    });
  }

  void tell_connect();
  void tell_disconnect(close_reason how);
  void tell_close(close_reason how);
  static void start_run(const std::shared_ptr<actor>& self, any_handler<error_code> handler);
  static void start_settled(const std::shared_ptr<actor>& self, any_handler<error_code> handler);
  static void start_ping(const std::shared_ptr<actor>& self,
                         any_handler<error_code, clock::duration> handler);
  static void start_migrate(const std::shared_ptr<actor>& self, any_handler<error_code> handler);
  static void start_next_state(const std::shared_ptr<actor>& self,
                               any_handler<error_code, observed_change> handler);
  static void start_reach(const std::shared_ptr<actor>& self,
                          any_handler<error_code, observed_change> handler, connection_state wanted);
  static void start_connected(const std::shared_ptr<actor>& self,
                              any_handler<error_code, observed_change> handler);
  static void start_send(const std::shared_ptr<actor>& self, any_handler<send_result> handler,
                         std::string_view payload, send_options how);
  static void start_receive(const std::shared_ptr<actor>& self, any_handler<error_code, message> handler);
  static void start_receive_batch(const std::shared_ptr<actor>& self,
                                  any_handler<error_code, message_batch> handler);
  static void start_receive_json(const std::shared_ptr<actor>& self,
                                 any_handler<error_code, json_message> handler);

  std::shared_ptr<actor> actor_;  // shared with run() and with pending operations
};

}  // namespace holdfast
