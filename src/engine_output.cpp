// Encoding: one frame per message, masked while it is copied behind what already waits.
module;
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

module holdfast;

import :masking;

namespace holdfast {
namespace {

constexpr std::size_t keep_bytes = 1 << 20;    // the default outbound limit: a steady flood reuses its memory
constexpr std::size_t smallest_bytes = 128;    // enough for a ping, which is all that an idle one sends
constexpr std::size_t max_close_reason = 123;  // RFC 6455 section 5.5.1: 125 less the code
constexpr unsigned compressed_bit = 0x40;      // RSV1 (RFC 7692 section 6)

// `bits`: the first byte but FIN.
void encode(byte_queue& to, peer_role from, unsigned bits, std::string_view payload) {
  const auto length = payload.size();
  const std::size_t length_bytes = length > 0xFFFF ? 8 : length > 125 ? 2 : 0;
  const bool masked = from == peer_role::client;
  char* out = to.append(2 + length_bytes + (masked ? 4 : 0) + length);
  const auto put = [&](std::uint64_t value) { *out++ = static_cast<char>(value & 0xFFU); };
  put(0x80U | bits);
  put((masked ? 0x80U : 0U) | (length_bytes == 8 ? 127U : length_bytes == 2 ? 126U : length));
  for (std::size_t i = length_bytes; i-- > 0;) put(static_cast<std::uint64_t>(length) >> (8 * i));
  if (!masked) {
    if (length != 0) std::memcpy(out, payload.data(), length);
    return;
  }
  const auto mask = next_mask();
  std::memcpy(out, &mask, 4);
  apply_mask(out + 4, payload.data(), length, mask);
}

}  // namespace

char* byte_queue::append(std::size_t count) {
  if (capacity_ - end_ < count) {
    const auto content = size();
    const auto wanted = std::max({content + count, 2 * content, smallest_bytes});
    if (wanted > capacity_ || begin_ < content) {
      auto grown = std::make_unique_for_overwrite<char[]>(wanted);
      if (content != 0) std::memcpy(grown.get(), data_.get() + begin_, content);
      data_ = std::move(grown);
      capacity_ = wanted;
    } else {
      std::memmove(data_.get(), data_.get() + begin_, content);
    }
    begin_ = 0;
    end_ = content;
  }
  char* const place = data_.get() + end_;
  end_ += count;
  return place;
}

void byte_queue::append(std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(append(bytes.size()), bytes.data(), bytes.size());
}

void byte_queue::consume(std::size_t count) noexcept {
  begin_ += std::min(count, size());
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (capacity_ > keep_bytes) release();
}

void byte_queue::release() noexcept {
  if (!empty()) return;
  data_.reset();
  begin_ = end_ = capacity_ = 0;
}

void engine::write_message(message_kind kind, std::string_view payload) {
  const auto code = kind == message_kind::text ? opcode::text : opcode::binary;
  if (!compression_ || !compression_->out.wants(payload.size())) {
    return encode_frame(output_, role_, code, payload);
  }
  std::string compressed;
  compression_->out.compress(payload, compressed);
  encode_compressed_frame(output_, role_, code, compressed);
}

void encode_frame(byte_queue& to, peer_role from, opcode kind, std::string_view payload) {
  encode(to, from, static_cast<unsigned>(kind), payload);
}

void encode_compressed_frame(byte_queue& to, peer_role from, opcode kind, std::string_view payload) {
  encode(to, from, static_cast<unsigned>(kind) | compressed_bit, payload);
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  if (code == 1005) return {};
  auto cut = std::min(reason.size(), max_close_reason);
  while (cut != 0 && cut < reason.size() && (static_cast<unsigned char>(reason[cut]) & 0xC0U) == 0x80U) --cut;
  std::string payload{static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
  payload.append(reason.substr(0, cut));
  return payload;
}

}  // namespace holdfast
