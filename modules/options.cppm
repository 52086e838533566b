/// :options — every knob of a connection with its default, and the check of all of them before any I/O.
module;
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

export module holdfast:options;

import :error;
import :time;
import :backoff;
import :network;
import :credentials;
import :endpoints;
import :protocol;
import :proxy;
import :tls;
import :compression;
import :headers;
import :message;
import :url;

namespace holdfast {

using std::chrono::milliseconds;

export enum class connect_mode : std::uint8_t {
  automatic,  ///< connects as soon as run() runs, reconnects by itself
  manual,     ///< waits for connect(), then reconnects by itself
};

/// How much a line in the log matters.
export enum class log_level : std::uint8_t { debug, info, warning, error };

/// Whether the peer is still there (RFC 6455 section 5.5.2).
export struct heartbeat_options {
  /// A ping after this long without a sign of life; the first at a random phase. Zero: no heartbeat; then a
  /// silent peer is not noticed.
  milliseconds ping_interval{20'000};
  milliseconds pong_deadline{10'000};  ///< silence after a ping for this long: the peer is lost
  /// The same after a suspend or a changed network; never longer than `pong_deadline`.
  milliseconds probe_deadline{3'000};
  bool pong_only = false;  ///< true: only a pong answers a ping; false: any inbound byte does

  /// `options{.heartbeat = heartbeat_options::off()}`: no pings, and nobody is declared lost for silence.
  static heartbeat_options off() { return {.ping_interval = milliseconds::zero()}; }
};

/// How long each stage of an attempt may take; then it fails with timed_out. None can exceed what is left of
/// `attempt`. After a redirect they begin anew, but for `attempt`.
export struct deadline_options {
  milliseconds attempt{20'000};    ///< one whole attempt, redirects included
  milliseconds provider{10'000};   ///< the credential provider
  milliseconds resolve{5'000};     ///< the look-up of the server's name, or the proxy's
  milliseconds connect{10'000};    ///< TCP to the server, or the proxy: all addresses together
  milliseconds proxy{5'000};       ///< from the open socket to the proxy until it has opened the way
  milliseconds tls{10'000};        ///< the handshake of TLS
  milliseconds address_step{250};  ///< an address that has not answered by then: the next is tried beside it
  milliseconds upgrade{10'000};    ///< the web-socket handshake
  milliseconds login{10'000};      ///< the protocol's login; not part of `attempt`
};

/// How much may wait, and how large things may be.
export struct limit_options {
  std::size_t inbound_messages = 32'768;  ///< waiting to be received; then the socket is no longer read
  std::size_t inbound_bytes = 1 << 20;    ///< likewise
  std::size_t outbound_messages = 1024;   ///< waiting to be written; then a new one is refused
  /// Likewise. One message that is larger is taken when nothing else waits.
  std::size_t outbound_bytes = 1 << 20;
  std::size_t message_bytes = 16 << 20;  ///< the largest message that is sent, or accepted from the peer
  std::size_t upgrade_bytes = 16 << 10;  ///< the server's answer to the upgrade, header and beginning of body
};

/// Features that the connection throttles by itself (featureThrottled) while the link does not carry what is
/// asked of it: for what can be left out then, such as typing and presence. As soon as one of the bounds is
/// reached, until all has been below half of its bound for `calm_for`. Meanwhile the round trip is measured
/// each second.
export struct congestion_options {
  std::vector<std::string> features{};    ///< by the names that `send_options::feature` has; empty: never
  std::size_t backlog_bytes = 256 << 10;  ///< of messages that the operating system has not taken yet
  milliseconds send_latency{2'000};       ///< for how long one of them has been waiting
  milliseconds round_trip{2'000};         ///< from a ping to its answer
  milliseconds calm_for{3'000};           ///< see above
};

/// What becomes of a server's choice among `options::subprotocols`.
export enum class subprotocol_rule : std::uint8_t {
  offered_or_none,  ///< one that was not offered ends the attempt (RFC 6455 section 4.1); none is accepted
  required,         ///< it must choose one of those offered
  any,              ///< whatever it says is accepted, for servers that are known to be odd
};

/// What a connection is made of. Every field but `url` has a default. How those for the way to the server
/// work together is told in docs/connecting.md.
export struct options {
  std::string url{};             ///< "wss://host[:port][/path][?query]" or the same with ws://
  endpoint_options endpoints{};  ///< further URLs of the same service
  connect_mode mode = connect_mode::automatic;
  /// Added to the upgrade request; after a redirect to another origin without those that are secret, see
  /// `without_credentials`.
  header_list headers{};
  std::string user_agent = "holdfast";      ///< for the server and for an HTTP proxy; empty: left out
  std::vector<std::string> subprotocols{};  ///< offered to the server, the best first
  subprotocol_rule subprotocol = subprotocol_rule::offered_or_none;
  /// Makes the protocol that is spoken over the web-socket; empty: messages are passed on as they are.
  protocol_factory protocol{};
  credential_provider provider{};  ///< asked before each attempt for what it may show to the server
  tls_options tls{};
  proxy_options proxy{};
  retry_policy retry{};
  heartbeat_options heartbeat{};
  deadline_options deadlines{};
  limit_options limits{};
  congestion_options congestion{};
  compression_options compression{};
  /// For servers that send text which is not UTF-8.
  utf8_rule invalid_text = utf8_rule::strict;
  /// False: messages from the server are read and thrown away, for a program that only sends. Then receive()
  /// fails with operation_not_supported.
  bool receive_messages = true;
  /// Cookies that the server sets in its answer to the upgrade are sent back at the next attempts to the same
  /// origin, as a browser does it, so that a load balancer finds the same backend again. Forgotten when an
  /// attempt that sent them fails.
  bool keep_cookies = true;
  /// Automatic mode: false: a final state that the program did not ask for ends run() and receive() with the
  /// reason. True: run() goes on, and connect() tries anew.
  bool keep_running = false;
  /// Bounds close(), disconnect() and a cancelled run(), whatever the peer does.
  milliseconds close_timeout{3'000};
  /// Manual mode in the background: closes this long after the last ping().
  milliseconds background_grace{30'000};
  /// Warnings, messages that are lost while nobody awaits them, and what listeners, handlers and providers
  /// threw. Called on any thread. Empty: warnings and errors go to std::clog, see `log_to_clog`.
  std::function<void(log_level, std::string_view)> log{};
  bool log_to_clog = true;                       ///< false: without a `log` nothing is written anywhere
  std::shared_ptr<holdfast::network> network{};  ///< null: the real network
  /// True: the connection calls network_changed() by itself when links, addresses or routes of this machine
  /// change. Linux only; elsewhere it says so in the log, and nothing else.
  bool watch_network = false;
  std::optional<std::uint64_t> random_seed{};  ///< for reproducible tests; empty: real entropy
};

/// Throws option_error, which names the first wrong field. Does no I/O: what files and variables of the
/// environment are worth, only `connection` finds out, which calls it first.
export void validate(const options& given);
// What has been set in vain, a line each, for the log (R71).
std::vector<std::string> options_without_effect(const options& given);

}  // namespace holdfast
