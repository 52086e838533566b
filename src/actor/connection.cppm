/// :connection — the handle that a program holds. Every member may be called from any thread. Every
/// asynchronous member takes any completion token; the default is for `co_await`. It completes
/// exactly once, on the executor associated with the handler (default: the connection's), never from within
/// the call that starts it. It obeys the cancellation types that its comment names. If the execution context
/// ends first, pending operations are destroyed without being completed, as Asio's own are.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

export module holdfast.core:connection;

import :connection_base;
import :error;
export import :initiation;
import :json;
export import :lazy_message;
import :message;
import :options;
import :session_info;
import :state;
import :state_channel;
import :stats;
import :time;

namespace holdfast {

export class held_connection;

/// Keeps a WebSocket open. Move-only: its holder decides how long it lives. Destroying it is always safe: the
/// socket is closed at once, pending operations complete with operation_aborted, run() returns, and no
/// listener runs any more once the destructor has returned (it waits for one that runs on another thread). So
/// a listener may capture a reference to the handle; a shared_ptr to it would keep it alive for ever. Any
/// thread may call any member; assigning to the handle, moving from it and destroying it must not happen at
/// the same time as another call. A handle that was moved from may only be assigned to or destroyed.
export class connection : private connection_base {
  friend std::shared_ptr<held_connection> held(const connection& of);

 public:
  /// The type of get_executor().
  using executor_type = net::any_io_executor;

  /// Connects to nothing yet, but reads the files that `options::tls` names. Throws option_error, which names
  /// the wrong field. The execution context of `executor` must outlive the connection; all work of the
  /// connection is serialised on a strand of its own.
  connection(net::any_io_executor executor, options given);
  /// Takes an execution context, such as `net::io_context`, in place of its executor.
  template <class Context>
    requires requires(Context& context) {
      { context.get_executor() } -> std::convertible_to<net::any_io_executor>;
    }
  connection(Context& context, options given) : connection(context.get_executor(), std::move(given)) {}
  /// Shares options with other connections: each copy would take a kibibyte and more. `shared` must not be
  /// null, nor change while one of the connections exists.
  connection(net::any_io_executor executor, std::shared_ptr<const options> shared);
  /// Takes over the other handle. Pending operations go on.
  connection(connection&&) noexcept;
  /// Ends the present connection as the destructor does, then takes over the other.
  connection& operator=(connection&&) noexcept;
  /// Closes the socket without waiting for the peer, completes pending operations with operation_aborted, and
  /// waits for a listener or message handler that runs on another thread.
  ~connection();

  /// Returns the executor that was given to the constructor. Any thread.
  [[nodiscard]] executor_type get_executor() const noexcept;

  /// Runs the connection: `co_spawn(executor, conn.run(), detached)`. Nothing is connected before. Returns as
  /// run(token) completes, or throws boost::system::system_error with one of its errors. Begins when it is
  /// awaited; the handle may be gone by then.
  [[nodiscard]] net::awaitable<void> run();
  /// Runs the connection as an operation with a token: `conn.run(detached)`. void(error_code).
  ///
  /// - Completes with success after close(), when the last listener has been called.
  /// - Errors: already_running; in automatic mode the reason for giving up (see `options::keep_running`), and
  ///   closed if it had ended before; operation_aborted if it was cancelled, or the handle was destroyed.
  /// - Cancellation: terminal and partial. Closes as close() does, within `options::close_timeout`, and for
  ///   good. Then completes with operation_aborted.
  /// - Any thread.
  template <token_for<void(error_code)> Token>
  auto run(Token&& token) {
    return initiate<void(error_code), &connection::start_run>(std::forward<Token>(token));
  }

  /// Connects, unless it is connecting or connected already; ends a wait between two attempts. Takes effect
  /// immediately. Await the result only if you need to know when the connection is up. void(error_code,
  /// observed_change).
  ///
  /// - Completes with the last transition if a session is usable and is not being closed; else with the next
  ///   transition to connected. It waits through failed attempts, and for run().
  /// - Errors: in a final state the reason of that state, or closed if it has none, with the transition to
  ///   it; closed, or the reason for which run() has ended, if the connection has ended; operation_aborted if
  ///   it was cancelled, or if the handle was destroyed.
  /// - Cancellation: terminal, partial and total. Ends the wait, which is all of the operation. The call has
  ///   given the command: the connection goes on connecting.
  /// - Any thread.
  template <token_for<void(error_code, observed_change)> Token = net::deferred_t>
  auto connect(Token&& token = Token()) {
    tell_connect();
    return initiate_optional<void(error_code, observed_change), &connection::start_connected>(
        std::forward<Token>(token));
  }
  /// Closes the socket, and stays disconnected until connect(). Messages that were accepted leave first, then
  /// the close frame, all within `options::close_timeout`; what has not left by then is reported as not sent.
  /// Takes effect immediately. Await the result only if you need to know when the socket is closed.
  /// void(error_code).
  ///
  /// - Completes with success when no socket is open and no attempt is under way, or if run() does not run.
  /// - Errors: operation_aborted if it was cancelled, or if the handle was destroyed.
  /// - Cancellation: terminal, partial and total. Ends the wait, which is all of the operation. The socket is
  ///   closed all the same.
  /// - Any thread.
  template <token_for<void(error_code)> Token = net::deferred_t>
  auto disconnect(Token&& token = Token()) {
    return disconnect(close_reason{}, std::forward<Token>(token));
  }
  /// Closes with a code and a text for the server. Throws std::invalid_argument: see `close_reason`.
  template <token_for<void(error_code)> Token = net::deferred_t>
  auto disconnect(close_reason how, Token&& token = Token()) {
    tell_disconnect(std::move(how));
    return initiate_optional<void(error_code), &connection::start_settled>(std::forward<Token>(token));
  }
  /// Closes the socket for good; run() returns. connect() has no effect any more, and send() is refused with
  /// closed; messages that have arrived can still be received. Completes, fails, and is cancelled as
  /// disconnect() is. void(error_code).
  template <token_for<void(error_code)> Token = net::deferred_t>
  auto close(Token&& token = Token()) {
    return close(close_reason{}, std::forward<Token>(token));
  }
  /// Closes for good with a code and a text for the server, as for disconnect().
  template <token_for<void(error_code)> Token = net::deferred_t>
  auto close(close_reason how, Token&& token = Token()) {
    tell_close(std::move(how));
    return initiate_optional<void(error_code), &connection::start_settled>(std::forward<Token>(token));
  }
  /// Drops the messages that wait for a session, a feature or the socket, and returns how many. They complete
  /// as dropped, with message_discarded. Messages that wait for the socket leave all the same if they are
  /// compressed, or numbered by a protocol that acknowledges: the peer would miss them. Any thread.
  std::size_t discard_waiting();
  /// Ends a wait between two attempts, also one that the server has asked for. The backoff goes on from where
  /// it is, unless `reset_backoff`. Any thread; takes effect soon after it has returned.
  void retry_now(bool reset_backoff = false);
  /// Reports that the network of the machine has changed: ends a wait between two attempts, and checks an
  /// open socket by a ping, for whose answer it waits `heartbeat.probe_deadline`. With
  /// `options::watch_network` the connection does this by itself. If the first attempt after it fails, the
  /// next delay is the base delay. A wait that the server has asked for goes on. Any thread.
  void network_changed();
  /// Reports that the program is in the background. Automatic mode: closes at once, and connects again in the
  /// foreground. Manual mode: closes `options::background_grace` after the last ping() or connect(), and
  /// stays disconnected until connect(). Any thread.
  void enter_background();
  /// Reports that the program is in front again: automatic mode connects, not after disconnect(). Any thread.
  void enter_foreground();
  /// Measures the round-trip time by a ping frame (RFC 6455 section 5.5.2). void(error_code,
  /// clock::duration).
  ///
  /// - Completes with the time from the ping to its pong, or to the pong of a later ping.
  /// - Errors: no_connection if no socket is open, closed after close(); timed_out if it is not answered
  ///   within `heartbeat.pong_deadline`, whatever else comes from the peer; the reason for which the session
  ///   has ended; outbound_full if 64 pings wait already; operation_aborted as for connect().
  /// - Cancellation: terminal and partial. Ends the wait alone. The ping leaves all the same.
  /// - Any thread.
  template <token_for<void(error_code, clock::duration)> Token = net::deferred_t>
  [[nodiscard]] auto ping(Token&& token = Token()) {
    return initiate<void(error_code, clock::duration), &connection::start_ping>(std::forward<Token>(token));
  }

  /// Moves to another socket without a break: opens one beside the present one, and then closes that.
  /// Observers see no state other than connected (again, with the number and the facts of the new session).
  /// Messages keep their order; those that are sent while the old socket is being closed wait for the new
  /// one, also with offline_rule::fail. Joins a move that is under way. void(error_code).
  ///
  /// - Completes with success when the new session is usable.
  /// - Errors: no_connection if no session is usable, closed after close(); the reason for which no socket
  ///   could be opened, and then the present session goes on; the reason for which the login there failed, or
  ///   the session has ended meanwhile; operation_aborted as for connect().
  /// - Cancellation: terminal and partial. Ends the wait alone. The move goes on.
  /// - Any thread.
  template <token_for<void(error_code)> Token = net::deferred_t>
  [[nodiscard]] auto migrate(Token&& token = Token()) {
    return initiate<void(error_code), &connection::start_migrate>(std::forward<Token>(token));
  }

  /// Completes with the facts of the open session: addresses, TLS, what the server has answered.
  /// void(error_code, session_info).
  ///
  /// - Errors: no_connection if no session is usable, and while a move logs in; closed after close().
  /// - Cancellation: none; it completes at once. Any thread.
  template <token_for<void(error_code, session_info)> Token = net::deferred_t>
  [[nodiscard]] auto session(Token&& token = Token()) {
    return initiate<void(error_code, session_info), &connection::start_session>(std::forward<Token>(token));
  }

  /// Closes for good, as close() does, and completes with the state from which another connection, in this or
  /// another process, goes on: what the protocol knows of its session (`protocol::export_state`), and the
  /// messages that are not done with (docs/insight.md lists them). Their senders complete with handed_over.
  /// Messages that have arrived can still be received here. The text is JSON, and secret. void(error_code,
  /// std::string).
  ///
  /// - Completes when no socket is open, within `options::close_timeout`; at once if run() does not run.
  /// - Errors: closed after close(), or after another export_state(); protocol_failed if the protocol threw,
  ///   and then the messages fail with it; operation_aborted as for connect().
  /// - Cancellation: terminal and partial. Ends the wait. The connection is closed all the same, and the
  ///   messages that the state would have held fail with closed.
  /// - Any thread.
  template <token_for<void(error_code, std::string)> Token = net::deferred_t>
  [[nodiscard]] auto export_state(Token&& token = Token()) {
    return initiate<void(error_code, std::string), &connection::start_export>(std::forward<Token>(token));
  }
  /// Takes over what export_state() of another connection returned. Call it before run() and before the first
  /// send(). Use the same options as the other connection, and give a state to one connection only. The
  /// messages count as offered here, and may exceed `limits`. Throws std::logic_error after run();
  /// std::invalid_argument, which names the field that is wrong, and then the connection is as it was.
  void import_state(std::string_view state);

  /// Returns the present state. Lock-free; any thread.
  [[nodiscard]] connection_state status() const noexcept;
  /// Returns a copy of the last transition; sequence 0 before the first. Any thread.
  [[nodiscard]] state_change snapshot() const;
  /// Returns what it has done so far, in numbers; takes no lock that a message waits for. Any thread.
  [[nodiscard]] connection_stats stats() const;
  /// Returns whether messages of this feature must not be sent now. Any thread.
  [[nodiscard]] bool is_throttled(std::string_view feature) const;
  /// Returns a cursor that yields the last transition, or the first to come, then each in order. Any thread.
  [[nodiscard]] state_watch watch() const;
  /// Completes with the next transition after the operation was started. A transition between two such calls
  /// is missed: to see all of them give the number of the last one, or use watch(). void(error_code,
  /// observed_change).
  ///
  /// - Errors: closed, or the reason for which run() has ended, after the last transition; operation_aborted
  ///   if it was cancelled, or if the handle was destroyed.
  /// - Cancellation: terminal, partial and total. Ends the wait alone.
  /// - Any thread.
  template <token_for<void(error_code, observed_change)> Token = net::deferred_t>
  [[nodiscard]] auto next_state(Token&& token = Token()) {
    return initiate<void(error_code, observed_change), &connection::start_next>(std::forward<Token>(token));
  }
  /// Completes with the first transition whose number (`state_change::sequence`) is greater than `after`,
  /// which may have come already: so a loop loses none. `missed` counts those that the ring has forgotten.
  /// Begin with 0, or with the number of snapshot(). Fails, and is cancelled as the other next_state() is.
  template <token_for<void(error_code, observed_change)> Token = net::deferred_t>
  [[nodiscard]] auto next_state(std::uint64_t after, Token&& token = Token()) {
    return initiate<void(error_code, observed_change), &connection::start_next_after>(
        std::forward<Token>(token), after);
  }
  /// Completes when the connection is in the state `wanted`: at once if it is, else with the transition to
  /// it. void(error_code, observed_change).
  ///
  /// - Errors: in another state that is final the reason of that state, or closed if it has none, with the
  ///   transition to it; closed, or the reason for which run() has ended, if the connection has ended;
  ///   operation_aborted if it was cancelled, or if the handle was destroyed.
  /// - Cancellation: terminal, partial and total. Ends the wait alone.
  /// - Any thread.
  template <token_for<void(error_code, observed_change)> Token = net::deferred_t>
  [[nodiscard]] auto wait_for(connection_state wanted, Token&& token = Token()) {
    return initiate<void(error_code, observed_change), &connection::start_reach>(std::forward<Token>(token),
                                                                                 wanted);
  }

  /// Adds a listener; returns false, with a line in the log, if `id` is taken. The first transition delivered
  /// is the next one, or the last one if `how.replay_current`. The callbacks live until the listener is
  /// removed or the handle is destroyed. What they throw goes to the log. Any thread, also from a callback.
  bool add_connection_listener(std::string id, connection_listener callbacks, listener_options how = {});
  /// Removes a listener; returns false if `id` is unknown. When it has returned, the listener is not running
  /// (unless it is the caller) and never runs again. Any thread, also from a callback.
  bool remove_connection_listener(std::string_view id);

  /// Sends one message. Any number may be under way; they leave in the order in which they were started.
  /// void(send_result).
  ///
  /// - Completes when it is known what became of the message: see `delivery`. There is no error_code, so
  ///   nothing is thrown: look at `send_result::reason`.
  /// - Refused at once (not_sent): no_connection, or closed after the end; outbound_full, message_too_big,
  ///   invalid_utf8, feature_throttled; message_invalid, or another error of the protocol.
  /// - Fails later: dropped with message_expired, message_superseded, outbound_full or message_discarded;
  ///   not_sent or in_doubt with handed_over by export_state(), or with the reason for which the session has
  ///   ended, or for which no other will follow.
  /// - `send_options` decides what happens without a session, and to a throttled feature.
  /// - Cancellation: while the message waits for a session or a feature, terminal, partial and total. It is
  ///   withdrawn (not_sent, operation_aborted). Once it waits for the socket or for its acknowledgement,
  ///   terminal and partial. It leaves all the same, and the operation completes as in_doubt with
  ///   operation_aborted.
  /// - `payload`, and the views in `how`, need not live longer than the call. With a token that starts the
  ///   operation later (`deferred`, `use_awaitable`) the operation keeps a copy.
  /// - With `detached` a loss goes to the log. Any thread.
  template <token_for<void(send_result)> Token = net::use_awaitable_t<>>
  [[nodiscard]] auto send(std::string_view payload, Token&& token = Token()) {
    return initiate_send({payload, {}}, std::forward<Token>(token));
  }
  template <token_for<void(send_result)> Token = net::use_awaitable_t<>>
  [[nodiscard]] auto send(std::string_view payload, send_options how, Token&& token = Token()) {
    return initiate_send({payload, how}, std::forward<Token>(token));
  }
  /// Takes a temporary or moved string over where a copy would be kept. Otherwise the same.
  template <std::same_as<std::string> Text, token_for<void(send_result)> Token = net::use_awaitable_t<>>
  [[nodiscard]] auto send(Text&& payload, Token&& token = Token()) {
    return initiate_send({std::forward<Text>(payload), {}}, std::forward<Token>(token));
  }
  template <std::same_as<std::string> Text, token_for<void(send_result)> Token = net::use_awaitable_t<>>
  [[nodiscard]] auto send(Text&& payload, send_options how, Token&& token = Token()) {
    return initiate_send({std::forward<Text>(payload), how}, std::forward<Token>(token));
  }

  /// Sends a value as its JSON text, which is made before the call returns. Otherwise like send(); `how.kind`
  /// does not matter. void(send_result).
  template <token_for<void(send_result)> Token = net::use_awaitable_t<>>
  [[nodiscard]] auto send_json(const json::value& value, Token&& token = Token()) {
    return send_json(value, send_options{}, std::forward<Token>(token));
  }
  template <token_for<void(send_result)> Token = net::use_awaitable_t<>>
  [[nodiscard]] auto send_json(const json::value& value, send_options how, Token&& token = Token()) {
    how.kind = message_kind::text;
    return initiate_send({to_text(value), how}, std::forward<Token>(token));
  }

  /// Receives the next message, in any state; after a loss what had already arrived. Receivers are served in
  /// the order in which they were started. Messages that nobody receives stop the reading at
  /// `limits.inbound_*`. void(error_code, message).
  ///
  /// - Completes with a message, which owns its bytes.
  /// - Errors, once all messages are received: closed after close(), or the reason for which run() has ended
  ///   by itself. operation_aborted if it was cancelled, or if the handle was destroyed;
  ///   operation_not_supported if `options::receive_messages` is false.
  /// - Cancellation: terminal, partial and total. No message is lost; one that was handed over already still
  ///   arrives.
  /// - Any thread.
  template <token_for<void(error_code, message)> Token = net::use_awaitable_t<>>
  [[nodiscard]] auto receive(Token&& token = Token()) {
    return initiate_receive<message, &connection::start_receive>(std::forward<Token>(token));
  }
  /// Receives all messages that wait, at least one: one hand-over for many. Otherwise like receive(). The
  /// views that the batch yields are valid until it is changed or destroyed. void(error_code, message_batch).
  template <token_for<void(error_code, message_batch)> Token = net::use_awaitable_t<>>
  [[nodiscard]] auto receive_batch(Token&& token = Token()) {
    return initiate_receive<message_batch, &connection::start_receive_batch>(std::forward<Token>(token));
  }
  /// Receives the next message as JSON; the value owns all that it refers to. Fails with message_not_json if
  /// it is none: `json_message` then has the message as it came, and the problem. The connection and the
  /// messages after it are not concerned. Otherwise like receive(). void(error_code, json_message).
  template <token_for<void(error_code, json_message)> Token = net::use_awaitable_t<>>
  [[nodiscard]] auto receive_json(Token&& token = Token()) {
    return initiate_receive<json_message, &connection::start_receive_json>(std::forward<Token>(token));
  }
  /// Calls `handler` with each message from now on, in order, one call at a time; an empty one ends this. The
  /// view is valid during the call. While it runs, messages wait as for receive(), so a slow handler holds
  /// the server back. What it throws goes to the log. It may replace itself, and do all that a listener may.
  /// When this has returned, the handler before is not running (unless it is the caller) and never runs
  /// again; messages that it has not seen wait for the next. Besides a handler, receive() gets only what it
  /// asks for before the handler is called. `executor` is where it is called, also one with several threads;
  /// empty: the connection's. Any thread.
  void set_message_handler(std::function<void(const message_view&)> handler,
                           net::any_io_executor executor = {});

 private:
  void tell_connect();
  void tell_disconnect(close_reason how);
  void tell_close(close_reason how);
};

}  // namespace holdfast
