/// :engine — web-socket frames without I/O (RFC 6455 section 5): bytes in, messages out, and back.
/// Knows no socket, no clock and no session. Both roles, so that a test server speaks through the same code.
module;
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

export module holdfast:engine;

import :compression;
import :error;
import :message;

namespace holdfast {

/// Bytes waiting to be written. Grows without filling. Empty, it keeps up to 1 MiB for what comes next, until
/// `release`.
export class byte_queue {
 public:
  /// Room for `count` more bytes at the end, uninitialised; they count as content at once.
  char* append(std::size_t count);
  void append(std::string_view bytes);
  void consume(std::size_t count) noexcept;
  /// Gives the memory back if it is empty.
  void release() noexcept;
  /// Forgets all but the first `count` bytes.
  void truncate(std::size_t count) noexcept { end_ = begin_ + (count < size() ? count : size()); }
  [[nodiscard]] std::string_view view() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

export enum class peer_role : std::uint8_t { client, server };

/// RFC 6455 section 5.2; continuation frames are never sent.
export enum class opcode : std::uint8_t { text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xA };

/// Appends one whole frame, masked if `from` is a client. Control payloads must not exceed 125 bytes.
export void encode_frame(byte_queue& to, peer_role from, opcode kind, std::string_view payload);
/// The same with a payload that a deflater has made (RFC 7692 section 6.1). Text and binary only.
export void encode_compressed_frame(byte_queue& to, peer_role from, opcode kind, std::string_view payload);
/// The payload of a close frame; `reason` is cut to what it holds, at a character. Code 1005: empty.
export std::string close_payload(std::uint16_t code, std::string_view reason);

export enum class frame_event : std::uint8_t {
  none,     ///< nothing whole yet: read more
  message,  ///< a text or binary message is complete
  ping,     ///< answer with write_pong(payload)
  pong,
  close,   ///< the peer closes; nothing after it counts
  failed,  ///< the peer broke the rules: close with `close_code`; the engine takes no more input
};

export struct frame_result {
  frame_event event = frame_event::none;
  message_kind kind = message_kind::text;
  std::string_view
      payload{};  ///< message, ping, pong, reason of close; valid until the next call of the engine
  std::uint16_t close_code = 0;  ///< close: as received, 1005 if it had none. failed: what to answer with
  error_code error{};            ///< failed: why
};

/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
export bool is_valid_utf8(std::string_view text) noexcept;

/// Judges a text that comes in pieces, cut anywhere, and looks at each byte once. A value: a copy goes on by
/// itself.
export class utf8_scan {
 public:
  /// Returns false from the first byte on that no continuation can make right.
  bool feed(std::string_view piece) noexcept;
  /// Returns true if the text may end here: all of it is right, and no sequence is cut off.
  [[nodiscard]] bool complete() const noexcept { return !bad_ && missing_ == 0; }

 private:
  bool take(unsigned char byte) noexcept;

  std::uint8_t missing_ = 0;     // bytes of the sequence under way
  std::uint8_t lowest_ = 0x80;   // that the next of them may be
  std::uint8_t highest_ = 0xBF;  // the same
  bool bad_ = false;
};

/// Returns `text` with U+FFFD for each bad sequence: for as many bytes as could begin a character, or else
/// for one (Unicode section 3.9, "substitution of maximal subparts"; what a browser does). Empty if that
/// would be larger than `limit_bytes`.
std::optional<std::string> replace_bad_utf8(std::string_view text, std::size_t limit_bytes);

/// Sans-I/O codec of one open web-socket. Input: `prepare` a place, read into it, `commit`, call `next` until
/// it yields none, `park` before the place is used for something else. Output: `write_*`, send `output()`,
/// `consume`.
export class engine {
 public:
  /// `invalid_text`: what becomes of messages; the reason in a close frame must be UTF-8 in any case.
  engine(peer_role role, std::size_t message_limit_bytes, utf8_rule invalid_text = utf8_rule::strict)
      : role_(role), rule_(invalid_text), limit_(message_limit_bytes) {}
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  /// From now on, both ways: may be called once, before any message. Without it no message may be compressed.
  void agree(const agreed_compression& agreed);

  /// Where to read to: the rest of `scratch` behind what is still undecoded. Empty if `scratch` is full of
  /// that.
  std::span<char> prepare(std::span<char> scratch);
  void commit(std::size_t count) noexcept { size_ += count; }
  /// Where to read the rest of a large message to, straight into its own memory; empty: use `prepare`. Then
  /// `commit_message`, in any case, with what was read.
  std::span<char> prepare_message();
  void commit_message(std::size_t count);
  /// Gives bytes that were read elsewhere (behind the upgrade's answer).
  void feed(std::string_view bytes);
  frame_result next();
  /// Copies what is undecoded out of the scratch memory.
  void park();
  /// The message that `next` has just returned, without a copy if it was put together from pieces.
  std::string take_message(const frame_result& event);
  /// True: `take_message` would not copy.
  [[nodiscard]] bool owns(const frame_result& event) const noexcept {
    return handed_out_ && event.payload.data() == message_.data();
  }
  [[nodiscard]] bool has_undecoded() const noexcept { return size_ != 0; }
  /// Nothing has happened for a while: keeps no memory for compression that can be had again.
  void release_memory() noexcept;

  void write_message(message_kind kind, std::string_view payload);
  void write_ping(std::string_view payload) { encode_frame(output_, role_, opcode::ping, payload); }
  void write_pong(std::string_view payload) { encode_frame(output_, role_, opcode::pong, payload); }
  void write_close(std::uint16_t code, std::string_view reason) {
    encode_frame(output_, role_, opcode::close, close_payload(code, reason));
  }
  [[nodiscard]] std::string_view output() const noexcept { return output_.view(); }
  [[nodiscard]] std::size_t output_bytes() const noexcept { return output_.size(); }
  void consume(std::size_t count) noexcept { output_.consume(count); }

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

  byte_queue output_;

  struct compression {
    inflater in;
    deflater out;
  };
  std::unique_ptr<compression> compression_;
};

}  // namespace holdfast
