// Raw WebSocket frames, legal or not, byte by byte (RFC 6455 section 5.2). For tests only; must not know the
// library, so that a mistake there is not repeated here.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace frames {

inline constexpr unsigned continuation = 0x0;
inline constexpr unsigned text = 0x1;
inline constexpr unsigned binary = 0x2;
inline constexpr unsigned close = 0x8;
inline constexpr unsigned ping = 0x9;
inline constexpr unsigned pong = 0xA;

struct frame {
  unsigned opcode = text;
  std::string payload = {};
  bool final = true;
  bool masked = true;
  unsigned reserved_bits = 0;                              // RSV1 is 4, RSV2 is 2, RSV3 is 1
  std::optional<std::size_t> length_bytes = std::nullopt;  // 0, 2 or 8; empty: as short as possible
  std::optional<std::uint64_t> promised = std::nullopt;    // length in the header; empty: the true one
};

inline std::string bytes(const frame& from) {
  const std::uint64_t length = from.promised.value_or(from.payload.size());
  const std::size_t length_bytes = from.length_bytes.value_or(length > 0xFFFF ? 8 : length > 125 ? 2 : 0);
  const std::uint64_t short_length = length_bytes == 8 ? 127 : length_bytes == 2 ? 126 : length;
  std::string out;
  const auto put = [&](std::uint64_t value) { out += static_cast<char>(value & 0xFFU); };
  put((from.final ? 0x80U : 0U) | from.reserved_bits << 4U | from.opcode);
  put((from.masked ? 0x80U : 0U) | short_length);
  for (std::size_t i = length_bytes; i-- > 0;) put(length >> (8 * i));
  if (!from.masked) return out + from.payload;
  const std::string_view mask = "\x37\xFA\x21\x3D";  // the one of RFC 6455 section 5.7
  out += mask;
  for (std::size_t i = 0; i < from.payload.size(); ++i) {
    out += static_cast<char>(from.payload[i] ^ mask[i % mask.size()]);
  }
  return out;
}

inline std::string close_payload(unsigned code, std::string_view reason = {}) {
  std::string out{static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
  return out.append(reason);
}

// Bytes of every value, the same for the same size.
inline std::string some_binary(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>((i * 131 + size) & 0xFFU);
  return out;
}

inline std::string some_text(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + (i * 7 + size) % 26);
  return out;
}

}  // namespace frames
