// :dial_memory — what one attempt leaves for the next ones to the same host. Values only.
// Names are never remembered: every attempt resolves afresh (R10).
module;
#include <boost/asio/ip/address.hpp>
#include <optional>

module holdfast:dial_memory;

import :network;

namespace holdfast {

// On the strand of the actor; shared by the actor and its attempts, because an abandoned one may outlive it.
// An abandoned attempt must not write here: the next one is already under way.
struct dial_memory {
  // The address of the last attempt that became a session; empty once it fails behind the connect, or on
  // another network (RFC 8305 section 4).
  std::optional<endpoint> last_good{};
};

}  // namespace holdfast
