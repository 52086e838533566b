// :outbox — what waits to be written: user messages in order, control frames ahead of them; bounded, any
// thread. A message is encoded where it is sent, so that the writer only moves bytes: one system call for
// many messages.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

module holdfast:outbox;

import :completion;
import :compression;
import :engine;
import :error;
import :message;
import :network;
import :options;
import :wakeup;

namespace holdfast {

class outbox : public std::enable_shared_from_this<outbox> {
 public:
  using operation = pending_operation<send_result>;

  outbox(const limit_options& limits, net::any_io_executor strand);

  // Any thread. An empty handler wants no answer.
  void send(message_kind kind, std::string_view payload, operation::handler_type handler,
            const net::any_io_executor& fallback);

  // The session, on the strand. From open() to close() the outbox writes to `stream`, which must outlive it,
  // and wakes `writer` when there is something to flush.
  void open(transport& stream, std::weak_ptr<wakeup> writer, const std::optional<agreed_compression>& agreed);
  // Control frames leave before any message that has not been started.
  void ping(std::string_view payload);
  void pong(std::string_view payload);
  // The close frame is the last thing that leaves; messages not yet begun are not sent, for the reason `why`.
  void finish(std::uint16_t code, std::string_view reason, error_code why);
  // Writes until all is written or the stream would block; false: the stream has failed with `ec`.
  bool flush(error_code& ec);
  // The peer has answered: what is sent now may leave at once.
  void next_turn();
  // Nothing has happened for a while: keeps no memory for what may come.
  void release_memory();
  // False: the writer will be woken when there is something to flush, or after close().
  bool has_output();
  // What could not be written is not sent, for the reason `why`. The stream is not touched any more after
  // this.
  void close(error_code why);
  // From now on messages are refused with `why`, instead of no_connection.
  void retire(error_code why);
  // Drops all that waits without completing it: the context has ended.
  void forget_senders();

 private:
  struct frame {
    std::uint64_t id;
    std::uint64_t end;  // where it ends, counted from the first byte of the session
    std::size_t payload_bytes;
    operation op;
  };
  struct chunk {
    byte_queue* from;
    std::string_view bytes;
  };

  [[nodiscard]] error_code refusal(message_kind kind, std::string_view payload) const;
  [[nodiscard]] chunk next_chunk();
  [[nodiscard]] bool nothing_to_write() const noexcept;
  [[nodiscard]] bool inside_message() const noexcept { return written_ > first_frame_begin_; }
  void wait_for_writing(std::uint64_t id, operation op);
  void encode(opcode kind, std::string_view payload);
  void written(const chunk& from, std::size_t count);
  void pop_frame(send_result outcome);
  void drop_messages(std::size_t keep, error_code why);
  void forget_popped();
  void cancel(std::uint64_t id);
  bool write_chunk(error_code& ec);
  void write_or_wake();
  void wake_writer();
  void control(opcode kind, std::string_view payload);

  const std::size_t message_limit_;
  const std::size_t byte_limit_;
  const net::any_io_executor strand_;

  std::mutex mutex_;
  transport* stream_ = nullptr;
  error_code refusal_ = error::no_connection;
  bool finishing_ = false;
  bool written_this_turn_ = false;  // what is sent now leaves together with what follows
  byte_queue control_;
  std::optional<std::string> late_pong_;  // the newest of those for which control_ had no room
  byte_queue data_;
  std::vector<frame> frames_;  // the messages in data_, from first_frame_ on
  std::size_t first_frame_ = 0;
  std::size_t payload_bytes_ = 0;
  std::uint64_t written_ = 0;            // bytes of data_ that have left, in this session
  std::uint64_t first_frame_begin_ = 0;  // where the first of the frames begins
  std::uint64_t last_id_ = 0;
  // What it has compressed must leave, or nothing after it may: the peer has the same context. So messages
  // are dropped only where no other follows in the session, by finish() and close().
  std::optional<deflater> deflater_;
  std::weak_ptr<wakeup> writer_;
  bool writer_waits_ = false;
};

}  // namespace holdfast
