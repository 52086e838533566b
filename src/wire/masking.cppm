// :masking — client frames are masked (RFC 6455 section 5.3), with masks that nobody can predict.
module;
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

module holdfast.core:masking;

namespace holdfast {

// Unpredictable (getentropy), drawn in bulk per thread. Throws std::runtime_error if there is no
// entropy.
std::uint32_t next_mask();

// Copies `count` bytes and applies `mask` (its bytes in memory order) from its first byte on. In place if
// from == to.
inline void apply_mask(char* to, const char* from, std::size_t count, std::uint32_t mask) noexcept {
  const std::uint64_t wide = mask | (static_cast<std::uint64_t>(mask) << 32U);
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    std::uint64_t block = 0;
    std::memcpy(&block, from + i, 8);
    block ^= wide;
    std::memcpy(to + i, &block, 8);
  }
  char bytes[4];
  std::memcpy(bytes, &mask, 4);
  for (; i < count; ++i) to[i] = static_cast<char>(from[i] ^ bytes[i % 4]);
}

// The mask for the bytes that follow `count` masked ones.
inline std::uint32_t turned(std::uint32_t mask, std::size_t count) noexcept {
  const int bits = static_cast<int>(count % 4) * 8;
  return std::endian::native == std::endian::little ? std::rotr(mask, bits) : std::rotl(mask, bits);
}

}  // namespace holdfast
