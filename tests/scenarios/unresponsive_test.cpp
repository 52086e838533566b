// A late answer is published before the peer is declared lost, and the deadline can follow the measured round
// trip.
#include <string>

#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(unresponsive)

namespace {

struct doubtful : scenario {
  doubtful() {
    given.heartbeat = {.ping_interval = 10s, .pong_deadline = 5s, .unresponsive_after = 1s};
    start();
    BOOST_REQUIRE(reaches(connection_state::connected));
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(it_is_told_before_the_peer_is_lost) {
  doubtful s;
  recorder seen(*s.conn);
  s.in.network()->silence_links();
  s.in.run_for(20s);
  BOOST_REQUIRE(seen.changes().size() >= 2U);
  const auto& told = seen.changes()[0];
  const auto& lost = seen.changes()[1];
  BOOST_TEST((told.from == connection_state::connected));
  BOOST_TEST((told.to == connection_state::connected));
  BOOST_TEST(told.unresponsive);
  BOOST_TEST(told.session == 1U);
  BOOST_TEST(describe(told) == "connected to 10.0.0.1:80, unresponsive");
  BOOST_TEST((lost.to == connection_state::disconnected));
  BOOST_TEST(lost.reason.error == make_error_code(error::liveness_lost));
  BOOST_TEST(!lost.unresponsive);
  BOOST_TEST((lost.time - told.time == 4s));
  BOOST_TEST(s.conn->stats().missed_heartbeats == 1U);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(!s.conn->snapshot().unresponsive);
}

BOOST_AUTO_TEST_CASE(listeners_hear_of_it_in_a_callback_of_its_own) {
  doubtful s;
  std::string heard;
  s.conn->add_connection_listener(
      "one", {.on_connected = [&](const observed_change&) { heard += "connected "; },
              .on_session = [&](const observed_change&) { heard += "session "; },
              .on_unresponsive =
                  [&](const observed_change& what) { heard += what.unresponsive ? "late " : "back "; },
              .on_state_change = [&](const observed_change&) { heard += "change "; }});
  s.in.network()->silence_links(silenced::to_client);
  BOOST_REQUIRE(s.in.run_until([&] { return !heard.empty(); }, 1min));
  BOOST_TEST(heard == "late change ");
}

BOOST_AUTO_TEST_CASE(when_the_answer_has_come_that_is_told_too) {
  doubtful s;
  s.in.network()->conditions.latency = 1200ms;
  s.in.network()->reset_links();
  s.in.run_for(1s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  recorder seen(*s.conn);
  s.in.run_for(25s);
  BOOST_TEST(seen.states() == "connected connected connected connected");
  for (std::size_t i = 0; i < seen.changes().size(); ++i) {
    BOOST_TEST(seen.changes()[i].unresponsive == (i % 2 == 0));
    BOOST_TEST(seen.changes()[i].session == seen.changes()[0].session);
  }
  BOOST_TEST(s.conn->stats().missed_heartbeats == 2U);
}

BOOST_AUTO_TEST_CASE(a_peer_that_answers_in_time_is_never_called_unresponsive) {
  doubtful s;
  recorder seen(*s.conn);
  s.in.run_for(10min);
  BOOST_TEST(seen.states() == "");
  BOOST_TEST(s.conn->stats().missed_heartbeats == 0U);
}

BOOST_AUTO_TEST_CASE(throttled_features_stay_throttled_meanwhile) {
  doubtful s;
  s.given.congestion = {.features = {"typing"}, .round_trip = 500ms};
  s.in.network()->conditions.latency = 800ms;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::feature_throttled, 2min));
  recorder seen(*s.conn);
  s.in.run_for(1min);
  bool told = false;
  for (const auto& each : seen.changes()) {
    if (!each.unresponsive || each.to != connection_state::feature_throttled) continue;
    told = true;
    BOOST_REQUIRE(each.features.size() == 1U);
    BOOST_TEST(each.features[0].name == "typing");
  }
  BOOST_TEST(told);
}

BOOST_AUTO_TEST_CASE(a_heartbeat_that_is_not_answered_counts_as_missed_without_the_option) {
  scenario s;
  s.given.heartbeat = {.ping_interval = 10s, .pong_deadline = 5s};
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  recorder seen(*s.conn);
  s.in.network()->silence_links();
  s.in.run_for(20s);
  BOOST_TEST(!seen.changes()[0].unresponsive);
  BOOST_TEST(s.conn->stats().missed_heartbeats == 1U);
}

BOOST_AUTO_TEST_CASE(the_deadline_follows_the_measured_round_trip_within_its_bounds) {
  for (const auto& [latency, most] :
       {std::pair{10ms, 1000ms}, std::pair{400ms, 4000ms}, std::pair{4000ms, 9000ms}}) {
    scenario s;
    s.given.heartbeat = {.ping_interval = 20s, .pong_deadline = 9s, .least_pong_deadline = 1s};
    s.given.deadlines.connect = s.given.deadlines.upgrade = 1min;
    s.given.deadlines.attempt = 2min;
    s.in.network()->conditions.latency = latency;
    s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected, 2min));
    s.in.run_for(2min);
    BOOST_REQUIRE((s.conn->status() == connection_state::connected));
    s.in.network()->silence_links();
    const auto silent = clock::now();
    BOOST_REQUIRE(s.in.run_until([&] { return s.conn->status() == connection_state::disconnected; }, 10min));
    const auto took = s.conn->snapshot().time - silent;
    BOOST_TEST((took <= 20s + most), "after " << took.count() << " ns");
    BOOST_TEST((took >= 2 * latency));
  }
}

BOOST_AUTO_TEST_CASE(a_link_that_has_become_slow_is_not_given_up_before_the_answer_is_due) {
  scenario s;
  s.given.heartbeat = {.ping_interval = 5s, .pong_deadline = 9s, .least_pong_deadline = 2s};
  s.in.network()->conditions.latency = 10ms;
  s.in.network()->conditions.jitter = 700ms;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  recorder seen(*s.conn);
  s.in.run_for(1h);
  BOOST_TEST(seen.states() == "");
}

BOOST_AUTO_TEST_CASE(options_that_make_no_sense_are_refused_by_name) {
  const auto refuses = [](heartbeat_options wrong, std::string_view field) {
    const options given{.url = "ws://server/", .heartbeat = wrong};
    BOOST_CHECK_EXCEPTION(validate(given), option_error, [&](const option_error& thrown) {
      return std::string_view(thrown.what()).find("heartbeat." + std::string(field)) !=
             std::string_view::npos;
    });
  };
  refuses({.unresponsive_after = -1ms}, "unresponsive_after");
  refuses({.unresponsive_after = 10s}, "unresponsive_after");
  refuses({.probe_deadline = 1s, .unresponsive_after = 1s}, "unresponsive_after");
  refuses({.least_pong_deadline = -1ms}, "least_pong_deadline");
  refuses({.least_pong_deadline = 11s}, "least_pong_deadline");
  refuses({.least_pong_deadline = 1s, .unresponsive_after = 1s}, "unresponsive_after");
  validate({.url = "ws://server/", .heartbeat = {.least_pong_deadline = 2s, .unresponsive_after = 1s}});
}

BOOST_AUTO_TEST_SUITE_END()
