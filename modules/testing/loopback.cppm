/// :loopback — a port of 127.0.0.1 in front of a scripted server: for tests with real sockets and real time.
module;
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <string>

export module holdfast.testing:loopback;

import holdfast;
import :server;

namespace holdfast::testing {

/// Opens a free port at once. While it is shut, connects are refused. Not thread-safe.
export class loopback_port {
 public:
  loopback_port(net::any_io_executor executor, server& behind);
  ~loopback_port();
  loopback_port(loopback_port&&) noexcept;
  loopback_port& operator=(loopback_port&&) noexcept;

  [[nodiscard]] std::uint16_t number() const noexcept;
  /// "ws://127.0.0.1:port/", or "wss://" if the server speaks TLS.
  [[nodiscard]] std::string url() const;
  /// Refuses from now on; sockets that are open stay open.
  void shut();
  /// Accepts again, at the same port.
  void reopen();

 private:
  struct implementation;
  std::shared_ptr<implementation> implementation_;  // shared with the accept under way
};

}  // namespace holdfast::testing
