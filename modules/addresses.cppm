/// :addresses — in which order the addresses of a host are tried (Happy Eyeballs, RFC 8305 section 4). Pure:
/// a list in, a list out. Knows neither who resolved them nor how they are connected to.
module;
#include <boost/asio/ip/address.hpp>
#include <optional>
#include <vector>

export module holdfast:addresses;

import :network;

namespace holdfast {

/// The order in which to try `resolved`, which is in the order of the resolver (on most systems that of
/// RFC 6724). The family of the first address begins, then the families alternate; what is left of the longer
/// one follows. Within a family the resolver's order is kept. `last_good` comes first if it is still among
/// them; an address that is there twice is tried once. Thread-safe.
export std::vector<endpoint> interleave(std::vector<endpoint> resolved,
                                        const std::optional<endpoint>& last_good);

}  // namespace holdfast
