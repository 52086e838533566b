// :actor — the one place that changes the state. Lives on its strand; commands are posted to it from any
// thread.
module;
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

module holdfast:actor;

import :backoff;
import :channel;
import :completion;
import :dial;
import :dial_memory;
import :endpoints;
import :error;
import :executors;
import :headers;
import :inbox;
import :journal;
import :netlink;
import :options;
import :outbox;
import :protocol;
import :registry;
import :route;
import :session;
import :state;
import :state_channel;
import :time;
import :wakeup;

namespace holdfast {

// A move from the present session to the next, without a break.
struct migration {
  wakeup wake;  // wakes move()
  std::shared_ptr<session> from;
  clock::time_point begins{};
  std::shared_ptr<dial_attempt> attempt{};  // under way
  std::optional<opened_socket> next{};      // open, and waits for `from` to end
  waiting_list<error_code> waiters{};
};

class actor : public registry::member, public std::enable_shared_from_this<actor> {
 public:
  using run_operation = pending_operation<error_code>;

  // They throw option_error.
  static std::shared_ptr<actor> make(net::any_io_executor executor, options given);
  static std::shared_ptr<actor> make(net::any_io_executor executor, std::shared_ptr<const options> shared);
  // `table` are the rules for retries: the options need not hold them any more.
  actor(const net::any_io_executor& executor, std::shared_ptr<const options> checked,
        retry_schedule::rules table);
  ~actor() override;
  actor(const actor&) = delete;
  actor& operator=(const actor&) = delete;

  // Any thread.
  const std::shared_ptr<const executors> where;  // shared with all parts of the connection
  const net::any_io_executor& executor;
  const net::any_io_executor& strand;
  const std::shared_ptr<const options> settings;
  const std::shared_ptr<journal> log;      // shared with all that has something to say
  const std::shared_ptr<protocol> spoken;  // null: none; shared with the session and the outbox
  const std::shared_ptr<state_channel> channel;
  const std::shared_ptr<inbox> in;
  const std::shared_ptr<outbox> out;

  void run(run_operation op);
  void connect();
  void disconnect(close_reason how);
  void close(error_code why, close_reason how = {});
  void retry_now(bool reset_backoff);
  void network_changed();
  void network_changed(const network_news& news) override;
  void enter_background();
  void enter_foreground();
  void ping(session::ping_operation op);
  // Completes at the session that connect() leads to.
  void when_connected(state_channel::operation op);
  // Completes when no socket is open and none is wanted.
  void when_settled(run_operation op);
  // Completes when the next session is usable.
  void migrate(run_operation op);
  // The handle is gone: everything ends now.
  void abandon();
  void context_ends() noexcept override;
  void time_jumped() override;
  void note(log_level level, std::string_view line) override;

 private:
  // Why there is no session, or none any more.
  using failure = std::unique_ptr<attempt_record>;
  // What an attempt leaves to the record of the session that it has become.
  struct origins {
    unsigned attempt = 0;
    bool may_refresh = false;
    bool credentials_fresh = false;
  };

  static std::shared_ptr<actor> enrol(std::shared_ptr<actor> made);

  // The loop and its steps.
  net::awaitable<void> live();
  net::awaitable<bool> told_to_connect();
  net::awaitable<bool> until_allowed();
  std::shared_ptr<dial_attempt> choose_endpoint(endpoint_rotation& among);
  net::awaitable<failure> open(std::shared_ptr<dial_attempt> attempt);
  void begin_session(opened_socket socket);
  void session_is_ready(const login_result& result);
  void throttle(const std::vector<throttled_feature>& features);
  failure end_session();
  void keep_routes(const peer_routes& found);

  // From one session to the next.
  void server_names(const std::string& url);
  void server_goes_away(const std::string& why);
  void begin_to_move(clock::duration after);
  net::awaitable<void> move();
  bool take_next_session();
  void end_move(error_code why);
  void cancel_migration(std::uint64_t id);

  net::awaitable<void> wait(std::optional<clock::duration> delay);
  retry_decision decide(attempt_record& record);
  void tell_connecting();
  void give_up(error_code why);
  void note_wish();
  std::optional<clock::duration> conclude(failure ended);
  void publish(state_change change);
  void take_promise_back();
  void finished();

  // Commands, on the strand.
  template <class Command>
  void post(Command command);
  void stop_trying(error_code why, const close_reason& how);
  void interrupt();
  void wake_up();
  void keep_alive();
  void cancel_settler(std::uint64_t id);
  net::awaitable<void> watch_background();
  [[nodiscard]] bool is_leaving() const;
  [[nodiscard]] bool may_connect() const noexcept { return wanted_ && !closing_ && !away_; }

  const std::shared_ptr<dial_memory> memory_;  // shared with the attempts
  random_source random_;
  retry_schedule retry_;
  endpoint_rotation rotation_;
  wakeup wake_;  // wakes live()
  wakeup background_wake_;

  bool promised_retry_ = false;   // the last transition said that there will be another attempt
  bool told_final_;               // the last transition was final, or manual mode has not begun
  bool asked_ = false;            // connect() was called since the last transition
  registry* registry_ = nullptr;  // until the context ends
  bool running_ = false;
  bool wanted_;  // connect() was called, or automatic mode; not after disconnect() or a fatal error
  bool told_to_stop_ = false;  // since the loop was last idle, even if connect() has followed
  bool closing_ = false;       // close(), or run() was cancelled, or the handle is gone
  bool away_ = false;          // automatic mode in the background
  bool in_background_ = false;
  bool watching_background_ = false;
  bool interrupted_ = false;      // the wait between two attempts is over
  bool refused_ = false;          // the next attempt needs new credentials
  bool network_changed_ = false;  // the next attempt follows a change of the network
  error_code stop_reason_;        // why we do not want to be connected
  error_code run_result_;
  clock::time_point last_keep_alive_{};
  std::optional<clock::time_point> ready_since_{};  // the session, if there is one
  // When the last wish of a server not to be dialled is over by the calendar, which goes on in a suspend.
  std::chrono::system_clock::time_point wish_ends_{};
  unsigned attempt_ = 0;
  std::uint64_t generation_ = 0;
  std::string origin_;
  std::string endpoint_;
  std::string subprotocol_;
  std::unique_ptr<peer_routes> routes_;  // of the session, else of the last attempt; null: not watched
  header_list headers_;                  // of the present session's upgrade
  error_code last_end_;                  // of the last session
  origins opened_as_;                    // the present one
  std::shared_ptr<session> session_;
  std::shared_ptr<migration> migration_;  // while there is one
  run_operation run_;
  waiting_list<error_code> settlers_;
  std::atomic<std::uint64_t> last_operation_{0};  // any thread
};

}  // namespace holdfast
