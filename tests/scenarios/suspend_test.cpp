// The machine sleeps and wakes up: time that only the wall clock saw. What is open is checked, what waits
// tries at once, and nothing else happens.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(suspend)

namespace {

constexpr auto noticed_within = 5s;  // the interval of the looks

server::script echoes() {
  return [](server_session& session) { return session.echo(); };
}

// The reader that every program has.
net::awaitable<void> receive_all(connection& conn) {
  for (;;) {
    const auto [ec, next] = co_await conn.receive(net::as_tuple(net::use_awaitable));
    if (ec) co_return;
  }
}

// Each wait is longer than the one before: up to 2, 4, 8 … minutes.
void wait_for_minutes(retry_policy& retry) {
  retry.rules = {{.name = "grow", .delay = retry_delay::high_step}};
  retry.base = 1min;
  retry.cap = 24h;
}

// The server is down; the connection waits for the attempt after the `count` that have failed.
connection& waiting(scenario& s, unsigned count) {
  wait_for_minutes(s.given.retry);
  s.in.network()->behave(server_at, port_behaviour::refuses);
  auto& conn = s.start();
  BOOST_REQUIRE(
      s.in.run_until([&] { return conn.snapshot().attempt == count && conn.snapshot().retry_in; }, 24h));
  return conn;
}

connection& connected(scenario& s) {
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(61s);
  return conn;
}

std::size_t dials(const scenario& s) { return s.in.network()->connect_count(); }

}  // namespace

// covers R27, G42
BOOST_AUTO_TEST_CASE(a_peer_that_is_gone_after_a_suspend_is_lost_within_the_probe_deadline) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    scenario s(seed);
    auto& conn = connected(s);
    s.in.run_for(std::chrono::milliseconds(731 * seed));
    s.in.network()->silence_links();
    s.in.sleep_through(10min);
    const auto woke = s.in.now();
    recorder seen(conn);
    BOOST_REQUIRE(s.in.run_until([&] { return !seen.changes().empty(); }, 1min));
    BOOST_TEST((s.in.now() - woke <= noticed_within + s.given.heartbeat.probe_deadline));
    BOOST_TEST(seen.changes().front().reason.error == make_error_code(error::liveness_lost));
    BOOST_TEST(seen.changes().front().rule == "after-stable-session");
    s.in.run_for(1min);
    BOOST_TEST(seen.states() == "disconnected connecting connected");
    BOOST_TEST(dials(s) == 2U);
  }
}

// covers R27, G42
BOOST_AUTO_TEST_CASE(a_peer_that_is_still_there_is_asked_once_and_nobody_notices) {
  scenario s;
  const watched_session at_server(s.backend, echoes());
  s.given.heartbeat.ping_interval = 1h;
  auto& conn = connected(s);
  const recorder seen(conn);
  const auto pings = at_server.latest->ping_count();
  s.in.sleep_through(10min);
  s.in.run_for(noticed_within + 10ms);
  BOOST_TEST(at_server.latest->ping_count() == pings + 1);
  s.in.run_for(10min);
  BOOST_TEST(at_server.latest->ping_count() == pings + 1);
  BOOST_TEST(seen.changes().empty());
}

// covers R27, G42
BOOST_AUTO_TEST_CASE(a_long_wait_is_cut_short_by_exactly_one_attempt_and_goes_on_where_it_was) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    scenario s(seed);
    auto& conn = waiting(s, 6);
    BOOST_TEST((*conn.snapshot().retry_in >= 32min));
    s.in.run_for(10s);
    s.in.sleep_through(10min);
    s.in.run_for(noticed_within + 10ms);
    BOOST_TEST(conn.snapshot().attempt == 7U);
    BOOST_REQUIRE(conn.snapshot().retry_in.has_value());
    BOOST_TEST((*conn.snapshot().retry_in >= 64min));  // the step has grown as it would have
    s.in.run_for(63min);
    BOOST_TEST(conn.snapshot().attempt == 7U);
  }
}

// covers G42
BOOST_AUTO_TEST_CASE(a_server_that_came_up_meanwhile_is_reached_at_once) {
  scenario s;
  waiting(s, 10);
  s.in.network()->behave(server_at, port_behaviour::accepts);
  s.in.sleep_through(10min);
  BOOST_TEST(s.reaches(connection_state::connected, noticed_within + 10ms));
}

// covers R27
BOOST_AUTO_TEST_CASE(an_attempt_under_way_goes_on) {
  scenario s;
  s.in.network()->behave(server_at, port_behaviour::swallows);
  auto& conn = s.start();
  const auto began = s.in.now();
  s.in.run_for(1s);
  s.in.sleep_through(10min);
  BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::disconnected; }, 1min));
  BOOST_TEST((s.in.now() - began == clock::duration(s.given.deadlines.connect)));
  const auto retry_in = *conn.snapshot().retry_in;
  s.in.run_for(retry_in - 1ms);  // the jump was another attempt's
  BOOST_TEST((conn.status() == connection_state::disconnected));
}

// covers R27, G42
BOOST_AUTO_TEST_CASE(of_many_connections_each_does_its_part_once) {
  scenario s;
  std::vector<std::shared_ptr<server_session>> sessions;
  s.backend.on_session([&](server_session& session) {
    sessions.push_back(session.shared_from_this());
    return session.echo();
  });
  const peer_address down_at{net::ip::make_address("10.0.0.2"), 80};
  s.in.network()->add_name("down", {down_at.address});
  s.in.network()->behave(down_at, port_behaviour::refuses);
  s.given.heartbeat.ping_interval = 1h;
  wait_for_minutes(s.given.retry);
  std::vector<connection> crowd;
  for (std::uint64_t i = 0; i < 200; ++i) {
    auto given = s.given;
    given.url = i % 2 == 0 ? "ws://server/" : "ws://down/";
    given.random_seed = i;
    crowd.emplace_back(s.in.executor(), given).run(net::detached);
  }
  const auto attempts = [&] {
    std::size_t sum = 0;
    for (const auto& each : crowd) sum += each.snapshot().attempt;
    return sum;
  };
  s.in.run_for(20s);
  BOOST_REQUIRE(attempts() == 200U);
  const auto pings = [&] {
    std::size_t sum = 0;
    for (const auto& each : sessions) sum += each->ping_count();
    return sum;
  };
  const auto before = pings();
  s.in.sleep_through(10min);
  s.in.run_for(noticed_within + 10ms);
  BOOST_TEST(attempts() == 300U);
  BOOST_TEST(pings() == before + 100);
  BOOST_TEST(s.backend.accepted() == 100U);
  s.in.run_for(30s);
  BOOST_TEST(attempts() == 300U);
}

// covers R27
BOOST_AUTO_TEST_CASE(a_wall_clock_that_is_set_back_means_nothing) {
  scenario s;
  auto& conn = waiting(s, 8);
  s.in.jump_wall(-24h);
  s.in.run_for(1min);
  BOOST_TEST(conn.snapshot().attempt == 8U);
  s.in.jump_wall(10s);
  s.in.run_for(1min);
  BOOST_TEST(conn.snapshot().attempt == 9U);
}

// covers R27
BOOST_AUTO_TEST_CASE(small_jumps_mean_nothing) {
  scenario s;
  auto& conn = waiting(s, 8);
  for (int i = 0; i < 20; ++i) {
    s.in.sleep_through(4900ms);
    s.in.run_for(noticed_within);
  }
  BOOST_TEST(conn.snapshot().attempt == 8U);
}

// covers R27
BOOST_AUTO_TEST_CASE(in_the_background_nothing_is_dialled_before_the_foreground) {
  scenario s;
  auto& conn = connected(s);
  conn.enter_background();
  s.in.run_for(1s);
  s.in.sleep_through(10min);
  s.in.run_for(1min);
  BOOST_TEST(dials(s) == 1U);
  conn.enter_foreground();
  BOOST_TEST(s.reaches(connection_state::connected, 1s));
  BOOST_TEST(dials(s) == 2U);
}

// covers R27
BOOST_AUTO_TEST_CASE(who_was_not_told_to_connect_or_told_to_disconnect_is_not_dialled) {
  scenario s;
  s.given.mode = connect_mode::manual;
  auto& conn = s.start();
  s.in.sleep_through(10min);
  s.in.run_for(1min);
  BOOST_TEST(dials(s) == 0U);
  conn.connect(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.disconnect(net::detached);
  s.in.run_for(1s);
  s.in.sleep_through(10min);
  s.in.run_for(1min);
  BOOST_TEST(dials(s) == 1U);
  BOOST_TEST(conn.snapshot().final);
}

// covers R27
BOOST_AUTO_TEST_CASE(manual_mode_in_the_background_keeps_its_grace_and_is_checked_meanwhile) {
  for (const bool gone : {false, true}) {
    scenario s;
    s.given.mode = connect_mode::manual;
    s.start().connect(net::detached);
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.run_for(1min);
    const recorder seen(*s.conn);
    s.conn->enter_background();
    if (gone) s.in.network()->silence_links();
    s.in.sleep_through(10min);
    s.in.run_for(1min);
    BOOST_TEST(seen.states() == (gone ? "disconnected connecting connected disconnected" : "disconnected"));
    BOOST_TEST(seen.changes().back().reason.error == make_error_code(error::in_background));
  }
}

// covers R27 R40
BOOST_AUTO_TEST_CASE(who_does_not_listen_does_not_take_the_peer_for_lost) {
  scenario s;
  s.given.limits.inbound_messages = 1;
  s.backend.on_session([](server_session& session) { return talk_without_listening(session, 1s); });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(5s);
  s.in.sleep_through(10min);
  s.in.run_for(1min);
  BOOST_TEST((conn.status() == connection_state::connected));
}

// covers R25 R27
BOOST_AUTO_TEST_CASE(what_answers_a_ping_answers_a_probe) {
  for (const bool pong_only : {false, true}) {
    scenario s;
    s.given.heartbeat = {.ping_interval = 1h, .pong_only = pong_only};
    s.backend.on_session([](server_session& session) { return talk_without_listening(session, 1s); });
    auto& conn = s.start();
    s.in.spawn(receive_all(conn));
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.run_for(5s);
    s.in.sleep_through(10min);
    s.in.run_for(noticed_within + s.given.heartbeat.probe_deadline);
    BOOST_TEST((conn.snapshot().reason.error == error::liveness_lost) == pong_only);
  }
}

BOOST_AUTO_TEST_CASE(a_probe_is_no_more_patient_than_a_ping) {
  scenario s;
  s.given.heartbeat = {.ping_interval = 1h, .pong_deadline = 1s, .probe_deadline = 1min};
  auto& conn = connected(s);
  s.in.network()->silence_links();
  const auto asked = s.in.now();
  conn.network_changed();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::disconnected; }, 2min));
  BOOST_TEST((s.in.now() - asked == clock::duration(1s)));
}

// The machine's network is not part of a world: the same seed must give the same world.
BOOST_AUTO_TEST_CASE(in_a_virtual_world_the_network_of_the_machine_is_not_watched) {
  scenario s;
  s.given.watch_network = true;
  connected(s);
  s.conn->close(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(s.run_ended.has_value());
  BOOST_TEST(s.log_lines.empty());
}

BOOST_AUTO_TEST_SUITE_END()
