/// :frame_decoder — WebSocket frames without I/O (RFC 6455 section 5): bytes in, messages and control frames
/// out. Knows no socket, no clock and no session. Both roles, so that a test server reads with the same code.
module;
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

export module holdfast.core:frame_decoder;

import :compression;
import :error;
import :frame;
import :utf8;

namespace holdfast {

/// What frame_decoder::next() has found.
export enum class frame_event : std::uint8_t {
  none,     ///< nothing whole yet: read more
  message,  ///< a text or binary message is complete
  ping,     ///< answer with a pong of the same payload
  pong,     ///< the answer to a ping, with its payload
  close,    ///< the peer closes; nothing after it counts
  failed,   ///< the peer broke the rules: close with `close_code`; the decoder takes no more input
};

/// One event, and what belongs to it.
export struct frame_result {
  frame_event event = frame_event::none;   ///< what was found; it decides which of the fields below count
  message_kind kind = message_kind::text;  ///< message: its kind
  std::string_view
      payload{};  ///< message, ping, pong, reason of close; valid until the next call of the decoder
  std::uint16_t close_code = 0;  ///< close: as received, 1005 if it had none. failed: what to answer with
  error_code error{};            ///< failed: why
};

/// Decodes what one end of a WebSocket receives: `prepare` a place, read into it, `commit`, call `next` until
/// it yields none, `park` before the place is used for something else.
export class frame_decoder {
 public:
  /// Decodes for the end `role`. No message may be larger than `message_limit_bytes`. `invalid_text`
  /// decides what becomes of messages; the reason in a close frame must be UTF-8 in any case.
  frame_decoder(peer_role role, std::size_t message_limit_bytes, utf8_rule invalid_text = utf8_rule::strict)
      : role_(role), rule_(invalid_text), limit_(message_limit_bytes) {}
  frame_decoder(const frame_decoder&) = delete;
  frame_decoder& operator=(const frame_decoder&) = delete;

  /// Accepts compressed messages from now on. To be called once at most, before the first message.
  void agree(const agreed_compression& agreed);

  /// Returns where to read to: the rest of `scratch` behind what is still undecoded. Empty if `scratch` is
  /// full of that.
  std::span<char> prepare(std::span<char> scratch);
  /// Takes over `count` bytes that were read to where prepare() has pointed.
  void commit(std::size_t count) noexcept { size_ += count; }
  /// Returns where to read the rest of a large message to, straight into its own memory; empty: use
  /// prepare(). Otherwise commit_message() must follow, with what was read.
  std::span<char> prepare_message();
  /// Takes over `count` bytes, zero or more, that were read to where prepare_message() has pointed.
  void commit_message(std::size_t count);
  /// Gives bytes that were read elsewhere (behind the upgrade's answer).
  void feed(std::string_view bytes);
  /// Returns the next event; `none` if no message or control frame is whole. After `close` and `failed` it
  /// returns nothing else than `none`.
  frame_result next();
  /// Copies what is undecoded out of the scratch memory.
  void park();
  /// Returns the message that next() has just yielded, without a copy if it was put together from pieces.
  std::string take_message(const frame_result& event);
  /// Returns whether take_message() would not copy.
  [[nodiscard]] bool owns(const frame_result& event) const noexcept {
    return handed_out_ && event.payload.data() == message_.data();
  }
  /// Returns whether bytes were taken over that belong to no event yet, but for those of a message that is
  /// being put together.
  [[nodiscard]] bool has_undecoded() const noexcept { return size_ != 0; }
  /// Returns whether a part of a message has come, and its rest has not.
  [[nodiscard]] bool is_inside_message() const noexcept { return in_message_ || payload_left_ != 0; }
  /// Gives back memory for compression that can be had again. For when nothing has happened for a while.
  void release_memory() noexcept;

 private:
  struct header;
  bool parse_header(header& into);
  frame_result check(const header& frame);
  frame_result control(const header& frame);
  frame_result data(const header& frame);
  frame_result continue_payload();
  error_code inflate_payload(std::size_t count, bool last);
  void scan_text(std::size_t from);
  frame_result complete(std::string_view payload);
  frame_result complete_bad_text(std::string_view payload);
  frame_result fail(error_code why, std::uint16_t close_code);
  void skip(std::size_t count) noexcept;

  peer_role role_;
  utf8_rule rule_;
  std::size_t limit_;

  char* data_ = nullptr;  // undecoded input: in the caller's scratch memory, or in parked_
  std::size_t size_ = 0;
  std::string parked_;

  std::string message_;             // a message that arrives in pieces, or whose text was repaired
  std::uint64_t payload_left_ = 0;  // of the data frame under way
  std::uint32_t mask_ = 0;          // of that frame, turned to the next byte
  bool masked_ = false;
  bool final_ = false;          // that frame ends the message
  bool in_message_ = false;     // between the first frame of a message and its end
  std::size_t prepared_ = 0;    // bytes at the end of message_ that are not there yet
  bool frame_is_read_ = false;  // by commit_message, and next() has not seen it
  bool handed_out_ = false;     // message_ was returned by next(), and is to be cleared
  bool compressed_ = false;     // the message in message_
  message_kind kind_ = message_kind::text;
  utf8_scan text_;                 // of the message in message_, if it is text
  bool bad_text_ = false;          // the message under way is text, and not UTF-8
  bool over_ = false;              // a close frame came, or the peer failed
  unsigned reserved_bits_ = 0x70;  // of the first frame of a message; without RSV1 if compression is agreed

  std::unique_ptr<inflater> inflater_;  // null: no compression is agreed
};

}  // namespace holdfast
