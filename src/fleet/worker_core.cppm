// :worker_core — the state of a worker, and what happens to it. On its strand, but for what says otherwise.
module;
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

module holdfast.fleet_core:worker_core;

import holdfast.core;
import :coordinator;
import :lease;
import :placement;
import :records;
import :tenancy;
import :tenant;
import :worker_options;

namespace holdfast::fleet {

class worker_core : public std::enable_shared_from_this<worker_core> {
 public:
  using time_point = clock::time_point;

  worker_core(net::any_io_executor executor, std::shared_ptr<coordinator> broker, worker_options how);

  // Any thread.
  net::awaitable<void> run(tenant::program for_each_key);
  void drain();
  void abandon();
  [[nodiscard]] worker_stats stats() const;
  [[nodiscard]] std::vector<std::string> held_keys() const;

 private:
  // What keys share: a lease, and what this worker does about it.
  struct departure;
  struct shard {
    shard(std::string named, std::size_t count) : name(std::move(named)), number(count) {}
    const std::string name;
    const std::size_t number;  // in the order in which they became known
    tenancy lease{};
    std::set<std::string, std::less<>> keys{};
    std::string holder{};  // as the newest entry says
    std::string next{};
    std::string states{};         // that the next holder needs
    std::uint64_t states_of = 0;  // the entry's revision that they belong to
    std::string counted{};        // whose load it counts for
    std::map<std::string, std::shared_ptr<tenant>, std::less<>> tenants{};
    std::set<std::string, std::less<>> replaced{};  // keys whose coroutine ends, perhaps to begin anew
    std::size_t running = 0;          // coroutines that have not ended, also of a lease that was lost
    session_states sessions{};        // for the next renewal
    session_states fresh_sessions{};  // of those, what no renewal has carried yet
    std::map<std::uint64_t, session_states> sent_sessions{};  // by nonce
    std::shared_ptr<term> until{};
    time_point due = time_point::max();
    bool is_known = false;     // its entry
    bool is_updating = false;  // a coroutine changes the entry
    bool is_leaving = false;   // it is to be handed over
    bool has_left = false;     // the same, and nothing acts for it any more
    std::string leaves_to{};   // to whom; empty: to whoever wants it
    session_states left_behind{};
    std::shared_ptr<departure> leaving{};  // while tenants leave
  };
  // Of tenants that leave.
  struct departure {
    explicit departure(const net::any_io_executor& on) : changed(on) {}
    timer changed;
    std::size_t without_state = 0;
    session_states states{};
  };
  struct fellow {
    worker_record record{};
    std::uint64_t revision = 0;
    time_point changed{};
  };

  // worker_core.cpp: the loop.
  net::awaitable<void> see_to_end();
  net::awaitable<void> live();
  net::awaitable<void> agree_on_settings();
  net::awaitable<void> beat();
  void look(time_point now);
  void look_at(shard& one, time_point now);
  void plan(shard& one);
  void wake();
  void finish(error_code why);
  void end_all();
  [[nodiscard]] bool has_handed_over_all() const;

  // worker_leases.cpp: updates.
  net::awaitable<void> take(shard& one);
  net::awaitable<void> renew(shard& one);
  net::awaitable<result<std::uint64_t>> write(shard& one, lease_record record);
  net::awaitable<void> collect_snapshots(shard& one);
  net::awaitable<void> refresh(shard& one);
  [[nodiscard]] static bool knows_states(const shard& one);
  void answered(shard& one, std::uint64_t nonce, time_point begun, const result<std::uint64_t>& how);
  void begin(shard& one);
  void renewed(shard& one, std::uint64_t nonce);
  void lose(shard& one, std::string_view why);
  void heard_of_broker();
  void call_failed(time_point begun);

  // worker_moves.cpp: tenants, and hand-over.
  void start_moves(time_point now);
  void start_release(shard& one, std::string target);
  net::awaitable<void> leave(shard& one);
  net::awaitable<void> give_back(shard& one);
  void has_been_given(shard& one);
  void start_tenant(shard& one, const std::string& key, std::string state);
  void start_missing(shard& one);
  void tenant_ended(shard& one, const std::string& key, const tenant* which);
  net::awaitable<void> replace_tenant(shard& one, std::string key);

  // worker_roster.cpp: what the broker tells.
  void watch();
  void on_entry(const entry& news);
  void on_key(std::string_view name, const entry& news);
  void on_lease(std::string_view name, const entry& news);
  void on_worker(std::string_view name, const entry& news);
  shard& shard_named(std::string_view name);
  // `is_whole`: the value is more than its first line.
  void saw_lease(shard& one, const std::optional<entry>& found, bool is_whole);
  void count_load(shard& one);
  void forget_dead_workers(time_point now);
  void plan_unclaimed();
  [[nodiscard]] bool is_alive(std::string_view holder, time_point now) const;
  [[nodiscard]] placement& spread();
  // When this worker may take the shard, if that is free then; never: max.
  [[nodiscard]] time_point turn_at(shard& one);
  void plan_all();

  // worker_requests.cpp.
  void on_request(const std::string& payload, std::function<void(std::string)> reply);

  void note(log_level level, std::string_view line) const;
  void count_held(const std::string& key, bool held);
  template <class Routine>
  void spawn(Routine routine);
  // Waits on the strand.
  net::awaitable<void> pause(clock::duration span);

  const worker_options how_;
  const lease_times times_;
  const net::any_io_executor executor_;
  const net::any_io_executor strand_;
  const std::shared_ptr<coordinator> broker_;
  const std::shared_ptr<const tenant::log_function> log_;
  const std::string run_name_;  // of this process
  const std::string self_;      // holder, in leases
  const std::string entry_;     // the worker's own, at the broker
  std::shared_ptr<const tenant::program> program_;
  timer wake_;

  std::map<std::string, std::string, std::less<>> keys_;  // all of the fleet, with their values
  std::map<std::string, std::uint64_t, std::less<>> key_revisions_;
  std::unordered_map<std::string, std::unique_ptr<shard>> shards_;
  std::map<std::string, fellow, std::less<>> fellows_;       // by name, this one included
  std::map<std::string, std::uint32_t, std::less<>> loads_;  // by holder
  std::map<std::pair<time_point, std::size_t>, shard*>
      schedule_;                     // when to look at which; by number, so that worlds repeat
  std::optional<placement> spread_;  // until something changes
  std::unique_ptr<registration> watch_;
  std::unique_ptr<registration> service_;
  time_point in_touch_since_ = time_point::max();
  time_point heard_at_{};  // an answer, or news
  time_point moves_looked_at_{};
  time_point room_looked_at_{};
  std::uint64_t last_nonce_ = 0;
  std::uint64_t own_revision_ = 0;  // of the worker's own entry
  std::uint64_t beats_ = 0;
  std::uint64_t seen_beat_ = 0;
  std::size_t active_shards_ = 0;  // that have keys
  std::size_t running_ = 0;        // coroutines of the program
  std::size_t moving_ = 0;         // shards under way
  bool has_more_room_ = false;     // shards that this worker had no room for are to be looked at again
  bool caught_up_ = false;
  bool is_registered_ = false;
  bool is_draining_ = false;
  bool is_finished_ = false;
  error_code why_finished_;
  std::atomic<bool> has_begun_{false};

  mutable std::mutex mutex_;  // of the numbers, for any thread
  worker_stats counted_;
  std::set<std::string, std::less<>> held_;
};

}  // namespace holdfast::fleet
