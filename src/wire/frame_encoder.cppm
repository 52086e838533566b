/// :frame_encoder — messages and control frames as bytes (RFC 6455 section 5), compressed where that is
/// agreed (RFC 7692). One frame for each message. Knows no socket and no session; both roles.
module;
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

export module holdfast.core:frame_encoder;

import :byte_queue;
import :compression;
import :frame;

namespace holdfast {

/// Appends one whole frame, masked if `from` is a client. Control payloads must not exceed 125 bytes.
export void encode_frame(byte_queue& to, peer_role from, opcode kind, std::string_view payload);
/// Appends one whole frame with a payload that a deflater has made (RFC 7692 section 6.1). Text and binary
/// only.
export void encode_compressed_frame(byte_queue& to, peer_role from, opcode kind, std::string_view payload);
/// Returns the payload of a close frame; `reason` is cut to what it holds, at a character. Code 1005:
/// empty.
export std::string close_payload(std::uint16_t code, std::string_view reason);

/// Encodes what one end of a WebSocket sends. The queues are the caller's: a session has one for control
/// frames and one for messages. Not thread-safe: messages must reach the wire in the order in which they were
/// compressed.
export class frame_encoder {
 public:
  /// Encodes for one end; nothing is compressed until agree().
  explicit frame_encoder(peer_role role) noexcept : role_(role) {}

  /// Compresses messages from now on. To be called once at most, before the first message.
  void agree(const agreed_compression& agreed);
  /// Returns whether messages depend on those before them, so that none may be left out.
  [[nodiscard]] bool compresses() const noexcept { return deflater_ != nullptr; }
  /// Appends a message, compressed if that is agreed and worth it.
  void message(byte_queue& to, message_kind kind, std::string_view payload);
  /// Appends a frame that is never compressed. The payload of a control frame must not exceed 125 bytes (RFC
  /// 6455 section 5.5).
  void frame(byte_queue& to, opcode kind, std::string_view payload) const;
  /// Appends a close frame. Cuts `reason` to what a close frame holds, at a character. Code 1005: the frame
  /// has no payload.
  void close(byte_queue& to, std::uint16_t code, std::string_view reason) const;
  /// Gives back memory for compression that can be had again.
  void release_memory() noexcept;

 private:
  peer_role role_;
  std::unique_ptr<deflater> deflater_;  // null: no compression is agreed
};

}  // namespace holdfast
