// Orders the addresses: puts the last good one first, drops duplicates, and interleaves the two families.
module;
#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

module holdfast.core;

namespace holdfast {

std::vector<peer_address> interleave(std::vector<peer_address> resolved,
                                     const std::optional<peer_address>& last_good) {
  if (last_good) {
    const auto found = std::ranges::find(resolved, *last_good);
    if (found != resolved.end()) std::rotate(resolved.begin(), found, found + 1);
  }
  std::set<std::pair<net::ip::address, std::uint16_t>> seen;
  std::vector<peer_address> of_first_family;
  std::vector<peer_address> of_other_family;
  for (const auto& each : resolved) {
    if (!seen.emplace(each.address, each.port).second) continue;
    const bool as_the_first = each.address.is_v6() == resolved.front().address.is_v6();
    (as_the_first ? of_first_family : of_other_family).push_back(each);
  }
  std::vector<peer_address> ordered;
  for (std::size_t i = 0; i < std::max(of_first_family.size(), of_other_family.size()); ++i) {
    if (i < of_first_family.size()) ordered.push_back(of_first_family[i]);
    if (i < of_other_family.size()) ordered.push_back(of_other_family[i]);
  }
  return ordered;
}

}  // namespace holdfast
