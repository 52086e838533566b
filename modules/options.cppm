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
import :proxy;
import :tls;
import :compression;
import :headers;
import :url;

namespace holdfast {

using std::chrono::milliseconds;

export enum class connect_mode : std::uint8_t {
  automatic,  ///< connects as soon as run() runs, reconnects by itself
  manual,     ///< waits for connect(), then reconnects by itself
};

/// How much a line in the log matters.
export enum class log_level : std::uint8_t { debug, info, warning, error };

export struct heartbeat_options {
  milliseconds ping_interval{
      20'000};  ///< a ping after this long without a sign of life; the first at a random phase
  milliseconds pong_deadline{10'000};  ///< silence after a ping for this long: the peer is lost
  milliseconds probe_deadline{
      3'000};  ///< the same after a suspend or a changed network; never longer than `pong_deadline`
  bool pong_only = false;  ///< true: only a pong answers a ping; false: any inbound byte does
};

/// How long each step of an attempt may take. None can exceed what is left of `attempt`.
export struct deadline_options {
  milliseconds attempt{20'000};   ///< one whole attempt
  milliseconds provider{10'000};  ///< the credential provider
  milliseconds resolve{5'000};
  milliseconds connect{10'000};  ///< all addresses together
  milliseconds proxy{5'000};     ///< until the proxy has opened the way
  milliseconds tls{10'000};
  milliseconds address_step{250};  ///< an address that has not answered by then: the next is tried beside it
  milliseconds upgrade{10'000};
};

export struct limit_options {
  std::size_t inbound_messages = 64;     ///< waiting to be received; then the socket is no longer read
  std::size_t inbound_bytes = 1 << 20;   ///< likewise
  std::size_t outbound_messages = 1024;  ///< waiting to be written; then a new one is refused
  std::size_t outbound_bytes = 1 << 20;  ///< likewise; also the largest message that can be sent
  std::size_t message_bytes = 16 << 20;  ///< the largest message that is accepted from the peer
  std::size_t upgrade_bytes = 16 << 10;  ///< the server's answer to the upgrade, header and beginning of body
};

/// What becomes of a server's choice among `options::subprotocols`.
export enum class subprotocol_rule : std::uint8_t {
  offered_or_none,  ///< one that was not offered ends the attempt (RFC 6455 section 4.1); none is accepted
  required,         ///< it must choose one of those offered
  any,              ///< whatever it says is accepted, for servers that are known to be odd
};

/// What a connection is made of. Every field but `url` has a default.
export struct options {
  std::string url{};             ///< "wss://host[:port][/path][?query]" or the same with ws://
  endpoint_options endpoints{};  ///< further URLs of the same service
  connect_mode mode = connect_mode::automatic;
  header_list headers{};  ///< added to the upgrade request
  std::string user_agent = "holdfast";
  std::vector<std::string> subprotocols{};  ///< offered to the server, the best first
  subprotocol_rule subprotocol = subprotocol_rule::offered_or_none;
  credential_provider provider{};  ///< asked before each attempt for what it may show to the server
  tls_options tls{};
  proxy_options proxy{};
  retry_policy retry{};
  heartbeat_options heartbeat{};
  deadline_options deadlines{};
  limit_options limits{};
  compression_options compression{};
  milliseconds close_timeout{
      3'000};  ///< bounds close(), disconnect() and a cancelled run(), whatever the peer does
  milliseconds background_grace{
      30'000};  ///< manual mode in the background: closes this long after the last ping()
  /// Warnings and what listeners threw. Called on any thread; must not throw.
  std::function<void(log_level, std::string_view)> log{};
  std::shared_ptr<holdfast::network> network{};  ///< null: the real network
  /// True: the connection calls network_changed() by itself when links, addresses or routes of this machine
  /// change. Linux only; elsewhere it says so in the log, and nothing else.
  bool watch_network = false;
  std::optional<std::uint64_t> random_seed{};  ///< for reproducible tests; empty: real entropy
};

/// Throws option_error, which names the first wrong field. Does no I/O. `connection` calls it.
export void validate(const options& given);

}  // namespace holdfast
