// How long a wait between two attempts is: neither cut by what was said before it, nor drawn from an old
// step.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(waits)

namespace {

// Each ends a wait, if there is one.
const std::vector<std::pair<const char*, std::function<void(connection&)>>> impulses = {
    {"connect", [](connection& c) { c.connect(net::detached); }},
    {"retry_now", [](connection& c) { c.retry_now(); }},
    {"network_changed", [](connection& c) { c.network_changed(); }},
};

}  // namespace

// covers R9
BOOST_AUTO_TEST_CASE(what_is_said_while_connected_does_not_cut_the_wait_that_follows) {
  for (const auto& [name, say] : impulses) {
    BOOST_TEST_CONTEXT(name) {
      scenario s;
      auto& conn = s.start();
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      say(conn);
      s.in.run_for(1s);
      s.in.network()->reset_links();
      s.in.settle();
      const auto waiting = conn.snapshot();
      BOOST_REQUIRE(waiting.retry_in.has_value());
      BOOST_REQUIRE((*waiting.retry_in >= clock::duration(100ms)));
      BOOST_REQUIRE(s.reaches(connection_state::connecting));
      BOOST_TEST((conn.snapshot().time == *waiting.retry_at()));
    }
  }
}

// covers R9
BOOST_AUTO_TEST_CASE(what_is_said_during_an_attempt_does_not_cut_the_wait_that_follows) {
  for (const auto& [name, say] : impulses) {
    BOOST_TEST_CONTEXT(name) {
      scenario s;
      s.in.network()->behave(server_at, port_behaviour::refuses);
      auto& conn = s.start();
      BOOST_REQUIRE((conn.status() == connection_state::connecting));
      say(conn);
      BOOST_REQUIRE(s.reaches(connection_state::disconnected));
      const auto waiting = conn.snapshot();
      BOOST_REQUIRE(waiting.retry_in.has_value());
      BOOST_REQUIRE(s.reaches(connection_state::connecting));
      BOOST_TEST((conn.snapshot().time == *waiting.retry_at()));
    }
  }
}

// covers G37
BOOST_AUTO_TEST_CASE(connect_after_the_last_of_all_attempts_begins_with_the_smallest_step) {
  scenario s;
  s.given.retry.rules = {{.name = "grow", .delay = retry_delay::high_step}};  // 0.5 to 1 s, 1 to 2 s, …
  s.given.retry.attempt_limit = 4;
  s.given.keep_running = true;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  auto& conn = s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().final; }, 1min));
  conn.connect(net::detached);
  s.in.settle();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST(conn.snapshot().attempt == 1U);
  BOOST_REQUIRE(conn.snapshot().retry_in.has_value());
  BOOST_TEST((*conn.snapshot().retry_in <= clock::duration(1s)));
}

BOOST_AUTO_TEST_SUITE_END()
