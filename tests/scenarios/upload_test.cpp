// Life in both directions: a peer that receives a slow upload is alive, one that only has a kernel is not.
#include <string>

#include "conversation.hpp"

BOOST_AUTO_TEST_SUITE(uploads)

namespace {

constexpr std::size_t million = 1'000'000;

connection& connect(scenario& s) {
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  return conn;
}

}  // namespace

// covers R62
BOOST_AUTO_TEST_CASE(a_slow_upload_is_not_taken_for_a_silent_peer) {
  scenario s;
  received_log server;
  s.backend.on_session(server.script());
  s.in.network()->conditions = {.window_bytes = 8 * 1024, .bytes_per_second = 16'000};
  auto& conn = connect(s);
  const recorder seen(conn);
  outcome sent;
  conn.send(std::string(million, 'x'), sent.send_handler());
  s.in.run_for(2min);
  BOOST_TEST(seen.states() == "");
  BOOST_TEST((sent.delivered == delivery::written));
  BOOST_REQUIRE(server.messages().size() == 1U);
  BOOST_TEST(server.messages()[0].size() == million);
}

// covers R62
BOOST_AUTO_TEST_CASE(a_probe_after_a_change_of_the_network_waits_for_an_upload_that_moves) {
  scenario s;
  received_log server;
  s.backend.on_session(server.script());
  s.in.network()->conditions = {.window_bytes = 8 * 1024, .bytes_per_second = 16'000};
  auto& conn = connect(s);
  const recorder seen(conn);
  conn.send(std::string(million / 4, 'x'), net::detached);
  s.in.run_for(5s);
  conn.network_changed();
  s.in.run_for(1min);
  BOOST_TEST(seen.states() == "");
  BOOST_TEST(server.messages().size() == 1U);
}

// The first question has reached the server long before its answer comes back: the session looks no more.
// covers R62
BOOST_AUTO_TEST_CASE(a_ping_behind_an_upload_is_waited_for_although_an_earlier_one_was_just_answered) {
  scenario s;
  received_log server;
  s.backend.on_session(server.script());
  s.in.network()->conditions = {.latency = 400ms, .window_bytes = 8 * 1024, .bytes_per_second = 16'000};
  auto& conn = connect(s);
  const recorder seen(conn);
  outcome second;
  conn.ping([&](error_code, clock::duration) {
    conn.send(std::string(million / 2, 'x'), net::detached);
    conn.ping(second.handler());
  });
  s.in.run_for(1min);
  BOOST_TEST(seen.states() == "");
  BOOST_TEST(server.messages().size() == 1U);
  BOOST_TEST(second.calls == 1);
}

// covers R62 R22
BOOST_AUTO_TEST_CASE(a_link_that_dies_in_the_middle_of_an_upload_is_found_dead_in_time) {
  scenario s;
  s.in.network()->conditions = {.window_bytes = 8 * 1024, .bytes_per_second = 16'000};
  auto& conn = connect(s);
  const recorder seen(conn);
  outcome sent;
  conn.send(std::string(million, 'x'), sent.send_handler());
  s.in.run_for(25s);
  s.in.network()->silence_links();
  const auto begin = clock::now();
  BOOST_REQUIRE(s.in.run_until([&] { return seen.count(connection_state::disconnected) == 1; }, 2min));
  BOOST_TEST((seen.changes()[0].reason.error == error::liveness_lost));
  const auto limit = s.given.heartbeat.ping_interval + s.given.heartbeat.pong_deadline;
  BOOST_TEST((clock::now() - begin <= limit + limit / 20));
  BOOST_TEST((sent.delivered == delivery::not_sent));
}

// covers R62 R22
BOOST_AUTO_TEST_CASE(a_frozen_server_whose_kernel_confirms_small_messages_is_lost_all_the_same) {
  scenario s;
  s.backend.on_session(goes_silent(5s));
  auto& conn = connect(s);
  const recorder seen(conn);
  s.in.run_for(5s);
  const auto begin = clock::now();
  while (clock::now() - begin < 60s && seen.changes().empty()) {
    conn.send("still there?", net::detached);
    s.in.run_for(100ms);
  }
  const auto limit = s.given.heartbeat.ping_interval + s.given.heartbeat.pong_deadline;
  BOOST_REQUIRE(!seen.changes().empty());
  BOOST_TEST((seen.changes()[0].reason.error == error::liveness_lost));
  BOOST_TEST((clock::now() - begin <= limit + limit / 20));
}

// covers R65
BOOST_AUTO_TEST_CASE(a_ping_completes_in_time_although_the_server_talks_without_answering_it) {
  scenario s;
  s.backend.on_session([](server_session& session) { return talk_without_listening(session, 1s); });
  auto& conn = connect(s);
  outcome ping;
  const auto begin = clock::now();
  conn.ping(ping.handler());
  s.in.run_for(20s);
  BOOST_TEST(ping.calls == 1);
  BOOST_TEST((ping.ec == error::timed_out));
  BOOST_TEST((ping.at - begin == s.given.heartbeat.pong_deadline));
  BOOST_TEST((conn.status() == connection_state::connected));
}

// covers R65
BOOST_AUTO_TEST_CASE(pings_that_wait_are_bounded) {
  scenario s;
  s.backend.on_session([](server_session& session) { return talk_without_listening(session, 1s); });
  auto& conn = connect(s);
  std::vector<outcome> pings(100);
  for (auto& each : pings) conn.ping(each.handler());
  s.in.run_for(1s);
  BOOST_TEST(std::ranges::count(pings, make_error_code(error::outbound_full), &outcome::ec) == 36);
  s.in.run_for(20s);
  for (const auto& each : pings) BOOST_TEST(each.calls == 1);
}

// covers R75
BOOST_AUTO_TEST_CASE(without_a_heartbeat_nothing_is_sent_and_nobody_is_lost_for_silence) {
  scenario s;
  watched_session session(s.backend, [](server_session& of) { return of.echo(); });
  s.given.heartbeat = heartbeat_options::off();
  auto& conn = connect(s);
  s.in.run_for(1h);
  BOOST_TEST(session.latest->ping_count() == 0U);
  s.in.network()->silence_links();
  s.in.run_for(1h);
  BOOST_TEST((conn.status() == connection_state::connected));
}

BOOST_AUTO_TEST_SUITE_END()
