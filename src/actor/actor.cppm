// :actor — the one place that changes the state. Lives on its strand; commands are posted to it from any
// thread.
module;
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

module holdfast.core:actor;

import :attempt;
import :authority;
import :backoff;
import :channel;
import :completion;
import :conversation;
import :counter;
import :dial_memory;
import :endpoints;
import :error;
import :executors;
import :gate_visit;
import :headers;
import :held_connection;
import :inbox;
import :intent;
import :journal;
import :lifetime;
import :migration;
import :netlink;
import :options;
import :outbox;
import :protocol;
import :registry;
import :route;
import :session;
import :session_info;
import :state;
import :state_channel;
import :stats;
import :time;
import :wakeup;

namespace holdfast {

class actor : public registry::member,
              public held_connection,
              public std::enable_shared_from_this<actor>,
              private session_listener {
 public:
  using run_operation = pending_operation<error_code>;
  using session_operation = pending_operation<error_code, session_info>;
  using export_operation = pending_operation<error_code, std::string>;

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
  const std::shared_ptr<journal> log;         // shared with all that has something to say
  const std::shared_ptr<measurements> times;  // shared with all connections of the context
  const std::shared_ptr<protocol> spoken;     // null: none; shared with the session and the outbox
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
  // Completes with the facts of the open session.
  void session_facts_for(session_operation op);
  // Closes, and completes with what another connection needs to go on.
  void export_state(export_operation op);
  // Before run(); throws std::invalid_argument.
  void import_state(std::string_view text);
  // For the lease to which the connection belongs.
  void act_while(std::shared_ptr<const authority> given) override;
  void authority_renewed() override;
  void authority_lost() override;
  void snapshot(snapshot_handler then) override;
  void leave(snapshot_handler then) override;
  void resume(std::string_view state) override { import_state(state); }
  void send_for_another(std::string_view payload, const send_options& how,
                        std::function<void(send_result)> then) override;
  void snapshot_stored(std::string state) override;
  // The handle is gone: everything ends now.
  void abandon();
  void context_ends() noexcept override;
  void time_jumped() override;
  void note(log_level level, std::string_view line) override;
  [[nodiscard]] connection_state state() const noexcept override { return channel->status(); }
  [[nodiscard]] connection_stats stats() const override;

 private:
  // How an attempt or a session has ended: with the socket of the session that follows at once, or for a
  // reason.
  struct ending {
    std::unique_ptr<opened_socket> socket{};
    std::unique_ptr<attempt_record> record{};
  };
  // Of what had come at its mark; the program may still be busy with that.
  struct unfinished_snapshot {
    std::uint64_t mark;
    std::string protocol;
  };
  // What an attempt leaves to the record of the session that it has become.
  struct origins {
    unsigned attempt = 0;
    bool may_refresh = false;
    bool credentials_fresh = false;
    std::string extensions{};
    clock::time_point login_began{};
    clock::time_point at{};  // of the present session, whatever attempt it came from
  };

  static std::shared_ptr<actor> enrol(std::shared_ptr<actor> made);

  // The loop and its steps.
  net::awaitable<void> live();
  net::awaitable<bool> until_wanted();
  net::awaitable<std::shared_ptr<gate_visit>> pass_gate(std::string origin);
  std::shared_ptr<gate_visit> visit_gate(std::string origin, std::function<void()> on_news);
  static net::awaitable<void> wait_at_gate(std::shared_ptr<gate_visit> visit, wakeup& wake,
                                           std::function<bool()> goes_on, clock::time_point end);
  net::awaitable<ending> dial(std::shared_ptr<dial_attempt> attempt);
  net::awaitable<void> see_through(std::shared_ptr<dial_attempt> attempt, wakeup& wake,
                                   std::function<void()> on_news, std::function<bool()> goes_on);
  net::awaitable<void> wait(std::optional<clock::duration> delay);
  clock::time_point next_allowed(clock::time_point now);
  std::shared_ptr<dial_attempt> next_attempt();
  [[nodiscard]] std::function<void()> news_for_loop();
  std::shared_ptr<dial_attempt> attempt_at_endpoint(endpoint_rotation& among);
  void begin_session(std::unique_ptr<opened_socket> opened);
  ending end_session();
  retry_decision decide(attempt_record& record);
  void count_end(const attempt_record& ended, const retry_decision& next);
  void give_up(error_code why);
  void keep_routes(const peer_routes& found);
  void note_wish();
  void finished();
  [[nodiscard]] std::optional<clock::duration> session_length() const;

  // All states that are published, each from the loop or from the session that it serves.
  void publish_connecting();
  void publish_connected(const login_result& result);
  void publish_throttled(const std::vector<throttled_feature>& features);
  void publish_disconnected(attempt_record& ended, const retry_decision& next);
  void publish_wait_for_server(clock::time_point allowed);
  void publish_wait_at_gate();
  void publish_responsiveness();
  void publish_end_of_hope();
  void publish(state_change change);

  // The session calls these from within its own work, while we live.
  void on_ready(const login_result& result) override { publish_connected(result); }
  void on_throttle(const std::vector<throttled_feature>& features) override { publish_throttled(features); }
  void on_go_away(const departure& how) override;
  void on_round_trip(clock::duration took, clock::duration deadline) override;
  void on_unresponsive(bool now) override;

  // From one session to the next.
  void server_names(const std::string& url);
  void begin_to_move(clock::time_point when);
  void plan_departure(const departure_time& when);
  void start_move(std::shared_ptr<migration> planned);
  net::awaitable<void> move();
  void move_failed(const dial_attempt& attempt, std::size_t endpoint);
  std::unique_ptr<opened_socket> next_socket();
  void end_move(error_code why);

  // To another connection.
  void hand_rest_over();
  void stop_export();
  void take_snapshot();
  std::string next_snapshot();
  std::string finished_snapshot();

  // Records of what happens.
  void trace_step(unsigned attempt, const dial_step& step);
  void trace_login(const change_reason* failure);
  void trace_state(const state_change& change);
  void trace_round_trip(clock::duration took, clock::duration deadline);
  void trace_command(std::string_view name);
  void trace_event(std::string_view event, std::string_view detail = {});

  // Commands, on the strand.
  template <class Command>
  void post(Command command);
  void stop_trying(error_code why, const close_reason& how);
  void interrupt();
  void wake_up();
  void keep_alive();
  void watch_background();
  void end_background_watch();
  [[nodiscard]] bool is_leaving() const;

  life_record life_{clock::now()};
  counter bytes_received_;
  const std::shared_ptr<dial_memory> memory_;  // shared with the attempts
  random_source random_;
  retry_schedule retry_;
  endpoint_rotation rotation_;
  intent intent_;
  wakeup wake_;                                 // wakes live()
  std::shared_ptr<wakeup> background_watch_{};  // while there is one; shared with its own wait
  registry* registry_ = nullptr;                // until the context ends
  bool running_ = false;
  bool unresponsive_ = false;     // an answer of the session's peer is late
  bool keeps_rest_ = false;       // the connection is to be handed over
  bool refused_ = false;          // the next attempt needs new credentials
  bool network_changed_ = false;  // the next attempt follows a change of the network
  error_code run_result_;
  clock::time_point retry_at_{};                    // the wait between two attempts ends
  std::optional<clock::time_point> ready_since_{};  // the session, if there is one
  // When the last wish of a server not to be dialled is over by the calendar, which goes on in a suspend.
  std::chrono::system_clock::time_point wish_ends_{};
  unsigned attempt_ = 0;
  std::uint64_t generation_ = 0;
  std::string origin_;
  std::string peer_;
  std::string subprotocol_;
  std::unique_ptr<peer_routes> routes_;  // of the session, else of the last attempt; null: not watched
  header_list headers_;                  // of the present session's upgrade
  error_code last_end_;                  // of the last session
  origins opened_as_;                    // the present one
  std::shared_ptr<session> session_;
  std::shared_ptr<migration> migration_;  // while there is one
  std::shared_ptr<gate_visit> login_;     // the gate's, until the protocol's login is over
  run_operation run_;
  std::unique_ptr<unfinished_snapshot> snapshot_;
  bool leaves_snapshots_ = false;
  export_operation exporter_;
  std::uint64_t export_id_ = 0;
  waiting_list<error_code> settlers_;
  std::atomic<std::uint64_t> last_operation_{0};  // any thread
  std::atomic<bool> has_begun_{false};            // run() was called; any thread
};

}  // namespace holdfast
