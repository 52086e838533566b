// A program that calls, subscribes, unsubscribes, is slow and moves, and a backend with all its faults; then
// none, and the end. Each call must end once, in time and truthfully; each subscriber must be served in the
// end, up to the last number.
#include <algorithm>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "channel_backend.hpp"
#include "channel_reader.hpp"
#include "explore.hpp"

namespace sim {
namespace {

constexpr double pace = 4;
constexpr std::uint64_t channel_count = 12;
constexpr std::size_t most_readers = 16;
constexpr auto deadline_slack = 200ms;  // see call_table

struct call_record {
  clock::time_point begun{};
  std::chrono::milliseconds timeout{};
  bool idempotent = false;
  int ends = 0;
  clock::time_point ended{};
  channels::call_result result{};
};

std::string name_of(std::uint64_t number) { return "c" + std::to_string(number); }

class channel_world {
 public:
  explicit channel_world(const exploration& what)
      : length_(what.length),
        world_(std::make_unique<holdfast::testing::world>(what.seed)),
        log_(what.keeps_timeline),
        draws_(what.seed),
        backend_(*world_, at_, log_, draws_, pace) {
    auto& network = *world_->network();
    network.add_name("server", {at_.address});
    network.conditions.latency = draws_.milliseconds(0, 80);
    network.conditions.jitter = draws_.milliseconds(0, 40);
    holdfast::options given{.url = "ws://server/"};
    given.network = world_->network();
    given.random_seed = what.seed;
    given.heartbeat.ping_interval = 5s;
    given.log = [this](holdfast::log_level, std::string_view line) { log_.note("log: ", line); };
    client_.emplace(
        world_->executor(), given, [] { return std::make_unique<word_dialect>(); },
        channels::client_options{.subscriptions_per_second = pace,
                                 .messages_per_second = draws_.chance(30) ? 1.0 : 0.0});
    client_->run([this](holdfast::error_code) { ended_ = true; });
  }

  finding go() {
    try {
      live();
      if (!log_.failed()) settle();
    } catch (const std::exception& e) {
      log_.violated("exception: ", e.what());
    }
    readers_.clear();
    client_.reset();
    world_.reset();
    return {log_.violation(), log_.lines()};
  }

 private:
  void live() {
    while (log_.elapsed() < length_ && !log_.failed()) {
      act();
      world_->run_for(draws_.milliseconds(1, 400));
    }
  }
  void act() {
    const auto choice = draws_.below(20);
    if (choice < 2) return subscribe();
    if (choice == 2 && !readers_.empty()) return leave();
    if ((choice == 3 || choice == 4) && !readers_.empty()) return any_reader().pause(draws_.chance(70));
    if (choice < 8) return call(draws_.between(1, 3));
    if (choice == 8) return backend_.drop();
    if (choice == 9) return network_fault();
    if (choice == 10) return backend_.fall_silent(draws_.chance(20));
    if (choice == 11) return client_->connection().migrate(net::detached);
    if (choice == 12) return backend_.end(name_of(draws_.below(channel_count)), draws_.chance(90));
    if (choice == 13 && draws_.chance(20)) return backend_.forget_sessions();
    for (auto count = draws_.between(1, 5); count != 0; --count)
      backend_.publish(name_of(draws_.below(channel_count)));
  }
  void network_fault() {
    backend_.refuse_upgrades(draws_.chance(30));
    if (draws_.chance(30)) world_->network()->reset_links();
  }
  channel_reader& any_reader() { return *readers_[draws_.below(readers_.size())]; }
  void subscribe() {
    if (readers_.size() == most_readers) return;
    const bool drops = draws_.chance(50);
    const auto name = name_of(draws_.below(channel_count));
    log_.note("the program subscribes to ", name);
    readers_.push_back(std::make_unique<channel_reader>(
        client_->subscribe(
            name, {.important = draws_.chance(25),
                   .when_slow = drops ? channels::slow_rule::drop_oldest : channels::slow_rule::hold_socket,
                   .limit = draws_.between(3, 8)}),
        log_, true));
  }
  void leave() {
    const auto which = draws_.below(readers_.size());
    log_.note("the program leaves ", readers_[which]->channel());
    readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(which));
  }
  void call(std::uint64_t count) {
    for (; count != 0; --count) call();
  }
  void call() {
    auto one = std::make_shared<call_record>();
    one->begun = clock::now();
    one->timeout = draws_.milliseconds(100, 20'000);
    one->idempotent = draws_.chance(30);
    client_->call("echo", static_cast<std::int64_t>(calls_.size()),
                  {.timeout = one->timeout, .idempotent = one->idempotent}, [one](channels::call_result how) {
                    ++one->ends;
                    one->ended = clock::now();
                    one->result = std::move(how);
                  });
    calls_.push_back(std::move(one));
  }

  // All faults end; everything that was promised has to come.
  void settle() {
    log_.note("all faults end");
    backend_.behave();
    for (const auto& each : readers_) each->pause(false);
    world_->run_for(3min);
    for (std::uint64_t i = 0; i < channel_count; ++i) backend_.publish(name_of(i));
    world_->run_for(10s);
    for (const auto& each : readers_) check(*each);
    if (client_->connection().status() != holdfast::connection_state::connected)
      log_.violated("in the end the connection is not connected");
    for (std::size_t i = 0; i < calls_.size(); ++i) check(static_cast<std::int64_t>(i), *calls_[i]);
    client_->close();
    world_->run_for(1min);
    if (!ended_) log_.violated("run() goes on behind close()");
  }
  void check(const channel_reader& one) {
    if (one.ended() && !backend_.has_ended(one.channel()))
      log_.violated("the subscriber of ", one.channel(),
                    " has ended, though the server has not ended the channel");
    if (one.ended()) return;
    if (!one.serves()) log_.violated("the subscriber of ", one.channel(), " is not served in the end");
    const auto last = backend_.last(one.channel());
    if (one.last() != last)
      log_.violated("the subscriber of ", one.channel(), " has ", one.last(), " in the end, the server ",
                    last);
  }
  void check(std::int64_t number, const call_record& one) {
    const auto received = backend_.received(number);
    const auto outcome = one.result.outcome;
    const auto wrong = [&](std::string_view what) {
      log_.violated("call ", number, " (", to_string(outcome), ", received ", received, " times): ", what);
    };
    if (one.ends != 1) wrong("has not ended once");
    if (one.ended - one.begun > one.timeout + deadline_slack) wrong("has ended late");
    if (outcome == channels::call_outcome::answered && one.result.value.as_int64() != number)
      wrong("has the answer to another one");
    const bool has_answer =
        outcome == channels::call_outcome::answered || outcome == channels::call_outcome::refused;
    if (has_answer && received == 0) wrong("was answered, but never asked");
    if (outcome == channels::call_outcome::not_sent && received != 0) wrong("was sent");
    if (!one.idempotent && received > 1) wrong("was sent twice");
  }

  const clock::duration length_;
  const holdfast::peer_address at_{net::ip::make_address("10.0.0.1"), 80};
  std::unique_ptr<holdfast::testing::world> world_;
  journal log_;
  dice draws_;
  channel_backend backend_;
  std::optional<channels::client> client_;
  std::vector<std::unique_ptr<channel_reader>> readers_;
  std::vector<std::shared_ptr<call_record>> calls_;  // shared with their handlers
  bool ended_ = false;
};

}  // namespace

finding explore_channels(const exploration& what) { return channel_world(what).go(); }

}  // namespace sim
