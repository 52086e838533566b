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
  /// Listens on a port that the system chooses, and gives what it accepts to `behind`, which must outlive the
  /// port. Throws boost::system::system_error if there is none.
  loopback_port(net::any_io_executor executor, server& behind);
  ~loopback_port();
  /// Takes over the other one, which may then only be assigned to or destroyed.
  loopback_port(loopback_port&&) noexcept;
  loopback_port& operator=(loopback_port&&) noexcept;

  /// Returns the number of the port; it stays the same when the port is reopened.
  [[nodiscard]] std::uint16_t number() const noexcept;
  /// Returns "ws://127.0.0.1:port/", or "wss://" if the server speaks TLS.
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
