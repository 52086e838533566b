// holdfast.v1 in a connection: a login, events that go on after a drop, messages that have their effect once.
#include "v1.hpp"

#include <deque>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(v1_sessions)

// covers R39
BOOST_AUTO_TEST_CASE(each_message_has_its_effect_once_although_links_die_before_the_acknowledgement) {
  v1_scenario s;
  auto& conn = s.start();
  std::deque<outcome> sent(30);
  texts expected;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    expected.push_back(R"({"n":)" + std::to_string(i) + "}");
    if (i % 7 == 3) s.at.drop_before_ack();
    conn.send(expected.back(), {.when_offline = offline_rule::wait}, sent[i].send_handler());
    s.in.run_for(700ms);
  }
  s.in.run_for(1min);
  BOOST_TEST(s.said() == expected);
  BOOST_TEST(s.at.hellos().size() > 3U);
  for (const auto& each : sent) {
    BOOST_TEST(each.calls == 1);
    BOOST_TEST((each.delivered == delivery::acked));
  }
  BOOST_TEST(s.at.violations() == texts());
}

// covers G40
BOOST_AUTO_TEST_CASE(events_go_on_where_the_session_broke_off) {
  v1_scenario s;
  auto& conn = s.connect();
  s.listen();
  s.at.tell(R"("one")");
  s.at.tell(R"("two")");
  s.in.run_for(1s);
  BOOST_TEST((s.got == texts{R"("one")", R"("two")"}));
  s.at.drop();
  s.in.settle();
  s.at.tell(R"("three")");
  s.in.run_for(20s);
  BOOST_TEST(conn.snapshot().session == 2U);
  BOOST_TEST(conn.snapshot().resumed);
  BOOST_TEST(conn.snapshot().subprotocol == v1_subprotocol);
  BOOST_TEST((s.got == texts{R"("one")", R"("two")", R"("three")"}));
  const auto hellos = s.at.hellos();
  BOOST_REQUIRE(hellos.size() == 2U);
  BOOST_TEST(hellos[0].client == hellos[1].client);
}

// Else it would come again for ever.
BOOST_AUTO_TEST_CASE(a_session_whose_event_is_too_big_for_the_web_socket_is_not_resumed) {
  v1_scenario s;
  s.given.limits.message_bytes = 1'000;
  auto& conn = s.connect();
  s.at.tell('"' + std::string(2'000, 'x') + '"');
  s.in.run_for(1min);
  const auto hellos = s.at.hellos();
  BOOST_REQUIRE(hellos.size() == 2U);
  BOOST_TEST(!hellos[1].resume.has_value());
  BOOST_TEST((conn.status() == connection_state::connected));
}

// Else the program would never hear of the session's beginning, or of a gap in it.
BOOST_AUTO_TEST_CASE(a_session_that_was_given_up_during_its_login_is_not_resumed) {
  v1_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return s.at.hellos().size() == 1; }, 1min));
  conn.disconnect();
  s.in.run_for(1min);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  conn.connect();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const auto hellos = s.at.hellos();
  BOOST_REQUIRE(hellos.size() == 2U);
  BOOST_TEST(!hellos[1].resume.has_value());
  BOOST_TEST(!conn.snapshot().resumed);
}

BOOST_AUTO_TEST_CASE(a_message_that_is_not_json_is_refused_and_the_connection_goes_on) {
  v1_scenario s;
  auto& conn = s.connect();
  outcome bad, binary, good;
  conn.send("{not json", bad.send_handler());
  conn.send("1", {.kind = message_kind::binary}, binary.send_handler());
  conn.send("1", good.send_handler());
  s.in.run_for(1s);
  BOOST_TEST(bad.ec == make_error_code(error::message_invalid));
  BOOST_TEST(binary.ec == make_error_code(error::message_invalid));
  BOOST_TEST((good.delivered == delivery::acked));
  BOOST_TEST(conn.snapshot().session == 1U);
  BOOST_TEST(s.at.violations() == texts());
}

// covers R22
BOOST_AUTO_TEST_CASE(an_idle_day_costs_a_ping_now_and_then_and_nothing_else) {
  v1_scenario s;
  auto& conn = s.connect();
  s.in.run_for(24h);
  BOOST_TEST(conn.snapshot().session == 1U);
  BOOST_TEST(conn.snapshot().sequence == 2U);
  BOOST_TEST(s.at.violations() == texts());
}

BOOST_AUTO_TEST_SUITE_END()
