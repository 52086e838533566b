// A world of a fleet: several processes, a broker, a backend; faults, then none, then the end.
#include <algorithm>
#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "explore.hpp"
#include "fleet_process.hpp"

namespace sim {
namespace {

namespace testing = holdfast::testing;

constexpr auto look_interval = 100ms;  // between two looks at who acts
constexpr auto pause_of_events = 4s;   // for each key
constexpr auto time_to_settle = 65s;   // after it nothing moves
constexpr auto quiet = 90s;            // after the last fault
// A key may be without a holder for so long although a worker was well all the time: the lease time of the
// slowest clock, twice if a candidate was out of touch, and the turns of others.
constexpr auto longest_unheld = 45s;

std::string key_name(std::size_t number) { return "key." + std::to_string(number); }

class fleet_world {
 public:
  explicit fleet_world(const exploration& what)
      : plan_(make_fleet_plan(what.seed)),
        world_(std::make_unique<testing::world>(what.seed)),
        log_(what.keeps_timeline),
        ledger_(log_),
        broker_(std::make_unique<testing::simulated_broker>(*world_)),
        first_server_(std::make_unique<testing::server>(world_->executor())),
        backend_(std::make_unique<testing::v1_server>(*first_server_)),
        stage_{*world_, *broker_, *backend_, log_, ledger_, plan_} {}

  finding go() {
    try {
      live();
    } catch (const std::exception& e) {
      log_.violated("exception: ", e.what());
    }
    processes_.clear();
    console_.reset();
    broker_.reset();
    world_.reset();
    return {log_.violation(), log_.lines()};
  }

 private:
  struct end_of_fault {
    clock::time_point at;
    std::function<void()> work;
  };

  void live() {
    log_.note("* ", describe(plan_));
    backend_->retain(100'000);
    backend_->on_hello([this](const testing::v1_hello& hello) -> std::optional<testing::v1_error> {
      // Before its first `ready` a client has no session to go on with, but it has its name.
      const auto& before = stage_.clients[hello.token];
      if (is_calm_ && !hello.resume && !before.empty() && before != hello.client)
        log_.violated("the session of ", hello.token, " does not go on, though nobody has failed");
      stage_.clients[hello.token] = hello.client;
      if (!hello.resume) ledger_.begins_anew(hello.token, hello.client);
      return {};
    });
    backend_->on_message([this](const testing::v1_message& one) { processed(one.data); });
    broker_->conditions = {
        .latency = plan_.latency, .slow = plan_.slow, .lost = plan_.lost, .stale = plan_.stale};
    console_ = std::make_unique<testing::machine>(*world_);
    for (; keys_ < plan_.keys; ++keys_) set_key(keys_, "first");
    for (std::size_t n = 0; n < plan_.workers; ++n) start("w" + std::to_string(n), plan_.rates[n]);
    for (const auto& each : plan_.events) {
      run_to(each.at);
      if (log_.failed()) return;
      apply(each);
    }
    run_to(plan_.faults_end);
    lift_faults();
    run_to(plan_.faults_end + quiet);
    check_end();
  }

  void processed(const std::string& data) {
    const auto number_behind = [&](std::string_view name) -> std::uint64_t {
      const auto at = data.find(name);
      return at == std::string::npos ? 0 : std::stoull(data.substr(at + name.size()));
    };
    const auto begin = data.find(R"("key":")") + 7;
    const auto key = data.substr(begin, data.find('"', begin) - begin);
    ledger_.processed(key, number_behind(R"("e":)"), number_behind(R"("m":)"));
  }

  // From a process that never fails, one after another: an answer may be lost, and then it is done again.
  void set_key(std::size_t number, const std::string& value) {
    wishes_->emplace_back(key_name(number), value);
    if (wishes_->size() == 1)
      net::co_spawn(console_->executor(), carry_out(fleet::client(broker_->seen_from(*console_)), wishes_),
                    net::detached);
    if (value.empty()) {
      wanted_.erase(key_name(number));
    } else {
      wanted_.try_emplace(key_name(number), world_->now());
    }
  }

  using wishes = std::deque<std::pair<std::string, std::string>>;
  static net::awaitable<void> carry_out(fleet::client admin, std::shared_ptr<wishes> all) {
    while (!all->empty()) {
      const auto [key, value] = all->front();
      holdfast::result<void> how;
      if (value.empty()) {
        how = co_await admin.remove(key);
      } else {
        how = co_await admin.add(key, value);
      }
      if (how || how.error() == fleet::error::unknown_key) all->pop_front();
    }
  }

  void start(const std::string& id, double rate) {
    const bool runs = std::ranges::any_of(processes_, [&](const auto& each) {
      return each->id() == id && !each->is_dead() && !each->has_ended();
    });
    if (runs) return;  // it was started again already
    processes_.push_back(std::make_unique<fleet_process>(stage_, id, rate, ++started_));
    for (int n = 0; n < broker_frozen_; ++n) processes_.back()->hold_up(true);
    processes_.back()->run();
  }
  // The newest process under that number.
  fleet_process* worker(std::size_t number) {
    const auto id = "w" + std::to_string(number);
    const auto found = std::ranges::find_if(processes_.rbegin(), processes_.rend(),
                                            [&](const auto& each) { return each->id() == id; });
    return found != processes_.rend() ? found->get() : nullptr;
  }

  void run_to(clock::duration when) {
    while (log_.elapsed() < when && !log_.failed()) {
      const auto until = std::min<clock::duration>(when, log_.elapsed() + look_interval);
      world_->run_for(until - log_.elapsed());
      while (!ends_.empty() && ends_.front().at <= world_->now()) {
        const auto one = std::move(ends_.front());
        ends_.pop_front();
        one.work();
      }
      look();
      if (log_.elapsed() >= next_events_ && log_.elapsed() < plan_.faults_end + quiet - 20s) tell();
    }
  }

  void look() {
    for (const auto& each : backend_->violations()) log_.violated("the protocol: ", each);
    std::size_t well = 0;
    for (const auto& each : processes_) well += each->is_well() ? 1U : 0U;
    if (well == 0 || broker_stopped_) all_well_since_ = world_->now();
    for (auto& [key, held_at] : wanted_) {
      std::size_t acting = 0;
      for (const auto& each : processes_) acting += each->acts_for(key) ? 1U : 0U;
      if (acting > 1) log_.violated("two act for ", key);
      if (acting != 0) held_at = world_->now();
      const bool is_calm = (plan_.slow == 0 && plan_.lost == 0) || log_.elapsed() > plan_.faults_end;
      if (is_calm && world_->now() - std::max({held_at, all_well_since_, disturbed_}) > longest_unheld)
        log_.violated("nobody holds ", key, " for too long");
    }
  }

  // Each key gets an event, and each holder sends a message.
  void tell() {
    next_events_ = log_.elapsed() + pause_of_events;
    ++event_;
    for (const auto& [key, client] : stage_.clients) {
      if (client.empty()) continue;
      ledger_.told(key, event_, client);
      backend_->tell(R"({"n":)" + std::to_string(event_) + "}", client);
    }
    for (const auto& each : processes_) each->send_messages();
  }

  void later(clock::duration span, std::function<void()> work) {
    const auto at = world_->now() + span;
    const auto place = std::ranges::find_if(ends_, [&](const auto& each) { return each.at > at; });
    ends_.insert(place, {at, std::move(work)});
  }

  void apply(const fleet_event& what) {
    log_.note("* ", describe(what));
    is_calm_ = is_calm_ && (what.what == fleet_act::join || what.what == fleet_act::add_key);
    disturbed_ = world_->now();
    auto* const one = worker(what.worker);
    const auto again = [this, one](void (fleet_process::*how)(bool)) {
      return [this, one, how] {
        (one->*how)(false);
        disturbed_ = world_->now();
      };
    };
    switch (what.what) {
      case fleet_act::freeze:
        one->freeze();
        return later(what.span, [one] { one->go_on(); });
      case fleet_act::suspend:
        one->suspend();
        return later(what.span, [one] { one->go_on(); });
      case fleet_act::cut_broker:
        one->cut_from_broker(true);
        return later(what.span, again(&fleet_process::cut_from_broker));
      case fleet_act::cut_server:
        one->cut_from_server(true);
        return later(what.span, again(&fleet_process::cut_from_server));
      case fleet_act::kill:
      case fleet_act::drain: {
        if (one->is_well() && what.what == fleet_act::drain) one->drain();
        if (what.what == fleet_act::kill) one->kill();
        return later(what.span, [this, what, one] {
          if (what.what == fleet_act::drain && !one->has_ended()) one->kill();
          start("w" + std::to_string(what.worker), plan_.rates[what.worker]);
        });
      }
      case fleet_act::stop_broker:
        broker_stopped_ = true;
        broker_->stop();
        return later(what.span, [this] { start_broker(); });
      case fleet_act::hold_up:
        one->hold_up(true);
        return later(what.span, again(&fleet_process::hold_up));
      case fleet_act::freeze_broker:
        freeze_broker(true);
        return later(what.span, [this] { freeze_broker(false); });
      case fleet_act::join:
        return start("j" + std::to_string(++joined_), 1);
      case fleet_act::add_key:
        return set_key(keys_++, "later");
      case fleet_act::remove_key:
        return keys_ > 1 ? set_key(--keys_, {}) : void();
      case fleet_act::change_value:
        return set_key(0, "value " + std::to_string(event_));
    }
  }
  void start_broker() {
    broker_stopped_ = false;
    disturbed_ = world_->now();
    broker_->start();
  }

  void freeze_broker(bool frozen) {
    broker_frozen_ += frozen ? 1 : -1;
    disturbed_ = world_->now();
    broker_->hold_up(*console_, frozen);
    for (const auto& each : processes_) each->hold_up(frozen);
  }

  void lift_faults() {
    log_.note("* all faults end");
    broker_->conditions = {.latency = plan_.latency};
    while (!ends_.empty()) {
      const auto one = std::move(ends_.front());
      ends_.pop_front();
      one.work();
    }
    disturbed_ = world_->now();
  }

  void check_end() {
    if (log_.failed()) return;
    std::size_t total = 0;
    std::size_t most = 0;
    std::size_t workers = 0;
    for (const auto& each : processes_) {
      if (!each->is_well()) continue;
      ++workers;
      total += each->held();
      most = std::max(most, each->held());
    }
    if (total != wanted_.size()) log_.violated(total, " keys are held in the end, of ", wanted_.size());
    const auto share = (total + workers - 1) / workers;
    if (plan_.shards == 0 && most > (5 * share + 3) / 4)
      log_.violated("a worker has ", most, " keys in the end, of ", total, " for ", workers, " workers");
    for (const auto& [key, held_at] : wanted_) ledger_.check_events(key, stage_.clients[key]);
    ledger_.check_messages();
    if (ledger_.last_begun() > plan_.faults_end + time_to_settle)
      log_.violated("keys still move, long after the last fault");
    if (ledger_.deliveries() == 0 && !wanted_.empty()) log_.violated("nothing was delivered at all");
  }

  const fleet_plan plan_;
  std::unique_ptr<testing::world> world_;  // ends before what its parts write to
  journal log_;
  fleet_ledger ledger_;
  std::unique_ptr<testing::simulated_broker> broker_;
  std::unique_ptr<testing::server> first_server_;
  std::unique_ptr<testing::v1_server> backend_;
  fleet_stage stage_;
  std::unique_ptr<testing::machine> console_;
  const std::shared_ptr<wishes> wishes_ =
      std::make_shared<wishes>();  // shared with the coroutine that carries them out
  std::vector<std::unique_ptr<fleet_process>> processes_;
  std::deque<end_of_fault> ends_;                    // in their order
  std::map<std::string, clock::time_point> wanted_;  // keys, and when somebody acted for them last
  clock::time_point all_well_since_{};
  clock::time_point disturbed_{};
  clock::duration next_events_ = 2s;
  std::uint64_t event_ = 0;
  std::uint64_t started_ = 0;
  std::size_t keys_ = 0;
  std::size_t joined_ = 0;
  bool broker_stopped_ = false;
  int broker_frozen_ = 0;  // how often
  bool is_calm_ = true;    // no process has failed, and no key was taken away
};

}  // namespace

finding explore_fleet(const exploration& what) { return fleet_world(what).go(); }

}  // namespace sim
