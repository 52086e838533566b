// The backend of holdfast.v1 that is shipped for tests holds clients to docs/protocol.md, frame by frame.
// They are written by hand here: a connection does not break the rules.
#include <string>
#include <utility>
#include <vector>

#include "v1.hpp"

BOOST_AUTO_TEST_SUITE(v1_violations)

namespace {

const auto& hello = hello_by_hand;

// What it says of a client that sends these frames, by hand; and with what it closes the socket.
std::string violation_by(const texts& frames, message_kind kind = message_kind::text) {
  v1_scenario s;
  s.given.protocol = nullptr;
  auto& conn = s.connect();
  const recorder seen(conn);
  for (const auto& each : frames) conn.send(each, {.kind = kind}, net::detached);
  s.in.run_for(1s);
  const auto found = s.at.violations();
  if (found.empty()) return {};
  BOOST_TEST(found.size() == 1U);
  BOOST_REQUIRE(!seen.changes().empty());
  BOOST_TEST(seen.changes()[0].reason.close_code == 1002);
  return found[0];
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_a_client_does_against_the_rules_is_seen) {
  const texts cases[] = {
      {"frame: must be text, not binary", "binary"},
      {"frame: must be one valid JSON text", "{"},
      {"frame: must be a JSON object", "[]"},
      {"frame: type must be a string", "{}"},
      {"frame: type must not appear twice", R"({"type":"ping","t\u0079pe":"ping","id":1})"},
      {"hello: version must be 1", R"({"type":"hello","version":2})"},
      {"hello: version must be a whole number from 0 to 2^53", R"({"type":"hello","version":1.0})"},
      {"hello: client must be 32 hexadecimal digits", R"({"type":"hello","version":1,"client":"me"})"},
      {"hello: token must be a string", hello_by_hand_with(R"("token":1)")},
      {"hello: resume must be an object", hello_by_hand_with(R"("resume":true)")},
      {"hello: resume.last_seq must be a whole number from 0 to 2^53",
       hello_by_hand_with(R"("resume":{"session":"s1","last_seq":-1})")},
      {"hello: must not come twice", hello, hello},
      {"message: must not come before ready", R"({"type":"message","id":1,"data":1})"},
      {"ping: must not come before ready", R"({"type":"ping","id":1})"},
      {"ack: must not come before ready", R"({"type":"ack","seq":1})"},
      {"message: data must be present", hello, R"({"type":"message","id":1})"},
      {"message: id must be a whole number from 0 to 2^53", hello,
       R"({"type":"message","id":9007199254740993,"data":1})"},
      {"message: id must be larger than that of the message before", hello,
       R"({"type":"message","id":7,"data":1})", R"({"type":"message","id":7,"data":1})"},
      {"ping: id must be larger than that of the ping before", hello, R"({"type":"ping","id":0})"},
      {"ack: seq must not be beyond the last event", hello, R"({"type":"ack","seq":1})"},
  };
  for (const auto& each : cases) {
    const auto kind = each[1] == "binary" ? message_kind::binary : message_kind::text;
    BOOST_TEST(violation_by({each.begin() + 1, each.end()}, kind) == each[0]);
  }
}

BOOST_AUTO_TEST_CASE(what_a_client_may_do_is_no_violation) {
  BOOST_TEST(violation_by({R"( {"data":{"type":{},"a":[1]}, "more":"\"}", "type":"new"} )",
                           hello_by_hand_with(R"("token":null,"resume":null,"x":1,"x":2)"),
                           R"({"type":"message","id":3,"feature":null,"data":null})",
                           R"({"type":"message","id":9007199254740992,"data":[{}]})"}) == "");
}

BOOST_AUTO_TEST_CASE(a_message_that_comes_again_must_be_the_same) {
  for (const bool same : {true, false}) {
    v1_scenario s;
    s.given.protocol = nullptr;
    auto& conn = s.connect();
    for (const std::string data : {"1", same ? "1" : "2"}) {
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      conn.send(hello, net::detached);
      conn.send(R"({"type":"message","id":5,"data":)" + data + "}", net::detached);
      s.in.run_for(1s);
      s.at.drop();
      s.in.run_for(100ms);
    }
    BOOST_TEST(s.at.arrivals() == 2U);
    BOOST_TEST((s.said() == texts{"1"}));
    BOOST_TEST(
        (s.at.violations() == (same ? texts() : texts{"message: must be the same when it is sent again"})));
  }
}

BOOST_AUTO_TEST_CASE(a_session_of_another_client_or_beyond_its_last_event_is_not_resumed) {
  const auto resume = hello_by_hand_with(R"("resume":{"session":"s1","last_seq":1})");
  auto other = resume;
  other[other.find("0123")] = '9';
  for (const auto& [second, expected] :
       {std::pair(other, "hello: resume.session must not be that of another client"),
        std::pair(resume, "hello: resume.last_seq must not be beyond the last event")}) {
    v1_scenario s;
    s.given.protocol = nullptr;
    auto& conn = s.connect();
    conn.send(hello, net::detached);
    s.in.run_for(1s);
    s.at.drop();
    s.in.run_for(100ms);
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    conn.send(second, net::detached);
    s.in.run_for(1s);
    BOOST_TEST((s.at.violations() == texts{expected}));
    BOOST_TEST(s.at.sessions() == 2U);
    BOOST_TEST(s.at.resumes() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(who_does_not_offer_the_sub_protocol_is_told) {
  v1_scenario s;
  s.given.subprotocols = {"holdfast.v2", "my-holdfast.v1"};
  auto& conn = s.start();
  s.in.run_for(1s);
  BOOST_TEST(conn.snapshot().reason.http_status == 400U);
  BOOST_TEST((s.at.violations() == texts{"upgrade: the subprotocol holdfast.v1 must be offered"}));
}

BOOST_AUTO_TEST_SUITE_END()
