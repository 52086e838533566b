/// :netlink — what the Linux kernel tells of links, addresses and routes (rtnetlink(7)), and whether it
/// matters to a connection. Pure: bytes in, a verdict out. Knows no socket; on other systems it has nothing
/// to say.
module;
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>

export module holdfast:netlink;

namespace holdfast {

/// What a datagram says.
export struct netlink_news {
  bool changed = false;     ///< a link, address or route came, went, or became (un)usable
  bool list_ended = false;  ///< the answer to a `netlink_request` is complete, or was refused
};

/// What the kernel can be asked to list.
export enum class netlink_list : std::uint8_t { links, addresses };

/// The datagram that asks for a list; the kernel makes one at a time for a socket.
export std::string netlink_request(netlink_list what);

/// Tells changes from noise. The kernel repeats itself (an address whose lifetime is renewed, a link whose
/// statistics or MTU changed), so what is known is remembered; feed the lists first to know what is there.
/// Anything may be fed: what is cut off or no netlink is passed over. Not thread-safe.
export class netlink_reader {
 public:
  /// One datagram as it came from the kernel.
  netlink_news read(std::span<const char> datagram);

 private:
  bool heard_link(bool gone, std::span<const char> body);
  bool heard_address(bool gone, std::span<const char> body);

  std::map<int, unsigned> links_;    // by index: which of the flags that matter are set
  std::set<std::string> addresses_;  // the usable ones, each with its link
};

}  // namespace holdfast
