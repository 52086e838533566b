module;
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <stdexcept>

module holdfast.core;

import :masking;

namespace holdfast {

std::uint32_t next_mask() {
  thread_local std::array<std::uint32_t, 256> pool;
  thread_local std::size_t left = 0;
  if (left == 0) {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(pool.data()), static_cast<int>(sizeof pool)) != 1) {
      throw std::runtime_error("OpenSSL provides no random bytes for WebSocket masks");
    }
    left = pool.size();
  }
  return pool[--left];
}

}  // namespace holdfast
