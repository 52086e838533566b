/// :netlink — what the Linux kernel tells of links, addresses and routes (rtnetlink(7)), and whether it
/// matters to a connection. Pure: bytes in, a verdict out. Knows no socket; on other systems it has nothing
/// to say.
module;
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>

export module holdfast.core:netlink;

namespace holdfast {

namespace net = boost::asio;

/// What has changed in the network of this machine.
export struct network_news {
  std::set<int> interfaces{};  ///< by index: came, went, became (un)usable, or got or lost an address
  bool routes = false;         ///< some came or went
  bool unknown = false;        ///< more came than could be kept: anything may have changed

  /// Returns whether nothing has changed.
  [[nodiscard]] bool empty() const noexcept { return interfaces.empty() && !routes && !unknown; }
  /// Adds what `more` has.
  void add(const network_news& more);
  bool operator==(const network_news&) const = default;
};

/// The way on which packets leave for a peer.
export struct route_to_peer {
  int interface_index = 0;     ///< its index; 0: the kernel could not be asked
  net::ip::address source{};   ///< of this machine; unspecified: not told
  net::ip::address gateway{};  ///< unspecified: the peer is on the same link, or is this machine
  bool operator==(const route_to_peer&) const = default;
};

/// Returns whether a connection to a peer, or an attempt to reach it, has reason to look again. That is so
/// if the peer's route is another one than before (empty: none), or is not known, or if the interface that
/// carries it is among those that changed. All else is the business of others: a container's veth, a
/// bridge, a tunnel.
export bool concerns(const network_news& news, const std::optional<route_to_peer>& before,
                     const std::optional<route_to_peer>& now);

/// Returns the datagram that asks for the route to `peer`.
export std::string route_request(const net::ip::address& peer);
/// Reads the kernel's answer. Empty: there is no route. What is no answer leaves the route unknown.
export std::optional<route_to_peer> read_route(std::span<const char> datagram);

/// What a datagram says.
export struct netlink_news {
  bool changed = false;     ///< a link, address or route came, went, or became (un)usable
  bool list_ended = false;  ///< the answer to a `netlink_request` is complete, or was refused
  network_news what{};      ///< which; not empty if `changed`
};

/// What the kernel can be asked to list.
export enum class netlink_list : std::uint8_t {
  links,      ///< the interfaces
  addresses,  ///< the addresses of this machine
};

/// Returns the datagram that asks for a list; the kernel makes one at a time for a socket.
export std::string netlink_request(netlink_list what);

/// Tells changes from noise. The kernel repeats itself (an address whose lifetime is renewed, a link whose
/// statistics or MTU changed), so what is known is remembered; feed the lists first to know what is there.
/// Anything may be fed: what is cut off or no netlink is passed over. Not thread-safe.
export class netlink_reader {
 public:
  /// Reads one datagram as it came from the kernel.
  netlink_news read(std::span<const char> datagram);

 private:
  network_news heard(std::uint16_t type, std::span<const char> body);
  std::optional<int> heard_link(bool gone, std::span<const char> body);
  std::optional<int> heard_address(bool gone, std::span<const char> body);

  std::map<int, unsigned> links_;    // by index: which of the flags that matter are set
  std::set<std::string> addresses_;  // the usable ones, each with its link
};

}  // namespace holdfast
