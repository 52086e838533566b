// JSON-RPC 2.0 and OCPP-J, frame by frame, as the servers of npm rpc-websockets and ocpp-rpc write them.
#include <string>

#include "recorded_events.hpp"

using dialect_test::dialect_dialogue;
using dialect_test::lines;
namespace channels = holdfast::channels;
namespace json = boost::json;

namespace {
const std::string not_json = "fail frame: must be JSON, with at most 64 arrays and objects in each other";
}  // namespace

BOOST_AUTO_TEST_SUITE(json_rpc_dialect)

BOOST_AUTO_TEST_CASE(requests_are_those_of_the_specification) {
  dialect_dialogue d(channels::json_rpc());
  BOOST_TEST(d.opens() == lines{"ready new"}, boost::test_tools::per_element());
  BOOST_TEST(d.calls(1, "subtract", {42, 23}) ==
             R"({"jsonrpc":"2.0","method":"subtract","params":[42,23],"id":1})");
  BOOST_TEST(d.calls(2, "ping") == R"({"jsonrpc":"2.0","method":"ping","id":2})");
  BOOST_TEST(d.calls(3, "a \"b\"", json::object{{"x", 1}}) ==
             R"({"jsonrpc":"2.0","method":"a \"b\"","params":{"x":1},"id":3})");
  BOOST_TEST(d.calls(4, "scalar", 7).starts_with("refused: "));
  BOOST_TEST(*d.spoken->notify("update", json::array{1}) ==
             R"({"jsonrpc":"2.0","method":"update","params":[1]})");
}

BOOST_AUTO_TEST_CASE(answers_are_matched_by_their_id) {
  dialect_dialogue d(channels::json_rpc());
  BOOST_TEST((d.hears(R"({"jsonrpc":"2.0","result":19,"id":1})") == lines{"reply 1 19"}));
  BOOST_TEST((d.hears(R"({"jsonrpc":"2.0","result":null,"id":"2"})") == lines{"reply 2 null"}));
  BOOST_TEST((d.hears(R"({"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":3})") ==
              lines{R"(refuse 3 "-32601" "Method not found")"}));
  BOOST_TEST((d.hears(R"({"jsonrpc":"2.0","error":{"code":-32000,"message":"no","data":[1]},"id":4})") ==
              lines{R"(refuse 4 "-32000" "no" [1])"}));
  BOOST_TEST((d.hears(R"({"jsonrpc":"2.0","result":1,"error":null,"id":4})") == lines{"reply 4 1"}));
  BOOST_TEST(
      (d.hears(R"({"jsonrpc":"2.0","id":4})") == lines{"reply 4 null"}));  // of a method that returns nothing
  BOOST_TEST((d.hears(R"([{"jsonrpc":"2.0","result":1,"id":5},{"jsonrpc":"2.0","result":2,"id":6}])") ==
              lines{"reply 5 1", "reply 6 2"}));
}

BOOST_AUTO_TEST_CASE(what_no_server_should_send_ends_in_one_clear_error) {
  dialect_dialogue d(channels::json_rpc());
  BOOST_TEST((d.hears("{") == lines{not_json}));
  BOOST_TEST((d.hears("7") == lines{"fail frame: must be an object, or an array of them"}));
  BOOST_TEST((d.hears("[[]]") == lines{"fail frame: must be an object, or an array of them"}));
  BOOST_TEST((d.hears("{}") == lines{"fail frame: must have a method, a result or an error"}));
  BOOST_TEST((d.hears(R"({"method":7})") == lines{"fail method: must be a string that is not empty"}));
  BOOST_TEST((d.hears(R"({"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null})") ==
              lines{"fail the server could not read a request: Parse error"}));
  BOOST_TEST((d.hears(std::string(100, '[')) == lines{not_json}));
  BOOST_TEST((d.hears(R"({"result":1,"id":-5})") == lines{"reply 0 1"}));  // nobody's
  // Of a notification of ours that it does not know.
  BOOST_TEST(d.hears(R"({"jsonrpc":"2.0","error":{"code":-32601,"message":"none"},"id":null})").empty());
}

BOOST_AUTO_TEST_CASE(calls_of_the_server_keep_their_id_as_it_is_written) {
  dialect_dialogue d(channels::json_rpc());
  BOOST_TEST((d.hears(R"({"jsonrpc":"2.0","method":"sum","params":[1,2],"id":"a"})") ==
              lines{R"(call "a" sum [1,2])"}));
  BOOST_TEST(d.answers(R"("a")", 3) == R"({"jsonrpc":"2.0","id":"a","result":3})");
  BOOST_TEST(d.refuses("7", {.code = std::string(channels::method_not_found), .text = "none"}) ==
             R"({"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"none"}})");
  BOOST_TEST(d.refuses("7", {.code = "busy", .text = "later", .data = json::array{1}}) ==
             R"({"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"later","data":[1]}})");
}

BOOST_AUTO_TEST_CASE(a_notification_is_an_event_of_the_channel_with_its_name) {
  dialect_dialogue d(channels::json_rpc());
  BOOST_TEST(d.subscribes(1, "tick").empty());
  BOOST_TEST((d.hears(R"({"jsonrpc":"2.0","method":"tick","params":[1]})") == lines{"call - tick [1]"}));
  d.events.channel_names = {"tick"};
  BOOST_TEST((d.hears(R"({"jsonrpc":"2.0","method":"tick","params":{"at":1}})") ==
              lines{R"(publish tick tick {"at":1})"}));
}

BOOST_AUTO_TEST_CASE(ethereum_names_subscriptions_by_an_alias) {
  dialect_dialogue d(channels::json_rpc({.channels = channels::json_rpc_channels::by_alias,
                                         .subscribe_method = "eth_subscribe",
                                         .unsubscribe_method = "eth_unsubscribe"}));
  BOOST_TEST(d.subscribes(1, "newHeads") ==
             R"({"jsonrpc":"2.0","method":"eth_subscribe","params":["newHeads"],"id":1})");
  BOOST_TEST(d.subscribes(2, "logs", json::object{{"address", "0x1"}}) ==
             R"({"jsonrpc":"2.0","method":"eth_subscribe","params":["logs",{"address":"0x1"}],"id":2})");
  const auto alias = d.spoken->read_reply("newHeads", "0xcd0c").alias;
  BOOST_TEST((
      d.hears(
          R"({"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0xcd0c","result":{"n":1}}})") ==
      lines{"publish " + alias + R"( eth_subscription {"n":1})"}));
  BOOST_TEST(d.unsubscribes(1, "newHeads", alias) ==
             R"({"jsonrpc":"2.0","method":"eth_unsubscribe","params":["0xcd0c"],"id":1})");
  BOOST_TEST(d.unsubscribes(1, "newHeads").empty());
  // Elsewhere it is a number, and stays one.
  BOOST_TEST(d.unsubscribes(1, "slots", d.spoken->read_reply("slots", 7).alias) ==
             R"({"jsonrpc":"2.0","method":"eth_unsubscribe","params":[7],"id":1})");
}

BOOST_AUTO_TEST_CASE(rpc_websockets_answers_for_each_event) {
  dialect_dialogue d(channels::json_rpc({.channels = channels::json_rpc_channels::by_event}));
  BOOST_TEST(d.subscribes(1, "feed") == R"({"jsonrpc":"2.0","method":"rpc.on","params":["feed"],"id":1})");
  BOOST_TEST(!d.spoken->read_reply("feed", json::object{{"feed", "ok"}}).refusal.has_value());
  const auto refused = d.spoken->read_reply("feed", json::object{{"feed", "provided event invalid"}}).refusal;
  BOOST_REQUIRE(refused.has_value());
  BOOST_TEST(refused->text == "provided event invalid");
  const json::value again = json::object{{"feed", "socket has already been subscribed to event"}};
  BOOST_TEST(!d.spoken->read_reply("feed", again).refusal.has_value());
  BOOST_TEST(d.subscribes(2, "feed", json::object{{"x", 1}}).starts_with("refused: "));
  BOOST_TEST((d.hears(R"({"notification":"feed","params":[1,2]})") == lines{"publish feed feed [1,2]"}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(ocpp_dialect)

BOOST_AUTO_TEST_CASE(types_of_later_versions_are_passed_over_and_bad_calls_are_answered) {
  dialect_dialogue d(channels::ocpp());
  BOOST_TEST(d.hears(R"([9,"1",{}])").empty());
  BOOST_TEST((d.hears(R"([2,"1",7,{}])") ==
              lines{R"(send [4,"1","FormationViolation","a call must have an action and a payload",{}])"}));
}

BOOST_AUTO_TEST_CASE(calls_and_answers_are_arrays) {
  dialect_dialogue d(channels::ocpp());
  holdfast::options given;
  d.spoken->prepare(given);
  BOOST_TEST((given.subprotocols == lines{"ocpp1.6"}));
  BOOST_TEST(d.spoken->calls_in_flight() == 1U);
  BOOST_TEST(d.calls(1, "BootNotification", json::object{{"chargePointVendor", "V"}}) ==
             R"([2,"1","BootNotification",{"chargePointVendor":"V"}])");
  BOOST_TEST(d.calls(2, "Heartbeat") == R"([2,"2","Heartbeat",{}])");
  BOOST_TEST((d.hears(R"([3,"1",{"status":"Accepted"}])") == lines{R"(reply 1 {"status":"Accepted"})"}));
  BOOST_TEST((d.hears(R"([4,"2","NotImplemented","no such action",{}])") ==
              lines{R"(refuse 2 "NotImplemented" "no such action" {})"}));
}

BOOST_AUTO_TEST_CASE(the_central_system_calls_as_well) {
  dialect_dialogue d(channels::ocpp());
  BOOST_TEST(
      (d.hears(R"([2,"x-1","Reset",{"type":"Soft"}])") == lines{R"(call "x-1" Reset {"type":"Soft"})"}));
  BOOST_TEST(d.answers(R"("x-1")", json::object{{"status", "Accepted"}}) ==
             R"([3,"x-1",{"status":"Accepted"}])");
  BOOST_TEST(d.refuses(R"("x-1")", {.code = std::string(channels::method_not_found), .text = "none"}) ==
             R"([4,"x-1","NotImplemented","none",{}])");
}

BOOST_AUTO_TEST_CASE(what_no_central_system_should_send_ends_in_one_clear_error) {
  dialect_dialogue d(channels::ocpp());
  for (const auto* each : {"", "{}", "[2]", R"([2,"1"])", "[3,7,{}]"}) {
    const auto found = d.hears(each);
    BOOST_TEST_CONTEXT(each) {
      BOOST_REQUIRE(found.size() == 1U);
      BOOST_TEST(found.front().starts_with("fail frame: "));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
