// The protocol of Pusher, frame by frame, as soketi 1.6 writes them.
#include <string>

#include "recorded_events.hpp"

using dialect_test::dialect_dialogue;
using dialect_test::lines;
namespace channels = holdfast::channels;
namespace json = boost::json;

namespace {

constexpr auto established =
    R"({"event":"pusher:connection_established","data":"{\"socket_id\":\"7.1\",\"activity_timeout\":30}"})";

struct established_session : dialect_dialogue {
  established_session() : dialect_dialogue(channels::pusher()) {
    opens();
    hears(established);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pusher_dialect)

BOOST_AUTO_TEST_CASE(a_session_begins_with_the_servers_name_for_it) {
  dialect_dialogue d(channels::pusher());
  BOOST_TEST(d.opens().empty());
  BOOST_TEST((d.hears(established) == lines{"heartbeat_every 30000ms", "ready new"}));
  BOOST_TEST(d.spoken->session_name() == "7.1");
  BOOST_TEST((d.hears(established) == lines{"fail connection_established: must not come twice"}));
  BOOST_TEST(d.spoken->heartbeat() == R"({"event":"pusher:ping","data":{}})");
  BOOST_TEST((d.hears(R"({"event":"pusher:pong","data":"{}"})") == lines{"heartbeat_answered"}));
  BOOST_TEST((d.hears(R"({"event":"pusher:ping"})") == lines{R"(send {"event":"pusher:pong","data":{}})"}));
  d.opens();
  BOOST_TEST(d.spoken->session_name().empty());
  // An activity timeout that makes no sense is the usual one.
  BOOST_TEST(
      (d.hears(
           R"({"event":"pusher:connection_established","data":{"socket_id":"a","activity_timeout":-1}})") ==
       lines{"heartbeat_every 120000ms", "ready new"}));
}

BOOST_AUTO_TEST_CASE(a_channel_is_asked_for_with_its_token) {
  established_session d;
  BOOST_TEST(d.subscribes(1, "news") == R"({"event":"pusher:subscribe","data":{"channel":"news"}})");
  BOOST_TEST(!d.spoken->needs_token("news"));
  BOOST_TEST(d.spoken->needs_token("private-news"));
  BOOST_TEST(d.spoken->needs_token("presence-news"));
  BOOST_TEST(!d.spoken->needs_token("private-encrypted-news"));
  const json::value none;
  BOOST_TEST(
      *d.spoken->subscribe(
          2,
          {.name = "presence-news", .params = none, .token = "key:1f", .token_data = R"({"user_id":7})"}) ==
      R"({"event":"pusher:subscribe","data":{"channel":"presence-news","auth":"key:1f","channel_data":"{\"user_id\":7}"}})");
  BOOST_TEST(d.subscribes(3, "private-encrypted-news").starts_with("refused: "));
  BOOST_TEST(d.subscribes(3, "news", 1).starts_with("refused: "));
  BOOST_TEST(d.unsubscribes(1, "news") == R"({"event":"pusher:unsubscribe","data":{"channel":"news"}})");
  BOOST_TEST((d.hears(R"({"event":"pusher_internal:subscription_succeeded","channel":"news","data":"{}"})") ==
              lines{"subscribed news"}));
  BOOST_TEST((d.hears(R"({"event":"pusher:subscription_error","channel":"x","data":{"type":"AuthError",)"
                      R"("error":"no","status":401}})") ==
              lines{R"(unsubscribed x "401" "no" {"type":"AuthError","error":"no","status":401})"}));
}

BOOST_AUTO_TEST_CASE(events_are_json_within_a_string_or_not) {
  established_session d;
  BOOST_TEST((d.hears(R"({"event":"tick","channel":"news","data":"{\"n\":1}"})") ==
              lines{R"(publish news tick {"n":1})"}));
  BOOST_TEST((d.hears(R"({"event":"client-hi","channel":"news","data":{"n":1},"user_id":"me"})") ==
              lines{R"(publish news client-hi {"n":1} by me)"}));
  BOOST_TEST((d.hears(R"({"event":"tick","channel":"news","data":"just words"})") ==
              lines{R"(publish news tick "just words")"}));
  BOOST_TEST(
      (d.hears(R"({"event":"pusher_internal:member_added","channel":"r","data":"{\"user_id\":\"a\"}"})") ==
       lines{R"(publish r pusher:member_added {"user_id":"a"})"}));
  BOOST_TEST((d.hears(R"({"event":"hello","data":"1"})") == lines{"call - hello 1"}));
}

BOOST_AUTO_TEST_CASE(only_client_events_are_published) {
  established_session d;
  const json::value none;
  const auto publish = [&](std::string_view channel, std::string_view name) {
    return d.spoken->publish({.name = channel, .params = none}, name, json::object{{"n", 1}});
  };
  BOOST_TEST(*publish("private-r", "client-hi") ==
             R"({"event":"client-hi","channel":"private-r","data":{"n":1}})");
  BOOST_TEST(publish("private-r", "hi").has_error());
  BOOST_TEST(publish("r", "client-hi").has_error());
  BOOST_TEST(d.calls(1, "x").starts_with("refused: "));
}

BOOST_AUTO_TEST_CASE(a_code_says_whether_to_come_back_and_when) {
  established_session d;
  using holdfast::error;
  BOOST_TEST(d.ends_with(4001).error == make_error_code(error::login_refused));
  BOOST_TEST(d.ends_with(4009).error == make_error_code(error::unauthorized));
  BOOST_TEST(!d.ends_with(4100).error);
  BOOST_TEST((d.ends_with(4100).retry_after == std::chrono::seconds(1)));
  BOOST_TEST(d.ends_with(4200).error == make_error_code(error::server_going_away));
  BOOST_TEST(!d.ends_with(1006).error);
  BOOST_TEST(!d.ends_with(4300).error);
  BOOST_TEST((d.hears(R"({"event":"pusher:error","data":{"code":4100,"message":"full"}})") ==
              lines{"go_away full 1000ms"}));
  BOOST_TEST((d.hears(R"({"event":"pusher:error","data":{"code":4301,"message":"too fast"}})") ==
              lines{R"(call - pusher:error {"code":4301,"message":"too fast"})"}));
  BOOST_TEST((d.hears(R"({"event":"pusher:error","data":{"code":null,"message":"odd"}})") ==
              lines{R"(call - pusher:error {"code":null,"message":"odd"})"}));
  BOOST_TEST((d.hears(R"({"event":"pusher:error","data":{"code":4001,"message":"no such app"}})") ==
              lines{"fail no such app"}));
  BOOST_TEST(d.events.failure.value().error == make_error_code(error::login_refused));
}

BOOST_AUTO_TEST_CASE(what_no_server_should_send_ends_in_one_clear_error) {
  for (const auto* each : {"", "[]", "{}", R"({"event":1})", R"({"event":"pusher:connection_established"})",
                           R"({"event":"pusher:connection_established","data":"{"})"}) {
    dialect_dialogue d(channels::pusher());
    d.opens();
    const auto found = d.hears(each);
    BOOST_TEST_CONTEXT(each) {
      BOOST_REQUIRE(found.size() == 1U);
      BOOST_TEST(found.front().starts_with("fail "));
      BOOST_TEST(found.front().find(": ") != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_key_is_the_path_and_the_protocol_the_query) {
  holdfast::options given{.url = "wss://host"};
  channels::pusher({.key = "abc"})()->prepare(given);
  BOOST_TEST(given.url == "wss://host/app/abc?protocol=7&client=holdfast");
  given = {.url = "wss://host/app/abc?protocol=7"};
  channels::pusher()()->prepare(given);
  BOOST_TEST(given.url == "wss://host/app/abc?protocol=7&client=holdfast");
}

BOOST_AUTO_TEST_CASE(an_authorizer_without_a_url_is_refused) {
  for (const auto* each : {"", "ws://host/", "http://", "https://host/a b#c"}) {
    BOOST_CHECK_EXCEPTION(channels::pusher_authorizer({.url = each}), holdfast::option_error,
                          [](const holdfast::option_error& e) {
                            return std::string_view(e.what()).find("pusher_authorizer_options.url") !=
                                   std::string_view::npos;
                          });
  }
}

BOOST_AUTO_TEST_SUITE_END()
