/// :compression — permessage-deflate (RFC 7692) without I/O: what is offered, what was agreed, and messages
/// made smaller and whole again. Knows no frames and no session. Both roles, so that a test server agrees
/// through the same code.
module;
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

export module holdfast.core:compression;

import :error;

namespace holdfast {

/// Whether and how messages are compressed; off unless asked for, and only if the server agrees.
///
/// Memory: what compresses takes 2^(window bits + 2) bytes, as much again for symbols (16 KiB at most), and
/// 6 KiB, from the first message on: 150 KiB for 15 bits, 38 KiB for 12, 10 KiB for 9. What inflates takes 7
/// KiB and its window, 39 KiB for 15 bits. With context takeover the connection keeps them; without, it gives
/// them back when it is idle.
///
/// Secrets: the length of a compressed message tells how much of it repeats itself or, with context takeover,
/// what was sent before. Who can have text of his choice sent beside a secret, and sees the lengths (TLS does
/// not hide them), can guess the secret bit by bit, as CRIME and BREACH did. Leave compression off where both
/// share a connection. `client_no_context_takeover` helps only if they never share a message.
export struct compression_options {
  bool enabled = false;  ///< offered to the server, which may decline
  int level = 3;         ///< of our messages: 1 (fast) to 9 (small)
  bool client_no_context_takeover =
      false;  ///< ours: each is compressed by itself; larger, but needs no memory between
  bool server_no_context_takeover = false;  ///< the same is demanded of the server
  int client_max_window_bits = 15;  ///< our messages repeat only what is at most 2^this bytes back: 9 to 15
  int server_max_window_bits = 15;  ///< the same is demanded of the server
  std::size_t minimum_bytes = 128;  ///< smaller messages are sent as they are
};

/// Throws option_error, which names the first wrong field ("compression.level"). Does no I/O.
export void validate(const compression_options& given);

/// How one side compresses.
export struct compression_direction {
  int window_bits = 15;          ///< 8 to 15
  bool context_takeover = true;  ///< a message may repeat those before it
  bool operator==(const compression_direction&) const = default;
};

/// What holds for one session.
export struct agreed_compression {
  compression_direction client{};  ///< what the client sends
  compression_direction server{};  ///< what the server sends
  int level = 3;                   ///< of our own messages, as are the minimum_bytes
  /// Our own messages that are smaller are sent as they are.
  std::size_t minimum_bytes = 128;
  bool operator==(const agreed_compression&) const = default;
};

/// Returns the client's Sec-WebSocket-Extensions; empty if compression is not enabled.
export std::string offer(const compression_options& given);

/// Returns what the server has made of that offer; empty if it declined. Fails with error::upgrade_invalid
/// if its answer is no answer to the offer (RFC 7692 section 7.1): another extension, a parameter that is
/// unknown, doubled or out of range, or a demand of ours that it does not meet. Several header fields:
/// joined by commas.
export result<std::optional<agreed_compression>> read_agreement(const compression_options& offered,
                                                                std::string_view answer);

/// What a server answers, and what holds then.
export struct accepted_offer {
  std::string answer{};         ///< its Sec-WebSocket-Extensions
  agreed_compression agreed{};  ///< what both sides may use in this session
};

/// Takes the first offer that a server can meet, and passes over other extensions and offers that are
/// malformed. Empty: none, or `given` does not enable compression.
export std::optional<accepted_offer> accept_offer(const compression_options& given, std::string_view offers);

/// Makes the payloads of one side's messages (RFC 7692 section 7.2.1). With context takeover the peer must
/// get every one of them, in order: what was compressed and not sent makes the rest unreadable. Not
/// thread-safe.
export class deflater {
 public:
  /// Has no memory until the first message.
  explicit deflater(compression_direction how, int level = 3, std::size_t minimum_bytes = 0);
  ~deflater();
  /// Takes over the other one, which may then only be assigned to or destroyed.
  deflater(deflater&&) noexcept;
  deflater& operator=(deflater&&) noexcept;

  /// Returns whether a message of this size is to be compressed; if not, send it as it is. Always false
  /// with a window of 8 bits, which zlib cannot do.
  [[nodiscard]] bool wants(std::size_t message_bytes) const noexcept {
    return message_bytes >= minimum_bytes_;
  }
  /// Replaces `payload`. Throws std::bad_alloc.
  void compress(std::string_view message, std::string& payload);
  /// Gives back its memory, unless there is a context to be kept.
  void release() noexcept;

 private:
  struct state;
  compression_direction how_;
  int level_;
  std::size_t minimum_bytes_;
  std::unique_ptr<state> state_;
};

/// Makes messages of payloads (RFC 7692 section 7.2.2), which may come in pieces. After an error it is not to
/// be used again. Not thread-safe.
export class inflater {
 public:
  /// Has no memory until the first message. No message may be larger than `limit_bytes`.
  inflater(compression_direction how, std::size_t limit_bytes);
  ~inflater();
  /// Takes over the other one, which may then only be assigned to or destroyed.
  inflater(inflater&&) noexcept;
  inflater& operator=(inflater&&) noexcept;

  /// Appends to `message` what the next piece of its payload yields: what it holds never exceeds the limit,
  /// and it reserves no more than twice what has come. error::message_too_big as soon as there is more,
  /// error::protocol_violation for what is not DEFLATE; `message` then holds what came before that. Throws
  /// std::bad_alloc.
  error_code feed(std::string_view piece, std::string& message);
  /// Ends the payload, and with it the message. Errors as for feed().
  error_code finish(std::string& message);
  /// Gives back its memory, unless there is a context to be kept or a message has begun.
  void release() noexcept;

 private:
  struct state;
  error_code run(std::string_view input, std::string& message, int flush);

  compression_direction how_;
  std::size_t limit_;
  bool inside_message_ = false;
  bool ended_ = false;  // the last block was marked as final, and nothing has come behind it
  std::unique_ptr<state> state_;
};

}  // namespace holdfast
