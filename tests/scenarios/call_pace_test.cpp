// A server that limits messages: calls wait for their turn, which the state tells; others are refused.
#include <stdexcept>
#include <string>
#include <vector>

#include "channel_scenario.hpp"

BOOST_AUTO_TEST_SUITE(call_pace)

using channels::call_outcome;

namespace {

struct paced : channel_scenario {
  paced() { start_client({.messages_per_second = 10}); }
  void call(std::size_t count, channels::call_options how = {}) {
    ends = std::vector<call_end>(count);
    for (auto& each : ends) client->call("echo", json::array{1}, how, each.handler());
  }
  [[nodiscard]] std::size_t ended(call_outcome how) const {
    std::size_t found = 0;
    for (const auto& each : ends) found += each.is(how);
    return found;
  }
  std::vector<call_end> ends{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(calls_wait_for_their_turn_and_the_state_says_so) {
  paced s;
  BOOST_REQUIRE(s.connects());
  s.call(35);
  s.in.run_for(50ms);
  const auto burst = s.count("echo");
  BOOST_TEST(burst >= 10U);
  BOOST_TEST(burst <= 12U);
  auto& conn = s.client->connection();
  BOOST_TEST((conn.status() == connection_state::feature_throttled));
  BOOST_TEST(conn.is_throttled(channels::calls_feature));
  BOOST_TEST(!conn.snapshot().features.at(0).until.has_value());
  s.in.run_for(1s);
  BOOST_TEST(s.count("echo") >= burst + 9U);
  BOOST_TEST(s.count("echo") <= burst + 11U);
  s.in.run_for(3s);
  BOOST_TEST(s.ended(call_outcome::answered) == 35U);
  BOOST_TEST((conn.status() == connection_state::connected));
}

BOOST_AUTO_TEST_CASE(a_call_whose_turn_does_not_come_in_time_was_not_sent) {
  paced s;
  BOOST_REQUIRE(s.connects());
  s.call(35, {.timeout = 500ms});
  s.in.run_for(5s);
  BOOST_TEST(s.ended(call_outcome::answered) + s.ended(call_outcome::not_sent) == 35U);
  BOOST_TEST(s.ended(call_outcome::answered) == s.count("echo"));
  BOOST_TEST(s.ended(call_outcome::not_sent) >= 15U);
  BOOST_TEST((s.client->connection().status() == connection_state::connected));
}

BOOST_AUTO_TEST_CASE(publications_and_notifications_count_and_are_refused_while_none_may_leave) {
  paced s;
  BOOST_REQUIRE(s.connects());
  std::vector<outcome> notes(20);
  for (auto& each : notes) s.client->notify("note", {}, each.send_handler());
  s.in.run_for(50ms);
  const auto sent = s.count("note");
  BOOST_TEST(sent >= 10U);
  BOOST_TEST(sent <= 12U);
  BOOST_TEST(!notes.front().ec);
  BOOST_TEST((notes.back().delivered == delivery::not_sent));
  BOOST_TEST(notes.back().ec == make_error_code(error::feature_throttled));
  s.call(1);
  outcome behind;
  s.client->notify("note", {}, behind.send_handler());
  s.in.run_for(50ms);
  BOOST_TEST(behind.ec == make_error_code(error::feature_throttled));
  s.in.run_for(1s);
  BOOST_TEST(s.ended(call_outcome::answered) == 1U);
}

BOOST_AUTO_TEST_CASE(what_was_called_without_a_session_keeps_the_pace_when_there_is_one) {
  paced s;
  s.call(35);
  const auto& conn = s.client->connection();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::feature_throttled; }, 30s));
  s.in.run_for(50ms);
  BOOST_TEST(s.count("echo") <= 12U);
  s.now->drop();
  s.in.run_for(10ms);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_REQUIRE(
      s.in.run_until([&] { return s.ended(call_outcome::not_sent) == 0 && s.count("echo") >= 34U; }, 60s));
  BOOST_TEST((conn.snapshot().session == 2U));
}

BOOST_AUTO_TEST_CASE(a_pace_out_of_bounds_is_an_error_that_names_the_field) {
  for (const double wrong : {-1.0, 0.0001, 1e7}) {
    channel_scenario s;
    BOOST_CHECK_EXCEPTION(s.start_client({.messages_per_second = wrong}), std::invalid_argument,
                          [](const std::exception& e) {
                            return std::string(e.what()).find("messages_per_second") != std::string::npos;
                          });
  }
}

BOOST_AUTO_TEST_SUITE_END()
