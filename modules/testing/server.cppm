/// :server — a web-socket server that does what a script says, well or badly. The script is a coroutine per
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
import :world;
import :simulated_network;

namespace holdfast::testing {

/// One web-socket as the server sees it. While the script waits, pings are answered and messages are
/// collected.
export class server_session : public std::enable_shared_from_this<server_session> {
 public:
  server_session(net::any_io_executor strand, transport stream, http_head request, std::string first_bytes,
                 const std::optional<agreed_compression>& compression = {});

  /// The client's upgrade request.
  [[nodiscard]] const http_head& request() const noexcept { return request_; }
  /// The next message; empty when the session has ended.
  net::awaitable<std::optional<message>> receive();
  net::awaitable<void> send(std::string_view payload, message_kind kind = message_kind::text);
  /// Bytes as they are, such as a frame that breaks the rules.
  net::awaitable<void> send_raw(std::string_view bytes);
  /// Sends back what comes, until the session ends.
  net::awaitable<void> echo();
  /// Sends back what comes, for `span` at most; false if the session has ended.
  net::awaitable<bool> echo_for(clock::duration span);
  /// Neither reads nor answers any more; returns after `span`.
  net::awaitable<void> fall_silent_for(clock::duration span);
  /// Reads nothing for `span`, so that the client's messages get stuck, and then goes on.
  net::awaitable<void> stop_reading_for(clock::duration span);
  /// Sends a close frame, and waits (at most `patience`) for the answer.
  net::awaitable<void> close(std::uint16_t code, std::string_view reason = {},
                             clock::duration patience = std::chrono::seconds(2));
  /// Drops the connection without a closing handshake.
  void drop();

  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// The client's close frame: its code, 0 if there was none.
  [[nodiscard]] std::uint16_t close_code() const noexcept { return close_code_; }
  [[nodiscard]] std::size_t ping_count() const noexcept { return pings_; }
  /// What was agreed for this session; empty: nothing may be compressed.
  [[nodiscard]] const std::optional<agreed_compression>& compression() const noexcept { return compression_; }
  /// What the client has sent since the upgrade, frames and all.
  [[nodiscard]] std::size_t received_bytes() const noexcept { return received_bytes_; }

  // For the server that made it.
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
  engine engine_;
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
  unsigned status = 503;
  header_list headers{};
  std::string body{};
};

/// Accepts peers, upgrades them (or not), and runs a script for each. Its own members may be called from any
/// thread; scripts run on a strand for each session, the gate of on_upgrade() too.
export class server {
 public:
  using script = std::function<net::awaitable<void>(server_session&)>;
  using gate = std::function<std::optional<http_answer>(const http_head&)>;

  /// All sessions echo until a script says otherwise.
  explicit server(net::any_io_executor executor);
  /// A server in `in`, at `at`.
  server(world& in, endpoint at);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// What sessions opened from now on do. When a script returns, its socket is closed.
  void on_session(script next);
  /// Sees the request before the upgrade, and may answer otherwise; empty: go on.
  void on_upgrade(gate next);
  /// Closes each socket that is accepted from now on at once, before anything is said on it.
  void close_at_once(bool close = true);
  /// Accepts sockets from now on but never answers the upgrade.
  void never_upgrade(bool never = true);
  /// Sessions from now on compress, within these bounds, if the client offers it. Default: `enabled` is
  /// false.
  void agree_to_compression(compression_options within);

  /// Sockets accepted from now on speak TLS first. Throws option_error if the certificate cannot be used.
  void use_tls(const tls_server_options& how);
  /// From now on a handshake stops for ever once the server has written this much: 0 never answers the
  /// client, 300 is a part of the first answer. Empty: no longer.
  void stall_tls_after(std::optional<std::size_t> written_bytes);

  /// Speaks with a new peer.
  void accept(transport stream);

  [[nodiscard]] std::size_t accepted() const noexcept;  ///< sockets so far
  [[nodiscard]] std::size_t sessions() const noexcept;  ///< upgrades so far
  [[nodiscard]] bool uses_tls() const;
  [[nodiscard]] std::size_t handshakes() const noexcept;  ///< of TLS that succeeded so far
  [[nodiscard]] std::size_t resumptions()
      const noexcept;  ///< those of them that continued an earlier session
  [[nodiscard]] std::size_t open_sessions() const noexcept;

 private:
  struct implementation;
  std::shared_ptr<implementation> implementation_;  // shared with the sessions under way
};

}  // namespace holdfast::testing
