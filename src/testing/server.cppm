/// :server — a WebSocket server that does what a script says, well or badly. The script is a coroutine per
/// session. It speaks over any `transport`: of the simulated network, or of a real socket (see :loopback).
module;
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

export module holdfast.testing:server;

import holdfast;
import holdfast.wire;
import :world;
import :simulated_network;

namespace holdfast::testing {

/// One WebSocket as the server sees it. While the script waits, pings are answered and messages are
/// collected.
export class server_session : public std::enable_shared_from_this<server_session> {
 public:
  /// Begins with the bytes that came behind the request. `server` makes one for each upgrade.
  server_session(net::any_io_executor strand, transport stream, http_head request, std::string first_bytes,
                 const std::optional<agreed_compression>& compression = {});

  /// Returns the client's upgrade request.
  [[nodiscard]] const http_head& request() const noexcept { return request_; }
  /// Returns the next message; empty when the session has ended.
  net::awaitable<std::optional<message>> receive();
  /// Sends one message; does nothing once the session has ended. Completes when the socket has taken it, or
  /// when it is left to another send that is under way.
  net::awaitable<void> send(std::string_view payload, message_kind kind = message_kind::text);
  /// Writes bytes as they are, such as a frame that breaks the rules.
  net::awaitable<void> send_raw(std::string_view bytes);
  /// Sends back what comes, until the session ends.
  net::awaitable<void> echo();
  /// Sends back what comes, for `span` at most; false if the session has ended.
  net::awaitable<bool> echo_for(clock::duration span);
  /// Falls silent for good: neither reads nor answers any more. Returns after `span`.
  net::awaitable<void> fall_silent_for(clock::duration span);
  /// Reads nothing for `span`, so that the client's messages get stuck, and then goes on.
  net::awaitable<void> stop_reading_for(clock::duration span);
  /// Sends a close frame, and waits (at most `patience`) for the answer.
  net::awaitable<void> close(std::uint16_t code, std::string_view reason = {},
                             clock::duration patience = std::chrono::seconds(2));
  /// Drops the connection without a closing handshake.
  void drop();

  /// Returns whether the session has ended, by whichever side.
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// Returns the code of the client's close frame; 0 if there was none.
  [[nodiscard]] std::uint16_t close_code() const noexcept { return close_code_; }
  /// Returns how many pings the client has sent in this session.
  [[nodiscard]] std::size_t ping_count() const noexcept { return pings_; }
  /// Returns what was agreed for this session; empty: nothing may be compressed.
  [[nodiscard]] const std::optional<agreed_compression>& compression() const noexcept { return compression_; }
  /// Returns how many bytes the client has sent since the upgrade, frames and all.
  [[nodiscard]] std::size_t received_bytes() const noexcept { return received_bytes_; }

  /// Begins to read. For the `server` that made it.
  void start();

 private:
  net::awaitable<void> read();
  net::awaitable<void> flush();
  net::awaitable<void> wait_until(clock::time_point when);
  void handle(const frame_result& event);
  void wake();

  const net::any_io_executor strand_;
  transport stream_;
  const http_head request_;
  const std::optional<agreed_compression> compression_;
  frame_decoder decoder_;
  frame_encoder encoder_{peer_role::server};
  byte_queue output_;
  timer wake_;
  std::deque<message> messages_;
  std::size_t pings_ = 0;
  std::size_t received_bytes_ = 0;
  std::uint16_t close_code_ = 0;
  bool deaf_ = false;
  clock::time_point reads_from_{};
  bool flushing_ = false;
  bool ended_ = false;
};

/// What the server answers to an upgrade. Status 101: it upgrades all the same, with these fields besides its
/// own (such as Sec-WebSocket-Protocol), and the body follows at once, as it is, in place of first frames.
export struct http_answer {
  unsigned status = 503;  ///< of the answer
  header_list headers{};  ///< besides those that the server writes itself
  std::string body{};     ///< its length is sent in Content-Length, but for 101
};

/// Accepts peers, upgrades them (or not), and runs a script for each. Its own members may be called from any
/// thread; scripts run on a strand for each session, the gate of on_upgrade() too.
export class server {
 public:
  /// What the server does in one session. The session lives as long as its script runs.
  using script = std::function<net::awaitable<void>(server_session&)>;
  /// Decides about one request for an upgrade; empty: it is upgraded.
  using gate = std::function<std::optional<http_answer>(const http_head&)>;

  /// Waits for peers that accept() brings. All sessions echo until a script says otherwise.
  explicit server(net::any_io_executor executor);
  /// Listens in the world `in`, at `at`.
  server(world& in, peer_address at);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Sets what sessions opened from now on do. When a script returns, its socket is closed.
  void on_session(script next);
  /// Asks `next` about each request before the upgrade. An empty function: none is asked.
  void on_upgrade(gate next);
  /// Closes each socket that is accepted from now on at once, before anything is said on it.
  void close_at_once(bool close = true);
  /// Accepts sockets from now on but never answers the upgrade.
  void never_upgrade(bool never = true);
  /// Lets sessions from now on compress, within these bounds, if the client offers it. By default none
  /// does. Throws option_error if a field is wrong.
  void agree_to_compression(compression_options within);

  /// Speaks TLS first on sockets accepted from now on. Throws option_error if the certificate cannot be
  /// used.
  void use_tls(const tls_server_options& how);
  /// Stops each handshake for ever, from now on, once the server has written this much: 0 never answers the
  /// client, 300 is a part of the first answer. Empty: no longer.
  void stall_tls_after(std::optional<std::size_t> written_bytes);

  /// Speaks with a new peer.
  void accept(transport stream);

  /// Returns how many sockets were accepted so far.
  [[nodiscard]] std::size_t accepted() const noexcept;
  /// Returns how many peers were upgraded so far.
  [[nodiscard]] std::size_t sessions() const noexcept;
  /// Returns whether sockets accepted from now on speak TLS.
  [[nodiscard]] bool uses_tls() const;
  /// Returns how many handshakes of TLS have succeeded so far.
  [[nodiscard]] std::size_t handshakes() const noexcept;
  /// Returns how many of those have continued an earlier session.
  [[nodiscard]] std::size_t resumptions() const noexcept;
  /// Returns how many scripts run now.
  [[nodiscard]] std::size_t open_sessions() const noexcept;

 private:
  struct implementation;
  std::shared_ptr<implementation> implementation_;  // shared with the sessions under way
};

}  // namespace holdfast::testing
