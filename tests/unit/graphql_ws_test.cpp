// graphql-transport-ws, frame by frame, as the npm package graphql-ws writes them.
#include <stdexcept>
#include <string>

#include "recorded_events.hpp"

using dialect_test::dialect_dialogue;
using dialect_test::lines;
namespace channels = holdfast::channels;
namespace json = boost::json;

BOOST_AUTO_TEST_SUITE(graphql_ws_dialect)

BOOST_AUTO_TEST_CASE(a_session_begins_with_init_and_ack) {
  dialect_dialogue d(channels::graphql_ws({.init = json::object{{"app", "x"}}, .token_field = "token"}));
  BOOST_TEST((d.opens() == lines{R"(send {"type":"connection_init","payload":{"app":"x"}})"}));
  BOOST_TEST((d.opens("secret") ==
              lines{R"(send {"type":"connection_init","payload":{"app":"x","token":"secret"}})"}));
  BOOST_TEST((d.hears(R"({"type":"connection_ack"})") == lines{"ready new"}));
  BOOST_TEST((d.hears(R"({"type":"connection_ack"})") == lines{"fail connection_ack: must not come twice"}));
  BOOST_TEST(
      (d.opens() == lines{R"(send {"type":"connection_init","payload":{"app":"x"}})"}));  // the next session
  BOOST_TEST((d.hears(R"({"type":"connection_ack","payload":{}})") == lines{"ready new"}));
  dialect_dialogue bare(channels::graphql_ws());
  BOOST_TEST((bare.opens("secret") == lines{R"(send {"type":"connection_init"})"}));
}

BOOST_AUTO_TEST_CASE(an_operation_has_a_query_and_variables) {
  dialect_dialogue d(channels::graphql_ws());
  BOOST_TEST(d.calls(1, "query { a }") ==
             R"({"id":"1","type":"subscribe","payload":{"query":"query { a }"}})");
  BOOST_TEST(
      d.subscribes(2, "subscription($x: Int) { b }", json::object{{"x", 1}}) ==
      R"({"id":"2","type":"subscribe","payload":{"query":"subscription($x: Int) { b }","variables":{"x":1}}})");
  BOOST_TEST(d.unsubscribes(2, "") == R"({"id":"2","type":"complete"})");
  BOOST_TEST(d.spoken->cancel(1) == R"({"id":"1","type":"complete"})");
  BOOST_TEST(!d.spoken->confirms());
  BOOST_TEST(d.calls(3, "query { a }", json::array{1}).starts_with("refused: "));
  BOOST_CHECK_THROW(channels::graphql_ws({.init = 7}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_result_answers_a_call_and_is_an_event_of_a_channel) {
  dialect_dialogue d(channels::graphql_ws());
  d.events.channel_ids = {2};
  BOOST_TEST((d.hears(R"({"id":"1","type":"next","payload":{"data":{"a":1}}})") ==
              lines{R"(reply 1 {"data":{"a":1}})"}));
  BOOST_TEST((d.hears(R"({"id":"2","type":"next","payload":{"data":{"b":1}}})") ==
              lines{R"(publish 2 {"data":{"b":1}})"}));
  BOOST_TEST((d.hears(R"({"id":"2","type":"complete"})") == lines{"unsubscribed 2"}));
  BOOST_TEST((d.hears(R"({"id":"1","type":"complete"})") == lines{"reply 1 null"}));
  // One that could not start.
  BOOST_TEST((d.hears(R"({"id":"2","type":"next","payload":{"errors":[{"message":"no"}]}})") ==
              lines{R"(refuse 2 "" "no" [{"message":"no"}])"}));
}

BOOST_AUTO_TEST_CASE(errors_without_data_refuse_and_with_data_do_not) {
  dialect_dialogue d(channels::graphql_ws());
  BOOST_TEST((d.hears(R"({"id":"1","type":"error","payload":[{"message":"bad query"}]})") ==
              lines{R"(refuse 1 "" "bad query" [{"message":"bad query"}])"}));
  BOOST_TEST((
      d.hears(
          R"({"id":"1","type":"next","payload":{"data":null,"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"}}]}})") ==
      lines{R"(refuse 1 "FORBIDDEN" "no" [{"message":"no","extensions":{"code":"FORBIDDEN"}}])"}));
  BOOST_TEST((d.hears(R"({"id":"1","type":"next","payload":{"data":{"a":1},"errors":[]}})") ==
              lines{R"(reply 1 {"data":{"a":1},"errors":[]})"}));
}

BOOST_AUTO_TEST_CASE(pings_are_answered_and_the_rest_ends_in_one_clear_error) {
  dialect_dialogue d(channels::graphql_ws());
  BOOST_TEST((d.hears(R"({"type":"ping"})") == lines{R"(send {"type":"pong"})"}));
  BOOST_TEST(d.hears(R"({"type":"pong"})").empty());
  BOOST_TEST((d.hears("[]") == lines{"fail frame: must be a JSON object"}));
  for (const auto* each :
       {R"({"type":"next"})", R"({"type":"subscribe","id":"1"})", "{}", R"({"type":"next","id":"x"})"}) {
    const auto found = d.hears(each);
    BOOST_TEST_CONTEXT(each) {
      BOOST_REQUIRE(found.size() == 1U);
      BOOST_TEST(found.front().starts_with("fail frame: "));
    }
  }
}

BOOST_AUTO_TEST_CASE(close_codes_have_the_meaning_of_the_protocol) {
  dialect_dialogue d(channels::graphql_ws());
  for (const int code : {4400, 4406, 4409, 4429, 4500})
    BOOST_TEST(d.ends_with(code).error == make_error_code(holdfast::error::login_refused));
  for (const int code : {4401, 4403})
    BOOST_TEST(d.ends_with(code).error == make_error_code(holdfast::error::unauthorized));
  for (const int code : {1000, 1006, 4408}) BOOST_TEST(!d.ends_with(code).error);
}

BOOST_AUTO_TEST_SUITE_END()
