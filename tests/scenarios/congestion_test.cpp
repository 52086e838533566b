// Throttling by the connection's own judgement: what is seen while a link does not carry what is asked of it,
// and when it ends.
#include <deque>
#include <string>
#include <vector>

#include "line_protocol.hpp"

BOOST_AUTO_TEST_SUITE(own_throttling)

namespace {

// A server that stops reading when it is told to.
struct slow_scenario : scenario {
  slow_scenario() {
    given.congestion.features = {"typing", "presence"};
    backend.on_session([this](server_session& session) -> net::awaitable<void> {
      while (auto next = co_await session.receive()) {
        if (next->payload == "stop") co_await session.stop_reading_for(silence);
        got.push_back(std::move(next->payload));
      }
    });
  }
  connection& connect() {
    start();
    BOOST_REQUIRE(reaches(connection_state::connected));
    return *conn;
  }
  // More than the link holds.
  void fill(std::size_t bytes) { conn->send(std::string(bytes, '.'), net::detached); }
  clock::duration silence = 5s;
  std::vector<std::string> got;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_backlog_throttles_the_named_features_until_it_has_been_gone_for_a_while) {
  slow_scenario s;
  s.given.congestion.round_trip = 1h;
  auto& conn = s.connect();
  recorder seen(conn);
  conn.send("stop", net::detached);
  s.in.run_for(100ms);
  s.fill(400'000);
  s.in.run_for(1s);
  BOOST_TEST((conn.status() == connection_state::feature_throttled));
  BOOST_TEST(conn.is_throttled("typing"));
  BOOST_TEST(conn.is_throttled("presence"));
  BOOST_TEST(!conn.is_throttled("receipts"));
  BOOST_TEST(seen.changes().back().features.front().reason == "too many bytes wait to be sent");
  outcome typing, line;
  conn.send("typing", {.feature = "typing"}, typing.send_handler());
  conn.send("line", line.send_handler());
  s.in.settle();
  BOOST_TEST(typing.ec == make_error_code(error::feature_throttled));
  BOOST_TEST(line.calls == 0);
  s.in.run_for(5s);  // the server reads again
  BOOST_TEST((line.delivered == delivery::written));
  BOOST_TEST((conn.status() == connection_state::feature_throttled));
  s.in.run_for(5s);
  BOOST_TEST((conn.status() == connection_state::connected));
  BOOST_TEST(seen.states() == "featureThrottled connected");
  const auto calm = seen.changes()[1].time - seen.changes()[0].time;
  BOOST_TEST((calm >= s.given.congestion.calm_for));
  BOOST_TEST(s.in.network()->connect_count() == 1u);
}

// covers G28
BOOST_AUTO_TEST_CASE(what_waits_for_a_feature_outlives_a_session_that_the_server_closes) {
  slow_scenario s;
  s.backend.on_session([&s](server_session& session) -> net::awaitable<void> {
    while (auto next = co_await session.receive()) {
      if (next->payload == "stop") co_await session.stop_reading_for(s.silence);
      const bool is_last = next->payload.size() > 1000;
      s.got.push_back(std::move(next->payload));
      if (is_last) co_return co_await session.close(1012, "restart");
    }
  });
  auto& conn = s.connect();
  conn.send("stop", net::detached);
  s.in.run_for(100ms);
  s.fill(400'000);
  s.in.run_for(1s);
  BOOST_REQUIRE(conn.is_throttled("typing"));
  outcome typing;
  conn.send("typing", {.when_throttled = throttled_rule::wait, .feature = "typing"}, typing.send_handler());
  s.in.run_for(1min);
  BOOST_TEST(conn.snapshot().session == 2U);
  BOOST_TEST((typing.delivered == delivery::written));
  BOOST_REQUIRE(!s.got.empty());
  BOOST_TEST(s.got.back() == "typing");
}

BOOST_AUTO_TEST_CASE(a_message_that_waits_too_long_to_be_written_throttles) {
  slow_scenario s;
  s.given.congestion.backlog_bytes = 10'000'000;
  auto& conn = s.connect();
  recorder seen(conn);
  conn.send("stop", net::detached);
  s.in.run_for(100ms);
  s.fill(100'000);
  s.in.run_for(1900ms);
  BOOST_TEST((conn.status() == connection_state::connected));
  s.in.run_for(400ms);
  BOOST_TEST((conn.status() == connection_state::feature_throttled));
  BOOST_TEST(seen.changes().back().features.front().reason == "sending takes too long");
}

BOOST_AUTO_TEST_CASE(a_long_round_trip_throttles_and_is_measured_until_it_is_short_again) {
  slow_scenario s;
  s.silence = 4s;
  auto& conn = s.connect();
  recorder seen(conn);
  conn.send("stop", net::detached);
  s.in.run_for(100ms);
  conn.ping(net::detached);
  s.in.run_for(1900ms);
  BOOST_TEST((conn.status() == connection_state::connected));
  s.in.run_for(500ms);
  BOOST_TEST((conn.status() == connection_state::feature_throttled));
  BOOST_TEST(seen.changes().back().features.front().reason == "answers to pings take too long");
  s.in.run_for(10s);
  BOOST_TEST((conn.status() == connection_state::connected));
  BOOST_TEST(seen.states() == "featureThrottled connected");
}

// Round trips of 1.4 s, after one that was longer than 2 s.
BOOST_AUTO_TEST_CASE(what_falls_just_below_its_bound_does_not_end_it) {
  slow_scenario s;
  s.silence = 4s;
  s.in.network()->conditions.latency = 700ms;
  auto& conn = s.connect();
  recorder seen(conn);
  conn.ping(net::detached);
  s.in.run_for(3s);
  BOOST_TEST(seen.states().empty());
  conn.send("stop", net::detached);
  s.in.run_for(1s);
  conn.ping(net::detached);
  s.in.run_for(1min);
  BOOST_TEST(seen.states() == "featureThrottled");
}

BOOST_AUTO_TEST_CASE(a_backlog_grows_up_to_its_bound_without_a_word) {
  slow_scenario s;
  s.silence = 20s;
  s.given.limits.outbound_bytes = 10 << 20;
  s.given.congestion.send_latency = 1h;
  s.given.congestion.round_trip = 1h;
  s.given.heartbeat.pong_deadline = 1min;
  auto& conn = s.connect();
  recorder seen(conn);
  conn.send("stop", net::detached);
  s.in.run_for(100ms);
  s.fill(s.given.congestion.backlog_bytes + 64 * 1024 - 20'000);  // the link takes a part of it
  s.in.run_for(1s);
  const auto before = seen.states();
  s.fill(40'000);
  s.in.run_for(10s);
  BOOST_TEST(before.empty());
  BOOST_TEST(seen.states() == "featureThrottled");
}

BOOST_AUTO_TEST_CASE(without_named_features_nothing_is_judged) {
  slow_scenario s;
  s.given.congestion.features.clear();
  auto& conn = s.connect();
  recorder seen(conn);
  conn.send("stop", net::detached);
  s.in.run_for(100ms);
  s.fill(400'000);
  s.in.run_for(20s);
  BOOST_TEST(seen.states().empty());
  BOOST_TEST(s.got.size() == 2u);
}

// A program that does not receive cannot hear an answer: that says nothing about the link.
// covers R40
BOOST_AUTO_TEST_CASE(a_reader_that_stops_reading_is_no_congestion) {
  scenario s;
  s.given.congestion.features = {"typing"};
  s.given.limits.inbound_messages = 1;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    while (const auto next = co_await session.receive()) {
      for (int i = 0; i < 3; ++i) co_await session.send("more than is wanted");
    }
  });
  auto& conn = s.start();
  recorder seen(conn);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.send("go", net::detached);
  s.in.run_for(1500us);      // the server has sent it
  conn.ping(net::detached);  // its answer is behind what nobody takes
  s.in.run_for(5min);
  BOOST_TEST(seen.states() == "connected");
}

BOOST_AUTO_TEST_CASE(what_the_server_throttles_and_what_we_do_add_up) {
  line_scenario s;
  s.given.congestion.features = {"typing"};
  s.serve([](server_session& session) -> net::awaitable<void> {
    co_await session.send("ready");
    co_await session.send("hold receipts");
    while (auto next = co_await session.receive()) {
      if (next->payload.ends_with("stop")) break;
    }
    co_await session.stop_reading_for(5s);
  });
  auto& conn = s.start();
  recorder seen(conn);
  BOOST_REQUIRE(s.reaches(connection_state::feature_throttled));
  conn.send("stop", net::detached);
  s.in.run_for(100ms);
  conn.send(std::string(400'000, '.'), net::detached);
  s.in.run_for(1s);
  BOOST_TEST(conn.is_throttled("receipts"));
  BOOST_TEST(conn.is_throttled("typing"));
  s.in.run_for(15s);
  BOOST_TEST(conn.is_throttled("receipts"));
  BOOST_TEST(!conn.is_throttled("typing"));
  BOOST_TEST(seen.states() == "connected featureThrottled featureThrottled featureThrottled");
  s.say("free");
  BOOST_TEST((conn.status() == connection_state::connected));
}

BOOST_AUTO_TEST_SUITE_END()
