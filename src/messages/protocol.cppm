/// :protocol — what a backend's own protocol adds to a WebSocket: login before `connected`,
/// acknowledgements, throttling, heartbeats, continuing an earlier session. The interface that a user
/// implements; without one, messages are passed on as they are, and a session is ready as soon as it is open.
module;
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

export module holdfast.core:protocol;

import :error;
import :frame;
import :headers;
import :message;
import :state;
import :time;

namespace holdfast {

/// A session that has just opened, for `protocol::opened`.
export struct session_facts {
  std::uint64_t number = 0;   ///< generation: 1 for the first session of the connection
  std::string subprotocol{};  ///< that the server chose
  std::string token{};        ///< that the credential provider gave; empty if there is none
  error_code last_end{};      ///< for which the session before has ended; empty if this is the first
  header_list headers{};      ///< of the server's answer to the upgrade
};

/// The login is done.
export struct login_result {
  bool resumed = false;              ///< the server continues the earlier session
  std::optional<message_gap> gap{};  ///< what the server could not make up for
};

/// Why a protocol ends a session.
export struct protocol_failure {
  error_code error{};  ///< fatal ones end the connection, unless the retry policy says otherwise
  std::string text{};  ///< one line for people, such as the server's own words
  std::uint16_t close_code = close_codes::protocol_error;  ///< of the close frame
};

/// How a session has ended, for `protocol::ended`.
export struct session_end {
  std::uint64_t number = 0;  ///< as in session_facts
  change_reason reason{};    ///< why; the peer's close code and its text are `close_code` and `detail`
  bool was_ready = false;    ///< the login had succeeded
  bool moved = false;        ///< another session follows without a break
};

/// What a protocol makes of the end of a session.
export struct end_verdict {
  /// Means, in place of what the close code usually means: login_refused, that the server does not want us;
  /// unauthorized, that it wants other credentials; server_going_away, that it wants us back soon. Empty: the
  /// retry policy judges the end as it is.
  error_code error{};
  /// For how long the server does not want to be dialled; the retry policy bounds it.
  std::optional<clock::duration> retry_after{};
};

/// The session, as a protocol sees it. On the connection's strand, and only within a call of the protocol.
export class protocol_link {
 public:
  virtual ~protocol_link() = default;

  /// Sends a frame of the protocol's own, ahead of all messages that wait. If `limits.outbound_bytes` of such
  /// frames wait already, the session ends with outbound_full: the server does not read.
  virtual void send(message_kind kind, std::string_view payload) = 0;
  /// Ends the login: `connected` is published, messages flow. To be called once in a session.
  virtual void ready(login_result result) = 0;
  /// Hands a message to the program, also before ready(). Only during received(): otherwise the session ends
  /// with protocol_failed.
  virtual void deliver(message_kind kind, std::string_view payload) = 0;
  /// Reports that the server has got all messages up to and including that with the id `last`.
  virtual void acknowledged(std::uint64_t last) = 0;
  /// Reports that the server has got the message with the id `number`, and perhaps none before it.
  virtual void acknowledged_one(std::uint64_t number) = 0;
  /// Throttles these features, and no others, from now on. Empty: none is.
  virtual void throttle(std::vector<throttled_feature> features) = 0;
  /// Calls `protocol::heartbeat` every so often, for the first time after `first`. Zero: not any more. The
  /// answer is due within `heartbeat.pong_deadline`; without heartbeat_answered() by then the peer is lost.
  virtual void heartbeat_every(clock::duration interval, clock::duration first) = 0;
  /// Reports that the peer has answered the heartbeat: it is not lost for silence.
  virtual void heartbeat_answered() = 0;
  /// Declares the peer lost when no message of it, or part of one, has come for so long: for servers that
  /// send pings of their own as messages. Begins anew with each call. Zero: not any more.
  virtual void expect_within(clock::duration silence) = 0;
  /// Stops reading, or goes on with it. While it is stopped, TCP holds the server back, and no verdict about
  /// its silence is made.
  virtual void read(bool wanted) = 0;
  /// Calls `protocol::woken` at `when`, in place of the time that was given before. time_point::max(): not at
  /// all.
  virtual void wake_at(clock::time_point when) = 0;
  /// Returns what leads to a call of `protocol::woken`, soon. It may be called on any thread, at any time,
  /// also from within a call of the protocol; calls may coalesce. It does nothing once the session has ended.
  [[nodiscard]] virtual std::function<void()> waker() = 0;
  /// Ends the session.
  virtual void fail(protocol_failure why) = 0;
  /// Reports that the server asks us to leave, and not to come back before `wait` is over: the session is
  /// closed, and the next attempt made then. Without a wait the session goes on until there is another one
  /// to take its place, as by connection::migrate(); the server may close it when it likes. `endpoint`, if
  /// it is not empty, is the URL to go to: the next attempt goes to that of the options' URLs (`url` and
  /// `endpoints.further_urls`) which has the same origin. Another one is passed over, with a line in the
  /// log: a server must not send us, and our credentials, where the program has not said.
  virtual void go_away(std::string reason, clock::duration wait, std::string endpoint) = 0;
};

/// A message on its way out.
export struct outgoing_message {
  std::uint64_t id = 0;  ///< grows with each message that leaves; the same when it is sent again
  message_kind kind = message_kind::text;  ///< as the program has given it
  std::string_view payload{};              ///< valid during the call
  std::string_view feature{};              ///< that it belongs to; empty: none
};

/// What a user implements to speak to their backend. One object serves one connection, through all of its
/// sessions. All calls but encode() come on the connection's strand, one at a time; they must not block. What
/// they throw ends the session with error::protocol_failed.
export class protocol {
 public:
  virtual ~protocol() = default;

  /// Begins a session: a WebSocket is open. Send a greeting, or call link.ready().
  virtual void opened(protocol_link& link, const session_facts& session) = 0;
  /// Takes a text or binary message from the server. `frame` is valid during the call.
  virtual void received(protocol_link& link, message_view frame) = 0;
  /// Sends a heartbeat: one is due (see protocol_link::heartbeat_every).
  virtual void heartbeat(protocol_link&) {}
  /// Does what the time, or another thread, has made due (see protocol_link::wake_at and waker).
  virtual void woken(protocol_link&) {}
  /// Judges the end of a session that opened() has begun. Comes before the retry policy decides. Where the
  /// program has ended the session, or this protocol by fail() or go_away(), the verdict does not count. If
  /// it throws, the policy judges the end as it is.
  virtual end_verdict ended(const session_end&) { return {}; }

  /// Returns what an object of this class in another process needs to go on with the session, for its
  /// import_state(): text that it can tell from that of another protocol. Called when no session is open and
  /// none will be. See connection::export_state().
  [[nodiscard]] virtual std::string export_state() const { return {}; }
  /// Takes over what export_state() of another object returned; empty if that had nothing. Called before the
  /// first opened(), on the thread that calls connection::import_state(). Throws std::invalid_argument, and
  /// changes nothing, if it cannot. The default throws unless `state` is empty.
  virtual void import_state(std::string_view state) {
    if (!state.empty())
      throw std::invalid_argument("import_state: protocol: this one cannot go on with a session");
  }

  /// Returns the same for a session that goes on: what another object needs if this process stops without a
  /// word, up to the last event that was delivered. On the strand, between two calls. The default is empty:
  /// such a session is lost with its process.
  [[nodiscard]] virtual std::string checkpoint() { return {}; }
  /// Reports that checkpoints are taken: acknowledge to the server only events that a stored one has, so that
  /// the server keeps what another process would need again. Before the first opened().
  virtual void use_checkpoints() {}
  /// Reports that this one, or a later one than any other, is stored.
  virtual void checkpoint_stored(std::string_view) {}

  /// Drops what waits for the execution context, without completing it: that has ended, and nothing can be
  /// completed any more. Handlers may hold the coroutine that holds the connection. On the thread that
  /// destroys the context.
  virtual void context_ends() noexcept {}

  /// Returns the frame that carries a message. Called on any thread, several at a time: it must not touch
  /// what the other calls change, and must not call the connection, whose lock is held: such a send() is
  /// refused with message_invalid, and the log has a line. An error refuses the message; so does an
  /// exception, as message_invalid.
  virtual result<std::string> encode(const outgoing_message& message) const;
  /// Returns the binary frames that follow the one of encode(), without a frame of anything else between
  /// them: for a protocol whose messages may be of several frames. Called right after encode(), with the same
  /// message, on the same terms. They leave, are sent again, and are acknowledged together.
  [[nodiscard]] virtual std::vector<std::string> attachments(const outgoing_message& message) const;
  /// Returns the kind of the frames that encode() makes.
  [[nodiscard]] virtual message_kind encoded_kind(message_kind given) const noexcept { return given; }
  /// Returns whether the server acknowledges messages. Then what it has not acknowledged when a session
  /// ends is sent again in the next one, under the same id. The server must then pass over what it has got
  /// already. A message is `acked` instead of `written`.
  [[nodiscard]] virtual bool acknowledges() const noexcept { return false; }
};

/// Makes the protocol of a connection.
export using protocol_factory = std::function<std::unique_ptr<protocol>()>;

}  // namespace holdfast
