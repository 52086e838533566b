/// :state — the vocabulary of what a connection can be and of what changed; values only, no behaviour.
/// The strings of `to_string(connection_state)` are fixed: connecting, connected, disconnected,
/// featureThrottled.
module;
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

export module holdfast.core:state;

import :error;
import :time;

namespace holdfast {

/// What a connection can be.
export enum class connection_state : std::uint8_t {
  disconnected,       ///< no socket; `state_change` says whether and when it will try again
  connecting,         ///< an attempt is under way
  connected,          ///< open and usable
  feature_throttled,  ///< open and usable, but for the features that `state_change` names
};

/// How far an attempt came, or `session` for what ended an open one.
export enum class stage : std::uint8_t {
  none,      ///< nothing was attempted
  provider,  ///< asking for credentials
  resolve,   ///< looking up the server's name
  connect,   ///< TCP to the server
  proxy,     ///< looking up the proxy, connecting to it, and asking it for the way
  tls,       ///< the handshake of TLS
  upgrade,   ///< the WebSocket handshake; redirects too
  login,     ///< the protocol's own, see `protocol`
  session    ///< not an attempt: the session that followed it
};

/// Returns the fixed name of a state: "connecting", "connected", "disconnected", "featureThrottled".
export std::string_view to_string(connection_state state) noexcept;
/// Returns the name of a stage as it is written in code: "resolve".
export std::string_view to_string(stage value) noexcept;

/// Why a state was left. Empty (`!error`) for connecting and connected.
export struct change_reason {
  error_code error{};            ///< what went wrong; empty: nothing
  stage at = stage::none;        ///< where it went wrong
  unsigned http_status = 0;      ///< the server's answer to the upgrade, 0 if there was none
  std::uint16_t close_code = 0;  ///< RFC 6455 section 7.4; 0 if no close frame was received
  /// What else is known: the reason in the peer's close frame, the beginning of the body of an HTTP answer,
  /// or one line about a certificate, a proxy, a redirect, a provider. May hold anything that a peer wrote:
  /// describe() and one_line() make it fit to be printed.
  std::string detail{};
  /// "address:port" that a failed attempt is about, the proxy's if there is one: the peer, if it was reached;
  /// else the address whose error this is; else (a deadline) the first that was tried. Empty before there was
  /// one, and for a session.
  std::string peer{};
};

/// Something that must not be sent for a while.
export struct throttled_feature {
  std::string name{};                        ///< as `send_options::feature` has it
  std::string reason{};                      ///< one line for people; may hold anything that the server wrote
  std::optional<clock::time_point> until{};  ///< when it is to end; empty: not known
};

/// Messages that the server could not make up for when it continued a session: the program may want to fetch
/// what happened meanwhile elsewhere. The numbers are the server's.
export struct message_gap {
  std::uint64_t from = 0;  ///< the first that is missing
  std::uint64_t to = 0;    ///< the last that is missing
};

/// One transition of a connection, immutable once published. Sequence numbers start at 1 and have no gaps;
/// number 0 is the state before the first transition.
export struct state_change {
  std::uint64_t sequence = 0;                              ///< number of this transition
  connection_state from = connection_state::disconnected;  ///< the state before it
  connection_state to = connection_state::disconnected;    ///< the state after it
  clock::time_point time{};                                ///< when it was published
  unsigned attempt = 0;  ///< attempts since the last stable session, this one included; 0 before one
  /// Generation: how many sessions this connection has opened so far. After a move to another socket
  /// (connection::migrate) it is one more, from connected to connected.
  std::uint64_t session = 0;
  change_reason reason{};  ///< disconnected: why
  /// disconnected: after which it tries again, with a dial gate at the earliest; empty: not by itself.
  std::optional<clock::duration> retry_in{};
  /// The rule that decided: of the retry policy, "next-endpoint", "asked", or "gate" while a dial gate holds
  /// up the attempt. connected, feature_throttled: "late" and "answered" where only `unresponsive` has
  /// changed.
  std::string rule{};
  bool final = false;                ///< disconnected until connect() is called (or for good, after close())
  bool flapping = false;             ///< sessions open but end before they are stable
  bool resumed = false;              ///< connected: the protocol continued the earlier session
  std::optional<message_gap> gap{};  ///< connected: what is missing all the same
  /// connected, feature_throttled: the answer to a ping is late, see heartbeat.unresponsive_after. When it
  /// has come, the same state is published without this.
  bool unresponsive = false;
  std::vector<throttled_feature> features{};  ///< feature_throttled: what must not be sent now
  /// "wss://host[:port]" (RFC 6454) of the endpoint that is tried; once the attempt is over, of the place to
  /// which a redirect or the provider has led it. Empty before the first attempt.
  std::string origin{};
  std::string subprotocol{};  ///< connected: the one that the server chose; empty if none
  /// connected: the fields of the server's answer to the upgrade, but for those of the handshake itself. They
  /// can be secret (Set-Cookie), so describe() leaves them out.
  std::vector<std::pair<std::string, std::string>> headers{};
  /// "address:port" of the present session's peer, or of the last one's; of the proxy that led to it if there
  /// was one. Empty in connecting.
  std::string peer{};

  /// Returns when the next attempt begins; empty: none will by itself.
  [[nodiscard]] std::optional<clock::time_point> retry_at() const {
    return retry_in ? std::optional(time + *retry_in) : std::nullopt;
  }
};

// An attempt or a session has failed: the program did not ask for its end, nor does it only wait.
bool is_failure(const state_change& change) noexcept;
// The state is what it was: the peer has stopped to answer, or answers again.
bool is_about_lateness(const state_change& change) noexcept;

/// What a cursor yields: the transition, and how many it had to skip because it fell behind the ring.
export struct observed_change : state_change {
  std::uint64_t missed = 0;  ///< transitions before this one that were lost; 0: none
};

/// Returns one line for people: "disconnected (upgrade: server refused the WebSocket upgrade, HTTP 503),
/// retry in 1.20 s [backoff]".
export std::string describe(const state_change& change);
/// Returns the reason alone, one line; empty if there is none.
export std::string describe(const change_reason& reason);

}  // namespace holdfast
