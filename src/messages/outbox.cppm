// :outbox — messages on their way out: those that wait for a session, those that wait to be written, those
// that wait to be acknowledged, with the operations that await them. Bounded, any thread. A message is
// encoded where it is sent, so that the writer only moves bytes (send_buffer): one system call for many
// messages.
module;
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core:outbox;

import :authority;
import :backlog;
import :completion;
import :compression;
import :congestion;
import :counter;
import :error;
import :executors;
import :frame;
import :journal;
import :late_result;
import :limits;
import :message;
import :network;
import :protocol;
import :send_buffer;
import :state;
import :stats;
import :time;
import :wakeup;

namespace holdfast {

class outbox : public std::enable_shared_from_this<outbox> {
 public:
  using operation = pending_operation<send_result>;

  // `spoken` may be null; all are shared with the actor.
  outbox(const limit_options& limits, std::shared_ptr<const executors> where,
         std::shared_ptr<const protocol> spoken, std::shared_ptr<journal> log,
         std::shared_ptr<measurements> times);

  // Any thread. An empty handler wants no answer; what is lost then stands in the log (R71).
  void send(std::string_view payload, const send_options& how, operation::handler_type handler,
            const net::any_io_executor& fallback);
  // Any thread. What has become of a message whose sender need not suspend if it leaves at once.
  struct begun {
    std::optional<send_result> fate{};
    std::shared_ptr<late_result<send_result>> later{};  // where the fate will be known
    std::uint64_t id = 0;                               // for await()
  };
  // Returns neither a fate nor where it will be known if nothing was done, and send() is to be called.
  begun send_at_once(std::string_view payload, const send_options& how, const net::any_io_executor& fallback);
  // Completes with the fate of a message that was begun. Takes `later` out: the caller waits in it, and must
  // not own it.
  void await(begun& one, operation op);
  // Before run(): nothing leaves unless `given` holds.
  void depend_on(std::shared_ptr<const authority> given) {
    const std::lock_guard lock(mutex_);
    permission_.depend_on(std::move(given));
  }
  [[nodiscard]] bool may_act() const noexcept { return permission_.may_act(); }
  // The highest number under which a message has left.
  [[nodiscard]] std::uint64_t last_number() {
    const std::lock_guard lock(mutex_);
    return last_number_;
  }
  // There will be a session: from now on messages may wait for it.
  void expect_session();
  // There will be none by itself: those that wait have waited in vain.
  void expect_no_session(error_code why);
  // Messages of these features must not be sent now, and of no others.
  void throttle(const std::vector<throttled_feature>& features);

  // Drops what has not begun to leave, and returns how many messages that were. Compressed messages and those
  // that have a number already leave all the same: the peer would miss them.
  std::size_t discard_waiting();

  // The session with this number, on the strand. From open() to close() the outbox writes to `stream`, which
  // must outlive it, and wakes `writer` when there is something to flush.
  void open(transport& stream, std::weak_ptr<wakeup> writer, const std::optional<agreed_compression>& agreed,
            std::uint64_t session);
  // Messages may leave: first those that have to be sent again, then those that have waited.
  void ready();
  // The peer has got all messages up to that with this number.
  void acknowledged(std::uint64_t last);
  // The peer has got the message with this number, and perhaps none before it.
  void acknowledged_one(std::uint64_t number);
  // The session is about to end, and another one to follow: all that is sent from now on waits for that.
  void hold();
  // No session follows: what has waited for it leaves with this one, if that still may send.
  void end_hold();
  // It does not follow: what would not have waited without hold() has waited in vain. Where messages are
  // acknowledged, all that was accepted goes on to the next session.
  void give_up_hold(error_code why);
  // Control frames, and frames of the protocol's own, leave before any message that has not been started.
  // Returns false, and sends nothing, if limits.outbound_bytes of them wait already: the server does not read
  // the answers it asks for.
  bool protocol_frame(message_kind kind, std::string_view payload);
  void ping(std::string_view payload);
  void pong(std::string_view payload);
  // What was accepted leaves first, then the close frame; nothing else is accepted meanwhile (R61).
  void finish_behind_messages(std::uint16_t code, std::string_view reason);
  // The close frame is the last thing that leaves; messages not yet begun are not sent, for the reason `why`.
  void finish(std::uint16_t code, std::string_view reason, error_code why);
  // Writes until all is written or the stream would block; false: the stream has failed with `ec`.
  bool flush(error_code& ec);
  // The peer has answered: what is sent now may leave at once.
  void next_turn() noexcept { written_this_turn_.store(0, std::memory_order_relaxed); }
  // Nothing has happened for a while: keeps no memory for what may come.
  void release_memory();
  [[nodiscard]] write_progress progress();
  // All bytes that the stream has taken in this session, and whether control frames still wait for it.
  struct intake {
    std::uint64_t taken;
    bool control_waits;
  };
  [[nodiscard]] intake taken();
  // Adds what it has counted since it was made. Any thread, without a lock.
  void add_to(connection_stats& out) const;
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
  // From now on messages are refused with `refusal`; what was accepted is kept, for take_rest().
  void retire_for_another(error_code refusal);
  // What another outbox is to go on with.
  struct rest {
    std::list<kept_message> messages{};
    std::uint64_t last_number = 0;
  };
  // After the last session. The senders are told that another one goes on.
  rest take_rest();
  // Before the first session.
  void restore(rest given);

 private:
  // Holds the lock. Once it is released, the destructor logs which messages were lost meanwhile that nobody
  // awaits, and what the protocol's encode() did wrong: the program's log function may call the connection.
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
  // A message in buffer_.
  struct frame {
    std::uint64_t id;
    std::size_t payload_bytes;
    operation op;
    std::list<kept_message> kept{};  // one, if it may have to be sent again
  };
  // As many as there are messages in buffer_, in the same order. One piece of memory: a burst costs few
  // allocations.
  class frame_queue {
   public:
    [[nodiscard]] bool empty() const noexcept { return first_ == frames_.size(); }
    [[nodiscard]] std::size_t size() const noexcept { return frames_.size() - first_; }
    // Valid until the next call that is not const.
    [[nodiscard]] std::span<frame> all() noexcept { return std::span(frames_).subspan(first_); }
    // Afterwards push_back() cannot fail: no message is in buffer_ without its frame here.
    void reserve_one();
    void push_back(frame one) { frames_.push_back(std::move(one)); }
    void pop_front(std::size_t count);
    // Forgets all but the first `count`.
    void truncate(std::size_t count);

   private:
    void forget_popped();

    std::vector<frame> frames_;
    std::size_t first_ = 0;  // frames before it have been popped
  };
  struct bounds {
    std::size_t messages;  // that wait
    std::size_t bytes;     // of them together
    std::size_t largest;   // message
  };

  // How far the present session has come. The close frame is the buffer's affair.
  enum class phase : std::uint8_t {
    no_session,
    login,    // until ready(): only frames of the protocol leave
    open,     // messages leave
    leaving,  // no message is accepted for this session any more: another one follows, or the close frame
  };
  // Which session a message waits for that cannot leave now.
  enum class next_session : std::uint8_t {
    none,      // no session will come: all messages are refused
    some_day,  // after as many attempts as it takes: a message waits if its offline_rule allows that
    at_once,   // it follows a session that is leaving, until ready() or give_up_hold(): all messages wait
  };
  // What becomes of a message that is sent.
  enum class fate : std::uint8_t { leaves, waits, dropped, refused };
  struct verdict {
    fate act = fate::leaves;
    error_code why{};
  };
  // What the protocol makes of a message.
  struct encoded_message {
    message_kind kind;
    std::string payload;
    std::vector<std::string> attachments;
  };
  // A message whose way is measured. One at a time: to write down a time for each would cost more than the
  // times are worth.
  struct measured_message {
    std::uint64_t id = 0;
    clock::time_point begun{};
  };
  // What the protocol's encode() did wrong, for the log.
  struct encode_faults {
    bool threw = false;
    bool called_us = false;
    bool call_reported = false;  // that is a fault of the program: one line is enough
  };

  void has_come_through(measured_message& one, std::uint64_t id, duration_histogram measured_times::* times);
  [[nodiscard]] bool may_write_here(int most) const noexcept;
  [[nodiscard]] verdict judge(std::string_view payload, const send_options& how);
  [[nodiscard]] verdict gate(const send_options& how) const;
  [[nodiscard]] bool is_held(const send_options& how) const;
  [[nodiscard]] bool make_room(std::size_t more_bytes, const send_options& how);
  [[nodiscard]] bool make_room_of_queued(std::size_t more_bytes);
  // As if `without` of the messages, with so many bytes, were gone already.
  [[nodiscard]] bool has_room(std::size_t more_bytes, std::size_t without = 0,
                              std::size_t bytes_without = 0) const;
  [[nodiscard]] bool is_throttled(std::string_view feature) const;
  [[nodiscard]] static std::optional<clock::time_point> expiry_of(const send_options& how);
  error_code send_now(std::uint64_t id, std::string_view payload, const send_options& how, int most);
  void keep(std::uint64_t id, std::string_view payload, const send_options& how, operation op);
  void release(std::list<kept_message> messages);
  void release_what_may_leave();
  void confirm(kept_message& one);
  void give_up_waiting(error_code why);
  void take_back(std::size_t from_frame, error_code why);
  void settle(std::list<kept_message> messages, error_code why);
  void drop(std::list<kept_message> messages, error_code why);
  // Completes `op`, or writes down for the log that nobody awaits it.
  void report(operation& op, send_result result);
  void count(delivery outcome);
  void sets_out(std::uint64_t id);
  void gives_up(std::uint64_t id);
  void arm_expiry();
  void expire();

  // The protocol's encode() runs under the lock, so what it calls must not take the lock again. Returns
  // whether the calling thread is inside of it.
  [[nodiscard]] bool is_encoding() const noexcept;
  // Returns the same, and writes down for the log that encode() called us.
  [[nodiscard]] bool refuses_call() noexcept;
  result<encoded_message> encode(const outgoing_message& message);
  error_code encode_kept(kept_message& one, std::string_view payload);

  void cancel_later(operation& op, std::uint64_t id);
  void cancel(std::uint64_t id, net::cancellation_type type);
  void cancel_kept(std::uint64_t id, bool ends_the_wait);
  void control(opcode kind, std::string_view payload);
  [[nodiscard]] bool nothing_to_write() const noexcept;
  bool write_chunk(error_code& ec);
  void written(send_buffer::queue from, std::size_t count);
  void has_left(frame& whole);
  void write_or_wake(int most);
  void wake_writer();

  const bounds limits_;
  const std::shared_ptr<const executors> where_;
  const std::shared_ptr<const protocol> protocol_;
  const std::shared_ptr<journal> log_;
  const std::shared_ptr<measurements> times_;

  std::mutex mutex_;
  transport* stream_ = nullptr;  // of the session; not valid in phase::no_session
  std::weak_ptr<wakeup> writer_;
  permission permission_;
  error_code refusal_ = error::no_connection;
  phase phase_ = phase::no_session;
  std::uint64_t session_ = 0;  // the number of the present one, or of the last
  next_session next_ = next_session::none;
  bool keeps_rest_ = false;    // for take_rest()
  bool writer_waits_ = false;  // so nothing is to be written
  const bool acknowledged_ = protocol_ && protocol_->acknowledges();
  std::atomic<int> written_this_turn_{0};  // messages that left where they were sent
  bool collects_ = false;                  // the writer found several messages last time
  encode_faults faults_;
  send_buffer buffer_;
  frame_queue frames_;
  counter payload_bytes_;                // of all messages that are here
  backlog waiting_;                      // for a session, or for a feature
  std::list<kept_message> unconfirmed_;  // written, or under way when their session ended; by number
  std::uint64_t last_number_ = 0;
  std::uint64_t last_id_ = 0;
  std::vector<std::string> throttled_;
  wakeup expiry_;                                              // calls expire(); on the strand
  clock::time_point expiry_armed_ = clock::time_point::max();  // when expiry_ will call; max: not at all
  std::vector<unheard> unheard_;
  // Changed under the lock. Messages are counted once, at their end.
  struct counts {
    counter bytes;
    counter offered;
    counter written;
    counter acked;
    counter not_sent;
    counter in_doubt;
    counter dropped;
    counter payload_bytes;  // of messages that have left
    counter most_waiting;   // bytes
  };
  counts counted_{};
  measured_message leaves_{};
  measured_message is_confirmed_{};
};

}  // namespace holdfast
