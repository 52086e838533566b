/// :addresses — in which order the addresses of a host are tried (Happy Eyeballs, RFC 8305 section 4), and
/// which of them have shown that they lead nowhere although they take a connection. Pure: lists and reasons
/// in, a list out. Knows neither who resolved the addresses nor how they are connected to.
module;
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

export module holdfast.core:addresses;

import :network;
import :state;

namespace holdfast {

/// Returns the order in which to try `resolved`, which is in the order of the resolver (on most systems
/// that of RFC 6724). The family of the first address begins, then the families alternate; what is left of
/// the longer one follows. Within a family the resolver's order is kept. `last_good` comes first if it is
/// still among them; an address that is there twice is tried once. Thread-safe.
export std::vector<peer_address> interleave(std::vector<peer_address> resolved,
                                            const std::optional<peer_address>& last_good);

/// What one attempt has found out about the addresses of a name: of the last one, if a redirect has led it
/// from one name to another.
export struct address_trial {
  std::uint64_t network = 0;  ///< `address_book::network()` when the attempt took its order from there
  std::vector<peer_address> resolved{};   ///< all addresses of the name, each once
  std::vector<peer_address> begun{};      ///< those of them to which a connect was begun
  std::optional<peer_address> reached{};  ///< the one that took the connection, if one did
};

/// Returns whether `why`, for which an attempt failed or a session ended early, may be the fault of the
/// address that it went to: the peer hung up, stayed silent until a deadline, failed at TLS or in the
/// proxy's dialogue, or answered with a status of 500 or more, or with what is no answer. False for what
/// another address would answer as well (3xx, 4xx, refused credentials), and for what the program itself
/// stopped.
export bool speaks_against_address(const change_reason& why);

/// The memory of one connection: the address that worked last, and those that took a connection and then
/// failed above TCP, which go behind the others, the oldest failure first. So the attempts go round among the
/// addresses of a name until one works. A plain value without a clock and without chance; not thread-safe.
///
/// It also knows which addresses were tried since the last stable session, so that the wait need not grow
/// before each has had its turn. It keeps `limit` addresses of each kind and forgets the oldest; when more
/// than that were tried since the last stable session, no further one counts as untried.
export class address_book {
 public:
  static constexpr std::size_t limit = 64;  ///< addresses of each kind that are remembered

  /// Returns the order for the next attempt: `interleave` for those that have not failed, then those that
  /// have. The last good one is first as long as it has not failed.
  [[nodiscard]] std::vector<peer_address> order(std::vector<peer_address> resolved) const;
  /// Returns a number that grows by one with each forget().
  [[nodiscard]] std::uint64_t network() const noexcept { return network_; }

  /// Notes an attempt that has failed and that the program did not stop. Returns true if the next attempt
  /// will come to an address of that name that was not tried since the last stable session. If none took
  /// the connection and not all were begun, those begun go behind the others too, so that the next attempt
  /// begins with the rest.
  bool attempt_failed(const address_trial& trial, const change_reason& why);
  /// Notes that an attempt has become the present session.
  void session_opened(address_trial trial);
  /// Notes that the present session has ended. If it was `stable`, the failures of its address are
  /// forgotten, and no address counts as tried any more. Else its address goes behind the others if `why`
  /// speaks against it. Returns what attempt_failed() returns.
  bool session_ended(const change_reason& why, bool stable);
  /// Forgets all, as on another network (RFC 8305 section 4).
  void forget();

 private:
  void put_behind(const peer_address& failed);
  void remember_tried(const std::vector<peer_address>& begun);
  void worked(const std::optional<peer_address>& reached);
  [[nodiscard]] bool is_tried(const peer_address& one) const;
  [[nodiscard]] bool comes_to_untried(const address_trial& trial) const;

  std::vector<peer_address> failed_;  // the oldest failure first
  std::vector<peer_address> tried_;   // since the last stable session
  bool tried_too_many_ = false;       // to know them all
  std::optional<peer_address> last_good_;
  bool last_good_is_tried_ = false;  // it may stand in tried_, too
  // How the present one was reached; null for the only address of a name, which is the last good one. Shared
  // by copies.
  std::shared_ptr<const address_trial> session_;
  std::uint64_t network_ = 0;
};

}  // namespace holdfast
