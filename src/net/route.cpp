// Asks the kernel for a route by send() and recvfrom(). The answer is ready when send() returns, so neither
// waits.
module;
#ifdef __linux__
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

module holdfast.core;

namespace holdfast {

#ifdef __linux__

namespace {

class netlink_socket {
 public:
  netlink_socket()
      : descriptor_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) {}
  netlink_socket(const netlink_socket&) = delete;
  netlink_socket& operator=(const netlink_socket&) = delete;
  ~netlink_socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  bool ask(std::string_view question) {
    return descriptor_ >= 0 &&
           ::send(descriptor_, question.data(), question.size(), 0) == static_cast<ssize_t>(question.size());
  }
  // Returns an empty span if the kernel has not answered.
  std::span<const char> answer(std::span<char> place) {
    sockaddr_nl from{};
    socklen_t from_size = sizeof from;
    const auto count = ::recvfrom(descriptor_, place.data(), place.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from), &from_size);
    if (count <= 0 || from.nl_pid != 0) return {};
    return place.first(static_cast<std::size_t>(count));
  }

 private:
  const int descriptor_;
};

}  // namespace

std::optional<route_to_peer> find_route(const net::ip::address& peer) {
  if (clock::source() != nullptr) return route_to_peer{};
  netlink_socket kernel;
  std::array<char, 8 * 1024> place{};
  if (!kernel.ask(route_request(peer))) return route_to_peer{};
  return read_route(kernel.answer(place));
}

#else

std::optional<route_to_peer> find_route(const net::ip::address&) { return route_to_peer{}; }

#endif

}  // namespace holdfast
