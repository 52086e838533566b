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

export module holdfast.core:options;

import :backoff;
import :compression;
import :congestion;
import :credentials;
import :dial_gate;
import :endpoints;
import :error;
import :headers;
import :journal;
import :lifetime;
import :log_record;
import :limits;
import :liveness;
import :network;
import :protocol;
import :proxy;
import :tls;
import :time;
import :upgrade;
import :url;
import :utf8;

namespace holdfast {

/// When a connection connects.
export enum class connect_mode : std::uint8_t {
  automatic,  ///< connects as soon as run() runs, reconnects by itself
  manual,     ///< waits for connect(), then reconnects by itself
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
  milliseconds upgrade{10'000};    ///< the WebSocket handshake
  milliseconds login{10'000};      ///< the protocol's login; not part of `attempt`
};

/// What a connection is made of. Every field but `url` has a default. docs/connecting.md explains how the
/// options for the way to the server work together.
export struct options {
  std::string url{};                            ///< "wss://host[:port][/path][?query]" or the same with ws://
  endpoint_options endpoints{};                 ///< further URLs of the same service
  connect_mode mode = connect_mode::automatic;  ///< when it connects
  /// Added to the upgrade request; after a redirect to another origin without those that are secret, see
  /// `without_credentials`.
  header_list headers{};
  std::string user_agent = "holdfast";      ///< for the server and for an HTTP proxy; empty: left out
  std::vector<std::string> subprotocols{};  ///< offered to the server, the best first
  subprotocol_rule subprotocol = subprotocol_rule::offered_or_none;  ///< what becomes of the server's choice
  /// Makes the protocol that is spoken over the WebSocket; empty: messages are passed on as they are.
  protocol_factory protocol{};
  credential_provider provider{};     ///< asked before each attempt for what it may show to the server
  tls_options tls{};                  ///< what is trusted, and who we are
  proxy_options proxy{};              ///< the way to the server
  std::shared_ptr<dial_gate> gate{};  ///< asked before each attempt; see make_dial_gate(); null: none
  retry_policy retry{};               ///< when to try again, and when to stop
  heartbeat_options heartbeat{};      ///< how a lost peer is noticed
  deadline_options deadlines{};       ///< how long an attempt may take
  session_options session{};          ///< what is known of the server's sessions
  limit_options limits{};             ///< how much may wait, and how large it may be
  congestion_options congestion{};    ///< what to leave out while the link is slow
  compression_options compression{};  ///< off unless asked for
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
  /// Each step of a dial (at debug), warnings, messages that are lost while nobody awaits them, and what
  /// listeners, handlers and providers threw. Called on any thread. Empty: warnings and errors go to
  /// std::clog, see `log_to_clog`.
  std::function<void(log_level, std::string_view)> log{};
  /// Receives what happens as records: dial steps, states, round trips, commands; docs/insight.md lists them.
  /// Called on the connection's strand, so it must not block; it may still be called after the handle was
  /// destroyed, so it must own what it uses. If it throws, the log has a line. Empty: no records are made,
  /// except those of dial steps for the log.
  std::function<void(const log_record&)> trace{};
  bool log_to_clog = true;                       ///< false: without a `log` nothing is written anywhere
  std::shared_ptr<holdfast::network> network{};  ///< null: the real network
  /// True: the connection calls network_changed() by itself when links, addresses or routes of this machine
  /// change. Linux only; elsewhere it says so in the log, and nothing else.
  bool watch_network = false;
  std::optional<std::uint64_t> random_seed{};  ///< for reproducible tests; empty: real entropy
};

/// Returns what `given`, which must outlive it, says about the upgrade.
export upgrade_terms terms_of(const options& given);
/// Throws option_error, which names the first wrong field. Does no I/O: what files and variables of the
/// environment are worth, only `connection` finds out, which calls it first.
export void validate(const options& given);
// What has been set in vain, a line each, for the log (R71).
std::vector<std::string> options_without_effect(const options& given);

}  // namespace holdfast
