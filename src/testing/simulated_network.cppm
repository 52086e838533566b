/// :simulated_network — hosts, names and links in memory. What is written arrives after the link's latency,
/// in pieces if asked for; hosts refuse, swallow or answer; links break or fall silent. Names: "name" or an
/// IP literal.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

export module holdfast.testing:simulated_network;

import holdfast;
import holdfast.wire;
import :world;

namespace holdfast::testing {

/// How a host's port answers to a connect.
export enum class port_behaviour : std::uint8_t {
  accepts,   ///< the connect succeeds after a round trip
  refuses,   ///< connection_refused after a round trip
  swallows,  ///< never answers
};

/// What links made from now on are like.
export struct link_conditions {
  clock::duration latency = std::chrono::milliseconds(1);  ///< one way
  std::size_t window_bytes = 64 * 1024;         ///< under way or unread before a writer would block
  std::size_t largest_piece_bytes = 64 * 1024;  ///< a read or write moves 1 to this many bytes, at random
  clock::duration jitter{};          ///< a piece takes up to so much longer; those behind it wait for it
  std::size_t bytes_per_second = 0;  ///< in each direction; 0: as much as there is
  /// The chance, from 0 to 1, that a request for a connection or its answer is lost. It is sent again after
  /// 1 s, 2 s, 4 s and so on; after 127 s the connect fails with timed_out, as on Linux (RFC 6298 section 2).
  double syn_loss = 0;
  /// The link is reset when this many bytes have been written to it, by both sides together: in the middle of
  /// a handshake, of a frame, of whatever it is. They arrive; then both sides see connection_reset.
  std::optional<std::size_t> reset_after_bytes{};
};

/// On which way nothing arrives any more.
export enum class silenced : std::uint8_t {
  both_ways,  ///< neither side hears the other one
  to_server,  ///< the server hears nothing
  to_client,  ///< the client hears nothing
};

class simulated_link;

/// The network of a `world`: connects lead to ports that listen() has opened. A port that nobody has opened
/// refuses. Not thread-safe.
export class simulated_network final : public network,
                                       public std::enable_shared_from_this<simulated_network> {
 public:
  /// Gets the server's end of each new link.
  using on_accept = std::function<void(transport)>;

  /// Belongs to a world, which makes one; `time` and `random` must outlive it.
  simulated_network(net::any_io_executor executor, virtual_time& time, random_source& random);
  ~simulated_network() override;

  /// Adds a name that leads to these addresses, after `delay`.
  void add_name(std::string name, std::vector<net::ip::address> addresses, clock::duration delay = {});
  /// Makes the look-up of `name` fail from now on, or never end (`ec` empty).
  void break_name(const std::string& name, error_code ec);
  /// Opens a port, or gives an open one another `handler`, which is called on the executor.
  void listen(peer_address at, on_accept handler);
  /// Sets how a port answers from now on, whether it is open yet or not.
  void behave(const peer_address& at, port_behaviour how);

  /// What links made from now on are like. Change it at any time.
  link_conditions conditions{};

  /// Resets all links: both sides see connection_reset.
  void reset_links();
  /// Silences the links that exist now: nothing that is written arrives any more, one way or both, and both
  /// sides stay open (half-open).
  void silence_links(silenced which = silenced::both_ways);

  /// Returns how many connects have reached a port.
  [[nodiscard]] std::size_t connect_count() const noexcept { return connects_; }
  /// Returns how many links a client holds open now.
  [[nodiscard]] std::size_t open_links() const;
  /// Returns the most links that were in use at the same time: open, and written to by a client. (Happy
  /// Eyeballs opens some that it closes without a word.)
  [[nodiscard]] std::size_t most_open_links() const noexcept { return most_open_; }

  /// Returns what add_name() has said, after its delay. Fails with host_not_found for other names, and as
  /// break_name() has said.
  net::awaitable<result<std::vector<peer_address>>> resolve(std::string host, std::uint16_t port) override;
  /// Returns the client's end of a new link after a round trip. Fails with connection_refused or timed_out,
  /// as the port and the link are; a port that swallows never answers.
  net::awaitable<result<transport>> connect(peer_address peer) override;

  /// Breaks what still holds the parts of the network together. The world calls it at its end.
  void shut_down();

 private:
  struct name_entry {
    std::vector<net::ip::address> addresses{};
    clock::duration delay{};
    error_code failure{};
    bool never_ends = false;
  };
  struct port_entry {
    peer_address at;
    on_accept handler{};
    port_behaviour behaviour = port_behaviour::accepts;
  };
  port_entry* find(const peer_address& at);
  [[nodiscard]] clock::duration time_to_connect(const link_conditions& how);
  void count_links_in_use();

  const net::any_io_executor executor_;
  virtual_time& time_;
  random_source& random_;
  std::map<std::string, name_entry> names_;
  std::vector<port_entry> ports_;
  std::vector<std::weak_ptr<simulated_link>> links_;
  std::size_t connects_ = 0;
  std::size_t most_open_ = 0;
};

}  // namespace holdfast::testing
