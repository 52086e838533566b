// Many connections that share a gate: how many dial in a time, how many at a time, in which order, and that a
// gate can hold up no stop.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "v1.hpp"

BOOST_AUTO_TEST_SUITE(gate)

namespace {

// The most of `times`, which are in order, in any such interval.
std::size_t most_in(const std::deque<clock::time_point>& times, clock::duration interval) {
  std::size_t most = 0;
  for (auto begin = times.begin(), end = begin; end != times.end(); ++end) {
    while (*begin + interval <= *end) ++begin;
    most = std::max(most, static_cast<std::size_t>(end - begin) + 1);
  }
  return most;
}

// Connections that share their options, and a server that records the time of each upgrade request.
struct crowd : scenario {
  void meet(std::size_t count, std::shared_ptr<dial_gate> through) {
    backend.on_upgrade([this](const http_head&) {
      asked.push_back(clock::now());
      return std::optional<http_answer>();
    });
    given.gate = std::move(through);
    given.retry.base = given.retry.first_spread = 100ms;
    given.heartbeat = heartbeat_options::off();
    shared = std::make_shared<const options>(given);
    for (std::size_t i = 0; i < count; ++i) all.emplace_back(in.executor(), shared).run(net::detached);
  }
  [[nodiscard]] std::size_t connected() const {
    return static_cast<std::size_t>(
        std::ranges::count(all, connection_state::connected, [](const auto& each) { return each.status(); }));
  }
  std::shared_ptr<const options> shared{};
  std::deque<connection> all{};
  std::deque<clock::time_point> asked{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(ten_thousand_lose_their_server_and_come_back_at_the_pace_of_the_gate) {
  constexpr std::size_t count = is_sanitized ? 1'000 : 10'000;
  crowd s;
  s.meet(count, make_dial_gate({.dials = count / 20, .under_way = 100, .random_seed = 1}));
  s.in.run_for(25s);
  BOOST_REQUIRE(s.connected() == count);
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_TEST(s.connected() == 0U);
  s.asked.clear();
  s.in.run_for(25s);
  BOOST_TEST(s.connected() == count);
  BOOST_TEST(s.asked.size() == count);
  BOOST_TEST(most_in(s.asked, 1s - 5ms) <= count / 20);  // the way to the server takes two milliseconds
}

BOOST_AUTO_TEST_CASE(a_limit_for_a_longer_time_is_kept_in_any_such_time) {
  crowd s;
  s.meet(100, make_dial_gate({.dials = 30, .interval = 5min, .random_seed = 1}));
  s.in.run_for(5min - 1s);
  BOOST_TEST(s.connected() == 30U);
  s.in.run_for(20min);
  BOOST_TEST(s.connected() == 100U);
  BOOST_TEST(most_in(s.asked, 5min - 5ms) == 30U);
}

BOOST_AUTO_TEST_CASE(no_more_than_so_many_are_under_way_and_all_get_their_turn) {
  crowd s;
  s.in.network()->conditions.latency = 200ms;  // an attempt takes 800 ms
  s.meet(60, make_dial_gate({.dials = 1000, .under_way = 3, .random_seed = 1}));
  std::size_t most = 0;
  while (s.connected() < 60 && s.in.elapsed() < 1min) {
    s.in.run_for(10ms);
    most = std::max(most, s.in.network()->open_links() - s.connected());
  }
  BOOST_TEST(s.connected() == 60U);
  BOOST_TEST(most == 3U);
  BOOST_TEST((s.in.elapsed() >= 15s));
  BOOST_TEST((s.in.elapsed() <= 20s));
}

BOOST_AUTO_TEST_CASE(an_attempt_is_under_way_until_its_login_is_done) {
  crowd s;
  speak_v1(s.given);
  s.meet(12, make_dial_gate({.dials = 1000, .under_way = 3, .random_seed = 1}));
  v1_server at(s.backend);
  at.delay_logins(1s);
  std::size_t most = 0;
  while (s.connected() < 12 && s.in.elapsed() < 1min) {
    s.in.run_for(10ms);
    most = std::max(most, at.hellos().size() - s.connected());
  }
  BOOST_TEST(s.connected() == 12U);
  BOOST_TEST(most == 3U);
  BOOST_TEST((s.in.elapsed() >= 4s));
}

BOOST_AUTO_TEST_CASE(a_login_that_fails_gives_its_turn_to_the_next) {
  crowd s;
  speak_v1(s.given);
  s.given.deadlines.login = 500ms;
  s.meet(3, make_dial_gate({.dials = 1000, .under_way = 1, .random_seed = 1}));
  v1_server at(s.backend);
  at.never_answer_logins();
  s.in.run_for(1600ms);
  BOOST_TEST(at.hellos().size() >= 3U);
  at.accept_logins();
  s.in.run_for(20s);
  BOOST_TEST(s.connected() == 3U);
}

BOOST_AUTO_TEST_CASE(one_origin_does_not_hold_up_another) {
  crowd s;
  s.in.network()->add_name("other", {net::ip::make_address("10.0.0.2")});
  server other(s.in, {net::ip::make_address("10.0.0.2"), 80});
  other.on_session([](server_session& session) -> net::awaitable<void> { co_await session.echo(); });
  const auto gate = make_dial_gate({.dials = 1, .interval = 1min, .under_way = 5, .random_seed = 1});
  s.meet(10, gate);
  s.in.run_for(1s);
  BOOST_TEST(s.connected() == 1U);
  s.given.url = "ws://other/";
  s.start();
  BOOST_TEST(s.reaches(connection_state::connected, 1s));
  s.in.run_for(10min);
  BOOST_TEST(s.connected() == 10U);
}

BOOST_AUTO_TEST_CASE(a_wait_that_is_longer_than_a_moment_is_published_once) {
  crowd s;
  s.meet(0, make_dial_gate({.dials = 1, .interval = 10s, .random_seed = 1}));
  s.start();
  recorder seen(*s.conn);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(seen.states() == "connected");
  s.conn->disconnect(net::detached);
  s.in.run_for(1s);
  s.conn->connect(net::detached);
  s.in.run_for(5s);
  BOOST_TEST(seen.states() == "connected disconnected disconnected");
  const auto& last = seen.changes().back();
  BOOST_TEST(last.rule == "gate");
  BOOST_TEST(last.reason.error == make_error_code(error::dial_gate_closed));
  BOOST_TEST((last.retry_in == clock::duration::zero()));
  BOOST_TEST(!last.final);
  BOOST_TEST(s.reaches(connection_state::connected));
}

BOOST_AUTO_TEST_CASE(who_is_not_wanted_any_more_gives_its_turn_to_the_next) {
  crowd s;
  s.in.network()->behave(server_at, port_behaviour::swallows);
  s.meet(4, make_dial_gate({.dials = 1000, .under_way = 1, .random_seed = 1}));
  s.in.run_for(1s);
  BOOST_TEST((s.all[0].status() == connection_state::connecting));
  for (std::size_t i = 1; i < 4; ++i) BOOST_TEST((s.all[i].status() == connection_state::disconnected));
  outcome settled;
  s.all[1].disconnect(settled.handler());  // waits for its turn
  s.in.settle();
  BOOST_TEST(settled.calls == 1);
  s.in.network()->behave(server_at, port_behaviour::accepts);
  s.all[0].close();  // is under way
  s.in.run_for(1s);
  for (std::size_t i = 2; i < 4; ++i) BOOST_TEST((s.all[i].status() == connection_state::connected));
  BOOST_TEST(s.all[1].snapshot().attempt == 0U);
}

namespace {

// Does what the test says.
class scripted_gate final : public dial_gate {
 public:
  net::awaitable<dial_permit> enter(dial_request wanted) override {
    origins.push_back(wanted.origin);
    if (throws) throw std::runtime_error("the broker is away");
    timer forever(co_await net::this_coro::executor);
    while (hangs) {  // heeds no cancellation
      co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
      co_await forever.async_wait_until(clock::now() + 1s, net::as_tuple(net::deferred));
    }
    ++under_way;
    co_return dial_permit([this] { --under_way; });
  }
  std::vector<std::string> origins{};
  bool throws = false;
  bool hangs = false;
  int under_way = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_gate_that_throws_is_asked_again_and_the_log_says_so) {
  crowd s;
  const auto gate = std::make_shared<scripted_gate>();
  gate->throws = true;
  s.given.gate = gate;
  s.start();
  s.in.run_for(3500ms);
  BOOST_TEST(gate->origins.size() == 4U);
  BOOST_TEST(gate->origins.front() == "ws://server");
  BOOST_TEST(s.log_lines.front() == "the dial gate threw: the broker is away");
  BOOST_TEST((s.conn->status() == connection_state::disconnected));
  gate->throws = false;
  BOOST_TEST(s.reaches(connection_state::connected, 2s));
  BOOST_TEST(gate->under_way == 0);
}

BOOST_AUTO_TEST_CASE(a_gate_that_hangs_holds_up_no_stop) {
  crowd s;
  const auto gate = std::make_shared<scripted_gate>();
  gate->hangs = true;
  s.given.gate = gate;
  s.start();
  s.in.run_for(1min);
  BOOST_TEST((s.conn->status() == connection_state::disconnected));
  s.conn->close();
  s.in.settle();
  BOOST_TEST(s.run_ended.has_value());
  gate->hangs = false;
  s.in.run_for(5s);
  BOOST_TEST(gate->under_way == 0);  // what it grants too late is given back
}

BOOST_AUTO_TEST_CASE(a_move_asks_the_gate_too) {
  crowd s;
  const auto gate = std::make_shared<scripted_gate>();
  s.given.gate = gate;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  gate->hangs = true;
  outcome moved;
  s.conn->migrate(moved.handler());
  s.in.run_for(1min);
  BOOST_TEST(moved.calls == 0);
  BOOST_TEST((s.conn->status() == connection_state::connected));
  gate->hangs = false;
  s.in.run_for(5s);
  BOOST_TEST(moved.calls == 1);
  BOOST_TEST(!moved.ec);
  BOOST_TEST(gate->origins.size() == 2U);
  BOOST_TEST(gate->under_way == 0);
}

BOOST_AUTO_TEST_CASE(wrong_numbers_of_a_gate_are_errors_that_name_the_field) {
  const auto names = [](const std::string& field) {
    return [field](const option_error& e) { return e.field() == "dial_gate_options." + field; };
  };
  BOOST_CHECK_EXCEPTION(make_dial_gate({.dials = 0}), option_error, names("dials"));
  BOOST_CHECK_EXCEPTION(make_dial_gate({.dials = 1'000'001}), option_error, names("dials"));
  BOOST_CHECK_EXCEPTION(make_dial_gate({.interval = 0ms}), option_error, names("interval"));
  BOOST_CHECK_EXCEPTION(make_dial_gate({.interval = 25h}), option_error, names("interval"));
}

BOOST_AUTO_TEST_SUITE_END()
