/// :send_buffer — what a session has still to write, as bytes: control frames, messages, and the close frame
/// behind them. Pure: no socket, no lock, no clock. Knows neither operations nor acknowledgements.
module;
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

export module holdfast.core:send_buffer;

import :byte_queue;
import :compression;
import :frame;
import :frame_encoder;

namespace holdfast {

/// The frames that a client has still to write in one session. Control frames leave first, but never between
/// the bytes of a message. Nothing is kept for a message of one frame besides its bytes: its header says
/// where it ends. Not thread-safe.
export class send_buffer {
 public:
  /// Names the queue that bytes of next() come from.
  enum class queue : std::uint8_t {
    control,   ///< frames that leave ahead of messages, and the close frame
    messages,  ///< messages, in the order in which they were added
  };
  /// Bytes to be written next.
  struct chunk {
    queue from = queue::messages;  ///< to be passed on to consumed()
    std::string_view bytes{};      ///< valid until the next call that is not const
  };

  /// Compresses messages from now on. To be called once at most, before the first message.
  void agree(const agreed_compression& agreed) { encoder_.agree(agreed); }
  /// Returns whether messages depend on those before them, so that one must not be dropped if others follow.
  [[nodiscard]] bool compresses() const noexcept { return encoder_.compresses(); }

  /// Adds a message. Must not be called after close_behind_messages() and close_now(): nothing follows a
  /// close frame.
  void add_message(message_kind kind, std::string_view payload) {
    encoder_.message(messages_, kind, payload);
  }
  /// Adds a message of several frames: the payload, then each attachment, as binary. They count as one.
  void add_message(message_kind kind, std::string_view payload, std::span<const std::string> attachments);
  /// Adds a frame that leaves ahead of all messages that have not begun: a control frame, or one of a
  /// protocol's own. Returns false, and adds nothing, once the close frame has been added.
  bool add_control(opcode kind, std::string_view payload);
  /// Adds the answer to a ping as add_control() does. While 1 KiB of control frames waits, only the newest
  /// answer is kept (RFC 6455 section 5.5.3): a peer that sends pings and reads no pongs must not fill our
  /// memory.
  bool add_pong(std::string_view payload);
  /// Adds the close frame as soon as no message waits; control frames can be added until then. Without effect
  /// if a close frame has been added, or waits already.
  void close_behind_messages(std::uint16_t code, std::string_view reason);
  /// Drops the messages that have not begun to leave, and adds the close frame, also if another one waits for
  /// messages. Without effect once a close frame has been added.
  void close_now(std::uint16_t code, std::string_view reason);
  /// Drops the messages that have not begun to leave.
  void drop_messages();

  /// Returns the bytes to be written next; none if nothing waits. At most 128 KiB of messages, unless control
  /// frames wait for the end of a longer one.
  chunk next();
  /// Removes the first `count` bytes of a queue (all of them if there are fewer), because they were written.
  /// Returns how many messages have left whole through that: as many as possible of those that were added
  /// first.
  std::size_t consumed(queue from, std::size_t count);

  /// Returns whether nothing waits to be written.
  [[nodiscard]] bool empty() const noexcept { return control_.empty() && messages_.empty() && !late_pong_; }
  /// Returns whether the close frame has been added. It may still wait to be written.
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  /// Returns whether a part of a message has left, and its rest waits.
  [[nodiscard]] bool inside_message() const noexcept { return rest_ != 0; }
  /// Returns whether control frames wait to be written.
  [[nodiscard]] bool control_waits() const noexcept { return !control_.empty(); }
  /// Returns how many bytes of control frames wait to be written.
  [[nodiscard]] std::size_t control_size() const noexcept { return control_.size(); }
  /// Returns how many bytes of messages have left since reset().
  [[nodiscard]] std::uint64_t written() const noexcept { return written_; }
  /// Returns how many bytes of control frames have left since reset().
  [[nodiscard]] std::uint64_t control_written() const noexcept { return control_written_; }
  /// Returns how many bytes of messages have left or wait.
  [[nodiscard]] std::uint64_t given() const noexcept { return written_ + messages_.size(); }

  /// Gives back memory that nothing is kept in.
  void release_memory() noexcept;
  /// Begins anew, for the next session: no bytes, no compression, all counters at zero. Keeps up to 1 MiB of
  /// memory for each queue.
  void reset();

 private:
  void drop_waiting();
  std::size_t end_of_message(std::string_view bytes, std::size_t begin);
  void add_last_words();
  void add_close(std::string_view payload);

  byte_queue control_;
  byte_queue messages_;
  std::unique_ptr<std::string> late_pong_{};  // the newest of those for which control_ had no room
  std::unique_ptr<std::string>
      last_words_{};  // the payload of a close frame that waits for messages to leave
  std::uint64_t written_ = 0;
  std::uint64_t control_written_ = 0;
  std::size_t rest_ = 0;  // of a message that has begun to leave
  // Where frames end that others of the same message follow, counted as written() is; of waiting messages.
  std::vector<std::uint64_t> joints_;
  // What it has compressed must leave, or nothing after it may: the peer has the same context.
  frame_encoder encoder_{peer_role::client};
  bool closed_ = false;
};

}  // namespace holdfast
