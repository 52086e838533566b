// Action Cable v1, frame by frame, as ruby-actioncable writes them.
#include <string>

#include "recorded_events.hpp"

using dialect_test::dialect_dialogue;
using dialect_test::lines;
namespace channels = holdfast::channels;
namespace json = boost::json;

BOOST_AUTO_TEST_SUITE(action_cable_dialect)

BOOST_AUTO_TEST_CASE(a_session_begins_with_the_servers_welcome) {
  dialect_dialogue d(channels::action_cable());
  BOOST_TEST(d.opens().empty());
  BOOST_TEST((d.hears(R"({"type":"welcome"})") == lines{"expect_within 10000ms", "ready new"}));
  BOOST_TEST((d.hears(R"({"type":"welcome"})") == lines{"fail welcome: must not come twice"}));
  BOOST_TEST(d.hears(R"({"type":"ping","message":1700000000})").empty());
  BOOST_TEST(d.calls(1, "x").starts_with("refused: "));
}

BOOST_AUTO_TEST_CASE(a_channel_is_named_by_its_class_and_parameters) {
  dialect_dialogue d(channels::action_cable());
  const json::value none;
  const json::value room = json::object{{"room", 1}};
  BOOST_TEST(d.subscribes(1, "RoomChannel", room) ==
             R"({"command":"subscribe","identifier":"{\"channel\":\"RoomChannel\",\"room\":1}"})");
  BOOST_TEST(d.spoken->alias_of({.name = "RoomChannel", .params = room}) ==
             R"({"channel":"RoomChannel","room":1})");
  BOOST_TEST((d.hears(R"({"type":"confirm_subscription","identifier":"{\"channel\":\"A\"}"})") ==
              lines{R"(subscribed {"channel":"A"})"}));
  BOOST_TEST((d.hears(R"({"type":"reject_subscription","identifier":"{\"channel\":\"A\"}"})") ==
              lines{R"(unsubscribed {"channel":"A"} "rejected" "")"}));
  BOOST_TEST((d.hears(R"({"identifier":"{\"channel\":\"A\"}","message":{"text":"hi"}})") ==
              lines{R"(publish {"channel":"A"} {"text":"hi"})"}));
  BOOST_TEST(
      *d.spoken->publish({.name = "A", .params = none}, "speak", json::object{{"text", "hi"}}) ==
      R"({"command":"message","identifier":"{\"channel\":\"A\"}","data":"{\"text\":\"hi\",\"action\":\"speak\"}"})");
  BOOST_TEST(d.spoken->publish({.name = "A", .params = none}, "speak", 7).has_error());
}

BOOST_AUTO_TEST_CASE(a_disconnect_says_whether_to_come_back) {
  dialect_dialogue d(channels::action_cable());
  const auto told = [&d](const char* frame) {
    d.spoken->received({.payload = frame}, d.events);
    return std::exchange(d.events.failure, std::nullopt).value();
  };
  BOOST_TEST(told(R"({"type":"disconnect","reason":"unauthorized","reconnect":false})").error ==
             make_error_code(holdfast::error::unauthorized));
  BOOST_TEST(told(R"({"type":"disconnect","reason":"invalid_request","reconnect":false})").error ==
             make_error_code(holdfast::error::login_refused));
  BOOST_TEST(told(R"({"type":"disconnect","reason":"server_restart","reconnect":true})").error ==
             make_error_code(holdfast::error::server_going_away));
}

BOOST_AUTO_TEST_CASE(what_no_server_should_send_ends_in_one_clear_error) {
  dialect_dialogue d(channels::action_cable());
  for (const auto* each : {"", "[]", "{}", R"({"type":"hello","identifier":"x"})"}) {
    const auto found = d.hears(each);
    BOOST_TEST_CONTEXT(each) {
      BOOST_REQUIRE(found.size() == 1U);
      BOOST_TEST(found.front().starts_with("fail frame: "));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
