// Messages under a protocol: those of several frames, the session that takes one, and acknowledgements of
// single ones.
#include <functional>
#include <string>
#include <vector>

#include "wishful.hpp"

BOOST_AUTO_TEST_SUITE(protocol_messages)

BOOST_AUTO_TEST_CASE(the_frames_of_a_message_stay_together) {
  wishful_scenario s;
  std::function<void()> wake;
  s.does.on_open = [&](protocol_link& link) {
    wake = link.waker();
    link.ready({});
  };
  s.does.on_wake = [](protocol_link& link) { link.send(message_kind::text, "beside"); };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome first, second, third;
  conn.send("a|b|c", first.send_handler());
  wake();
  conn.send("d", second.send_handler());
  conn.send("e|f", third.send_handler());
  s.in.run_for(1s);
  std::erase(s.got, "beside");
  BOOST_TEST((s.got == std::vector<std::string>{"a", "[b]", "[c]", "d", "e", "[f]"}));
  for (const auto* each : {&first, &second, &third}) BOOST_TEST((each->delivered == delivery::written));
}

// covers R61
BOOST_AUTO_TEST_CASE(the_session_that_took_a_message_is_named) {
  wishful_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::vector<send_result> fates;
  const auto note = [&](send_result fate) { fates.push_back(fate); };
  conn.send("one", note);
  s.in.run_for(1s);
  s.now->drop();
  s.in.run_for(100ms);
  conn.send("two", {.when_offline = offline_rule::wait}, note);
  conn.send("none", note);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  BOOST_REQUIRE(fates.size() == 3U);
  BOOST_TEST(fates[0].session == 1U);
  BOOST_TEST((fates[1].outcome == delivery::not_sent));
  BOOST_TEST(fates[1].session == 0U);
  BOOST_TEST(fates[2].session == 2U);
}

BOOST_AUTO_TEST_CASE(a_message_for_one_session_leaves_in_no_other) {
  wishful_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome present, other, later;
  conn.send("present", {.session = 1}, present.send_handler());
  conn.send("other", {.session = 2}, other.send_handler());
  s.in.run_for(1s);
  s.now->drop();
  s.in.run_for(100ms);
  conn.send("later", {.when_offline = offline_rule::wait, .session = 1}, later.send_handler());
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  BOOST_TEST((present.delivered == delivery::written));
  for (const auto* each : {&other, &later}) BOOST_TEST(each->ec == make_error_code(error::no_connection));
  BOOST_TEST((s.got == std::vector<std::string>{"present"}));
}

BOOST_AUTO_TEST_CASE(a_single_message_is_acknowledged_and_the_others_are_sent_again) {
  wishful_scenario s;
  s.does.acknowledges = true;
  s.does.on_message = [](protocol_link& link, message_view frame) {
    link.acknowledged_one(std::stoull(std::string(frame.payload)));
  };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome first, second, third;
  conn.send("first", first.send_handler());
  conn.send("second", second.send_handler());
  conn.send("third", third.send_handler());
  s.in.run_for(1s);
  s.say("2");
  s.say("7");
  s.in.run_for(1s);
  BOOST_TEST(first.calls == 0);
  BOOST_TEST((second.delivered == delivery::acked));
  BOOST_TEST(third.calls == 0);
  s.got.clear();
  s.now->drop();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().session == 2U; }, 10s));
  s.in.run_for(1s);
  BOOST_TEST((s.got == std::vector<std::string>{"first", "third"}));
}

BOOST_AUTO_TEST_SUITE_END()
