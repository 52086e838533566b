module;
#include <unistd.h>

#include <array>
#include <cstdint>
#include <stdexcept>

module holdfast.core;

import :masking;

namespace holdfast {

// From the system: OpenSSL would give them too, but is set up with the first, and a program that speaks ws://
// alone would start with 8 million instructions more.
std::uint32_t next_mask() {
  thread_local std::array<std::uint32_t, 64> pool;  // 256 bytes, the most that getentropy() gives at a time
  thread_local std::size_t left = 0;
  if (left == 0) {
    if (::getentropy(pool.data(), sizeof pool) != 0)
      throw std::runtime_error("the system provides no random bytes for WebSocket masks");
    left = pool.size();
  }
  return pool[--left];
}

}  // namespace holdfast
