// :route — whether news of the network is news for one connection: the addresses that it dialled last, and
// the routes that led there. Knows no socket and no state.
module;
#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

module holdfast.core:route;

import :netlink;
import :network;
import :network_watcher;

namespace holdfast {

// A value: an attempt has one, the session that it leads to takes it over, for its peer only. Before anything
// was dialled every news concerns it, because nobody knows which way the name server is.
class peer_routes {
 public:
  using find_function = std::optional<route_to_peer> (*)(const net::ip::address&);

  // With more addresses than this the rest is passed over.
  static constexpr std::size_t most_peers = 8;

  explicit peer_routes(find_function find = find_route) : find_(find) {}

  // Takes the place of what was dialled before. A few system calls for each peer.
  void dialled(std::span<const peer_address> peers) {
    peers_.clear();
    for (const auto& each : peers.first(std::min(peers.size(), most_peers)))
      peers_.push_back({each.address, find_(each.address)});
  }
  // One of them was taken: the others do not matter any more. Its route is that of the moment of the dial.
  void settled(const peer_address& peer) {
    std::erase_if(peers_, [&peer](const known& each) { return each.address != peer.address; });
    if (peers_.empty()) dialled({&peer, 1});
  }
  // True if `news` concerns one of the peers. The routes of now are those to compare with from here on.
  [[nodiscard]] bool concerned_by(const network_news& news) {
    bool concerned = peers_.empty();
    for (auto& [address, route] : peers_) {
      auto now = find_(address);
      concerned = concerns(news, route, now) || concerned;
      route = std::move(now);
    }
    return concerned;
  }

 private:
  struct known {
    net::ip::address address;
    std::optional<route_to_peer> route;
  };

  find_function find_;
  std::vector<known> peers_;
};

}  // namespace holdfast
