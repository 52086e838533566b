// Messages that a server acknowledges: each is sent until it is, under one number, in its order.
#include <deque>
#include <string>
#include <vector>

#include "line_protocol.hpp"

BOOST_AUTO_TEST_SUITE(acknowledgements)

// covers R39
BOOST_AUTO_TEST_CASE(what_was_not_acknowledged_is_sent_again_under_its_number_and_in_order) {
  line_scenario s;
  s.acknowledges = false;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::deque<outcome> sent(3);
  for (int i = 0; i < 3; ++i)
    conn.send("text" + std::to_string(i), sent[static_cast<std::size_t>(i)].send_handler());
  s.in.run_for(1s);
  BOOST_TEST(s.got.size() == 4U);
  s.say("ack 1");
  BOOST_TEST((sent[0].delivered == delivery::acked));
  BOOST_TEST(sent[1].calls == 0);
  s.acknowledges = true;
  s.got.clear();
  s.now->drop();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().session == 2U; }, 10s));
  conn.send("text3", net::detached);
  s.in.run_for(2s);
  BOOST_TEST((s.got == std::vector<std::string>{"hello 2", "m 2 text1", "m 3 text2", "m 4 text3"}));
  for (const auto& each : sent) {
    BOOST_TEST(each.calls == 1);
    BOOST_TEST((each.delivered == delivery::acked));
  }
}

// covers R39
BOOST_AUTO_TEST_CASE(what_is_sent_again_leaves_before_what_has_waited) {
  line_scenario s;
  s.acknowledges = false;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.send("first", net::detached);
  s.in.run_for(1s);
  s.acknowledges = true;
  s.got.clear();
  s.now->drop();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::disconnected; }, 1s));
  conn.send("second", {.when_offline = offline_rule::wait}, net::detached);
  s.in.run_for(20s);
  BOOST_TEST((s.got == std::vector<std::string>{"hello 2", "m 1 first", "m 2 second"}));
}

// covers R39
BOOST_AUTO_TEST_CASE(what_was_under_way_when_the_link_died_is_sent_again_first) {
  line_scenario s;
  s.serve([](server_session& session) -> net::awaitable<void> {
    co_await session.send("ready");
    co_await session.fall_silent_for(5s);
    session.drop();
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::deque<outcome> sent(4);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    conn.send(std::to_string(i) + std::string(200'000, '.'), sent[i].send_handler());
  }
  s.serve(says({"ready"}));
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().session == 2U; }, 1min));
  s.in.run_for(10s);
  std::string numbers;
  for (const auto& each : s.got) {
    if (each.starts_with("m ")) numbers += each[2];
  }
  BOOST_TEST(numbers == "1234");
  for (const auto& each : sent) BOOST_TEST((each.delivered == delivery::acked));
}

// covers R39
BOOST_AUTO_TEST_CASE(what_may_have_arrived_is_in_doubt_and_what_cannot_have_is_not_sent) {
  line_scenario s;
  s.acknowledges = false;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome left, cancelled;
  net::cancellation_signal cancel;
  conn.send("left", left.send_handler());
  conn.send("cancelled", net::bind_cancellation_slot(cancel.slot(), cancelled.send_handler()));
  s.in.run_for(1s);
  cancel.emit(net::cancellation_type::terminal);
  s.in.settle();
  BOOST_TEST((cancelled.delivered == delivery::in_doubt));
  conn.disconnect(net::detached);
  s.in.run_for(5s);
  BOOST_TEST(left.calls == 1);
  BOOST_TEST((left.delivered == delivery::in_doubt));
  BOOST_TEST(left.ec == make_error_code(error::disconnect_requested));
}

// covers R33
BOOST_AUTO_TEST_CASE(a_message_that_waits_to_be_acknowledged_ignores_a_total_cancellation) {
  line_scenario s;
  s.acknowledges = false;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome sent;
  net::cancellation_signal cancel;
  conn.send("text", net::bind_cancellation_slot(cancel.slot(), sent.send_handler()));
  s.in.run_for(1s);
  cancel.emit(net::cancellation_type::total);
  s.in.settle();
  BOOST_TEST(sent.calls == 0);
  s.acknowledges = true;
  s.now->drop();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::disconnected; }, 1s));
  cancel.emit(net::cancellation_type::total);  // it has a number, so it must be sent again
  BOOST_REQUIRE(s.in.run_until([&] { return sent.calls != 0; }, 20s));
  BOOST_TEST((sent.delivered == delivery::acked));
}

BOOST_AUTO_TEST_CASE(what_is_not_acknowledged_counts_towards_the_limit) {
  line_scenario s;
  s.acknowledges = false;
  s.given.limits.outbound_messages = 3;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::deque<outcome> sent(4);
  for (auto& each : sent) {
    conn.send("x", each.send_handler());
    s.in.run_for(1s);
  }
  BOOST_TEST(sent[3].ec == make_error_code(error::outbound_full));
  s.say("ack 2");
  outcome next;
  conn.send("x", next.send_handler());
  s.say("ack 4");
  BOOST_TEST((next.delivered == delivery::acked));
}

BOOST_AUTO_TEST_CASE(what_is_acknowledged_counts_no_more) {
  line_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (int i = 0; i < 20; ++i) {
    outcome sent;
    conn.send(std::string(200'000, '.'), sent.send_handler());  // 1 MiB may wait
    s.in.run_for(10s);
    BOOST_TEST((sent.delivered == delivery::acked));
  }
}

// covers R39
BOOST_AUTO_TEST_CASE(what_a_closing_handshake_cut_off_is_sent_again_by_its_numbers) {
  line_scenario s;
  s.serve([](server_session& session) -> net::awaitable<void> {
    co_await session.send("ready");
    co_await session.fall_silent_for(1min);
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (int i = 0; i < 3; ++i) conn.send(std::string(200'000, '.'), net::detached);
  s.in.run_for(1s);
  s.serve(says({"ready"}));
  conn.enter_background();  // the first of them is half written
  s.in.run_for(10s);
  conn.enter_foreground();
  s.in.run_for(30s);
  std::string numbers;
  for (const auto& each : s.got) {
    if (each.starts_with("m ")) numbers += each[2];
  }
  BOOST_TEST(numbers == "123");
}

BOOST_AUTO_TEST_SUITE_END()
