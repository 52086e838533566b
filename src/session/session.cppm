// :session — one open socket, from the upgrade to its end: reads into the decoder, writes what the outbox
// holds, watches liveness. Lives on the actor's strand; a fresh object per attempt (R35). Knows
// nothing of states and retries: it says how it ended.
module;
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

module holdfast.core:session;

import :attempt;
import :backoff;
import :completion;
import :compression;
import :congestion;
import :counter;
import :conversation;
import :frame_decoder;
import :error;
import :executors;
import :inbox;
import :journal;
import :liveness;
import :message;
import :network;
import :options;
import :outbox;
import :protocol;
import :state;
import :time;
import :upstream;
import :wakeup;

namespace holdfast {

// What an idle connection reads into; the rest of a burst goes to scratch memory. Ten thousand idle ones need
// little; where messages are larger, a second look at the socket for each is not worth the saving.
class first_read_memory {
 public:
  [[nodiscard]] std::span<char> place() {
    return large_ ? std::span<char>(*large_) : std::span<char>(small_);
  }
  // A read has filled it.
  void grow() {
    if (!large_) large_ = std::make_unique_for_overwrite<std::array<char, 4096>>();
  }
  void shrink() noexcept { large_.reset(); }

 private:
  std::array<char, 160> small_;  // more than a control frame
  std::unique_ptr<std::array<char, 4096>> large_;
};

class session final : public std::enable_shared_from_this<session>, private session_listener {
 public:
  using ping_operation = pending_operation<error_code, clock::duration>;

  // What a session has from its connection; all but the number is shared with it.
  struct surroundings {
    std::shared_ptr<const executors> where;
    std::shared_ptr<const options> settings;
    std::shared_ptr<inbox> in;
    std::shared_ptr<outbox> out;
    std::shared_ptr<journal> log;
    std::uint64_t number;     // generation
    counter* bytes_received;  // of all sessions
  };

  // `listener` must outlive it.
  session(surroundings of, opened_socket socket, random_source& random, session_listener& listener);

  // From now on frames can be sent; compressed if that was agreed.
  void open(const std::optional<agreed_compression>& agreed);
  // The same in a protocol.
  void speak(std::shared_ptr<protocol> spoken, const session_facts& facts);
  // From opened to ended; the socket is closed and every message settled when it returns.
  net::awaitable<void> serve();
  // It is closing, by whomever, or over.
  [[nodiscard]] bool is_ending() const noexcept { return ending_ != nullptr; }
  // Another one follows without a break, unless it is stopped.
  [[nodiscard]] bool hands_over() const noexcept { return hand_over_by_.has_value(); }
  // The protocol's view of its end; `moved`: another session follows without a break.
  end_verdict judge_end(bool moved);
  // What is known of the stream below, while it is not over.
  [[nodiscard]] byte_stream::facts facts() const { return over_ ? byte_stream::facts() : stream_.known(); }
  // When the newest bytes came.
  [[nodiscard]] clock::time_point heard_at() const noexcept { return read_at_; }
  // Why it has ended.
  [[nodiscard]] const change_reason& reason() const noexcept { return ending_->reason; }
  // What the server has asked for: not to come back before.
  [[nodiscard]] std::optional<clock::duration> retry_after() const {
    return conversation_ && conversation_->wants_to_end() ? conversation_->wants_to_end()->retry_after
                                                          : std::nullopt;
  }
  // Another session is to follow without a break: sends what has been given, then closes; reason() is
  // error::moved.
  void hand_over();
  // What was accepted leaves, then the closing handshake follows (RFC 6455 section 7.1.2): all of it bounded
  // by close_timeout. `why` becomes the reason.
  void stop(std::uint16_t close_code, std::string_view text, error_code why);
  // Ends now; the close frame, if any is waiting, gets one chance to leave.
  void end(change_reason why);
  // Drops them without completing them: the context has ended.
  void forget_pings() { const auto pings = std::exchange(pings_, {}); }
  // Is the peer still there? The answer completes `op`, if there is one.
  void ping(ping_operation op = {}, std::uint64_t id = 0);
  // The same when there is reason to doubt it: the answer is due within heartbeat.probe_deadline.
  void probe();
  void cancel_ping(std::uint64_t id);
  // The connection may act again.
  void look_again() { work_.notify(); }

 private:
  enum class pause : std::uint8_t { over, give_way, no_room, no_bytes };
  net::awaitable<void> read();
  pause read_on();
  std::size_t read_some();
  void tend();
  void write();
  void wait_until_writable();
  void watch_liveness(clock::time_point now);
  bool has_heard_all();
  [[nodiscard]] bool can_tell_lateness() const;
  void tell_of_lateness(clock::time_point now);
  void look_for_congestion(clock::time_point now);
  // From the conversation.
  void on_ready(const login_result& result) override { listener_.on_ready(result); }
  void on_throttle(const std::vector<throttled_feature>& features) override;
  void on_go_away(const departure& how) override { listener_.on_go_away(how); }
  net::awaitable<void> read_first_bytes();
  void took(std::size_t count, error_code ec);
  net::awaitable<void> wait_for_room();
  void read_on_after_hold();
  [[nodiscard]] bool is_held() const;
  [[nodiscard]] bool drops_messages() const;
  void scan_for_end();
  bool decode();
  void take(const frame_result& event, message_batch& into);
  void handle(const frame_result& event);
  void act_on_end();
  void handle_pong(std::string_view payload);
  void follow_protocol();
  std::function<void()> make_waker();
  void watch_upload(clock::time_point now);
  // A ping, or a heartbeat of the protocol.
  [[nodiscard]] bool waits_for_answer() const noexcept;
  void expire_pings(clock::time_point now);
  void warn_of_pause(clock::time_point now);
  [[nodiscard]] clock::time_point next_look() const;
  void close_when_written();
  void begin_to_close(std::uint16_t close_code, std::string_view text, change_reason why);
  void linger(change_reason why);
  void write_failed(error_code why);
  void lost(error_code why);

  struct pending_ping {
    std::uint64_t number;  // in its payload
    std::uint64_t id;      // of the operation
    clock::time_point sent;
    ping_operation op;
  };

  // Before the peer is declared lost, what has come is read.
  enum class last_read : std::uint8_t { is_not_due, is_due, is_over };

  // Once it is closing, by whomever.
  struct ending {
    change_reason reason;
    clock::time_point close_by{};
    bool lingers = false;  // all is said: only the end of the TCP connection is awaited
  };

  // How the peer ends the session, while the program gets the messages before it.
  struct peer_end {
    frame_event event;
    std::uint16_t close_code;
    std::string text;
    error_code error;
  };

  // Nothing can be written any more; what the peer has said before it went may still be read.
  struct broken_link {
    error_code why;
    clock::time_point read_until;
  };

  // Only where the options name features for it.
  struct link_watch {
    congestion judge;
    std::vector<throttled_feature> by_server{};
  };

  const std::shared_ptr<const executors> where_;
  const std::shared_ptr<const options> options_;
  const std::shared_ptr<inbox> inbox_;
  const std::shared_ptr<outbox> outbox_;
  const std::shared_ptr<journal> log_;
  const std::uint64_t number_;
  counter& bytes_received_;
  session_listener& listener_;
  transport stream_;
  frame_decoder decoder_;
  liveness liveness_;
  std::unique_ptr<upstream> upstream_;          // null: no answer is awaited
  std::unique_ptr<conversation> conversation_;  // none: messages are passed on as they are
  std::unique_ptr<link_watch> link_;
  wakeup work_;  // calls tend()
  first_read_memory first_bytes_;
  std::vector<pending_ping> pings_;
  std::uint64_t last_ping_ = 0;
  std::optional<clock::time_point> last_ping_at_{};  // until it is answered
  std::unique_ptr<ending> ending_;
  std::unique_ptr<peer_end> peer_end_;
  std::unique_ptr<broken_link> broken_;
  std::optional<clock::time_point> hand_over_by_{};  // another session is to follow
  clock::time_point read_at_ = clock::now();  // the newest bytes; at first, those behind the upgrade's answer
  std::uint64_t delivered_ = 0;               // batches
  std::size_t dropped_ = 0;                   // messages behind a full inbox, at the end
  clock::time_point pause_warned_at_{};       // of the pause under way, or when it will be
  bool socket_is_empty_ = false;
  bool large_messages_ = false;  // the last one was large
  bool socket_is_full_ = false;  // until it is writable again
  bool reader_waits_ = false;    // for room in the inbox, or until the protocol wants to read on
  bool waits_held_ = false;      // the latter
  bool warned_of_pause_ = false;
  bool scanning_ = false;   // for the peer's close frame, behind messages that nobody takes
  bool gives_way_ = false;  // to the program, which has just got messages
  bool late_told_ = false;  // that an answer is late
  last_read last_read_ = last_read::is_not_due;
  bool was_idle_ = false;  // since the last byte came
  bool over_ = false;
};

}  // namespace holdfast
