// Is the peer still there? Heartbeats, their deadlines, and what a silent or a slow peer does.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(liveness)

namespace {

bool between(clock::duration low, clock::duration value, clock::duration high) {
  return low <= value && value <= high;
}

net::awaitable<void> send_each(connection& conn, clock::duration pause) {
  timer wait(co_await net::this_coro::executor);
  for (;;) {
    const auto sent = co_await conn.send(std::string(1000, 'x'));
    if (sent.reason == make_error_code(error::closed)) co_return;
    co_await wait.async_wait_until(clock::now() + pause, net::use_awaitable);
  }
}

net::awaitable<void> receive_all(connection& conn, std::size_t& count) {
  for (;;) {
    const auto [ec, next] = co_await conn.receive(net::as_tuple(net::use_awaitable));
    if (ec) co_return;
    ++count;
  }
}

net::awaitable<void> tick_until(server_session& session, clock::duration span) {
  timer wait(co_await net::this_coro::executor);
  for (const auto end = clock::now() + span; clock::now() < end;) {
    co_await session.send("tick");
    co_await wait.async_wait_until(clock::now() + 100ms, net::use_awaitable);
  }
  co_await session.fall_silent_for(24h);
}

clock::duration run_until_lost(scenario& s, clock::time_point since) {
  BOOST_REQUIRE(s.in.run_until([&] { return s.conn->status() == connection_state::disconnected; }, 10min));
  BOOST_TEST(s.conn->snapshot().reason.error == make_error_code(error::liveness_lost));
  BOOST_TEST((s.conn->snapshot().reason.at == stage::session));
  return s.conn->snapshot().time - since;
}

}  // namespace

// covers G34 R22
BOOST_AUTO_TEST_CASE(a_peer_that_falls_silent_while_idle_is_lost_within_the_promise_and_dialled_again) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    scenario s(seed);
    s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.run_for(50s + std::chrono::milliseconds(777 * seed));
    s.in.network()->silence_links();
    const auto lost_after = run_until_lost(s, s.in.now());
    BOOST_TEST(between(9500ms, lost_after, 31500ms));
    BOOST_TEST(s.reaches(connection_state::connected, 2s));
  }
}

// covers G34 R22
BOOST_AUTO_TEST_CASE(a_peer_that_falls_silent_in_the_first_interval_is_lost_within_the_promise) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    scenario s(seed);
    s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.network()->silence_links();
    BOOST_TEST(between(10s, run_until_lost(s, s.in.now()), 31500ms));
  }
}

// covers G34 R22
BOOST_AUTO_TEST_CASE(a_silent_peer_is_lost_within_the_promise_while_we_write) {
  scenario s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.spawn(send_each(*s.conn, 1s));  // each is echoed, until
  s.in.run_for(60s);
  s.in.network()->silence_links();
  BOOST_TEST(between(28500ms, run_until_lost(s, s.in.now()), 31500ms));
}

// covers G34 R22
BOOST_AUTO_TEST_CASE(a_silent_peer_is_lost_within_the_promise_while_the_window_is_full) {
  scenario s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(60s);
  s.in.network()->silence_links();
  s.in.spawn(send_each(*s.conn, 1ms));
  BOOST_TEST(between(9500ms, run_until_lost(s, s.in.now()), 31500ms));
}

// covers G34 R22
BOOST_AUTO_TEST_CASE(a_silent_peer_is_lost_within_the_promise_while_we_only_read) {
  scenario s;
  s.backend.on_session([](server_session& session) { return tick_until(session, 60s); });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::size_t count = 0;
  s.in.spawn(receive_all(*s.conn, count));
  s.in.run_for(60s);
  BOOST_TEST(count > 590U);
  BOOST_TEST(between(28500ms, run_until_lost(s, s.in.now()), 31500ms));
}

// covers G35
BOOST_AUTO_TEST_CASE(a_pong_just_under_the_limit_keeps_the_connection) {
  scenario s;
  s.in.network()->conditions.latency = 4950ms;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(10min);
  BOOST_TEST((s.conn->status() == connection_state::connected));
  BOOST_TEST(s.backend.accepted() == 1U);
}

// covers G35
BOOST_AUTO_TEST_CASE(a_pong_just_over_the_limit_does_not) {
  scenario s;
  s.in.network()->conditions.latency = 5050ms;
  s.given.deadlines = {.attempt = 1min, .resolve = 1min, .connect = 1min, .upgrade = 1min};
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(run_until_lost(s, s.in.now()) <= clock::duration(31500ms));
}

// covers R23
BOOST_AUTO_TEST_CASE(a_ping_of_an_old_session_cannot_close_the_new_one) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(60s);
  s.in.network()->silence_links();
  outcome ping;
  conn.ping(ping.handler());
  s.in.run_for(9900ms);  // the pong is due in 100 ms
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_TEST(ping.calls == 1);
  BOOST_TEST((ping.ec == net::error::connection_reset));
  conn.retry_now();
  BOOST_REQUIRE(s.reaches(connection_state::connected, 50ms));
  s.in.run_for(10min);
  BOOST_TEST((conn.status() == connection_state::connected));
  BOOST_TEST(conn.snapshot().session == 2U);
  BOOST_TEST(ping.calls == 1);
}

// covers R24 R8
BOOST_AUTO_TEST_CASE(a_lost_peer_is_dropped_in_the_instant_in_which_it_is_reported) {
  scenario s;
  for (auto& rule : s.given.retry.rules) {
    if (rule.name == "fatal-close-code") rule.close_codes.push_back(1000);
  }
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(60s);
  s.in.network()->silence_links();
  s.in.spawn(send_each(conn, 1ms));  // a full window keeps a close frame from leaving
  std::optional<std::size_t> open_links;
  conn.add_connection_listener("look", {.on_disconnected = [&](const observed_change& change) {
                                 if (open_links) return;
                                 open_links = s.in.network()->open_links();
                                 BOOST_TEST((change.time == s.in.now()));
                                 BOOST_TEST(change.reason.close_code == 0U);
                                 BOOST_TEST(change.retry_in.has_value());
                               }});
  run_until_lost(s, s.in.now());
  BOOST_TEST(open_links.value() == 0U);
}

// covers R25
BOOST_AUTO_TEST_CASE(inbound_data_counts_as_life_even_if_no_pong_comes) {
  scenario s;
  s.backend.on_session([](server_session& session) { return talk_without_listening(session, 5s); });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::size_t count = 0;
  s.in.spawn(receive_all(*s.conn, count));
  s.in.run_for(1h);
  BOOST_TEST((s.conn->status() == connection_state::connected));
  BOOST_TEST(s.backend.accepted() == 1U);
  BOOST_TEST(count >= 719U);
}

// covers R25
BOOST_AUTO_TEST_CASE(with_pong_only_data_does_not_count) {
  scenario s;
  s.given.heartbeat.pong_only = true;
  s.backend.on_session([](server_session& session) { return talk_without_listening(session, 5s); });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::size_t count = 0;
  s.in.spawn(receive_all(*s.conn, count));
  BOOST_TEST(run_until_lost(s, s.in.now()) <= clock::duration(31500ms));
}

// covers R22
BOOST_AUTO_TEST_CASE(a_day_of_idleness_is_a_ping_each_interval_and_nothing_else) {
  scenario s;
  const watched_session at_server(s.backend, [](server_session& session) { return session.echo(); });
  s.conn.emplace(s.in.executor(), s.given);
  const recorder seen(*s.conn);
  s.conn->run(net::detached);
  s.in.run_for(24h);
  BOOST_TEST(seen.states() == "connecting connected");
  BOOST_TEST(s.backend.accepted() == 1U);
  BOOST_TEST(at_server.latest->ping_count() >= 4310U);
  BOOST_TEST(at_server.latest->ping_count() <= 4321U);
}

// covers R22
BOOST_AUTO_TEST_CASE(the_first_pings_of_many_connections_are_spread_over_the_interval) {
  std::vector<clock::duration> first;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    scenario s(seed);
    const watched_session at_server(s.backend, [](server_session& session) { return session.echo(); });
    s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    BOOST_REQUIRE(s.in.run_until([&] { return at_server.latest->ping_count() == 1; }, 21s));
    first.push_back(s.in.elapsed());
  }
  std::ranges::sort(first);
  BOOST_TEST((first.front() < clock::duration(3s)));
  BOOST_TEST((first.back() > clock::duration(17s)));
}

BOOST_AUTO_TEST_CASE(ping_answers_the_round_trip_time) {
  scenario s;
  s.in.network()->conditions.latency = 25ms;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::vector<clock::duration> times;
  for (int i = 0; i < 3; ++i) {
    conn.ping([&](error_code ec, clock::duration time) {
      if (!ec) times.push_back(time);
    });
  }
  s.in.run_for(1s);
  BOOST_REQUIRE(times.size() == 3U);
  for (const auto time : times) BOOST_TEST((time == clock::duration(50ms)));
}

// covers G29
BOOST_AUTO_TEST_CASE(ping_without_a_session_fails_with_no_connection) {
  scenario s;
  s.in.network()->behave(server_at, port_behaviour::swallows);
  s.conn.emplace(s.in.executor(), s.given);
  outcome before, connecting;
  s.conn->ping(before.handler());
  s.in.settle();
  BOOST_TEST(before.ec == make_error_code(error::no_connection));
  s.conn->run(net::detached);
  s.in.settle();
  BOOST_REQUIRE((s.conn->status() == connection_state::connecting));
  s.conn->ping(connecting.handler());
  s.in.settle();
  BOOST_TEST(connecting.ec == make_error_code(error::no_connection));
}

BOOST_AUTO_TEST_CASE(ping_to_a_peer_that_went_silent_completes_with_the_reason_of_the_loss) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.network()->silence_links();
  outcome ping;
  conn.ping(ping.handler());
  const auto asked = s.in.now();
  s.in.run_for(1min);
  BOOST_TEST(ping.calls == 1);
  BOOST_TEST(ping.ec == make_error_code(error::liveness_lost));
  BOOST_TEST((ping.at - asked == clock::duration(s.given.heartbeat.pong_deadline)));
}

// covers R34
BOOST_AUTO_TEST_CASE(a_ping_in_the_instant_of_the_loss_completes) {
  for (int hops = 0; hops < 8; ++hops) {
    scenario s;
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.network()->silence_links();
    outcome first, second;
    conn.ping(first.handler());
    s.in.spawn([](connection& c, clock::time_point when, int steps, outcome& out) -> net::awaitable<void> {
      const auto executor = co_await net::this_coro::executor;
      timer wait(executor);
      co_await wait.async_wait_until(when, net::use_awaitable);
      for (int i = 0; i < steps; ++i) co_await net::post(executor, net::use_awaitable);
      c.ping(out.handler());
    }(conn, s.in.now() + s.given.heartbeat.pong_deadline, hops, second));
    s.in.run_for(10s);
    s.in.settle();
    BOOST_TEST(first.calls == 1);
    BOOST_TEST(second.calls == 1, "after " << hops << " hops");
    BOOST_TEST(second.ec.failed());
  }
}

// covers R10
BOOST_AUTO_TEST_CASE(a_changed_network_checks_an_open_socket_at_once) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(60s);
  conn.network_changed();
  s.in.run_for(60s);
  BOOST_TEST(conn.snapshot().session == 1U);
  s.in.run_for(1s);
  s.in.network()->silence_links();
  conn.network_changed();
  BOOST_TEST(run_until_lost(s, s.in.now()) <= clock::duration(s.given.heartbeat.probe_deadline));
}

// covers R10
BOOST_AUTO_TEST_CASE(a_network_that_changes_again_and_again_does_not_put_the_verdict_off) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(60s);
  s.in.network()->silence_links();
  const auto began = s.in.now();
  while (conn.status() == connection_state::connected && s.in.now() - began < 1min) {
    conn.network_changed();
    s.in.run_for(500ms);
  }
  BOOST_TEST((conn.snapshot().time - began == clock::duration(s.given.heartbeat.probe_deadline)));
}

BOOST_AUTO_TEST_SUITE_END()
