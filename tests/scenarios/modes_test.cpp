// Automatic and manual, foreground and background: who decides that there is a connection.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(modes)

namespace {

struct manual : scenario {
  explicit manual(std::uint64_t seed = 1) : scenario(seed) { given.mode = connect_mode::manual; }
  connection& connected() {
    auto& made = start();
    made.connect(net::detached);
    BOOST_REQUIRE(reaches(connection_state::connected));
    return made;
  }
};

}  // namespace

// covers G8
BOOST_AUTO_TEST_CASE(a_second_connect_joins_the_first) {
  manual s;
  auto& conn = s.start();
  recorder seen(conn);
  outcome first, second, third;
  conn.connect(first.handler());
  conn.connect(second.handler());
  s.in.run_for(1ms);
  conn.connect(third.handler());
  s.in.run_for(1min);
  for (const auto* each : {&first, &second, &third}) {
    BOOST_TEST(each->calls == 1);
    BOOST_TEST(!each->ec);
  }
  BOOST_TEST((first.at == third.at));
  BOOST_TEST(seen.states() == "connecting connected");
  BOOST_TEST(s.backend.accepted() == 1U);
}

// covers G8
BOOST_AUTO_TEST_CASE(connect_while_connected_completes_at_once_and_opens_nothing) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome again;
  conn.connect(again.handler());
  s.in.settle();
  BOOST_TEST(again.calls == 1);
  BOOST_TEST(!again.ec);
  s.in.run_for(1min);
  BOOST_TEST(s.backend.accepted() == 1U);
}

// covers G12
BOOST_AUTO_TEST_CASE(the_status_always_equals_the_last_transition) {
  manual s;
  auto& conn = s.start();
  recorder seen(conn);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_TEST(conn.snapshot().sequence == 0U);
  const auto check = [&](connection_state wanted, std::size_t count) {
    s.in.settle();
    BOOST_REQUIRE(seen.changes().size() == count);
    BOOST_TEST((conn.status() == wanted));
    BOOST_TEST((conn.snapshot().to == wanted));
    BOOST_TEST((seen.changes().back().to == wanted));
    BOOST_TEST(conn.snapshot().sequence == count);
    BOOST_TEST(seen.changes().back().sequence == count);
  };
  conn.add_connection_listener("status", {.on_state_change = [&](const observed_change& change) {
                                 BOOST_TEST((conn.status() == change.to));
                               }});
  conn.connect(net::detached);
  check(connection_state::connecting, 1);
  s.in.run_for(4ms);
  check(connection_state::connected, 2);
  conn.disconnect(net::detached);
  s.in.run_for(1s);
  check(connection_state::disconnected, 3);
  conn.connect(net::detached);
  check(connection_state::connecting, 4);
  conn.disconnect(net::detached);
  check(connection_state::disconnected, 5);
  BOOST_TEST(conn.snapshot().final);
}

// covers G13
BOOST_AUTO_TEST_CASE(manual_mode_in_the_foreground_reconnects_by_itself) {
  manual s;
  auto& conn = s.connected();
  s.in.run_for(20s);
  recorder seen(conn);
  s.in.network()->reset_links();
  s.in.run_for(10s);
  BOOST_TEST(seen.states() == "disconnected connecting connected");
}

// covers G14
BOOST_AUTO_TEST_CASE(manual_mode_does_nothing_before_connect) {
  manual s;
  auto& conn = s.start();
  conn.retry_now();
  conn.network_changed();
  conn.enter_background();
  conn.enter_foreground();
  s.in.run_for(1h);
  BOOST_TEST(s.in.network()->connect_count() == 0U);
  BOOST_TEST(conn.snapshot().sequence == 0U);
  outcome connected;
  conn.connect(connected.handler());
  s.in.run_for(1s);
  BOOST_TEST(connected.calls == 1);
  BOOST_TEST(!connected.ec);
}

// covers G15
BOOST_AUTO_TEST_CASE(manual_mode_in_the_background_closes_after_the_grace_and_stays_closed) {
  manual s;
  const watched_session at_server(s.backend, [](server_session& session) { return session.echo(); });
  auto& conn = s.connected();
  s.in.run_for(1min);
  recorder seen(conn);
  const auto left = s.in.now();
  conn.enter_background();
  s.in.run_for(29900ms);
  BOOST_TEST((conn.status() == connection_state::connected));
  s.in.run_for(1h);
  BOOST_TEST(seen.trace() == "disconnected[closed in the background; final]");
  BOOST_TEST(at_server.latest->close_code() == 1001U);  // RFC 6455 section 7.4.1: going away
  const auto closed_after = seen.changes().back().time - left;
  BOOST_TEST((closed_after >= clock::duration(30s) && closed_after <= clock::duration(30100ms)));
  conn.enter_foreground();
  s.in.run_for(1h);
  BOOST_TEST(seen.changes().size() == 1U);
  conn.connect(net::detached);
  BOOST_TEST(s.reaches(connection_state::connected));
}

// covers G16
BOOST_AUTO_TEST_CASE(manual_mode_in_the_background_stays_open_as_long_as_the_program_pings) {
  manual s;
  auto& conn = s.connected();
  recorder seen(conn);
  conn.enter_background();
  for (int i = 0; i < 14; ++i) {
    s.in.run_for(25s);
    conn.ping(net::detached);
  }
  s.in.run_for(29s);
  BOOST_TEST(seen.changes().empty());
  s.in.run_for(2s);
  BOOST_TEST(seen.states() == "disconnected");
}

// covers G15
BOOST_AUTO_TEST_CASE(coming_back_in_time_keeps_the_manual_connection) {
  manual s;
  auto& conn = s.connected();
  for (int i = 0; i < 3; ++i) {
    conn.enter_background();
    s.in.run_for(29s);
    conn.enter_foreground();
    s.in.run_for(5min);
    BOOST_TEST((conn.status() == connection_state::connected));
  }
  conn.enter_background();
  conn.enter_foreground();
  conn.enter_background();
  s.in.run_for(20s);
  conn.enter_background();  // it is there already: the grace began 20 s ago
  s.in.run_for(9s);
  BOOST_TEST((conn.status() == connection_state::connected));
  s.in.run_for(2s);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_TEST(s.backend.accepted() == 1U);
}

// covers G15
BOOST_AUTO_TEST_CASE(manual_mode_in_the_background_also_stops_retrying_after_the_grace) {
  manual s;
  auto& conn = s.connected();
  s.in.network()->behave(server_at, port_behaviour::refuses);
  s.in.network()->reset_links();
  conn.enter_background();
  s.in.run_for(31s);
  BOOST_TEST(conn.snapshot().final);
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::in_background));
  s.in.network()->behave(server_at, port_behaviour::accepts);
  s.in.run_for(1h);
  BOOST_TEST((conn.status() == connection_state::disconnected));
}

// covers G17
BOOST_AUTO_TEST_CASE(automatic_mode_closes_at_once_in_the_background_and_reconnects_in_the_foreground) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  recorder seen(conn);
  conn.enter_background();
  s.in.run_for(10ms);
  BOOST_TEST(seen.trace() == "disconnected[closed in the background; waits]");
  BOOST_TEST(s.in.network()->open_links() == 0U);
  s.in.run_for(1h);
  BOOST_TEST(seen.changes().size() == 1U);
  const auto back = s.in.now();
  conn.enter_foreground();
  s.in.settle();
  BOOST_TEST((conn.status() == connection_state::connecting));
  BOOST_TEST((conn.snapshot().time == back));
  s.in.run_for(1s);
  BOOST_TEST(seen.states() == "disconnected connecting connected");
}

// covers G17
BOOST_AUTO_TEST_CASE(the_background_stops_attempts_and_waits_as_well) {
  for (const auto how : {port_behaviour::refuses, port_behaviour::swallows}) {
    scenario s;
    s.in.network()->behave(server_at, how);
    auto& conn = s.start();
    s.in.run_for(100ms);
    conn.enter_background();
    s.in.settle();
    BOOST_TEST((conn.status() == connection_state::disconnected));
    BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::in_background));
    BOOST_TEST(!conn.snapshot().final);
    s.in.network()->behave(server_at, port_behaviour::accepts);
    s.in.run_for(1h);
    BOOST_TEST(s.backend.accepted() == 0U);
    conn.enter_foreground();
    BOOST_TEST(s.reaches(connection_state::connected, 1s));
  }
}

BOOST_AUTO_TEST_CASE(the_foreground_does_not_undo_a_disconnect) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.disconnect(net::detached);
  conn.enter_background();
  s.in.run_for(1s);
  conn.enter_foreground();
  conn.retry_now();
  conn.network_changed();
  s.in.run_for(1h);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_TEST(s.backend.accepted() == 1U);
  outcome connected;
  conn.connect(connected.handler());
  s.in.run_for(1s);
  BOOST_TEST(connected.calls == 1);
  BOOST_TEST(!connected.ec);
  BOOST_TEST(s.backend.accepted() == 2U);
}

BOOST_AUTO_TEST_CASE(a_disconnect_before_run_keeps_automatic_mode_from_connecting) {
  scenario s;
  s.conn.emplace(s.in.executor(), s.given);
  s.conn->disconnect(net::detached);
  s.conn->run(net::detached);
  s.in.run_for(1h);
  BOOST_TEST(s.backend.accepted() == 0U);
  s.conn->connect(net::detached);
  BOOST_TEST(s.reaches(connection_state::connected));
}

BOOST_AUTO_TEST_CASE(connect_can_be_awaited_and_tells_the_change) {
  manual s;
  auto& conn = s.start();
  observed_change seen;
  s.in.spawn([](connection& c, observed_change& out) -> net::awaitable<void> { out = co_await c.connect(); }(
                                                         conn, seen));
  s.in.run_for(1s);
  BOOST_TEST((seen.to == connection_state::connected));
  BOOST_TEST(seen.session == 1U);
  BOOST_TEST(seen.peer == "10.0.0.1:80");
}

BOOST_AUTO_TEST_CASE(connect_fails_with_the_reason_if_the_state_becomes_final) {
  manual s;
  s.given.retry.attempt_limit = 2;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  auto& conn = s.start();
  outcome refused, stopped;
  conn.connect(refused.handler());
  s.in.run_for(1min);
  BOOST_TEST((refused.ec == net::error::connection_refused));
  s.in.network()->behave(server_at, port_behaviour::swallows);
  conn.connect(stopped.handler());
  s.in.run_for(1s);
  BOOST_TEST(stopped.calls == 0);
  conn.disconnect(net::detached);
  s.in.settle();
  BOOST_TEST(stopped.ec == make_error_code(error::disconnect_requested));
}

BOOST_AUTO_TEST_CASE(connect_right_after_disconnect_opens_a_new_session) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(20s);
  recorder seen(conn);
  outcome stopped;
  std::uint64_t session = 0;
  conn.disconnect(stopped.handler());
  conn.connect([&](error_code ec, const observed_change& change) {
    if (!ec) session = change.session;
  });
  s.in.run_for(1min);
  BOOST_TEST(seen.states() == "disconnected connecting connected");
  BOOST_TEST(!seen.changes().front().final);
  BOOST_TEST(stopped.calls == 1);
  BOOST_TEST(s.in.network()->most_open_links() == 1U);
  BOOST_TEST(session == 2U);  // not the one that was being closed
}

// covers R34
BOOST_AUTO_TEST_CASE(a_disconnect_that_is_awaited_only_later_completes_then) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  auto told = conn.disconnect();
  s.in.run_for(1min);
  BOOST_REQUIRE((conn.status() == connection_state::disconnected));
  outcome stopped;
  std::move(told)(stopped.handler());
  s.in.settle();
  BOOST_TEST(stopped.calls == 1);
  BOOST_TEST(!stopped.ec);
}

BOOST_AUTO_TEST_CASE(disconnect_right_after_connect_wins) {
  manual s;
  auto& conn = s.start();
  outcome connected;
  conn.connect(connected.handler());
  conn.disconnect(net::detached);
  s.in.run_for(1h);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_TEST(s.in.network()->open_links() == 0U);
  BOOST_TEST(connected.calls == 1);
  BOOST_TEST(connected.ec.failed());
}

BOOST_AUTO_TEST_SUITE_END()
