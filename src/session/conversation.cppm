// :conversation — one session's talk in the protocol of the user: what the protocol asks of the session, and
// when. Keeps the deadlines of login, heartbeat and throttling; has no timer and no socket: whoever owns it
// asks when to call, and what has come of it.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core:conversation;

import :error;
import :frame;
import :message;
import :options;
import :outbox;
import :protocol;
import :state;
import :time;

namespace holdfast {

// The server asks us to leave.
struct departure {
  std::string reason{};
  std::string endpoint{};  // the URL to go to next; empty: any
  bool may_move = false;   // the session stays open until another one has followed; else it ends now
};

// Gets the news of a session: its owner, and from the conversation the session itself. Called on the strand,
// from within the session's own work.
class session_listener {
 public:
  virtual void on_ready(const login_result& result) = 0;
  // `features` are all that must not be used now.
  virtual void on_throttle(const std::vector<throttled_feature>& features) = 0;
  virtual void on_go_away(const departure& how) = 0;
  // A ping was answered, and would have been late after the second.
  virtual void on_round_trip(clock::duration, clock::duration) {}
  // An answer is late (true), or the peer is heard again (false).
  virtual void on_unresponsive(bool) {}

 protected:
  session_listener() = default;
  session_listener(const session_listener&) = default;
  session_listener& operator=(const session_listener&) = default;
  ~session_listener() = default;
};

class conversation final : public protocol_link {
 public:
  // How the protocol wants the session to end.
  struct ending {
    change_reason reason{};
    std::uint16_t close_code = close_codes::protocol_error;
    std::optional<clock::duration> retry_after{};  // the server's wish
  };

  // `given` and `listener` must outlive it; the others are shared with the actor.
  conversation(const options& given, std::shared_ptr<protocol> spoken, std::shared_ptr<outbox> out,
               session_listener& listener, std::function<void()> waker);

  void open(const session_facts& session);
  // The protocol's own view of the end.
  end_verdict close(const session_end& how);
  // `into` takes what is for the program.
  void received(message_view frame, message_batch& into);
  // Does what is due.
  void tend(clock::time_point now);
  [[nodiscard]] clock::time_point next_look() const;
  // Another thread has something for the protocol: tend() will call it.
  void wake() noexcept { woken_ = true; }
  // A part of a message has come.
  void heard_part(clock::time_point now) noexcept;
  // The protocol wants no message now.
  [[nodiscard]] bool holds() const noexcept { return holds_; }
  // Whether next_look() may be sooner than before.
  bool take_new_deadline() noexcept { return std::exchange(has_new_deadline_, false); }
  // While the session does not read, an answer cannot be heard.
  void pause() noexcept { paused_ = true; }
  void resume(clock::time_point now) noexcept;
  // What we write comes nearer to the peer, and with it the heartbeat that it is to answer.
  void heard_progress(clock::time_point now) noexcept;
  [[nodiscard]] bool waits_for_answer() const noexcept { return answer_by_.has_value() && !paused_; }
  [[nodiscard]] bool is_ready() const noexcept { return ready_; }
  // Set once.
  [[nodiscard]] const std::optional<ending>& wants_to_end() const noexcept { return ending_; }

  void send(message_kind kind, std::string_view payload) override;
  void ready(login_result result) override;
  void deliver(message_kind kind, std::string_view payload) override;
  void acknowledged(std::uint64_t last) override;
  void acknowledged_one(std::uint64_t number) override;
  void throttle(std::vector<throttled_feature> features) override;
  void heartbeat_every(clock::duration interval, clock::duration first) override;
  void heartbeat_answered() override;
  void expect_within(clock::duration silence) override;
  void read(bool wanted) override { holds_ = !wanted; }
  void wake_at(clock::time_point when) override;
  [[nodiscard]] std::function<void()> waker() override { return waker_; }
  void fail(protocol_failure why) override;
  void go_away(std::string reason, clock::duration wait, std::string endpoint) override;

 private:
  // Whatever the protocol throws must not reach the session.
  template <class Call>
  void guarded(Call call);
  void end(error_code why, std::string text, std::uint16_t close_code);
  void lift_expired(clock::time_point now);

  const options& options_;
  const std::shared_ptr<protocol> protocol_;
  const std::shared_ptr<outbox> outbox_;
  session_listener& listener_;
  message_batch* into_ = nullptr;  // during received()
  clock::time_point login_by_;
  std::optional<clock::time_point> next_heartbeat_{};
  std::optional<clock::time_point> answer_by_{};
  clock::duration interval_{};
  std::optional<clock::time_point> silent_by_{};
  clock::duration silence_{};
  clock::time_point wake_at_ = clock::time_point::max();
  const std::function<void()> waker_;
  std::vector<throttled_feature> throttled_;
  std::optional<ending> ending_{};
  bool ready_ = false;
  bool paused_ = false;
  bool holds_ = false;
  bool woken_ = false;
  bool has_new_deadline_ = false;
};

}  // namespace holdfast
