// Numbers: what connections have done is counted, once, and stays in the sum when they are gone.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "scenario.hpp"

BOOST_AUTO_TEST_SUITE(stats)

namespace {

std::uint64_t failures_at(const connection_stats& of, stage at, error_code why) {
  for (const auto& each : of.failures) {
    if (each.at == at && each.error == why) return each.count;
  }
  return 0;
}

context_stats numbers_of(scenario& of) {
  return stats_of(net::query(of.in.executor(), net::execution::context));
}

}  // namespace

BOOST_AUTO_TEST_CASE(messages_and_bytes_are_counted_in_both_directions) {
  scenario s;
  s.given.heartbeat = heartbeat_options::off();
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (const auto* each : {"one", "three", "eleven"}) s.conn->send(each, net::detached);
  s.in.run_for(1s);
  auto said = s.conn->stats();
  BOOST_TEST(said.messages_sent.offered == 3U);
  BOOST_TEST(said.messages_sent.written == 3U);
  BOOST_TEST(said.messages_sent.pending() == 0U);
  BOOST_TEST(said.bytes_sent == 3U * 6 + 14);  // header, mask, payload
  BOOST_TEST(said.bytes_received == 3U * 2 + 14);
  BOOST_TEST(said.messages_received == 3U);
  BOOST_TEST(said.unread_messages == 3U);
  s.conn->receive([](error_code, const message&) {});
  s.in.settle();
  said = s.conn->stats();
  BOOST_TEST(said.messages_received == 3U);
  BOOST_TEST(said.unread_messages == 2U);
  s.conn->receive_batch([](error_code, const message_batch&) {});
  s.in.settle();
  BOOST_TEST(s.conn->stats().unread_messages == 0U);
}

BOOST_AUTO_TEST_CASE(each_message_counts_once_by_what_has_become_of_it) {
  scenario s;
  s.start();
  s.conn->send("refused", net::detached);
  s.conn->send("kept", {.when_offline = offline_rule::wait}, net::detached);
  s.conn->send("stale", {.when_offline = offline_rule::wait, .time_to_live = 1ms}, net::detached);
  BOOST_TEST(s.conn->stats().messages_sent.pending() == 2U);
  BOOST_TEST(s.conn->stats().waiting_bytes == 9U);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  const auto said = s.conn->stats().messages_sent;
  BOOST_TEST(said.offered == 3U);
  BOOST_TEST(said.not_sent == 1U);
  BOOST_TEST(said.dropped == 1U);
  BOOST_TEST(said.written == 1U);
  BOOST_TEST(said.pending() == 0U);
  BOOST_TEST(s.conn->stats().waiting_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(attempts_sessions_and_failures_are_counted_with_their_reasons) {
  scenario s;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return s.conn->snapshot().attempt == 3; }, 1min));
  s.in.network()->behave(server_at, port_behaviour::accepts);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  auto said = s.conn->stats();
  BOOST_TEST(said.sessions == 1U);
  const auto refused = failures_at(said, stage::connect, net::error::connection_refused);
  BOOST_TEST(refused >= 2U);
  BOOST_TEST(said.attempts == refused + 1);
  BOOST_TEST((said.connected_for == clock::duration::zero()));
  s.in.run_for(10s);
  BOOST_TEST((s.conn->stats().connected_for == 10s));
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_TEST((s.conn->status() == connection_state::disconnected));
  BOOST_TEST(failures_at(s.conn->stats(), stage::session, error::connection_lost) +
                 failures_at(s.conn->stats(), stage::session, net::error::connection_reset) ==
             1U);
  s.conn->close();
  s.in.run_for(1min);
  said = s.conn->stats();
  BOOST_TEST((said.connected_for == 10s));
  BOOST_TEST((said.age > 1min));
}

BOOST_AUTO_TEST_CASE(a_move_is_no_failure_and_the_program_s_own_end_is_none) {
  scenario s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  s.conn->migrate([](error_code) {});
  s.in.run_for(1s);
  s.conn->close();
  s.in.run_for(1s);
  const auto said = s.conn->stats();
  BOOST_TEST(said.attempts == 2U);
  BOOST_TEST(said.sessions == 2U);
  BOOST_TEST(said.moves == 1U);
  BOOST_TEST(said.failures.empty());
  BOOST_TEST((said.connected_for >= 2s));
}

BOOST_AUTO_TEST_CASE(round_trips_are_measured_by_every_ping) {
  scenario s;
  s.in.network()->conditions.latency = 30ms;
  s.given.heartbeat.ping_interval = 1s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(!s.conn->stats().last_round_trip.has_value());
  s.in.run_for(10s);
  BOOST_TEST((s.conn->stats().last_round_trip == 60ms));
  BOOST_TEST((s.conn->stats().least_round_trip == 60ms));
  BOOST_TEST((s.conn->stats().smoothed_round_trip == 60ms));
  BOOST_TEST(numbers_of(s).times.round_trips.up_to_bounds().back() >= 5U);
}

BOOST_AUTO_TEST_CASE(the_numbers_of_a_context_keep_those_of_connections_that_are_gone) {
  scenario s;
  s.start();
  connection other(s.in.executor(), s.given);
  other.run(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  auto all = numbers_of(s);
  BOOST_TEST(all.connections[static_cast<std::size_t>(connection_state::connected)] == 2U);
  BOOST_TEST(all.total.sessions == 2U);
  BOOST_TEST(all.times.dials.up_to_bounds().back() == 2U);
  s.conn->send("hello", net::detached);
  s.in.run_for(1s);
  BOOST_TEST(numbers_of(s).total.unread_messages == 1U);
  s.conn.reset();
  s.in.run_for(1s);
  all = numbers_of(s);
  BOOST_TEST(all.connections[static_cast<std::size_t>(connection_state::connected)] == 1U);
  BOOST_TEST(all.connections[static_cast<std::size_t>(connection_state::disconnected)] == 0U);
  BOOST_TEST(all.total.sessions == 2U);
  BOOST_TEST(all.total.messages_sent.offered == 1U);
  BOOST_TEST(all.total.unread_messages == 0U);
  BOOST_TEST(all.times.sessions.up_to_bounds().back() == 1U);
}

BOOST_AUTO_TEST_CASE(stages_of_dials_and_ways_of_messages_are_measured) {
  scenario s;
  s.in.network()->conditions.latency = 30ms;
  s.given.heartbeat = heartbeat_options::off();
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 16; ++j) s.conn->send("x", net::detached);
    s.in.run_for(1s);
  }
  const auto times = numbers_of(s).times;
  const auto count_of = [&](stage at) {
    return times.stages[static_cast<std::size_t>(at)].up_to_bounds().back();
  };
  BOOST_TEST(count_of(stage::resolve) == 1U);
  BOOST_TEST(count_of(stage::connect) == 1U);
  BOOST_TEST(count_of(stage::upgrade) == 1U);
  BOOST_TEST(count_of(stage::tls) == 0U);
  BOOST_TEST(count_of(stage::login) == 0U);  // there is no protocol
  BOOST_TEST((times.stages[static_cast<std::size_t>(stage::upgrade)].sum() == 60ms));
  BOOST_TEST(times.sends.up_to_bounds().back() == 4U);  // one in 16
  BOOST_TEST(times.acks.up_to_bounds().back() == 0U);
}

BOOST_AUTO_TEST_CASE(one_that_is_refused_does_not_keep_others_from_being_measured) {
  scenario s;
  s.start();
  for (int i = 0; i < 16; ++i) s.conn->send("too early", net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (int i = 0; i < 16; ++i) s.conn->send("x", net::detached);
  s.in.run_for(1s);
  BOOST_TEST(numbers_of(s).times.sends.up_to_bounds().back() == 1U);
}

BOOST_AUTO_TEST_CASE(a_message_that_waits_is_measured_from_send_on) {
  scenario s;
  s.conn.emplace(s.in.executor(), s.given);
  for (int i = 0; i < 16; ++i) s.conn->send("x", {.when_offline = offline_rule::wait}, net::detached);
  s.in.run_for(10s);
  s.conn->run(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  BOOST_TEST(numbers_of(s).times.sends.up_to_bounds().back() == 1U);
  BOOST_TEST((numbers_of(s).times.sends.sum() >= 10s));
}

BOOST_AUTO_TEST_CASE(the_most_of_a_queue_and_the_bytes_of_messages_are_kept) {
  scenario s;
  s.given.heartbeat = heartbeat_options::off();
  s.start();
  for (int i = 0; i < 10; ++i)
    s.conn->send("0123456789", {.when_offline = offline_rule::wait}, net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  net::co_spawn(
      s.in.executor(), [&]() -> net::awaitable<void> { co_await s.conn->receive_batch(); }, net::detached);
  s.in.settle();
  const auto said = s.conn->stats();
  BOOST_TEST(said.waiting_bytes == 0U);
  BOOST_TEST(said.most_waiting_bytes == 100U);
  BOOST_TEST(said.payload_bytes_sent == 100U);
  BOOST_TEST(said.payload_bytes_received == 100U);
  BOOST_TEST(said.unread_messages == 0U);
  BOOST_TEST(said.most_unread_messages == 10U);
}

BOOST_AUTO_TEST_CASE(numbers_as_openmetrics_text) {
  context_stats of;
  of.connections = {1, 0, 2, 0};
  of.total.attempts = 7;
  const error_code same_text(ECONNREFUSED, boost::system::generic_category());
  of.total.failures = {{.at = stage::connect, .error = net::error::connection_refused, .count = 3},
                       {.at = stage::connect, .error = same_text, .count = 1},
                       {.at = stage::session, .error = error::connection_lost, .count = 2}};
  of.total.connected_for = 1500ms;
  of.total.messages_sent = {.offered = 5, .written = 3, .dropped = 1};
  of.total.bytes_received = 12;
  of.times.dials.add(20ms);
  of.times.dials.add(2h);
  of.times.stages[static_cast<std::size_t>(stage::tls)].add(30ms);
  of.total.missed_heartbeats = 4;
  const auto text = to_openmetrics(of);
  for (const auto* line : {
           "# TYPE holdfast_connections gauge\n",
           "holdfast_connections{state=\"disconnected\"} 1\n",
           "holdfast_connections{state=\"connected\"} 2\n",
           "# TYPE holdfast_dial_attempts counter\n",
           "holdfast_dial_attempts_total 7\n",
           "holdfast_dial_failures_total{stage=\"connect\",error=\"Connection refused\"} 4\n",
           "# UNIT holdfast_connected_seconds seconds\n",
           "holdfast_connected_seconds_total 1.5\n",
           "holdfast_messages_total{direction=\"out\",outcome=\"written\"} 3\n",
           "holdfast_outbox_messages 1\n",
           "holdfast_io_bytes_total{direction=\"in\"} 12\n",
           "holdfast_dial_duration_seconds_bucket{le=\"0.01\"} 0\n",
           "holdfast_dial_duration_seconds_bucket{le=\"0.025\"} 1\n",
           "holdfast_dial_duration_seconds_bucket{le=\"3600\"} 1\n",
           "holdfast_dial_duration_seconds_bucket{le=\"+Inf\"} 2\n",
           "holdfast_dial_duration_seconds_count 2\n",
           "holdfast_dial_duration_seconds_sum 7200.02\n",
           "holdfast_dial_stage_duration_seconds_bucket{stage=\"tls\",le=\"0.05\"} 1\n",
           "holdfast_dial_stage_duration_seconds_count{stage=\"tls\"} 1\n",
           "holdfast_dial_stage_duration_seconds_count{stage=\"resolve\"} 0\n",
           "holdfast_heartbeat_missed_total 4\n",
       }) {
    BOOST_TEST(text.find(line) != std::string::npos, line);
  }
  BOOST_TEST(text.ends_with("# EOF\n"));
}

BOOST_AUTO_TEST_SUITE_END()
