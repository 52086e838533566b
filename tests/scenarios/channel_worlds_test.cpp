// Random worlds of channels, each made from its seed: a backend that drops, refuses, falls silent and comes
// back, and a program that calls, subscribes, unsubscribes, is slow and moves. What has to hold in all of
// them is checked at the end.
#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "channel_scenario.hpp"

BOOST_AUTO_TEST_SUITE(channel_worlds)

namespace {

constexpr int channel_count = 6;
constexpr double pace = 10;

// A call of the program, and how often the backend has got it.
struct call_record {
  call_end end{};
  clock::time_point begun{};
  std::chrono::milliseconds timeout{};
  bool idempotent = false;
  int received = 0;
};

// What one subscriber has got, judged item by item.
class judge {
 public:
  void take(const channels::item& what) {
    BOOST_TEST(!ended_);
    if (const auto* const got = std::get_if<channels::event>(&what))
      return take_event(got->data.to_number<int>());
    if (const auto* const told = std::get_if<channels::subscribed>(&what)) {
      BOOST_TEST(told->again == lost_before_);
      BOOST_TEST(!serves_);
      serves_ = true;
      return;
    }
    if (std::holds_alternative<channels::lost>(what)) {
      BOOST_TEST(serves_);
      serves_ = false;
      lost_before_ = may_skip_ = true;
      return;
    }
    if (const auto* const told = std::get_if<channels::overflow>(&what)) {
      skipped_ = told->dropped;
      return;
    }
    ended_ = true;
    serves_ = false;
  }
  [[nodiscard]] bool serves() const { return serves_; }

 private:
  void take_event(int number) {
    BOOST_TEST(serves_);
    BOOST_TEST(number > last_);  // none twice, and in their order
    if (last_ != 0 && !may_skip_) BOOST_TEST(static_cast<std::uint64_t>(number - last_ - 1) == skipped_);
    last_ = number;
    may_skip_ = false;
    skipped_ = 0;
  }

  int last_ = 0;
  std::uint64_t skipped_ = 0;
  bool may_skip_ = false;  // events of the time without a session
  bool serves_ = false;
  bool lost_before_ = false;
  bool ended_ = false;
};

class reader {
 public:
  reader(channels::subscription of, bool may_be_late) : on_(std::move(of)), may_be_late_(may_be_late) {
    next();
  }
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;
  ~reader() { *alive_ = false; }

  void pause(bool paused) {
    paused_ = paused && may_be_late_;
    if (!paused_ && !waits_) next();
  }
  [[nodiscard]] bool serves() const { return judge_.serves(); }
  [[nodiscard]] bool is_paused() const { return paused_; }

 private:
  void next() {
    waits_ = true;
    on_.receive([this, alive = alive_](error_code ec, const channels::item& what) {
      if (!*alive) return;
      waits_ = false;
      if (ec) return;
      judge_.take(what);
      if (!paused_) next();
    });
  }

  channels::subscription on_;
  judge judge_{};
  bool may_be_late_;
  bool paused_ = false;
  bool waits_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class channel_world : public channel_scenario {
 public:
  explicit channel_world(unsigned seed) : dice_(seed) {
    given.random_seed = seed;
    given.heartbeat.ping_interval = 5s;
    backend.on_session([this](server_session& session) { return serve(session); });
    start_client({.subscriptions_per_second = pace});
  }
  void live(clock::duration span) {
    const auto end = clock::now() + span;
    while (clock::now() < end) {
      act();
      in.run_for(std::chrono::milliseconds(1 + dice_() % 400));
    }
  }
  // All faults end; everything that was promised has to come.
  void settle() {
    refuses_ = silent_ = false;
    for (auto& each : readers_) each->pause(false);
    in.run_for(3min);
    for (const auto& each : readers_) BOOST_TEST(each->serves());
    check_calls();
    client->close();
    in.run_for(1min);
    BOOST_TEST(run_ended.has_value());
  }

 private:
  // Publishes a number to each channel that this session has asked for, and counts what it gets.
  net::awaitable<void> serve(server_session& session) {
    now = &session;
    std::set<std::string> wanted;
    wanted_ = &wanted;
    while (auto next = co_await session.receive()) {
      const auto frame = json::parse(next->payload);
      const auto method = method_of(frame);
      if (method == "rpc.on") {
        note_request();
        const std::string name(frame.at("params").at(0).as_string());
        BOOST_TEST(wanted.insert(name).second);  // no channel is asked for twice in a session
      } else if (method == "rpc.off") {
        wanted.erase(std::string(frame.at("params").at(0).as_string()));
      } else if (method == "echo") {
        ++calls_.at(frame.at("params").at(0).to_number<std::size_t>())->received;
      }
      if (silent_ || dice_() % 10 == 0) continue;  // some are never answered
      if (const auto reply = answer(frame); !reply.empty()) co_await session.send(reply);
    }
    if (wanted_ == &wanted) wanted_ = nullptr;
    if (now == &session) now = nullptr;
  }
  void note_request() {
    requests_.push_back(clock::now());
    const auto window = std::ranges::count_if(requests_, [](auto at) { return at > clock::now() - 1s; });
    BOOST_TEST(window <= 2 * pace + 2);  // a burst, and a second of the pace
  }

  void act() {
    switch (dice_() % 16) {
      case 0:
        if (now != nullptr) now->drop();
        break;
      case 1:
        backend.on_upgrade([this](const http_head&) {
          return refuses_ ? std::optional(http_answer{.status = 503}) : std::nullopt;
        });
        refuses_ = dice_() % 3 == 0;
        break;
      case 2:
        silent_ = dice_() % 4 == 0;
        break;
      case 3:
        client->connection().migrate(net::detached);
        break;
      case 4:
      case 5:
        subscribe();
        break;
      case 6:
        if (!readers_.empty())
          readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(dice_() % readers_.size()));
        break;
      case 7:
        if (!readers_.empty()) readers_[dice_() % readers_.size()]->pause(dice_() % 2 == 0);
        break;
      case 8:
      case 9:
      case 10:
        call();
        break;
      default:
        publish_some();
    }
  }
  void subscribe() {
    if (readers_.size() > 10) return;
    const bool drops = dice_() % 2 == 0;
    readers_.push_back(std::make_unique<reader>(
        client->subscribe(
            "c" + std::to_string(dice_() % channel_count),
            {.important = dice_() % 4 == 0,
             .when_slow = drops ? channels::slow_rule::drop_oldest : channels::slow_rule::hold_socket,
             .limit = drops ? 5U : 1000U}),
        drops));
  }
  void call() {
    auto one = std::make_unique<call_record>();
    one->begun = clock::now();
    one->timeout = std::chrono::milliseconds(100 + dice_() % 20'000);
    one->idempotent = dice_() % 3 == 0;
    client->call("echo", json::array{calls_.size()}, {.timeout = one->timeout, .idempotent = one->idempotent},
                 one->end.handler());
    calls_.push_back(std::move(one));
  }
  void publish_some() {
    if (wanted_ == nullptr || now == nullptr || silent_) return;
    for (int count = 1 + static_cast<int>(dice_() % 5); count != 0; --count) {
      const auto name = "c" + std::to_string(dice_() % channel_count);
      const int number = ++numbers_[name];
      if (!wanted_->contains(name)) continue;
      net::co_spawn(
          in.executor(),
          [session = now->shared_from_this(),
           frame = json::serialize(json::object{{"notification", name}, {"params", number}})]()
              -> net::awaitable<void> { co_await session->send(frame); },
          net::detached);
    }
  }
  void check_calls() {
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      const auto& one = *calls_[i];
      BOOST_TEST_CONTEXT("call " << i << ' ' << to_string(one.end.result.outcome)) {
        BOOST_TEST(one.end.count == 1);
        BOOST_TEST((one.end.at - one.begun <= one.timeout + 200ms));
        if (one.end.result.outcome == channels::call_outcome::answered) {
          BOOST_TEST(one.end.result.value.at(0).to_number<std::size_t>() == i);
          BOOST_TEST(one.received >= 1);
        }
        if (one.end.result.outcome == channels::call_outcome::not_sent) BOOST_TEST(one.received == 0);
        if (!one.idempotent) BOOST_TEST(one.received <= 1);
      }
    }
  }

  std::mt19937 dice_;
  std::set<std::string>* wanted_ = nullptr;  // by the present session
  std::map<std::string, int> numbers_{};
  std::vector<std::unique_ptr<call_record>> calls_{};
  std::vector<std::unique_ptr<reader>> readers_{};
  std::vector<clock::time_point> requests_{};
  bool refuses_ = false;
  bool silent_ = false;
};

}  // namespace

BOOST_AUTO_TEST_CASE(in_random_worlds_nothing_comes_twice_and_every_call_ends_once) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      channel_world world(seed);
      world.live(2min);
      world.settle();
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
