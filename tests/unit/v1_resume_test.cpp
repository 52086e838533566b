// Sessions of "holdfast.v1" that go on where the one before was dropped, or cannot.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "recorded_link.hpp"

import holdfast;

using namespace holdfast;
using namespace v1_test;

BOOST_AUTO_TEST_SUITE(v1_resume)

namespace {

// A session that has brought the events up to `last`, and whose successor has said hello.
dialogue dropped_after(std::uint64_t last) {
  dialogue chat;
  chat.log_in();
  for (std::uint64_t seq = 1; seq <= last; ++seq) chat.event(seq);
  chat.open();
  chat.calls();
  return chat;
}

}  // namespace

BOOST_AUTO_TEST_CASE(asks_for_what_follows_the_last_event) {
  dialogue chat;
  chat.log_in();
  for (std::uint64_t seq = 1; seq <= 3; ++seq) chat.event(seq);
  chat.calls();
  chat.open("t");
  BOOST_TEST(rest_of(chat.calls().front()) == R"(,"token":"t","resume":{"session":"s1","last_seq":3}})");
}

BOOST_AUTO_TEST_CASE(goes_on_with_the_next_event) {
  auto chat = dropped_after(3);
  chat.from_server(ready(R"("resumed":true,"seq":3)"));
  chat.event(4);
  BOOST_TEST(chat.calls() == (lines{"ready resumed", "heartbeat_every 20000ms", "deliver 4"}), per_element);
  chat.open();
  BOOST_TEST(rest_of(chat.calls().front()) == R"(,"resume":{"session":"s2","last_seq":4}})");
}

BOOST_AUTO_TEST_CASE(passes_over_events_that_have_come_before) {
  auto chat = dropped_after(3);
  chat.from_server(ready(R"("resumed":true,"seq":1)"));
  chat.calls();
  for (std::uint64_t seq = 2; seq <= 5; ++seq) chat.event(seq);
  BOOST_TEST(chat.calls() == (lines{"deliver 4", "deliver 5"}), per_element);
  chat.event(7);
  BOOST_TEST(chat.calls().front().starts_with("fail"));
}

BOOST_AUTO_TEST_CASE(tells_what_is_missing) {
  for (const auto* const seq : {"3", "9"}) {
    auto chat = dropped_after(3);
    chat.from_server(ready(R"("resumed":true,"gap":{"from":4,"to":9},"seq":)"s + seq));
    chat.event(10);
    BOOST_TEST(chat.calls() == (lines{"ready resumed gap 4-9", "heartbeat_every 20000ms", "deliver 10"}),
               per_element);
  }
}

// What is missing is not acknowledged by itself: nothing of it has reached the program.
BOOST_AUTO_TEST_CASE(acknowledges_only_what_comes_after_the_gap) {
  auto chat = dropped_after(3);
  chat.from_server(ready(R"("resumed":true,"gap":{"from":4,"to":99},"seq":99)"));
  chat.calls();
  chat.spoken->heartbeat(chat.link);
  BOOST_TEST(chat.calls() == lines{R"(send {"type":"ping","id":1})"}, per_element);
}

BOOST_AUTO_TEST_CASE(begins_anew_if_the_server_has_forgotten) {
  auto chat = dropped_after(3);
  chat.from_server(ready(R"("resumed":false,"seq":0)"));
  chat.event(1);
  BOOST_TEST(chat.calls() == (lines{"ready new", "heartbeat_every 20000ms", "deliver 1"}), per_element);
  chat.event(1);
  BOOST_TEST(chat.calls().front().starts_with("fail"));
}

BOOST_AUTO_TEST_CASE(is_refused_if_it_leaves_out_events_without_saying_so) {
  for (const auto& [fields, problem] : std::vector<std::pair<std::string, std::string>>{
           {R"("resumed":true,"seq":4)", "seq must not be beyond last_seq of hello without a gap"},
           {R"("resumed":true,"seq":9,"gap":{"from":5,"to":9})", "gap.from must be last_seq of hello plus 1"},
           {R"("resumed":true,"seq":9,"gap":{"from":3,"to":9})", "gap.from must be last_seq of hello plus 1"},
           {R"("resumed":true,"seq":10,"gap":{"from":4,"to":9})", "seq must not be beyond gap.to"}}) {
    auto chat = dropped_after(3);
    chat.from_server(ready(fields));
    BOOST_TEST(chat.calls() == lines{"fail 1002 ready: " + problem}, per_element);
  }
  dialogue chat;
  chat.open();
  chat.calls();
  chat.from_server(ready(R"("resumed":true,"seq":0)"));
  BOOST_TEST(
      chat.calls() == lines{"fail 1002 ready: resumed must be false, because hello asked for no session"},
      per_element);
}

BOOST_AUTO_TEST_CASE(is_tried_again_after_a_login_that_failed) {
  auto chat = dropped_after(3);
  chat.from_server(R"({"type":"error","code":"internal"})");
  chat.open();
  BOOST_TEST(rest_of(chat.calls().back()) == R"(,"resume":{"session":"s1","last_seq":3}})");
}

// The server would send it again, and again.
BOOST_AUTO_TEST_CASE(is_given_up_after_a_frame_that_broke_the_rules) {
  dialogue chat;
  chat.log_in();
  chat.event(1);
  chat.from_server(R"({"type":"event","seq":2})");
  chat.calls();
  chat.open();
  BOOST_TEST(rest_of(chat.calls().front()) == "}");
}

BOOST_AUTO_TEST_SUITE_END()
