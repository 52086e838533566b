// A fleet in one world: processes on machines of their own, a simulated broker, and a backend that speaks
// holdfast.v1.
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "scenario.hpp"

import holdfast.fleet;
import holdfast.v1;

BOOST_AUTO_TEST_SUITE(fleet_of_workers)

namespace {

namespace fleet = holdfast::fleet;

// One process. Its program connects to the backend as the key, and takes down what comes.
struct process {
  process(struct fleet_scenario& of, std::string id, fleet::worker_options how);
  net::awaitable<void> hold(fleet::lease& lease);
  [[nodiscard]] bool holds(const std::string& key) const {
    const auto all = worker->held_keys();
    return std::ranges::find(all, key) != all.end();
  }

  struct fleet_scenario& in_;
  machine on;
  server behind;
  std::optional<fleet::worker> worker;
  std::optional<std::string> ended{};  // what run() has thrown; empty: nothing
};

struct fleet_scenario {
  explicit fleet_scenario(std::uint64_t seed = 1)
      : in(seed), first(in.executor()), at(first), broker(in), console(in) {
    at.retain(100'000);
    at.on_hello([this](const v1_hello& hello) -> std::optional<v1_error> {
      clients[hello.token] = hello.client;
      return {};
    });
  }
  process& start(const std::string& id, fleet::worker_options how = {}) {
    how.fleet = "tests";
    how.id = id;
    how.random_seed = ++started;
    processes.push_back(std::make_unique<process>(*this, id, std::move(how)));
    return *processes.back();
  }
  // On a process that is no worker.
  template <class Value>
  Value ask(net::awaitable<Value> question) {
    std::optional<Value> out;
    net::co_spawn(console.executor(), std::move(question),
                  [&](const std::exception_ptr& thrown, Value answer) {
                    if (thrown) std::rethrow_exception(thrown);
                    out = std::move(answer);
                  });
    BOOST_REQUIRE(in.run_until([&] { return out.has_value(); }, 1min));
    return std::move(*out);
  }
  [[nodiscard]] fleet::client client() { return fleet::client(broker.seen_from(console)); }
  void add(const std::string& key, const std::string& value = "v") {
    BOOST_REQUIRE(ask(client().add(key, value)).has_value());
  }
  void add_keys(int count) {
    for (int n = 0; n < count; ++n) add("k" + std::to_string(n));
  }
  [[nodiscard]] std::size_t held() const {
    std::size_t out = 0;
    for (const auto& each : processes)
      out += each->on.is_stopped() || !each->worker ? 0 : each->worker->held_keys().size();
    return out;
  }
  bool all_held(std::size_t count, clock::duration within) {
    return in.run_until([&] { return held() == count && at.connected().size() >= count; }, within);
  }
  void tell(const std::string& key, const std::string& event) { at.tell(event, clients[key]); }

  std::map<std::string, std::string> clients;                // by key
  std::map<std::string, std::vector<std::string>> got;       // by key
  std::map<std::string, std::vector<std::uint64_t>> epochs;  // the same
  std::vector<std::string> values;
  world in;
  server first;
  v1_server at;
  simulated_broker broker;
  machine console;
  std::vector<std::unique_ptr<process>> processes;
  std::uint64_t started = 0;
  bool has_failed = false;  // a program, at the event "fail"
  bool was_busy = false;
};

process::process(fleet_scenario& of, std::string, fleet::worker_options how)
    : in_(of), on(of.in), behind(of.in.executor()) {
  on.network()->listen(server_at, [this](transport stream) { behind.accept(std::move(stream)); });
  in_.at.serve(behind);
  on.within([&] {
    worker.emplace(on.executor(), in_.broker.seen_from(on), std::move(how));
    net::co_spawn(on.executor(), worker->run([this](fleet::lease& lease) { return hold(lease); }),
                  [this](const std::exception_ptr& thrown) {
                    ended = "";
                    try {
                      if (thrown) std::rethrow_exception(thrown);
                    } catch (const boost::system::system_error& e) {
                      ended = e.code().message();
                    }
                  });
  });
}

net::awaitable<void> process::hold(fleet::lease& lease) {
  in_.epochs[lease.key()].push_back(lease.epoch());
  in_.values.push_back(lease.value());
  options given{.url = "ws://10.0.0.1/", .subprotocols = {std::string(v1_subprotocol)}, .protocol = v1()};
  given.network = on.network();
  given.random_seed = 1;
  given.provider = [key = lease.key()](credential_request) -> net::awaitable<credentials> {
    co_return credentials{.token = key};
  };
  connection conn(on.executor(), given);
  lease.attach(conn);
  BOOST_CHECK_THROW(lease.attach(conn), std::logic_error);
  conn.run(net::detached);
  for (;;) {
    const auto event = co_await conn.receive();
    in_.got[lease.key()].push_back(event.payload);
    if (event.payload == "\"busy\"" && !std::exchange(in_.was_busy, true)) co_await lease.ended();
    if (event.payload == "\"fail\"" && !std::exchange(in_.has_failed, true)) throw std::runtime_error("once");
    [[maybe_unused]] const auto stored = co_await lease.publish(event.payload, event.payload);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_key_is_held_by_one_worker_and_the_load_is_spread) {
  fleet_scenario s;
  for (const auto* id : {"a", "b", "c"}) s.start(id);
  s.in.run_for(2s);
  s.add_keys(30);
  BOOST_TEST(s.all_held(30, 5s));
  std::set<std::string> keys;
  for (const auto& each : s.processes) {
    const auto all = each->worker->held_keys();
    BOOST_TEST(all.size() <= 13U);  // 1.25 of the mean
    keys.insert(all.begin(), all.end());
  }
  BOOST_TEST(keys.size() == 30U);
  const auto status = s.ask(s.client().status());
  BOOST_REQUIRE(status.has_value());
  BOOST_TEST(status->workers.size() == 3U);
  BOOST_TEST(status->keys.size() == 30U);
  for (const auto& each : status->keys) BOOST_TEST(!each.worker.empty());
}

BOOST_AUTO_TEST_CASE(a_worker_takes_as_many_shards_as_it_has_capacity_for) {
  fleet_scenario s;
  s.start("a", {.capacity = 3});
  s.add_keys(4);
  BOOST_TEST(s.all_held(3, 5s));
  s.in.run_for(1min);
  BOOST_TEST(s.held() == 3U);
  BOOST_REQUIRE(s.ask(s.client().remove("k0")).has_value());  // perhaps the one that had no room
  BOOST_TEST(s.all_held(3, 5s));
  s.add("another");
  s.start("b", {.capacity = 3});
  BOOST_TEST(s.all_held(4, 5s));
}

BOOST_AUTO_TEST_CASE(a_killed_workers_key_is_held_again_after_the_lease_time) {
  fleet_scenario s;
  auto& a = s.start("a");
  s.add("k");
  BOOST_REQUIRE(s.all_held(1, 5s));
  s.start("b");
  s.in.run_for(30s);
  s.tell("k", "1");
  s.in.run_for(8s);  // a renewal has carried the state behind it
  BOOST_REQUIRE(a.holds("k"));
  s.tell("k", "2");
  s.in.run_for(10ms);
  const auto killed_at = s.in.now();
  a.on.kill();
  s.tell("k", "3");
  BOOST_REQUIRE(s.in.run_until([&] { return s.epochs["k"].size() == 2; }, 1min));
  BOOST_TEST((s.in.now() - killed_at <= 20s + 500ms));
  BOOST_TEST((s.in.now() - killed_at >= 14s));
  s.in.run_for(2s);
  BOOST_TEST(s.at.resumes() == 1U);
  // "2" was received, but perhaps not done with: it comes again, and the stream has it once.
  BOOST_TEST((s.got["k"] == std::vector<std::string>{"1", "2", "2", "3"}));
  std::vector<std::string> stream;
  for (const auto& each : s.broker.events()) stream.push_back(each.payload);
  BOOST_TEST((stream == std::vector<std::string>{"1", "2", "3"}));
  BOOST_TEST(s.epochs["k"][1] > s.epochs["k"][0]);
}

BOOST_AUTO_TEST_CASE(a_drain_hands_all_keys_over_within_a_second) {
  fleet_scenario s;
  auto& a = s.start("a");
  s.start("b");
  s.in.run_for(2s);
  s.add_keys(20);
  BOOST_REQUIRE(s.all_held(20, 5s));
  s.in.run_for(10s);
  a.worker->drain();
  BOOST_REQUIRE(s.in.run_until([&] { return a.ended.has_value(); }, 1s));
  BOOST_TEST(*a.ended == "");
  BOOST_TEST(s.all_held(20, 1s));
  BOOST_TEST(s.processes[1]->worker->held_keys().size() == 20U);
  for (int n = 0; n < 20; ++n) s.tell("k" + std::to_string(n), "\"after\"");
  s.in.run_for(1s);
  for (int n = 0; n < 20; ++n)
    BOOST_TEST((s.got["k" + std::to_string(n)] == std::vector<std::string>{"\"after\""}));
  BOOST_TEST(s.at.violations().empty());
}

BOOST_AUTO_TEST_CASE(after_a_suspend_nothing_is_delivered_before_a_renewal) {
  fleet_scenario s;
  auto& a = s.start("a");
  s.add("k");
  BOOST_REQUIRE(s.all_held(1, 5s));
  s.in.run_for(10s);
  a.on.suspend();
  s.tell("k", "1");  // waits in the socket
  s.in.run_for(16s);
  s.broker.stop();
  a.on.go_on();
  s.in.run_for(5s);
  BOOST_TEST(s.got["k"].empty());
  s.broker.start();
  s.in.run_for(30s);
  BOOST_TEST((s.got["k"] == std::vector<std::string>{"1"}));
}

BOOST_AUTO_TEST_CASE(a_client_sends_through_whoever_holds_the_key) {
  fleet_scenario s;
  auto& a = s.start("a");
  s.add("k.1");
  BOOST_REQUIRE(s.all_held(1, 5s));
  auto clients = s.client();
  auto sent = s.ask(clients.send("k.1", "\"first\""));
  BOOST_TEST((sent.outcome == delivery::acked));
  s.start("b");
  s.in.run_for(2s);
  a.worker->drain();
  sent = s.ask(clients.send("k.1", "\"second\""));  // while the key moves
  BOOST_TEST((sent.outcome == delivery::acked));
  const auto nobody = s.ask(clients.send("other", "x"));
  BOOST_TEST((nobody.outcome == delivery::not_sent));
  BOOST_TEST((nobody.reason == fleet::error::unknown_key));
  BOOST_TEST(s.at.messages().size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_coroutine_that_is_run_again_goes_on_with_the_session) {
  fleet_scenario s;
  s.start("a");
  s.add("k");
  BOOST_REQUIRE(s.all_held(1, 5s));
  s.tell("k", "1");
  s.in.run_for(12s);  // a checkpoint has it
  s.tell("k", "\"fail\"");
  s.in.run_for(10ms);
  s.tell("k", "3");
  s.in.run_for(10s);
  BOOST_TEST(s.at.resumes() == 1U);
  BOOST_TEST((s.got["k"] == std::vector<std::string>{"1", "\"fail\"", "\"fail\"", "3"}));
}

BOOST_AUTO_TEST_CASE(a_session_goes_on_though_the_dead_holder_was_busy_with_its_first_event) {
  fleet_scenario s;
  auto& a = s.start("a");
  s.add("k");
  BOOST_REQUIRE(s.all_held(1, 5s));
  s.in.run_for(1s);
  s.at.tell("\"busy\"", s.clients["k"]);
  s.in.run_for(10s);  // a renewal or two
  BOOST_TEST(s.got["k"].size() == 1U);
  const auto client = s.clients["k"];
  s.start("b");
  a.on.kill();
  BOOST_REQUIRE(s.in.run_until([&] { return s.got["k"].size() == 2U; }, 40s));
  BOOST_TEST(s.clients["k"] == client);
}

BOOST_AUTO_TEST_CASE(a_removed_key_ends_and_another_value_begins_anew) {
  fleet_scenario s;
  s.start("a");
  s.add("k", "one");
  BOOST_REQUIRE(s.all_held(1, 5s));
  s.add("k", "two");
  s.in.run_for(2s);
  BOOST_TEST((s.values == std::vector<std::string>{"one", "two"}));
  BOOST_TEST(s.ask(s.client().remove("k")).has_value());
  s.in.run_for(2s);
  BOOST_TEST(s.held() == 0U);
  BOOST_TEST(s.at.connected().empty());
  BOOST_TEST((s.ask(s.client().remove("k")).error() == fleet::error::unknown_key));
  s.add("k", "three");
  BOOST_TEST(s.all_held(1, 2s));
}

BOOST_AUTO_TEST_CASE(keys_share_leases_if_there_are_fewer_shards) {
  fleet_scenario s;
  s.start("a", {.shards = 4});
  s.start("b", {.shards = 4});
  s.in.run_for(2s);
  s.add_keys(40);
  BOOST_TEST(s.all_held(40, 5s));
  BOOST_TEST(s.broker.names("lease.").size() == 4U);
  const auto before = s.broker.updates();
  s.in.run_for(50s);
  BOOST_TEST(s.broker.updates() - before <=
             10U * (4 + 2) + 12U);  // renewals of four leases, and two signs of life
}

BOOST_AUTO_TEST_CASE(a_worker_that_cannot_belong_to_the_fleet_is_told_why) {
  fleet_scenario s;
  auto& a = s.start("a");
  s.in.run_for(2s);
  auto& b = s.start("b", {.lease_time = 30s});
  s.in.run_for(2s);
  BOOST_TEST(b.ended.value_or("runs").starts_with("the fleet exists at the broker with other settings"));
  s.start("a");  // under the same id
  s.in.run_for(10s);
  BOOST_TEST(a.ended.value_or("runs") == "another worker of this fleet runs under the same id");
  BOOST_CHECK_THROW(s.start("", {}), option_error);
  BOOST_CHECK_THROW(s.start("c", {.lease_time = 10ms}), option_error);
}

BOOST_AUTO_TEST_CASE(keep_goes_on_without_the_broker_and_stop_does_not) {
  for (const auto rule : {fleet::broker_loss::stop, fleet::broker_loss::keep}) {
    fleet_scenario s;
    s.start("a", {.when_broker_is_lost = rule});
    s.add("k");
    BOOST_REQUIRE(s.all_held(1, 5s));
    s.broker.stop();
    s.in.run_for(60s);
    const bool keeps = rule == fleet::broker_loss::keep;
    BOOST_TEST(s.at.connected().size() == (keeps ? 1U : 0U));
    s.broker.start();
    BOOST_TEST(s.all_held(1, 5s));
    BOOST_TEST(s.epochs["k"].size() == (keeps ? 1U : 2U));
  }
}

BOOST_AUTO_TEST_CASE(a_gate_lets_one_through_in_each_interval_over_all_machines) {
  fleet_scenario s;
  std::vector<std::unique_ptr<machine>> machines;
  std::vector<clock::time_point> passed;
  for (int n = 0; n < 4; ++n) {
    auto& one = *machines.emplace_back(std::make_unique<machine>(s.in));
    one.within([&] {
      auto gate = fleet::gate(s.broker.seen_from(one), {.interval = 5s});
      net::co_spawn(
          one.executor(),
          [gate, &s, &passed]() -> net::awaitable<void> {
            dial_request wanted{.origin = "wss://example.org"};
            [[maybe_unused]] const auto permit = co_await gate->enter(std::move(wanted));
            passed.push_back(s.in.now());
          },
          net::detached);
    });
  }
  s.in.run_for(10min);
  BOOST_REQUIRE(passed.size() == 4U);
  for (std::size_t n = 1; n < passed.size(); ++n) BOOST_TEST((passed[n] - passed[n - 1] >= 5s));
  BOOST_TEST((passed.back() - passed.front() < 20s));
}

BOOST_AUTO_TEST_SUITE_END()
