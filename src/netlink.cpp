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
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

module holdfast;

namespace holdfast {

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

// Splits off the next message or attribute: its header says how long it is, the header included.
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

// A look at one address: which it is, and whether it can be used (duplicate address detection has passed it).
struct address_facts {
  std::string key{};
  bool usable = false;
};

std::optional<address_facts> parse_address(bytes body) {
  const auto head = front<ifaddrmsg>(body);
  if (!head) return std::nullopt;
  address_facts out;
  std::uint32_t flags = head->ifa_flags;
  out.key = std::to_string(head->ifa_index) + '/' + std::to_string(head->ifa_prefixlen);
  auto rest = without_front(body, padded(sizeof *head));
  while (const auto attribute = next_part<rtattr, &rtattr::rta_len>(rest)) {
    const auto& [header, value] = *attribute;
    if (header.rta_type == IFA_LOCAL || header.rta_type == IFA_ADDRESS) {
      out.key.append(1, static_cast<char>(header.rta_type)).append(value.begin(), value.end());
    } else if (header.rta_type == IFA_FLAGS) {  // the same with room for more
      flags = front<std::uint32_t>(value).value_or(flags);
    }
  }
  out.usable = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
  return out;
}

// Routes of other tables serve others: the local one repeats the addresses, and clones are a cache.
bool is_route_that_matters(bytes body) {
  const auto head = front<rtmsg>(body);
  return head && (head->rtm_family == AF_INET || head->rtm_family == AF_INET6) &&
         head->rtm_table == RT_TABLE_MAIN && (head->rtm_flags & RTM_F_CLONED) == 0;
}

}  // namespace

netlink_news netlink_reader::read(bytes datagram) {
  netlink_news out;
  while (const auto message = next_part<nlmsghdr, &nlmsghdr::nlmsg_len>(datagram)) {
    const auto& [header, body] = *message;
    bool changed = false;
    switch (header.nlmsg_type) {
      case NLMSG_DONE:
      case NLMSG_ERROR:
        out.list_ended = true;
        break;
      case RTM_NEWLINK:
      case RTM_DELLINK:
        changed = heard_link(header.nlmsg_type == RTM_DELLINK, body);
        break;
      case RTM_NEWADDR:
      case RTM_DELADDR:
        changed = heard_address(header.nlmsg_type == RTM_DELADDR, body);
        break;
      case RTM_NEWROUTE:
      case RTM_DELROUTE:
        changed = is_route_that_matters(body);
        break;
      default:
        break;
    }
    // An item of a list is not news.
    if ((header.nlmsg_flags & NLM_F_MULTI) == 0) out.changed = out.changed || changed;
  }
  return out;
}

// `ifi_change` does not help: the kernel leaves it empty when a carrier comes or goes.
bool netlink_reader::heard_link(bool gone, bytes body) {
  const auto head = front<ifinfomsg>(body);
  if (!head || head->ifi_family != AF_UNSPEC) return false;  // of a bridge: its port, not the link
  if (gone) {
    links_.erase(head->ifi_index);
    return true;
  }
  const unsigned flags = head->ifi_flags & static_cast<unsigned>(IFF_UP | IFF_RUNNING);
  return std::exchange(links_[head->ifi_index], flags) != flags;
}

bool netlink_reader::heard_address(bool gone, bytes body) {
  auto heard = parse_address(body);
  if (!heard) return false;
  if (!gone && heard->usable) return addresses_.insert(std::move(heard->key)).second;
  const bool was_usable = addresses_.erase(heard->key) != 0;
  return was_usable || (gone && heard->usable);
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

#else

netlink_news netlink_reader::read(std::span<const char>) { return {}; }
std::string netlink_request(netlink_list) { return {}; }

#endif

}  // namespace holdfast
