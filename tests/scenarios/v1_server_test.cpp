// The backend of holdfast.v1 that is shipped for tests: what it does by itself, and each thing that it can be
// told to do, as a connection sees it.
#include <algorithm>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "v1.hpp"

BOOST_AUTO_TEST_SUITE(v1_backend)

BOOST_AUTO_TEST_CASE(it_sees_who_logs_in_and_what_they_say_to_the_letter) {
  v1_scenario s;
  s.given.provider = [](const credential_request&) -> net::awaitable<credentials> {
    co_return credentials{.token = "t-1"};
  };
  auto& conn = s.connect();
  BOOST_TEST(s.at.sessions() == 1U);
  const auto hello = s.at.hellos().at(0);
  BOOST_TEST(hello.token == "t-1");
  BOOST_TEST(!hello.resume.has_value());
  BOOST_TEST((s.at.connected() == texts{hello.client}));
  conn.send(R"( {"n": 1.0, "s": "}\"]"} )", {.feature = "chat \"1\""}, net::detached);
  s.in.run_for(1s);
  const auto messages = s.at.messages();
  BOOST_REQUIRE(messages.size() == 1U);
  BOOST_TEST(messages[0].client == hello.client);
  BOOST_TEST(messages[0].id == 1U);
  BOOST_TEST(messages[0].feature == "chat \"1\"");
  BOOST_TEST(messages[0].data == R"({"n": 1.0, "s": "}\"]"})");
  conn.close(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(s.at.connected() == texts());
  BOOST_TEST(s.at.violations() == texts());
}

BOOST_AUTO_TEST_CASE(a_handler_hears_of_each_message_once_and_can_answer_it) {
  v1_scenario s;
  s.at.on_message([&](const v1_message& one) { s.at.tell(one.data, one.client); });
  auto& conn = s.connect();
  s.listen();
  s.at.hold_acks();
  conn.send("1", {.when_offline = offline_rule::wait}, net::detached);
  s.in.run_for(1s);
  s.at.drop();  // it comes again
  s.in.run_for(10s);
  BOOST_TEST(s.at.arrivals() == 2U);
  BOOST_TEST((s.got == texts{"1"}));
}

BOOST_AUTO_TEST_CASE(an_event_goes_to_every_session_or_to_those_of_one_client) {
  v1_scenario s;
  s.connect();
  s.listen();
  connection other(s.in.executor(), s.given);
  other.run(net::detached);
  texts got_by_other;
  net::co_spawn(s.in.executor(), receive_into(other, got_by_other), net::detached);
  BOOST_REQUIRE(s.in.run_until([&] { return s.at.connected().size() == 2; }, 10s));
  s.at.tell(R"({"big":12345678901234567890123})");
  s.at.tell("2", s.at.connected().at(0));
  s.in.run_for(1s);
  BOOST_TEST((s.got == texts{R"({"big":12345678901234567890123})", "2"}));
  BOOST_TEST((got_by_other == texts{R"({"big":12345678901234567890123})"}));
  BOOST_CHECK_THROW(s.at.tell("no json"), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(what_happened_while_a_client_was_away_comes_when_it_is_back) {
  v1_scenario s;
  auto& conn = s.connect();
  s.listen();
  s.in.network()->behave(server_at, port_behaviour::refuses);
  s.at.tell("1");
  s.at.drop();  // behind the event
  s.in.run_for(1min);
  BOOST_TEST(s.at.connected() == texts());
  s.at.tell("2");
  s.in.network()->behave(server_at, port_behaviour::accepts);
  s.in.run_for(1min);
  BOOST_TEST((s.got == texts{"1", "2"}));
  BOOST_TEST(conn.snapshot().resumed);
  BOOST_TEST(s.at.resumes() == 1U);
  BOOST_TEST(s.at.sessions() == 1U);
  BOOST_TEST(s.at.hellos().at(1).resume->last_seq == 1U);
}

BOOST_AUTO_TEST_CASE(events_that_are_not_kept_are_a_gap) {
  v1_scenario s;
  auto& conn = s.connect();
  s.listen();
  s.at.retain(2);
  s.at.drop();
  s.in.settle();
  for (const auto* const each : {"1", "2", "3", "4", "5"}) s.at.tell(each);
  s.in.run_for(10s);
  BOOST_REQUIRE(conn.snapshot().gap.has_value());
  BOOST_TEST(conn.snapshot().gap->from == 1U);
  BOOST_TEST(conn.snapshot().gap->to == 3U);
  BOOST_TEST((s.got == texts{"4", "5"}));
}

BOOST_AUTO_TEST_CASE(a_session_that_was_forgotten_is_not_resumed) {
  v1_scenario s;
  auto& conn = s.connect();
  s.listen();
  s.at.forget_sessions();
  s.at.tell("1");  // who is there does not notice
  s.at.drop();
  s.in.run_for(10s);
  BOOST_TEST(conn.snapshot().session == 2U);
  BOOST_TEST(!conn.snapshot().resumed);
  BOOST_TEST((s.got == texts{"1"}));
  BOOST_TEST(s.at.sessions() == 2U);
  BOOST_TEST(s.at.resumes() == 0U);
}

BOOST_AUTO_TEST_CASE(throttled_features_are_told_to_those_who_log_in_later_and_lifted_in_time) {
  v1_scenario s;
  auto& conn = s.connect();
  const recorder seen(conn);
  s.at.throttle({{.name = "typing", .reason = "busy"}, {.name = "receipts", .lasts = 60s}});
  s.in.run_for(1s);
  BOOST_TEST((conn.status() == connection_state::feature_throttled));
  BOOST_TEST(conn.snapshot().features.at(0).reason == "busy");
  s.at.drop();
  s.in.run_for(20s);
  BOOST_TEST((conn.status() == connection_state::feature_throttled));
  const auto features = conn.snapshot().features;
  BOOST_REQUIRE(features.size() == 2U);
  const auto rest = *features[1].until - s.in.now();  // told again less the time that has passed
  BOOST_TEST((rest > 35s && rest < 40s));
  s.in.run_for(1min);
  BOOST_TEST(!conn.is_throttled("receipts"));
  BOOST_TEST(conn.is_throttled("typing"));
  s.at.throttle({});
  s.in.run_for(1s);
  BOOST_TEST((conn.status() == connection_state::connected));
}

BOOST_AUTO_TEST_CASE(who_is_asked_to_leave_moves_or_comes_back_at_the_time_asked_for) {
  v1_scenario s;
  auto& conn = s.connect();
  const recorder seen(conn);
  s.at.go_away({.reason = "restart"});
  s.in.run_for(5s);
  BOOST_TEST(seen.states() == "connected");  // again, with the next session
  BOOST_TEST(conn.snapshot().session == 2U);
  s.at.go_away({.reconnect_in = 90s});
  s.in.run_for(5s);
  BOOST_TEST(seen.states() == "connected disconnected");
  BOOST_TEST((*seen.changes().back().retry_in >= 90s));
  s.in.run_for(2min);
  BOOST_TEST(conn.snapshot().session == 3U);
  BOOST_TEST(s.at.resumes() == 2U);
}

// One service with two addresses, which knows its sessions behind both.
BOOST_AUTO_TEST_CASE(it_can_stand_behind_another_server_and_send_its_clients_there) {
  v1_scenario s;
  const peer_address second{net::ip::make_address("10.0.0.2"), 80};
  server other(s.in, second);
  s.at.serve(other);
  s.in.network()->add_name("second", {second.address});
  s.given.endpoints.further_urls = {"ws://second/"};
  auto& conn = s.connect();
  s.listen();
  s.at.go_away({.endpoint = "ws://second/"});
  s.at.tell("1");
  s.in.run_for(5s);
  s.at.tell("2");
  s.in.run_for(1s);
  BOOST_TEST(conn.snapshot().origin == "ws://second");
  BOOST_TEST(conn.snapshot().resumed);
  BOOST_TEST(other.sessions() == 1U);
  BOOST_TEST((s.got == texts{"1", "2"}));
}

BOOST_AUTO_TEST_CASE(an_error_is_passed_over_unless_it_is_fatal) {
  v1_scenario s;
  auto& conn = s.connect();
  s.at.send_error({.code = "rate_limited", .text = "slow down"});
  s.in.run_for(1s);
  BOOST_TEST((conn.status() == connection_state::connected));
  s.at.send_error({.code = "bad_request", .text = "go", .fatal = true});
  s.in.run_for(1s);
  BOOST_TEST(conn.snapshot().final);
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::login_refused));
  BOOST_TEST(conn.snapshot().reason.detail == "bad_request: go");
}

BOOST_AUTO_TEST_CASE(a_frame_that_breaks_the_rules_ends_the_session_at_the_client) {
  v1_scenario s;
  auto& conn = s.connect();
  const recorder seen(conn);
  s.at.send_raw_frame(R"({"type":"event","seq":9,"data":1})");
  s.in.run_for(10s);
  BOOST_TEST(seen.changes().at(0).reason.error == make_error_code(error::protocol_failed));
  BOOST_TEST((conn.status() == connection_state::connected));
  BOOST_TEST(!s.at.hellos().at(1).resume.has_value());
}

BOOST_AUTO_TEST_CASE(logins_are_refused_as_it_is_told) {
  v1_scenario s;
  s.at.refuse_logins({.code = "internal", .text = "not now"});
  auto& conn = s.start();
  s.in.run_for(20s);
  BOOST_TEST(s.at.hellos().size() > 1U);
  BOOST_TEST(s.at.sessions() == 0U);
  s.at.accept_logins();
  BOOST_TEST(s.reaches(connection_state::connected));
  s.at.refuse_logins({.code = "banned", .fatal = true});
  s.at.drop();
  s.in.run_for(1min);
  BOOST_TEST(conn.snapshot().final);
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::login_refused));
}

BOOST_AUTO_TEST_CASE(a_gate_decides_by_the_token) {
  v1_scenario s;
  int asked = 0;
  s.given.provider = [&asked](const credential_request&) -> net::awaitable<credentials> {
    co_return credentials{.token = "t-" + std::to_string(++asked)};
  };
  s.at.on_hello([](const v1_hello& hello) {
    return hello.token == "t-1" ? std::optional(v1_error{.code = "unauthorized"}) : std::nullopt;
  });
  s.connect();
  BOOST_TEST(s.at.hellos().size() == 2U);
  BOOST_TEST(s.at.hellos().back().token == "t-2");
}

BOOST_AUTO_TEST_CASE(a_login_can_take_its_time_or_be_left_without_an_answer) {
  v1_scenario s;
  s.at.delay_logins(4s);
  auto& conn = s.start();
  s.in.run_for(3s);
  BOOST_TEST((conn.status() == connection_state::connecting));
  s.in.run_for(2s);
  BOOST_TEST((conn.status() == connection_state::connected));
  const recorder seen(conn);
  s.at.never_answer_logins();
  s.at.drop();
  s.in.run_for(12s);
  BOOST_REQUIRE(seen.count(connection_state::disconnected) == 2U);  // it was dropped, and then it waited
  BOOST_TEST(seen.changes().at(2).reason.error == make_error_code(error::timed_out));
  BOOST_TEST((seen.changes().at(2).reason.at == stage::login));
  s.at.accept_logins();
  s.at.delay_logins(1h);  // by far too late for a client that has given up meanwhile
  s.in.run_for(2h);
  BOOST_TEST(s.at.connected() == texts());
  BOOST_TEST(s.at.resumes() == 0U);
  s.at.accept_logins();
  BOOST_TEST(s.reaches(connection_state::connected, 1min));
  BOOST_TEST(s.at.violations() == texts());
}

BOOST_AUTO_TEST_CASE(acknowledgements_are_held_back_and_sent_again_on_demand) {
  v1_scenario s;
  auto& conn = s.connect();
  std::deque<outcome> sent(3);
  s.at.hold_acks();
  for (auto& each : sent) conn.send("1", each.send_handler());
  s.in.run_for(1s);
  BOOST_TEST(s.said().size() == 3U);
  s.at.drop();
  s.in.run_for(10s);
  BOOST_TEST(s.at.arrivals() == 6U);  // `ready` does not give it away either
  BOOST_TEST(s.said().size() == 3U);
  for (const auto& each : sent) BOOST_TEST(each.calls == 0);
  s.at.hold_acks(false);
  s.in.run_for(1s);
  for (const auto& each : sent) BOOST_TEST((each.delivered == delivery::acked));
}

BOOST_AUTO_TEST_CASE(a_socket_that_is_dropped_before_the_acknowledgement_leaves_a_message_processed) {
  v1_scenario s;
  auto& conn = s.connect();
  std::deque<outcome> sent(3);
  s.at.drop_before_ack(2);
  for (auto& each : sent) conn.send("1", {.when_offline = offline_rule::wait}, each.send_handler());
  s.in.run_for(1min);
  BOOST_TEST(conn.snapshot().session == 3U);
  BOOST_TEST(s.said().size() == 3U);
  BOOST_TEST(s.at.arrivals() == 3U);  // `ready` told what had been processed
  for (const auto& each : sent) BOOST_TEST((each.delivered == delivery::acked));
}

BOOST_AUTO_TEST_CASE(pings_come_as_often_as_it_says_and_one_without_an_answer_ends_the_session) {
  v1_scenario s;
  s.at.heartbeat_every(2s);
  auto& conn = s.connect();
  const recorder seen(conn);
  s.in.run_for(65s);
  BOOST_TEST(seen.states().empty());
  s.at.answer_pings(false);
  s.in.run_for(13s);  // the client's own interval would be longer
  BOOST_REQUIRE(!seen.changes().empty());
  BOOST_TEST(seen.changes()[0].reason.error == make_error_code(error::liveness_lost));
}

// As the protocol demands it: the client has left the first socket, which does not know it.
BOOST_AUTO_TEST_CASE(two_sockets_never_serve_one_session) {
  v1_scenario s;
  auto& conn = s.connect();
  s.in.network()->silence_links();
  s.in.run_for(1min);
  BOOST_TEST((conn.status() == connection_state::connected));
  BOOST_TEST(s.at.resumes() == 1U);
  BOOST_TEST(s.at.connected().size() == 1U);
  BOOST_TEST(s.backend.open_sessions() == 1U);
}

// What a connection hides, because it knows it anyway.
BOOST_AUTO_TEST_CASE(it_lifts_what_is_throttled_and_keeps_no_event_that_was_acknowledged) {
  v1_scenario s;
  s.given.protocol = nullptr;
  auto& conn = s.connect();
  s.listen();
  conn.send(hello_by_hand, net::detached);
  s.in.run_for(1s);
  s.at.throttle({{.name = "a", .lasts = 10s}, {.name = "b", .lasts = 5s}});
  s.in.run_for(20s);
  for (const auto* const each : {"1", "2", "3"}) s.at.tell(each);
  conn.send(R"({"type":"ack","seq":2})", net::detached);
  s.in.run_for(1s);
  s.at.drop();
  s.in.run_for(5s);
  conn.send(hello_by_hand_with(R"("resume":{"session":"s1","last_seq":0})"), net::detached);
  s.in.run_for(1s);
  const texts expected{
      R"({"type":"ready","session":"s1","resumed":false,"seq":0,"last_id":0})",
      R"({"type":"throttle","features":[{"name":"a","for_ms":10000},{"name":"b","for_ms":5000}]})",
      R"({"type":"throttle","features":[{"name":"a","for_ms":5000}]})",
      R"({"type":"throttle","features":[]})",
      R"({"type":"event","seq":1,"data":1})",
      R"({"type":"event","seq":2,"data":2})",
      R"({"type":"event","seq":3,"data":3})",
      R"({"type":"ready","session":"s1","resumed":true,"seq":2,"last_id":0,"gap":{"from":1,"to":2}})",
      R"({"type":"event","seq":3,"data":3})"};
  BOOST_TEST(s.got == expected, boost::test_tools::per_element());
  BOOST_TEST(s.at.violations() == texts());
}

BOOST_AUTO_TEST_SUITE_END()
