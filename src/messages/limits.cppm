/// :limits — how much may wait in either direction, and how large one message may be.
module;
#include <cstddef>

export module holdfast.core:limits;

namespace holdfast {

/// How much may wait, and how large things may be.
export struct limit_options {
  std::size_t inbound_messages = 32'768;  ///< waiting to be received; then the socket is no longer read
  std::size_t inbound_bytes = 1 << 20;    ///< likewise
  std::size_t outbound_messages = 1024;   ///< waiting to be written; then a new one is refused
  /// Likewise. One message that is larger is taken when nothing else waits.
  std::size_t outbound_bytes = 1 << 20;
  std::size_t message_bytes = 16 << 20;  ///< the largest message that is sent, or accepted from the peer
  std::size_t upgrade_bytes = 16 << 10;  ///< the server's answer to the upgrade, header and beginning of body
};

}  // namespace holdfast
