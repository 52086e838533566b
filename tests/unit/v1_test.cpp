// Conversations in "holdfast.v1": the login, a session, and its end.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recorded_link.hpp"

import holdfast;
import holdfast.v1;

using namespace holdfast;
using namespace v1_test;

BOOST_AUTO_TEST_SUITE(v1_login)

BOOST_AUTO_TEST_CASE(says_who_we_are) {
  dialogue chat;
  chat.open("a.b-c\"");
  const auto calls = chat.calls();
  BOOST_REQUIRE(calls.size() == 1U);
  const auto client = client_of(calls.front());
  BOOST_TEST(client.size() == 32U);
  BOOST_TEST(client.find_first_not_of("0123456789abcdef") == std::string::npos);
  BOOST_TEST(rest_of(calls.front()) == R"(,"token":"a.b-c\""})");
}

BOOST_AUTO_TEST_CASE(names_the_connection_the_same_in_all_sessions_and_each_its_own) {
  const auto factory = v1();
  std::set<std::string> clients;
  for (int connection = 0; connection < 100; ++connection) {
    dialogue chat;
    chat.spoken = factory();
    chat.open("t1");
    const auto first = client_of(chat.calls().front());
    chat.open("t2");
    const auto second = chat.calls().front();
    BOOST_TEST(client_of(second) == first);
    BOOST_TEST(rest_of(second) == R"(,"token":"t2"})");
    clients.insert(first);
  }
  BOOST_TEST(clients.size() == 100U);
}

BOOST_AUTO_TEST_CASE(is_done_when_the_server_is_ready) {
  dialogue chat;
  chat.open();
  BOOST_TEST(rest_of(chat.calls().front()) == "}");
  chat.from_server(ready(R"("resumed":false,"seq":0)"));
  BOOST_TEST(chat.calls() == (lines{"ready new", "heartbeat_every 20000ms"}), per_element);
}

BOOST_AUTO_TEST_CASE(learns_what_the_server_has_got_before_messages_flow) {
  dialogue chat;
  chat.open();
  chat.calls();
  chat.from_server(ready(R"("resumed":false,"seq":0,"last_id":12)"));
  BOOST_TEST(chat.calls() == (lines{"acknowledged 12", "ready new", "heartbeat_every 20000ms"}), per_element);
}

BOOST_AUTO_TEST_CASE(takes_the_heartbeat_from_the_server_within_reason) {
  const auto interval = [](const std::string& given, std::chrono::milliseconds own) {
    dialogue chat({.heartbeat = own});
    chat.open();
    chat.from_server(ready(R"("resumed":false,"seq":0)" + given));
    return chat.calls().back();
  };
  BOOST_TEST(interval("", 5s) == "heartbeat_every 5000ms");
  BOOST_TEST(interval("", 0s) == "heartbeat_every 0ms");
  BOOST_TEST(interval("", 1ms) == "heartbeat_every 1000ms");
  BOOST_TEST(interval(R"(,"heartbeat_ms":30000)", 5s) == "heartbeat_every 30000ms");
  BOOST_TEST(interval(R"(,"heartbeat_ms":0)", 5s) == "heartbeat_every 0ms");
  BOOST_TEST(interval(R"(,"heartbeat_ms":1)", 5s) == "heartbeat_every 1000ms");
  BOOST_TEST(interval(R"(,"heartbeat_ms":9007199254740992)", 5s) == "heartbeat_every 3600000ms");
}

BOOST_AUTO_TEST_CASE(that_is_refused_tells_credentials_from_the_rest) {
  const auto refused = [](const std::string& fields) {
    dialogue chat;
    chat.open();
    chat.from_server(R"({"type":"error",)" + fields + "}");
    BOOST_REQUIRE(chat.link.failure);
    BOOST_TEST(chat.link.failure->close_code == 1000);
    return *chat.link.failure;
  };
  const auto credentials = refused(R"("code":"unauthorized","text":"token expired","fatal":true)");
  BOOST_TEST(credentials.error == make_error_code(error::unauthorized));
  BOOST_TEST(credentials.text == "unauthorized: token expired");
  BOOST_TEST(refused(R"("code":"unauthorized")").error == make_error_code(error::unauthorized));
  const auto fatal = refused(R"("code":"bad_request","text":"no\r\nsuch\u0007 room","fatal":true)");
  BOOST_TEST(fatal.error == make_error_code(error::login_refused));
  BOOST_TEST(fatal.text == "bad_request: no such room");
  BOOST_TEST(refused(R"("code":"two\nlines")").text == "two lines");
  const auto other = refused(R"("code":"internal","text":"","fatal":false)");
  BOOST_TEST(other.error == make_error_code(error::protocol_failed));
  BOOST_TEST(other.text == "internal");
}

BOOST_AUTO_TEST_CASE(comes_before_everything_else) {
  for (const auto& [type, fields] :
       std::vector<std::pair<std::string, std::string>>{{"event", R"("seq":1,"data":1)"},
                                                        {"ack", R"("id":1)"},
                                                        {"pong", R"("id":0)"},
                                                        {"throttle", R"("features":[])"}}) {
    dialogue chat;
    chat.open();
    chat.calls();
    chat.from_server(std::string(R"({"type":")").append(type).append("\",").append(fields).append("}"));
    BOOST_TEST(chat.calls() == lines{"fail 1002 " + type + ": must not come before ready"}, per_element);
  }
}

BOOST_AUTO_TEST_CASE(happens_once_in_a_session) {
  dialogue chat;
  chat.log_in();
  chat.from_server(ready(R"("resumed":false,"seq":0)"));
  BOOST_TEST(chat.calls() == lines{"fail 1002 ready: must not come twice"}, per_element);
}

BOOST_AUTO_TEST_CASE(can_be_put_off_by_the_server) {
  dialogue chat;
  chat.open();
  chat.calls();
  chat.from_server(R"({"type":"go_away","reason":"full","reconnect_in_ms":5000})");
  chat.from_server(ready(R"("resumed":false,"seq":0)"));
  BOOST_TEST(chat.calls() == lines{"go_away 5000ms full"}, per_element);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(v1_session)

BOOST_AUTO_TEST_CASE(delivers_events_in_their_order) {
  dialogue chat;
  chat.log_in(R"({"type":"ready","session":"s1","resumed":false,"seq":41})");
  chat.event(42);
  chat.event(43);
  BOOST_TEST(chat.calls() == (lines{"deliver 42", "deliver 43"}), per_element);
}

BOOST_AUTO_TEST_CASE(ends_at_an_event_out_of_order) {
  for (const std::uint64_t seq : {0U, 1U, 2U, 4U, 1'000U}) {
    dialogue chat;
    chat.log_in();
    chat.event(1);
    chat.event(2);
    chat.calls();
    chat.event(seq);
    chat.event(3);
    BOOST_TEST(chat.calls() == lines{"fail 1002 event: seq must be one more than that of the event before"},
               per_element);
    BOOST_TEST(chat.link.failure->error == make_error_code(error::protocol_failed));
  }
}

BOOST_AUTO_TEST_CASE(acknowledges_every_32_events) {
  dialogue chat;
  chat.log_in(R"({"type":"ready","session":"s1","resumed":false,"seq":100})");
  for (std::uint64_t seq = 101; seq <= 170; ++seq) chat.event(seq);
  lines acks;
  std::ranges::copy_if(chat.calls(), std::back_inserter(acks),
                       [](auto& call) { return call.starts_with("send"); });
  BOOST_TEST(acks == (lines{R"(send {"type":"ack","seq":132})", R"(send {"type":"ack","seq":164})"}),
             per_element);
}

BOOST_AUTO_TEST_CASE(acknowledges_the_rest_with_the_heartbeat) {
  dialogue chat;
  chat.log_in();
  chat.event(1);
  chat.calls();
  chat.spoken->heartbeat(chat.link);
  chat.spoken->heartbeat(chat.link);
  BOOST_TEST(chat.calls() == (lines{R"(send {"type":"ack","seq":1})", R"(send {"type":"ping","id":1})",
                                    R"(send {"type":"ping","id":2})"}),
             per_element);
}

BOOST_AUTO_TEST_CASE(counts_only_the_answer_to_the_latest_ping) {
  dialogue chat;
  chat.log_in();
  chat.from_server(R"({"type":"pong","id":0})");
  BOOST_TEST(chat.calls().empty());
  chat.spoken->heartbeat(chat.link);
  chat.spoken->heartbeat(chat.link);
  chat.calls();
  for (const auto* const pong : {R"({"type":"pong","id":1})", R"({"type":"pong","id":3})"}) {
    chat.from_server(pong);
    BOOST_TEST(chat.calls().empty());
  }
  chat.from_server(R"({"type":"pong","id":2})");
  BOOST_TEST(chat.calls() == lines{"heartbeat_answered"}, per_element);
}

BOOST_AUTO_TEST_CASE(is_not_kept_alive_by_pongs_of_the_one_before) {
  dialogue chat;
  chat.log_in();
  chat.spoken->heartbeat(chat.link);
  chat.log_in();
  chat.spoken->heartbeat(chat.link);
  BOOST_TEST(chat.calls() == lines{R"(send {"type":"ping","id":2})"}, per_element);
  chat.from_server(R"({"type":"pong","id":1})");
  BOOST_TEST(chat.calls().empty());
}

BOOST_AUTO_TEST_CASE(has_no_heartbeat_before_it_is_ready_or_after_its_end) {
  dialogue chat;
  chat.spoken->heartbeat(chat.link);
  chat.open();
  chat.calls();
  chat.spoken->heartbeat(chat.link);
  BOOST_TEST(chat.calls().empty());
  chat.from_server("?");
  chat.calls();
  chat.spoken->heartbeat(chat.link);
  BOOST_TEST(chat.calls().empty());
}

BOOST_AUTO_TEST_CASE(hears_acknowledgements) {
  dialogue chat;
  chat.log_in();
  chat.from_server(R"({"type":"ack","id":3})");
  BOOST_TEST(chat.calls() == lines{"acknowledged 3"}, per_element);
}

BOOST_AUTO_TEST_CASE(survives_an_error_that_is_not_fatal) {
  dialogue chat;
  chat.log_in();
  chat.from_server(R"({"type":"error","code":"unauthorized","text":"not for you","fatal":false})");
  BOOST_TEST(chat.calls().empty());
  chat.event(1);
  BOOST_TEST(chat.calls() == lines{"deliver 1"}, per_element);
  chat.from_server(R"({"type":"error","code":"banned","text":"bye","fatal":true})");
  BOOST_TEST(chat.calls() == lines{"fail 1000 banned: bye"}, per_element);
  BOOST_TEST(chat.link.failure->error == make_error_code(error::login_refused));
}

// It does not ask for other credentials: that would be go_away.
BOOST_AUTO_TEST_CASE(is_over_for_good_when_the_server_withdraws_what_it_allowed) {
  dialogue chat;
  chat.log_in();
  chat.from_server(R"({"type":"error","code":"unauthorized","text":"account closed","fatal":true})");
  BOOST_TEST(chat.calls() == lines{"fail 1000 unauthorized: account closed"}, per_element);
  BOOST_TEST(chat.link.failure->error == make_error_code(error::login_refused));
}

BOOST_AUTO_TEST_CASE(takes_nothing_after_its_end) {
  for (const auto* const last :
       {R"({"type":"go_away","reconnect_in_ms":1})", R"({"type":"error","code":"x","fatal":true})", "?"}) {
    dialogue chat;
    chat.log_in();
    chat.from_server(last);
    BOOST_TEST(chat.calls().size() == 1U);
    chat.event(1);
    chat.from_server("?");
    BOOST_TEST(chat.calls().empty());
  }
}

BOOST_AUTO_TEST_CASE(hears_where_to_go) {
  const auto answer_to = [](const std::string& endpoint) {
    dialogue chat;
    chat.log_in();
    chat.from_server(R"({"type":"go_away","endpoint":")" + endpoint + "\"}");
    return chat.calls();
  };
  BOOST_TEST(answer_to("wss://other/x") == lines{"go_away 0ms to wss://other/x"}, per_element);
  for (const std::size_t size : {0U, 2049U}) {
    BOOST_TEST(
        answer_to(std::string(size, 'x')) == lines{"fail 1002 go_away: endpoint must have 1 to 2048 bytes"},
        per_element);
  }
}

// Until there is another WebSocket, this one is used.
BOOST_AUTO_TEST_CASE(goes_on_after_a_go_away_without_a_wait) {
  dialogue chat;
  chat.log_in();
  chat.from_server(R"({"type":"go_away","reason":"restart"})");
  BOOST_TEST(chat.calls().size() == 1U);
  chat.event(1);
  BOOST_TEST(chat.calls() == lines{"deliver 1"}, per_element);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(v1_options_are_checked)

BOOST_AUTO_TEST_CASE(before_anything_is_made) {
  BOOST_CHECK_THROW(v1({.heartbeat = -1ms}), std::invalid_argument);
  BOOST_CHECK_THROW(v1({.heartbeat = 25h}), std::invalid_argument);
  BOOST_CHECK_THROW(v1({.frame_bytes = 1023}), std::invalid_argument);
  BOOST_CHECK_THROW(v1({.depth = 3}), std::invalid_argument);
  BOOST_CHECK_THROW(v1({.depth = 501}), std::invalid_argument);
  BOOST_CHECK_NO_THROW(v1({.heartbeat = 0ms, .frame_bytes = 1024, .depth = 500}));
}

BOOST_AUTO_TEST_SUITE_END()
