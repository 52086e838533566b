// Who asks for something in the background, and what becomes of it.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(background)

// covers G15
BOOST_AUTO_TEST_CASE(connect_is_a_sign_of_life_in_the_background) {
  scenario s;
  s.given.mode = connect_mode::manual;
  auto& conn = s.start();
  conn.connect(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.enter_background();
  s.in.run_for(20s);
  conn.connect(net::detached);
  s.in.run_for(29s);
  BOOST_TEST((conn.status() == connection_state::connected));
  s.in.run_for(2s);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  conn.connect(net::detached);  // also when it was closed for the lack of one
  s.in.run_for(29s);
  BOOST_TEST((conn.status() == connection_state::connected));
  s.in.run_for(2s);
  BOOST_TEST((conn.status() == connection_state::disconnected));
}

// covers G17
BOOST_AUTO_TEST_CASE(automatic_mode_in_the_background_has_no_grace_that_could_run_out) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.enter_background();
  conn.ping(net::detached);
  conn.connect(net::detached);
  s.in.run_for(1h);
  BOOST_TEST(!conn.snapshot().final);
  conn.enter_foreground();
  BOOST_TEST(s.reaches(connection_state::connected, 1s));
}

// covers G17
BOOST_AUTO_TEST_CASE(connect_in_the_background_is_told_that_it_waits_for_the_foreground) {
  for (const bool disconnected_first : {true, false}) {
    scenario s;
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    if (!disconnected_first) conn.enter_background();
    conn.disconnect(net::detached);
    s.in.run_for(1s);
    conn.enter_background();
    s.in.run_for(1s);
    BOOST_REQUIRE(conn.snapshot().final);
    recorder seen(conn);
    outcome connected;
    conn.connect(connected.handler());
    s.in.run_for(1h);
    BOOST_TEST(seen.trace() == "disconnected[closed in the background; waits]");
    BOOST_TEST(connected.calls == 0);
    conn.enter_foreground();
    BOOST_TEST(s.reaches(connection_state::connected, 1s));
    BOOST_TEST(connected.calls == 1);
    BOOST_TEST(!connected.ec);
  }
}

// covers G17
BOOST_AUTO_TEST_CASE(connect_is_not_content_with_the_session_that_the_background_closes) {
  for (const bool foreground_at_once : {true, false}) {
    scenario s;
    s.in.network()->conditions.latency = 500ms;  // the closing handshake takes a second
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    conn.enter_background();
    if (foreground_at_once) conn.enter_foreground();
    std::optional<state_change> connected;
    conn.connect([&](error_code ec, const observed_change& change) {
      BOOST_TEST(!ec);
      connected = change;
    });
    s.in.run_for(900ms);
    BOOST_TEST(!connected.has_value());
    conn.enter_foreground();
    s.in.run_for(10s);
    BOOST_REQUIRE(connected.has_value());
    BOOST_TEST(connected->session == 2U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
