// The messages of rtnetlink(7). A message is a header, a fixed part, and attributes, each padded to 4 bytes.
// Nothing is read in place: the bytes are copied into structures after their length has been checked.
module;
#ifdef __linux__
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#endif

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

module holdfast.core;

namespace holdfast {

void network_news::add(const network_news& more) {
  interfaces.insert(more.interfaces.begin(), more.interfaces.end());
  routes = routes || more.routes;
  unknown = unknown || more.unknown;
}

bool concerns(const network_news& news, const std::optional<route_to_peer>& before,
              const std::optional<route_to_peer>& now) {
  const auto known = [](const std::optional<route_to_peer>& route) {
    return !route || route->interface_index != 0;
  };
  if (news.unknown || !known(before) || !known(now) || before != now) return true;
  return now && news.interfaces.contains(now->interface_index);
}

#ifdef __linux__

namespace {

using bytes = std::span<const char>;

constexpr std::size_t padded(std::size_t size) { return (size + 3U) & ~std::size_t{3}; }

template <class Value>
std::optional<Value> front(bytes from) {
  Value value{};
  if (from.size() < sizeof value) return std::nullopt;
  std::memcpy(&value, from.data(), sizeof value);
  return value;
}

bytes without_front(bytes from, std::size_t count) { return from.subspan(std::min(count, from.size())); }

// Splits off the next message or attribute. Its header holds its length, the header included.
template <class Header, auto Length>
std::optional<std::pair<Header, bytes>> next_part(bytes& rest) {
  const auto header = front<Header>(rest);
  if (!header) return std::nullopt;
  const std::size_t size = (*header).*Length;
  if (size < sizeof *header || size > rest.size()) return std::nullopt;
  const auto body = rest.first(size).subspan(sizeof *header);
  rest = without_front(rest, padded(size));
  return std::pair(*header, body);
}

// One address: its key, and whether it is usable (has passed duplicate address detection).
struct address_facts {
  std::string key{};
  int interface = 0;
  bool usable = false;
};

std::optional<address_facts> parse_address(bytes body) {
  const auto head = front<ifaddrmsg>(body);
  if (!head) return std::nullopt;
  address_facts out;
  std::uint32_t flags = head->ifa_flags;
  out.interface = static_cast<int>(head->ifa_index);
  out.key = std::to_string(head->ifa_index) + '/' + std::to_string(head->ifa_prefixlen);
  auto rest = without_front(body, padded(sizeof *head));
  while (const auto attribute = next_part<rtattr, &rtattr::rta_len>(rest)) {
    const auto& [header, value] = *attribute;
    if (header.rta_type == IFA_LOCAL || header.rta_type == IFA_ADDRESS) {
      out.key.append(1, static_cast<char>(header.rta_type)).append(value.begin(), value.end());
    } else if (header.rta_type == IFA_FLAGS) {  // the same flags, with room for more
      flags = front<std::uint32_t>(value).value_or(flags);
    }
  }
  out.usable = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
  return out;
}

// Only the main table matters: the local one repeats the addresses, and clones are a cache.
bool is_route_that_matters(bytes body) {
  const auto head = front<rtmsg>(body);
  return head && (head->rtm_family == AF_INET || head->rtm_family == AF_INET6) &&
         head->rtm_table == RT_TABLE_MAIN && (head->rtm_flags & RTM_F_CLONED) == 0;
}

}  // namespace

netlink_news netlink_reader::read(std::span<const char> datagram) {
  netlink_news out;
  while (const auto message = next_part<nlmsghdr, &nlmsghdr::nlmsg_len>(datagram)) {
    const auto& [header, body] = *message;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) out.list_ended = true;
    const auto what = heard(header.nlmsg_type, body);
    // An item of a list that we requested is not news.
    if ((header.nlmsg_flags & NLM_F_MULTI) == 0) out.what.add(what);
  }
  out.changed = !out.what.empty();
  return out;
}

network_news netlink_reader::heard(std::uint16_t type, bytes body) {
  std::optional<int> interface;
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      interface = heard_link(type == RTM_DELLINK, body);
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      interface = heard_address(type == RTM_DELADDR, body);
      break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return {.routes = is_route_that_matters(body)};
    default:
      break;
  }
  return interface ? network_news{.interfaces = {*interface}} : network_news{};
}

// `ifi_change` does not help: the kernel leaves it empty when a carrier comes or goes.
std::optional<int> netlink_reader::heard_link(bool gone, bytes body) {
  const auto head = front<ifinfomsg>(body);
  if (!head || head->ifi_family != AF_UNSPEC) return std::nullopt;  // from a bridge, about its port
  if (gone) {
    links_.erase(head->ifi_index);
    return head->ifi_index;
  }
  const unsigned flags = head->ifi_flags & static_cast<unsigned>(IFF_UP | IFF_RUNNING);
  if (std::exchange(links_[head->ifi_index], flags) == flags) return std::nullopt;
  return head->ifi_index;
}

std::optional<int> netlink_reader::heard_address(bool gone, bytes body) {
  auto heard = parse_address(body);
  if (!heard) return std::nullopt;
  const bool is_there = !gone && heard->usable;
  const bool changed = is_there ? addresses_.insert(std::move(heard->key)).second
                                : addresses_.erase(heard->key) != 0 || (gone && heard->usable);
  return changed ? std::optional(heard->interface) : std::nullopt;
}

std::string netlink_request(netlink_list what) {
  struct {
    nlmsghdr head{};
    rtgenmsg family{};  // AF_UNSPEC: all
  } request;
  request.head.nlmsg_len = sizeof request.head + sizeof request.family;
  request.head.nlmsg_type = what == netlink_list::links ? RTM_GETLINK : RTM_GETADDR;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.head.nlmsg_seq = 1;
  return {reinterpret_cast<const char*>(&request), request.head.nlmsg_len};
}

namespace {

template <class Value>
void append(std::string& to, const Value& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class Bytes>
void append_attribute(std::string& to, std::uint16_t type, const Bytes& value) {
  append(to, rtattr{.rta_len = static_cast<std::uint16_t>(sizeof(rtattr) + sizeof value), .rta_type = type});
  append(to, value);  // needs no padding: all of ours fill their 4 bytes
}

// Returns the address that packets to `peer` carry: a mapped one travels as IPv4 (RFC 4291 section 2.5.5.2).
net::ip::address on_the_wire(const net::ip::address& peer) {
  if (!peer.is_v6() || !peer.to_v6().is_v4_mapped()) return peer;
  return net::ip::make_address_v4(net::ip::v4_mapped, peer.to_v6());
}

net::ip::address read_address(bytes from) {
  if (const auto v4 = front<net::ip::address_v4::bytes_type>(from); v4 && from.size() == sizeof *v4)
    return net::ip::address_v4(*v4);
  if (const auto v6 = front<net::ip::address_v6::bytes_type>(from); v6 && from.size() == sizeof *v6)
    return net::ip::address_v6(*v6);
  return {};
}

// Returns whether `code` is one of the kernel's errors for "there is no route".
bool says_no_route(int code) {
  return code == ENETUNREACH || code == EHOSTUNREACH || code == EACCES || code == EINVAL || code == ENODEV;
}

std::optional<route_to_peer> parse_route(bytes body) {
  const auto head = front<rtmsg>(body);
  if (!head) return route_to_peer{};
  if (head->rtm_type != RTN_UNICAST && head->rtm_type != RTN_LOCAL) return std::nullopt;
  route_to_peer out;
  auto rest = without_front(body, padded(sizeof *head));
  while (const auto attribute = next_part<rtattr, &rtattr::rta_len>(rest)) {
    const auto& [header, value] = *attribute;
    if (header.rta_type == RTA_OIF) out.interface_index = front<int>(value).value_or(0);
    if (header.rta_type == RTA_PREFSRC) out.source = read_address(value);
    if (header.rta_type == RTA_GATEWAY) out.gateway = read_address(value);
    if (header.rta_type == RTA_VIA)  // a gateway of the other family
      out.gateway = read_address(without_front(value, sizeof(rtvia)));
  }
  return out;
}

}  // namespace

std::string route_request(const net::ip::address& peer) {
  const auto to = on_the_wire(peer);
  rtmsg body{};
  body.rtm_family = to.is_v6() ? AF_INET6 : AF_INET;
  body.rtm_dst_len = to.is_v6() ? 128 : 32;
  std::string attributes;
  if (to.is_v6()) {
    append_attribute(attributes, RTA_DST, to.to_v6().to_bytes());
    if (const auto scope = to.to_v6().scope_id(); scope != 0)
      append_attribute(attributes, RTA_OIF, static_cast<std::uint32_t>(scope));
  } else {
    append_attribute(attributes, RTA_DST, to.to_v4().to_bytes());
  }
  nlmsghdr head{};
  head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + sizeof body + attributes.size());
  head.nlmsg_type = RTM_GETROUTE;
  head.nlmsg_flags = NLM_F_REQUEST;
  head.nlmsg_seq = 1;
  std::string out;
  append(out, head);
  append(out, body);
  return out + attributes;
}

std::optional<route_to_peer> read_route(std::span<const char> datagram) {
  while (const auto message = next_part<nlmsghdr, &nlmsghdr::nlmsg_len>(datagram)) {
    const auto& [header, body] = *message;
    if (header.nlmsg_type == RTM_NEWROUTE) return parse_route(body);
    if (header.nlmsg_type != NLMSG_ERROR) continue;
    const auto refusal = front<nlmsgerr>(body);
    if (refusal && says_no_route(-refusal->error)) return std::nullopt;
  }
  return route_to_peer{};
}

#else

netlink_news netlink_reader::read(std::span<const char>) { return {}; }
std::string netlink_request(netlink_list) { return {}; }
std::string route_request(const net::ip::address&) { return {}; }
std::optional<route_to_peer> read_route(std::span<const char>) { return route_to_peer{}; }

#endif

}  // namespace holdfast
