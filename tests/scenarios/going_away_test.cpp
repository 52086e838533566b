// A server that asks us to leave: at once or later, to where, and that a fleet does not do so at the same
// moment.
#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "line_protocol.hpp"

BOOST_AUTO_TEST_SUITE(moving)

// covers R45
BOOST_AUTO_TEST_CASE(a_server_that_asks_us_to_leave_is_left_without_a_break) {
  line_scenario s;
  s.start();
  recorder seen(*s.conn);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.acknowledges = false;
  std::deque<outcome> sent(2);
  s.conn->send("before", sent[0].send_handler());
  s.in.run_for(1s);
  BOOST_TEST(sent[0].calls == 0);
  s.acknowledges = true;
  s.say("leave 0");
  s.conn->send("after", sent[1].send_handler());
  s.in.run_for(10s);
  BOOST_TEST(seen.states() == "connected connected");
  for (const auto& each : sent) BOOST_TEST((each.calls == 1 && each.delivered == delivery::acked));
  BOOST_TEST(std::ranges::count(s.got, "m 1 before") == 2);  // again in the new session, under its number
  BOOST_TEST(s.in.network()->most_open_links() == 2u);
}

BOOST_AUTO_TEST_CASE(a_server_that_asks_for_a_wait_is_left_at_once_and_come_back_to_later) {
  line_scenario s;
  s.start();
  recorder seen(*s.conn);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.say("leave 20");
  BOOST_TEST(seen.states() == "connected disconnected");
  BOOST_TEST((*seen.changes().back().retry_in >= 20s));
}

namespace {

// Two more servers for the same service.
struct several_places : line_scenario {
  several_places() {
    given.endpoints.further_urls = {"ws://second/", "ws://third/chat"};
    for (auto* const each : {&second, &third}) {
      each->on_session([](server_session& session) -> net::awaitable<void> {
        co_await session.send("ready");
        while (const auto next = co_await session.receive()) {
        }
      });
    }
    in.network()->add_name("second", {net::ip::make_address("10.0.0.2")});
    in.network()->add_name("third", {net::ip::make_address("10.0.0.3")});
    start();
    BOOST_REQUIRE(reaches(connection_state::connected));
  }
  // Where the next session is.
  std::string goes_to(const std::string& asked) {
    say(asked);
    BOOST_REQUIRE(in.run_until([&] { return conn->snapshot().session == 2; }, 1min));
    return conn->snapshot().origin;
  }
  [[nodiscard]] bool says_it_ignores_it() const {
    return std::ranges::any_of(log_lines, [](const std::string& line) {
      return line.find("neither url nor one of endpoints.further_urls") != std::string::npos;
    });
  }
  server second{in, {net::ip::make_address("10.0.0.2"), 80}};
  server third{in, {net::ip::make_address("10.0.0.3"), 80}};
};

}  // namespace

// With and without a break.
BOOST_AUTO_TEST_CASE(a_server_may_name_an_endpoint_of_ours_and_no_other) {
  for (const auto* const wait : {"0", "1"}) {
    const auto after = [wait](const std::string& url) {
      several_places s;
      const auto origin = s.goes_to(std::string("leave ").append(wait).append(url));
      return origin + (s.says_it_ignores_it() ? ", ignored" : "");
    };
    BOOST_TEST(after("") == "ws://second");
    BOOST_TEST(after(" ws://third/elsewhere") == "ws://third");
    BOOST_TEST(after(" ws://stranger/") == "ws://second, ignored");
    BOOST_TEST(after(" nonsense") == "ws://second, ignored");
  }
}

// A server that stops tells all its clients at once.
BOOST_AUTO_TEST_CASE(a_fleet_does_not_move_at_the_same_moment) {
  std::vector<clock::duration> after;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    line_scenario s(seed);
    s.start();
    recorder seen(*s.conn);
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    const auto begun = clock::now();
    s.say("leave 0");
    BOOST_REQUIRE(s.in.run_until([&] { return s.conn->snapshot().session == 2; }, 10s));
    after.push_back(seen.changes().back().time - begun);
  }
  BOOST_TEST((std::ranges::max(after) <= 1'100ms));
  BOOST_TEST((std::ranges::max(after) - std::ranges::min(after) >= 500ms));
}

BOOST_AUTO_TEST_SUITE_END()
