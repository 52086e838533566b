// Encoding: one frame per message, masked (at a client) while it is copied to the end of the output.
module;
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

import :masking;

namespace holdfast {
namespace {

constexpr std::size_t max_close_reason = 123;             // RFC 6455 section 5.5.1: 125 minus the code
constexpr std::size_t keep_compressed_bytes = 64 * 1024;  // kept by a thread for its next message

// `bits`: the first byte without FIN.
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

void encode_frame(byte_queue& to, peer_role from, opcode kind, std::string_view payload) {
  encode(to, from, static_cast<unsigned>(kind), payload);
}

void encode_compressed_frame(byte_queue& to, peer_role from, opcode kind, std::string_view payload) {
  encode(to, from, static_cast<unsigned>(kind) | compressed_bit, payload);
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  if (code == close_codes::no_status) return {};
  std::string payload{static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
  payload.append(cut_at_character(reason, max_close_reason));
  return payload;
}

void frame_encoder::agree(const agreed_compression& agreed) {
  deflater_ = std::make_unique<deflater>(role_ == peer_role::client ? agreed.client : agreed.server,
                                         agreed.level, agreed.minimum_bytes);
}

void frame_encoder::message(byte_queue& to, message_kind kind, std::string_view payload) {
  const auto code = kind == message_kind::text ? opcode::text : opcode::binary;
  if (!deflater_ || !deflater_->wants(payload.size())) return encode_frame(to, role_, code, payload);
  thread_local std::string compressed;
  deflater_->compress(payload, compressed);
  encode_compressed_frame(to, role_, code, compressed);
  if (compressed.capacity() > keep_compressed_bytes) std::string().swap(compressed);
}

void frame_encoder::frame(byte_queue& to, opcode kind, std::string_view payload) const {
  encode_frame(to, role_, kind, payload);
}

void frame_encoder::close(byte_queue& to, std::uint16_t code, std::string_view reason) const {
  frame(to, opcode::close, close_payload(code, reason));
}

void frame_encoder::release_memory() noexcept {
  if (deflater_) deflater_->release();
}

}  // namespace holdfast
