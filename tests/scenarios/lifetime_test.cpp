// A server that ends each session after a known time: it is left before that, without a break.
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "v1.hpp"

BOOST_AUTO_TEST_SUITE(lifetime)

namespace {

// Echoes for an hour, and cuts the session then.
struct limited : scenario {
  explicit limited(std::uint64_t seed = 1) : scenario(seed) {
    backend.on_session([this](server_session& session) -> net::awaitable<void> {
      const auto begun = clock::now();
      const bool cut = co_await session.echo_for(60min);
      lengths.push_back(clock::now() - begun);
      if (!cut) co_return;
      ++cuts;
      session.drop();
    });
    given.session.lifetime = 60min;
    given.heartbeat = heartbeat_options::off();
  }
  void connects() {
    start();
    BOOST_REQUIRE(reaches(connection_state::connected));
  }
  std::vector<clock::duration> lengths{};
  int cuts = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(in_thirty_days_the_server_never_gets_to_cut_and_nothing_is_lost) {
  limited s;
  s.connects();
  recorder seen(*s.conn);
  std::vector<std::string> got;
  s.conn->set_message_handler([&](message_view what) { got.emplace_back(what.payload); });
  constexpr std::size_t days = is_sanitized ? 3 : 30;
  constexpr std::size_t count = days * 24 * 12;
  int refused = 0;
  for (std::size_t i = 0; i < count; ++i) {
    s.conn->send(std::to_string(i), [&](send_result how) { refused += how.ok() ? 0 : 1; });
    s.in.run_for(5min);
  }
  BOOST_TEST(s.cuts == 0);
  BOOST_TEST(refused == 0);
  BOOST_REQUIRE(got.size() == count);
  for (std::size_t i = 0; i < count; ++i) BOOST_REQUIRE(got[i] == std::to_string(i));
  BOOST_TEST(seen.count(connection_state::connected) == seen.changes().size());
  BOOST_TEST(seen.changes().size() >= days * 24);
  BOOST_TEST(seen.changes().size() <= days * 24 * 5 / 4);
}

BOOST_AUTO_TEST_CASE(many_do_not_leave_at_the_same_moment) {
  std::vector<clock::duration> lengths;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    limited s(seed);
    s.connects();
    s.in.run_for(59min);
    BOOST_REQUIRE(s.lengths.size() == 1U);
    lengths.push_back(s.lengths.front());
  }
  BOOST_TEST((std::ranges::min(lengths) >= 48min));
  BOOST_TEST((std::ranges::max(lengths) <= 58min));
  BOOST_TEST((std::ranges::max(lengths) - std::ranges::min(lengths) >= 5min));
}

BOOST_AUTO_TEST_CASE(while_messages_pass_it_waits_for_a_pause_until_there_is_no_time_left) {
  limited quiet;
  quiet.connects();
  quiet.in.run_for(59min);
  BOOST_REQUIRE(quiet.lengths.size() == 1U);
  const auto alone = quiet.lengths.front();
  for (const bool to_the_end : {false, true}) {
    limited s;
    s.connects();
    s.in.run_for(alone - 1min);
    const auto pause = clock::now() + 90s;
    while (s.lengths.empty() && (to_the_end || clock::now() < pause)) {
      s.conn->send("burst", net::detached);
      s.in.run_for(100ms);
    }
    s.in.run_for(5s);
    BOOST_REQUIRE(s.lengths.size() == 1U);
    BOOST_TEST((s.lengths.front() > alone + 1s));
    BOOST_TEST((s.lengths.front() <= (to_the_end ? clock::duration(57min) : alone + 30s) + 2s));
    BOOST_TEST(s.cuts == 0);
  }
}

BOOST_AUTO_TEST_CASE(a_move_that_fails_is_tried_again_in_time) {
  limited s;
  s.connects();
  recorder seen(*s.conn);
  s.in.network()->behave(server_at, port_behaviour::refuses);
  s.in.run_for(57min);
  const auto tries = std::ranges::count_if(
      s.log_lines, [](const std::string& line) { return line.find("could not move") != std::string::npos; });
  BOOST_TEST(tries >= 2);
  BOOST_TEST(tries <= 60);  // nine minutes, and the waits grow
  s.in.network()->behave(server_at, port_behaviour::accepts);
  s.in.run_for(10min);
  BOOST_TEST(s.cuts == 0);
  BOOST_TEST(seen.states() == "connected");
}

// The server counts from there, too.
BOOST_AUTO_TEST_CASE(it_is_counted_from_the_upgrade_however_long_the_login_takes) {
  v1_scenario s;
  s.given.session.lifetime = 60s;
  std::vector<clock::time_point> hellos;
  s.at.on_hello([&](const v1_hello&) {
    hellos.push_back(clock::now());
    return std::optional<v1_error>();
  });
  s.at.delay_logins(9s);
  s.connect();
  s.in.run_for(1h);
  BOOST_REQUIRE(hellos.size() >= 60U);
  for (std::size_t i = 1; i < hellos.size(); ++i) BOOST_TEST((hellos[i] - hellos[i - 1] <= 58s));
}

BOOST_AUTO_TEST_CASE(a_lifetime_out_of_bounds_is_an_error_that_names_the_field) {
  using std::chrono::milliseconds;
  for (const auto wrong : {milliseconds(-1), milliseconds(9'999), milliseconds(std::chrono::days(366))}) {
    scenario s;
    s.given.session.lifetime = wrong;
    BOOST_CHECK_EXCEPTION(s.start(), option_error,
                          [](const option_error& e) { return e.field() == "session.lifetime"; });
  }
}

BOOST_AUTO_TEST_SUITE_END()
