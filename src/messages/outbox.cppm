// :outbox — messages on their way out: those that wait for a session, those that wait to be written, those
// that wait to be acknowledged; control frames ahead of them. Bounded, any thread. A message is encoded where
// it is sent, so that the writer only moves bytes: one system call for many messages.
module;
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

module holdfast:outbox;

import :backlog;
import :completion;
import :byte_queue;
import :compression;
import :congestion;
import :error;
import :executors;
import :frame;
import :frame_encoder;
import :journal;
import :limits;
import :message;
import :network;
import :protocol;
import :state;
import :time;
import :wakeup;

namespace holdfast {

class outbox : public std::enable_shared_from_this<outbox> {
 public:
  using operation = pending_operation<send_result>;

  // `spoken` may be null; all three are shared with the actor.
  outbox(const limit_options& limits, std::shared_ptr<const executors> where,
         std::shared_ptr<const protocol> spoken, std::shared_ptr<journal> log);

  // Any thread. An empty handler wants no answer; what is lost then stands in the log (R71).
  void send(std::string_view payload, const send_options& how, operation::handler_type handler,
            const net::any_io_executor& fallback);
  // There will be a session: from now on messages may wait for it.
  void expect_session();
  // There will be none by itself: those that wait have waited in vain.
  void expect_no_session(error_code why);
  // Messages of these features must not be sent now, and of no others.
  void throttle(const std::vector<throttled_feature>& features);

  // Drops what has not begun to leave, and returns how many messages that were. Compressed messages and those
  // that have a number already leave all the same: the peer would miss them.
  std::size_t discard_waiting();

  // The session, on the strand. From open() to close() the outbox writes to `stream`, which must outlive it,
  // and wakes `writer` when there is something to flush.
  void open(transport& stream, std::weak_ptr<wakeup> writer, const std::optional<agreed_compression>& agreed);
  // Messages may leave: first those that have to be sent again, then those that have waited.
  void ready();
  // The peer has got all messages up to that with this number.
  void acknowledged(std::uint64_t last);
  // The session is about to end, and another one to follow: all that is sent from now on waits for that.
  void hold();
  // It does not follow: what would not have waited without hold() has waited in vain. Where messages are
  // acknowledged, all that was accepted goes on to the next session.
  void give_up_hold(error_code why);
  // Control frames, and frames of the protocol's own, leave before any message that has not been started.
  void protocol_frame(message_kind kind, std::string_view payload);
  void ping(std::string_view payload);
  void pong(std::string_view payload);
  // What was accepted leaves first, then the close frame; nothing else is accepted meanwhile (R61).
  void finish_behind_messages(std::uint16_t code, std::string_view reason);
  // The close frame is the last thing that leaves; messages not yet begun are not sent, for the reason `why`.
  void finish(std::uint16_t code, std::string_view reason, error_code why);
  // Writes until all is written or the stream would block; false: the stream has failed with `ec`.
  bool flush(error_code& ec);
  // The peer has answered: what is sent now may leave at once.
  void next_turn() noexcept { written_this_turn_.store(false, std::memory_order_relaxed); }
  // Nothing has happened for a while: keeps no memory for what may come.
  void release_memory();
  [[nodiscard]] write_progress progress();
  // All bytes that the stream has taken in this session, and whether control frames still wait for it.
  struct intake {
    std::uint64_t taken;
    bool control_waits;
  };
  [[nodiscard]] intake taken();
  // The close frame has been taken by the stream.
  [[nodiscard]] bool is_finished();
  // False: the writer will be woken when there is something to flush, or after close().
  bool has_output();
  // What could not be written is not sent, for the reason `why`. The stream is not touched any more after
  // this.
  void close(error_code why);
  // From now on messages are refused with `refusal`, instead of no_connection; those that wait, with `why`.
  void retire(error_code refusal, error_code why);
  // Drops all that waits without completing it: the context has ended.
  void forget_senders();

 private:
  // Holds the lock; once it is released, messages that were lost meanwhile, and that nobody awaits, go to the
  // log: the program's log function may call the connection.
  class section {
   public:
    explicit section(outbox& of) : outbox_(of), lock_(of.mutex_) {}
    section(const section&) = delete;
    section& operator=(const section&) = delete;
    ~section();

   private:
    outbox& outbox_;
    std::unique_lock<std::mutex> lock_;
  };
  // Messages with the same fate.
  struct unheard {
    send_result fate;
    std::uint64_t count;
  };
  struct frame {
    std::uint64_t id;
    std::uint64_t end;  // where it ends, counted from the first byte of the session
    std::size_t payload_bytes;
    operation op;
    std::list<kept_message> kept{};  // one, if it may have to be sent again
  };
  struct chunk {
    byte_queue* from;
    std::string_view bytes;
  };

  // What is to be done with a message, in the order in which it is looked at.
  enum class fate : std::uint8_t { leaves, waits, dropped, refused };
  struct verdict {
    fate act = fate::leaves;
    error_code why{};
  };
  [[nodiscard]] bool is_open() const noexcept {
    return stream_ != nullptr && ready_ && !finishing_ && !last_words_;
  }
  [[nodiscard]] verdict judge(std::string_view payload, const send_options& how);
  [[nodiscard]] verdict gate(const send_options& how) const;
  [[nodiscard]] bool make_room(std::size_t more_bytes, const send_options& how);
  [[nodiscard]] bool has_room(std::size_t more_bytes, const kept_message* replaced) const;
  [[nodiscard]] bool is_throttled(std::string_view feature) const;
  [[nodiscard]] static std::optional<clock::time_point> expiry_of(const send_options& how);
  error_code send_now(std::uint64_t id, std::string_view payload, const send_options& how);
  void keep(std::uint64_t id, std::string_view payload, const send_options& how, operation op);
  void release(std::list<kept_message> messages);
  void release_what_may_leave();
  void settle(std::list<kept_message> messages, error_code why);
  // Completes `op`, or writes down that nobody hears of it.
  void tell(operation& op, send_result fate);
  void say_last_words();
  void drop(std::list<kept_message> messages, error_code why);
  void take_back(std::size_t from_frame, error_code why);
  void cancel_kept(std::uint64_t id);
  void expire();
  void arm_expiry();
  error_code encode_kept(kept_message& one, std::string_view payload);
  [[nodiscard]] chunk next_chunk();
  [[nodiscard]] bool nothing_to_write() const noexcept;
  [[nodiscard]] bool inside_message() const noexcept { return written_ > first_frame_begin_; }
  void cancel_later(operation& op, std::uint64_t id);
  void written(const chunk& from, std::size_t count);
  void pop_frame(send_result outcome);
  void drop_messages(std::size_t kept_count, error_code why);
  void forget_popped();
  void cancel(std::uint64_t id);
  bool write_chunk(error_code& ec);
  void write_or_wake();
  void wake_writer();
  void control(opcode kind, std::string_view payload);

  const std::size_t message_limit_;
  const std::size_t byte_limit_;
  const std::size_t largest_message_;
  const std::shared_ptr<const executors> where_;
  const std::shared_ptr<const protocol> protocol_;
  const std::shared_ptr<journal> log_;

  std::mutex mutex_;
  transport* stream_ = nullptr;
  error_code refusal_ = error::no_connection;
  bool expecting_ = false;  // there will be a session
  bool ready_ = false;      // the protocol has done its login
  bool held_ = false;
  bool finishing_ = false;
  bool writer_waits_ = false;
  const bool acknowledged_ = protocol_ && protocol_->acknowledges();
  std::atomic<bool> written_this_turn_{false};  // what is sent now leaves together with what follows
  std::unique_ptr<std::string> last_words_{};   // the payload of a close frame that follows what waits
  byte_queue control_;
  std::unique_ptr<std::string> late_pong_;  // the newest of those for which control_ had no room
  byte_queue data_;
  std::vector<frame> frames_;  // the messages in data_, from first_frame_ on
  std::size_t first_frame_ = 0;
  std::size_t payload_bytes_ = 0;        // of all that is here
  backlog waiting_;                      // for a session, or for a feature
  std::list<kept_message> unconfirmed_;  // written, or under way when their session ended; by number
  std::uint64_t last_number_ = 0;
  std::vector<std::string> throttled_;
  wakeup expiry_;  // calls expire(); on the strand
  std::optional<clock::time_point> expiry_armed_{};
  std::uint64_t written_ = 0;            // bytes of data_ that have left, in this session
  std::uint64_t control_written_ = 0;    // likewise of control_
  std::uint64_t first_frame_begin_ = 0;  // where the first of the frames begins
  std::uint64_t last_id_ = 0;
  // What it has compressed must leave, or nothing after it may: the peer has the same context. So messages
  // are dropped only where no other follows in the session, by finish() and close().
  frame_encoder encoder_{peer_role::client};
  std::weak_ptr<wakeup> writer_;
  std::vector<unheard> unheard_;
};

}  // namespace holdfast
