// Socket.IO v5 over Engine.IO v4, frame by frame, as socket.io 4.8 writes them.
#include <stdexcept>
#include <string>

#include "recorded_events.hpp"

using dialect_test::dialect_dialogue;
using dialect_test::lines;
namespace channels = holdfast::channels;
namespace json = boost::json;

namespace {

constexpr auto opening =
    R"(0{"sid":"UyMI","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})";

struct joined : dialect_dialogue {
  explicit joined(std::string answer = R"(40{"sid":"a"})") : dialect_dialogue(channels::socket_io()) {
    opens();
    hears(opening);
    if (!answer.empty()) hears(answer);
  }
  lines hears_bytes(std::string_view bytes) { return hears(bytes, holdfast::message_kind::binary); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(socket_io_dialect)

BOOST_AUTO_TEST_CASE(a_session_joins_its_namespace) {
  dialect_dialogue d(channels::socket_io());
  BOOST_TEST(d.opens().empty());
  BOOST_TEST((d.hears(opening) == lines{"expect_within 45000ms", "send 40"}));
  BOOST_TEST((d.hears(R"(40{"sid":"oSO0"})") == lines{"ready new"}));
  BOOST_TEST((d.hears(R"(40{"sid":"oSO0"})") == lines{"fail connect: must not come twice"}));
  BOOST_TEST((d.hears("2") == lines{"send 3"}));
  BOOST_TEST(d.hears("6").empty());
}

BOOST_AUTO_TEST_CASE(the_login_carries_auth_and_token) {
  dialect_dialogue d(channels::socket_io(
      {.name_space = "/members", .auth = json::object{{"room", 1}}, .token_field = "token"}));
  d.opens("secret");
  BOOST_TEST(
      (d.hears(opening) == lines{"expect_within 45000ms", R"(send 40/members,{"room":1,"token":"secret"})"}));
  BOOST_TEST(d.hears(R"(40{"sid":"other"})").empty());  // another namespace
  BOOST_TEST((d.hears(R"(40/members,{"sid":"oSO0"})") == lines{"ready new"}));
  BOOST_TEST(d.calls(3, "echo", 1) == R"(42/members,3["echo",1])");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_a_verdict) {
  const auto told = [](const char* frame) {
    joined d("");
    d.hears(frame);
    return d.events.failure.value().error;
  };
  BOOST_TEST(told(R"(44{"message":"not a member"})") == make_error_code(holdfast::error::unauthorized));
  BOOST_TEST(told(R"(44{"message":"Invalid namespace"})") == make_error_code(holdfast::error::login_refused));
  BOOST_TEST(told("41") == make_error_code(holdfast::error::login_refused));
  BOOST_TEST(told("1") == make_error_code(holdfast::error::server_going_away));
  BOOST_TEST(told("40") == make_error_code(holdfast::error::login_refused));  // a server of version 2
}

BOOST_AUTO_TEST_CASE(a_call_is_an_event_that_wants_an_acknowledgement) {
  joined d;
  BOOST_TEST(d.calls(7, "echo") == R"(427["echo"])");
  BOOST_TEST(d.calls(8, "echo", json::array{1, "two"}) == R"(428["echo",1,"two"])");
  BOOST_TEST((d.hears(R"(438[1,"two"])") == lines{R"(reply 8 [1,"two"])"}));
  BOOST_TEST((d.hears("437[]") == lines{"reply 7 []"}));
  BOOST_TEST(*d.spoken->notify("say", json::object{{"text", "hi"}}) == R"(42["say",{"text":"hi"}])");
  for (const auto* each : {"connect", "disconnect", "newListener"})
    BOOST_TEST(d.calls(9, each).starts_with("refused: "));
}

BOOST_AUTO_TEST_CASE(events_are_for_who_has_subscribed_to_their_name) {
  joined d;
  BOOST_TEST(d.subscribes(1, "said").empty());
  BOOST_TEST(d.subscribes(1, "said", 1).starts_with("refused: "));
  BOOST_TEST((d.hears(R"(42["said","hi",{"by":1}])") == lines{R"(call - said ["hi",{"by":1}])"}));
  d.events.channel_names.insert("said");
  BOOST_TEST((d.hears(R"(42["said","hi",{"by":1}])") == lines{R"(publish said said ["hi",{"by":1}])"}));
  BOOST_TEST((d.hears(R"(4212["said","really?"])") == lines{R"(call 12 said ["really?"])"}));
  BOOST_TEST(d.answers("12", "yes") == R"(4312["yes"])");
  BOOST_TEST(d.spoken->answer("12", {}, {}).value() == "4312[]");
  BOOST_TEST(d.hears(R"(42/other,["said","hi"])").empty());
  BOOST_TEST(*d.spoken->publish({.name = "said", .params = {}}, {}, "hi") == R"(42["said","hi"])");
  BOOST_TEST(d.spoken->publish({.name = "said", .params = {}}, "name", "hi").has_error());
}

BOOST_AUTO_TEST_CASE(binary_arguments_are_attachments) {
  joined d;
  d.events.channel_names.insert("picture");
  BOOST_TEST(
      d.hears(R"(452-["picture",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]])").empty());
  BOOST_TEST((d.hears("2") == lines{"send 3"}));  // of the layer below
  BOOST_TEST(d.hears_bytes("one").empty());
  const auto found = d.hears_bytes("two");
  BOOST_REQUIRE(found.size() == 1U);
  BOOST_TEST(found.front().ends_with(" [one] [two]"));
  BOOST_TEST(d.hears(R"(461-5[{"_placeholder":true,"num":0}])").empty());
  BOOST_TEST((d.hears_bytes("x") == lines{R"(reply 5 [{"_placeholder":true,"num":0}] [x])"}));
  const json::value named = json::array{channels::attachment(0), channels::attachment(1)};
  BOOST_TEST(d.spoken->attachments_in(named) == 2U);
  BOOST_TEST(d.spoken->attachments_in(json::array{channels::attachment(1)}) > 1U);
  BOOST_TEST(d.calls(6, "put", channels::attachment(0)) == R"(451-6["put",{"_placeholder":true,"num":0}])");
  BOOST_TEST(d.answers("7", channels::attachment(0)) == R"(461-7[{"_placeholder":true,"num":0}])");
}

BOOST_AUTO_TEST_CASE(a_session_is_recovered_behind_the_last_event) {
  joined d("");
  d.events.channel_names.insert("said");
  BOOST_TEST((d.hears(R"(40{"sid":"a","pid":"p1"})") == lines{"ready new"}));
  BOOST_TEST((d.hears(R"(42["said","hi","o1"])") == lines{R"(publish said said ["hi","o1"] at o1)"}));
  d.opens();
  BOOST_TEST((d.hears(opening) == lines{"expect_within 45000ms", R"(send 40{"pid":"p1","offset":"o1"})"}));
  // The server sends what was missed before it says so.
  BOOST_TEST(d.hears(R"(42["said","missed","o2"])").empty());
  BOOST_TEST((d.hears(R"(40{"sid":"a","pid":"p1"})") ==
              lines{"ready resumed", R"(publish said said ["missed","o2"] at o2)"}));
  d.opens();
  d.hears(opening);
  BOOST_TEST((d.hears(R"(40{"sid":"b","pid":"p2"})") == lines{"ready new"}));
  d.opens();
  BOOST_TEST((d.hears(opening) == lines{"expect_within 45000ms", "send 40"}));  // behind nothing yet
}

BOOST_AUTO_TEST_CASE(what_no_server_should_send_ends_in_one_clear_error) {
  for (const auto* each :
       {"",           "x",     "0",      "0{}",   R"(0{"pingInterval":-1,"pingTimeout":1})",
        "4",          "49",    "45",     "451",   "45x-[]",
        "459999-[1]", "42",    "42{}",   "42[]",  "42[[]]",
        "42[\"a\"",   "43[1]", "430[1]", "431{}", "42999999999999999999999[1]",
        "5probe"}) {
    joined d;
    const auto found = d.hears(each);
    BOOST_TEST_CONTEXT(each) {
      BOOST_REQUIRE(found.size() == 1U);
      BOOST_TEST(found.front().starts_with("fail "));
      BOOST_TEST(found.front().find(": ") != std::string::npos);
    }
  }
  joined d;
  BOOST_TEST(
      (d.hears_bytes("x") == lines{"fail frame: a binary one must follow a packet that announces it"}));
  d.hears(R"(451-["a",{"_placeholder":true,"num":3}])");
  BOOST_TEST((d.hears_bytes("x") == lines{"fail packet: names attachments that do not follow"}));
  d.hears(R"(452-["a"])");
  BOOST_TEST((d.hears(R"(42["b"])") == lines{"fail frame: must be an attachment of the packet before"}));
}

BOOST_AUTO_TEST_CASE(what_is_missing_of_a_url_is_added) {
  const auto completed = [](std::string url) {
    holdfast::options given{.url = std::move(url)};
    channels::socket_io()()->prepare(given);
    return given.url;
  };
  constexpr auto whole = "ws://host:1/socket.io/?EIO=4&transport=websocket";
  BOOST_TEST(completed("ws://host:1") == whole);
  BOOST_TEST(completed("ws://host:1/ ") == whole);
  BOOST_TEST(completed(whole) == whole);
  BOOST_TEST(completed("ws://host:1?a=1") == "ws://host:1/socket.io/?a=1&EIO=4&transport=websocket");
  BOOST_TEST(completed("ws://host/own/?xEIO=3") == "ws://host/own/?xEIO=3&EIO=4&transport=websocket");
  BOOST_TEST(completed("ws://host/?EIO=4") == "ws://host/socket.io/?EIO=4&transport=websocket");
  BOOST_TEST(completed("ws://host/?transport=websocket") == "ws://host/socket.io/?transport=websocket&EIO=4");
  BOOST_TEST(completed("http://host/") == "http://host/");  // the connection says what is wrong with it
}

BOOST_AUTO_TEST_CASE(options_that_make_no_sense_are_named) {
  for (const auto& each :
       {channels::socket_io_options{.name_space = "members"},
        channels::socket_io_options{.name_space = "/a,b"}, channels::socket_io_options{.auth = 7}}) {
    BOOST_CHECK_EXCEPTION(channels::socket_io(each), std::invalid_argument,
                          [](const std::invalid_argument& e) {
                            return std::string_view(e.what()).starts_with("socket_io_options.");
                          });
  }
}

BOOST_AUTO_TEST_SUITE_END()
