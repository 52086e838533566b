// What a transition says besides the state, and what the retry policy is told.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(facts)

// covers R14
BOOST_AUTO_TEST_CASE(each_transition_names_the_server_the_socket_and_the_session) {
  scenario s;
  s.conn.emplace(s.in.executor(), s.given);
  const recorder seen(*s.conn);
  s.conn->run(net::detached);
  s.in.run_for(20s);
  s.in.network()->reset_links();
  s.in.run_for(10s);
  BOOST_REQUIRE(seen.states() == "connecting connected disconnected connecting connected");
  const auto& changes = seen.changes();
  const std::string socket = "10.0.0.1:80";
  const std::vector<std::string> endpoints{"", socket, socket, "", socket};
  const std::vector<std::uint64_t> sessions{0, 1, 1, 1, 2};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    BOOST_TEST_CONTEXT("transition " << i + 1) {
      BOOST_TEST(changes[i].origin == "ws://server");  // without the default port
      BOOST_TEST(changes[i].peer == endpoints[i]);
      BOOST_TEST(changes[i].session == sessions[i]);
      BOOST_TEST(changes[i].attempt == 1U);
      BOOST_TEST(!changes[i].flapping);
    }
  }
}

// covers R2 R3
BOOST_AUTO_TEST_CASE(attempts_are_counted_until_a_session_was_stable) {
  scenario s;
  s.backend.on_session(drops(1s));
  s.conn.emplace(s.in.executor(), s.given);
  const recorder seen(*s.conn);
  s.conn->run(net::detached);
  BOOST_REQUIRE(s.in.run_until([&] { return s.conn->snapshot().session == 4; }, 5min));
  unsigned attempts = 0;
  for (const auto& each : seen.changes()) {
    if (each.to == connection_state::connecting) ++attempts;
    BOOST_TEST(each.attempt == attempts);
    BOOST_TEST(each.flapping == (each.sequence >= 3));  // since the first session has ended
  }
  BOOST_TEST(attempts == 4U);
}

// covers R10
BOOST_AUTO_TEST_CASE(a_changed_network_is_over_when_a_session_has_opened_on_it) {
  for (const bool while_connected : {false, true}) {
    scenario s;
    std::vector<bool> heard;
    s.given.retry.decide = [&](const attempt_record& record, const retry_decision&) {
      heard.push_back(record.after_network_change);
      return retry_decision{10s, "test"};
    };
    s.backend.on_session(drops(1s));
    auto& conn = s.start();
    s.in.run_for(5s);
    BOOST_REQUIRE(conn.snapshot().retry_in.has_value());
    if (while_connected) {
      BOOST_REQUIRE(s.reaches(connection_state::connected));
    }
    conn.network_changed();
    s.in.run_for(5s);
    BOOST_REQUIRE(conn.snapshot().session == 2U);
    BOOST_REQUIRE(heard.size() == 2U);
    BOOST_TEST(!heard[1]);
  }
}

// covers R8
BOOST_AUTO_TEST_CASE(what_ends_a_socket_that_is_being_closed_does_not_change_the_reason) {
  scenario s;
  s.backend.on_session(goes_silent());
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.disconnect(net::detached);
  s.in.run_for(1s);
  BOOST_REQUIRE((conn.status() == connection_state::connected));
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::disconnect_requested));
  BOOST_TEST(conn.snapshot().final);
}

// covers R28
BOOST_AUTO_TEST_CASE(who_stops_first_gives_the_reason_and_the_deadline) {
  scenario s;
  s.backend.on_session(goes_silent());
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome stopped, closed;
  const auto asked = s.in.now();
  conn.disconnect(stopped.handler());
  s.in.run_for(2s);
  conn.close(closed.handler());
  s.in.run_for(1min);
  for (const auto* each : {&stopped, &closed}) {
    BOOST_TEST(each->calls == 1);
    BOOST_TEST((each->at - asked == clock::duration(s.given.close_timeout)));
  }
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::disconnect_requested));
}

// covers R6
BOOST_AUTO_TEST_CASE(a_refusal_is_told_in_time_although_its_text_never_comes) {
  scenario s;
  answer_with(s.in, server_at, "HTTP/1.1 503 Unavailable\r\nContent-Length: 80\r\n\r\n", true);
  auto& conn = s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().retry_in.has_value(); }, 1s));
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::upgrade_refused));
  BOOST_TEST(conn.snapshot().reason.http_status == 503U);
  BOOST_TEST((conn.snapshot().reason.at == stage::upgrade));
}

BOOST_AUTO_TEST_SUITE_END()
