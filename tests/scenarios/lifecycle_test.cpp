// Connecting, dropping, coming back: the order in which observers see it.
#include "scenario.hpp"

BOOST_AUTO_TEST_SUITE(lifecycle)

// covers G1
BOOST_AUTO_TEST_CASE(before_run_the_status_is_disconnected_and_nobody_is_called) {
  scenario s;
  s.conn.emplace(s.in.executor(), s.given);
  recorder seen(*s.conn);
  s.in.run_for(1min);
  BOOST_TEST((s.conn->status() == connection_state::disconnected));
  BOOST_TEST(seen.states() == "");
  BOOST_TEST(s.backend.accepted() == 0U);
}

// covers G2
BOOST_AUTO_TEST_CASE(a_good_server_is_connecting_then_connected) {
  scenario s;
  s.conn.emplace(s.in.executor(), s.given);
  recorder seen(*s.conn);
  s.conn->run(net::detached);
  s.in.run_for(5s);
  BOOST_TEST(seen.states() == "connecting connected");
  BOOST_TEST((s.conn->status() == connection_state::connected));
  BOOST_TEST(s.backend.sessions() == 1U);
}

// covers G4
BOOST_AUTO_TEST_CASE(a_drop_reads_disconnected_connecting_connected) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(20s);
  recorder seen(conn);
  s.in.network()->reset_links();
  s.in.run_for(10s);
  BOOST_TEST(seen.states() == "disconnected connecting connected");
}

// covers G10
BOOST_AUTO_TEST_CASE(close_ends_run_and_nothing_comes_after_it) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  recorder seen(conn);
  bool closed = false;
  conn.close([&](error_code ec) { closed = !ec; });
  s.in.run_for(10min);
  BOOST_TEST(closed);
  BOOST_TEST((s.run_ended == error_code{}));
  BOOST_TEST(seen.states() == "disconnected");
  BOOST_TEST(seen.changes().back().final);
  BOOST_TEST(s.backend.accepted() == 1U);
  BOOST_TEST(s.in.network()->open_links() == 0U);
}

BOOST_AUTO_TEST_CASE(an_echo_comes_back) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::string answer;
  s.in.spawn([](connection& c, std::string& out) -> net::awaitable<void> {
    const auto sent = co_await c.send("hello");
    BOOST_TEST(sent.ok());
    out = (co_await c.receive()).payload;
  }(conn, answer));
  s.in.run_for(1s);
  BOOST_TEST(answer == "hello");
}

BOOST_AUTO_TEST_SUITE_END()
