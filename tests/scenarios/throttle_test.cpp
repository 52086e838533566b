// Features that must not be used for a while: a state of its own, in which everything else goes on.
#include <string>
#include <vector>

#include "line_protocol.hpp"

BOOST_AUTO_TEST_SUITE(throttling)

namespace {

constexpr send_options receipt{.feature = "receipts"};

line_scenario& connect(line_scenario& s) {
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(20s);
  return s;
}

}  // namespace

// covers G25
BOOST_AUTO_TEST_CASE(a_throttle_notice_is_a_state_in_which_messages_go_on) {
  line_scenario s;
  connect(s);
  auto& conn = *s.conn;
  const recorder seen(conn);
  int called = 0;
  conn.add_connection_listener("throttle",
                               {.on_feature_throttled = [&](const observed_change&) { ++called; }});
  s.say("hold receipts");
  BOOST_TEST((conn.status() == connection_state::feature_throttled));
  BOOST_TEST(to_string(conn.status()) == "featureThrottled");
  BOOST_TEST(called == 1);
  BOOST_TEST(conn.is_throttled("receipts"));
  BOOST_TEST(!conn.is_throttled("typing"));
  const auto now = conn.snapshot();
  BOOST_REQUIRE(now.features.size() == 1U);
  BOOST_TEST(now.features[0].name == "receipts");
  BOOST_TEST(now.features[0].reason == "too many");
  BOOST_TEST(s.backend.open_sessions() == 1U);
  outcome plain, typing;
  conn.send("plain", plain.send_handler());
  conn.send("typing", {.feature = "typing"}, typing.send_handler());
  s.in.run_for(1s);
  BOOST_TEST((plain.delivered == delivery::acked));
  BOOST_TEST((typing.delivered == delivery::acked));
}

// covers G26
BOOST_AUTO_TEST_CASE(a_message_of_a_throttled_feature_fails_drops_or_waits_as_its_sender_said) {
  line_scenario s;
  connect(s);
  auto& conn = *s.conn;
  s.say("hold receipts");
  s.got.clear();
  outcome fails, drops, waits;
  conn.send("1", receipt, fails.send_handler());
  conn.send("2", {.when_throttled = throttled_rule::drop, .feature = "receipts"}, drops.send_handler());
  conn.send("3", {.when_throttled = throttled_rule::wait, .feature = "receipts"}, waits.send_handler());
  s.in.run_for(1s);
  BOOST_TEST((fails.delivered == delivery::not_sent));
  BOOST_TEST(fails.ec == make_error_code(error::feature_throttled));
  BOOST_TEST(fails.ec.message() == "feature is throttled");
  BOOST_TEST((drops.delivered == delivery::dropped));
  BOOST_TEST(drops.ec == make_error_code(error::feature_throttled));
  BOOST_TEST(waits.calls == 0);
  BOOST_TEST(s.got.empty());
  s.say("free");
  BOOST_TEST((waits.delivered == delivery::acked));
  BOOST_REQUIRE(s.got.size() == 1U);
  BOOST_TEST(s.got[0].ends_with(" 3"));
}

// covers G27
BOOST_AUTO_TEST_CASE(when_the_throttle_ends_it_is_connected_again_without_a_new_session) {
  for (const bool by_time : {false, true}) {
    line_scenario s;
    connect(s);
    auto& conn = *s.conn;
    const recorder seen(conn);
    int connected = 0;
    conn.add_connection_listener("connected", {.on_connected = [&](const observed_change&) { ++connected; }});
    s.say(by_time ? "hold receipts 60" : "hold receipts");
    if (!by_time) s.say("free");
    s.in.run_for(70s);
    BOOST_TEST(seen.states() == "featureThrottled connected");
    const auto& last = seen.changes().back();
    BOOST_TEST((last.from == connection_state::feature_throttled));
    BOOST_TEST(last.features.empty());
    BOOST_TEST(connected == 1);
    BOOST_TEST(s.backend.sessions() == 1U);
    BOOST_TEST(!conn.is_throttled("receipts"));
    if (by_time) BOOST_TEST((last.time - seen.changes().front().time == 60s));
  }
}

// covers G28
BOOST_AUTO_TEST_CASE(a_drop_clears_the_throttle_unless_the_server_says_it_again) {
  for (const bool again : {false, true}) {
    line_scenario s;
    connect(s);
    auto& conn = *s.conn;
    const recorder seen(conn);
    s.say("hold receipts");
    s.serve([again](server_session& session) -> net::awaitable<void> {
      if (again) co_await session.send("hold receipts");  // before it is ready
      co_await session.send("ready");
    });
    s.now->drop();
    s.in.run_for(10s);
    const std::string states = "featureThrottled disconnected connecting connected";
    BOOST_TEST(seen.states() == (again ? states + " featureThrottled" : states));
    BOOST_TEST(conn.is_throttled("receipts") == again);
    outcome sent;
    conn.send("receipt", receipt, sent.send_handler());
    s.in.run_for(1s);
    BOOST_TEST((sent.delivered == (again ? delivery::not_sent : delivery::acked)));
  }
}

BOOST_AUTO_TEST_CASE(a_notice_that_changes_the_set_is_told_and_one_that_lifts_nothing_is_not) {
  line_scenario s;
  connect(s);
  const recorder seen(*s.conn);
  s.say("free");
  s.say("hold receipts");
  s.say("hold typing");
  BOOST_TEST(seen.states() == "featureThrottled featureThrottled");
  BOOST_TEST(!s.conn->is_throttled("receipts"));
  BOOST_TEST(s.conn->is_throttled("typing"));
}

// A connection that is throttled is connected all the same.
BOOST_AUTO_TEST_CASE(connect_completes_in_a_throttled_connection) {
  line_scenario s;
  connect(s);
  s.say("hold receipts");
  outcome there;
  s.conn->connect(there.handler());
  s.in.run_for(1s);
  BOOST_TEST(there.calls == 1);
  BOOST_TEST(!there.ec);
}

BOOST_AUTO_TEST_SUITE_END()
