// The frames of "holdfast.v1", each by itself: what a good one leads to, and for every kind of bad one the
// line that says which frame and which field it was.
#include <algorithm>
#include <boost/system/result.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../sanitized.hpp"
#include "recorded_link.hpp"

import holdfast;
import holdfast.v1;

using namespace holdfast;
using namespace v1_test;

namespace {

lines answer_to(std::string_view frame, v1_options how = {}) {
  dialogue chat(how);
  chat.log_in();
  chat.from_server(frame);
  return chat.calls();
}

lines answer_in_login(std::string_view frame) {
  dialogue chat;
  chat.open();
  chat.calls();
  chat.from_server(frame);
  return chat.calls();
}

void check_refused(const std::string& frame, const std::string& problem, bool in_login = false) {
  BOOST_TEST_CONTEXT("frame " << frame.substr(0, 100)) {
    BOOST_TEST((in_login ? answer_in_login(frame) : answer_to(frame)) == lines{"fail 1002 " + problem},
               per_element);
  }
}

std::string event_with(std::string_view data) {
  return R"({"type":"event","seq":1,"data":)" + std::string(data) + "}";
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

constexpr auto number = "must be a whole number from 0 to 2^53";
constexpr auto invalid = "frame: must be one valid JSON text of a depth up to 32";

}  // namespace

BOOST_AUTO_TEST_SUITE(v1_frame)

BOOST_AUTO_TEST_CASE(brings_an_event_as_the_server_wrote_it) {
  for (const auto& data : {R"({"text":"hi"})"s, "[1, 2 ,3]"s, "null"s, "true"s, R"("a\"}]\\")"s, "1.50"s,
                           "-0"s, "123456789012345678901234567890"s, R"({"a":1,"a":{"b":[{}]}})"s,
                           "\"gr\u00fc\u00dfe \\u20ac\""s, "\"\""s}) {
    BOOST_TEST(answer_to(event_with(data)) == lines{"deliver " + data}, per_element);
    BOOST_TEST(answer_to(" {\n\"data\" :\t" + data + " , \"seq\" : 1,\r\n\"type\":\"event\" } \n") ==
                   lines{"deliver " + data},
               per_element);
  }
}

BOOST_AUTO_TEST_CASE(may_have_fields_that_we_do_not_know) {
  BOOST_TEST(answer_to(R"({"new":{"type":"ack","seq":7},"type":"event","seq":1,"data":1,"new":[]})") ==
                 lines{"deliver 1"},
             per_element);
  BOOST_TEST(
      answer_to(R"({"type":"ack","id":5,"seq":"of another frame","seq":{}})") == lines{"acknowledged 5"},
      per_element);
}

BOOST_AUTO_TEST_CASE(of_a_type_that_we_do_not_know_is_passed_over) {
  BOOST_TEST(answer_to(R"({"type":"rename","id":-1,"seq":"x"})").empty());
  BOOST_TEST(answer_to(R"({"type":""})").empty());
  BOOST_TEST(answer_to(R"({"type":"Event","seq":9})").empty());
  BOOST_TEST(answer_in_login(R"({"type":"banner"})").empty());
}

BOOST_AUTO_TEST_CASE(may_have_escapes_in_its_keys_and_values) {
  BOOST_TEST(answer_to(R"({"\u0074ype":"\u0065vent","s\u0065q":1,"d\u0061ta":"\u0061"})") ==
                 lines{R"(deliver "\u0061")"},
             per_element);
  BOOST_TEST(answer_to(R"({"type":"go_away","reason":"line\nbreak \u00fc"})") ==
                 lines{"go_away 0ms line break \u00fc"},
             per_element);
}

BOOST_AUTO_TEST_CASE(that_is_not_one_json_object_is_refused) {
  for (const auto& frame : {""s,
                            " "s,
                            "{"s,
                            "}"s,
                            "hello"s,
                            "{\"type\"}"s,
                            "{'type':'pong'}"s,
                            "{\"type\":\"pong\",}"s,
                            "{\"type\":\"pong\"} {}"s,
                            "{\"type\":\"pong\"}x"s,
                            "{\"type\":\"pong\",\"id\":01}"s,
                            "{\"type\":\"po\ng\"}"s,
                            "{\"type\":\"pong\",\"id\":NaN}"s,
                            "\xEF\xBB\xBF{}"s,
                            "{\"type\":\"\\ud800\"}"s,
                            "{\"type\":\"\xff\"}"s,
                            "{\"type\":\"\xc0\xaf\"}"s,
                            "{\"\xed\xa0\x80\":1}"s,
                            "{}\0"s,
                            "{/* */}"s,
                            "{\"type\":\"\\x\"}"s}) {
    check_refused(frame, invalid);
    check_refused(frame, invalid, true);
  }
  for (const auto& frame : {"[]"s, "1"s, "\"pong\""s, "null"s, "true"s, " [{\"type\":\"pong\",\"id\":1}]"s})
    check_refused(frame, "frame: must be a JSON object");
}

BOOST_AUTO_TEST_CASE(without_a_type_is_refused) {
  for (const auto* const frame :
       {"{}", R"({"id":1})", R"({"type":1})", R"({"type":null})", R"({"type":["pong"]})"})
    check_refused(frame, "frame: type must be a string");
}

BOOST_AUTO_TEST_CASE(with_a_field_twice_is_refused_if_it_is_one_that_counts) {
  check_refused(R"({"type":"pong","id":1,"type":"event"})", "frame: type must not appear twice");
  check_refused(R"({"type":"event","seq":1,"seq":2,"data":1})", "event: seq must not appear twice");
  check_refused(R"({"type":"event","seq":1,"s\u0065q":1,"data":1})", "event: seq must not appear twice");
  check_refused(R"({"type":"event","seq":1,"data":1,"data":1,"data":1})",
                "event: data must not appear twice");
  check_refused(R"({"type":"throttle","features":[{"name":"a","name":"b"}]})",
                "throttle: features.name must not appear twice");
}

BOOST_AUTO_TEST_CASE(with_a_number_that_is_none_is_refused) {
  for (const auto* const value : {"-1", "-0", "1.0", "1e0", "0.5", "9007199254740993", "18446744073709551616",
                                  "1e300", "\"1\"", "null", "true", "[]", "{}"}) {
    const auto id = std::string(value);
    check_refused(R"({"type":"ack","id":)" + id + "}", "ack: id "s + number);
    check_refused(R"({"type":"pong","id":)" + id + "}", "pong: id "s + number);
    check_refused(R"({"type":"event","data":1,"seq":)" + id + "}", "event: seq "s + number);
    check_refused(R"({"type":"ready","session":"s","resumed":false,"seq":)" + id + "}",
                  "ready: seq "s + number, true);
  }
  check_refused(R"({"type":"ack"})", "ack: id "s + number);
  BOOST_TEST(answer_to(R"({"type":"ack","id":9007199254740992})") == lines{"acknowledged 9007199254740992"},
             per_element);
}

BOOST_AUTO_TEST_CASE(without_data_is_no_event) {
  check_refused(R"({"type":"event","seq":1})", "event: data must be present");
}

BOOST_AUTO_TEST_CASE(ready_is_checked_field_by_field) {
  const auto ready = [](const std::string& fields) { return R"({"type":"ready",)" + fields + "}"; };
  const auto rest = R"("resumed":false,"seq":0)"s;
  check_refused(ready(rest), "ready: session must be a string", true);
  check_refused(ready(R"("session":7,)" + rest), "ready: session must be a string", true);
  check_refused(ready(R"("session":"",)" + rest), "ready: session must have 1 to 256 bytes", true);
  check_refused(ready(R"("session":")" + std::string(257, 's') + "\"," + rest),
                "ready: session must have 1 to 256 bytes", true);
  check_refused(ready(R"("session":"s","seq":0)"), "ready: resumed must be true or false", true);
  check_refused(ready(R"("session":"s","seq":0,"resumed":"true")"), "ready: resumed must be true or false",
                true);
  check_refused(ready(R"("session":"s",)" + rest + R"(,"last_id":-1)"), "ready: last_id "s + number, true);
  check_refused(ready(R"("session":"s",)" + rest + R"(,"heartbeat_ms":"1")"),
                "ready: heartbeat_ms "s + number, true);
  check_refused(ready(R"("session":"s",)" + rest + R"(,"gap":{"from":1,"to":2})"),
                "ready: gap must not be present unless resumed is true", true);
  check_refused(ready(R"("session":"s",)" + rest + R"(,"gap":[1,2])"), "ready: gap must be an object", true);
  check_refused(ready(R"("session":"s",)" + rest + R"(,"gap":{"from":1})"), "ready: gap.to "s + number, true);
  check_refused(ready(R"("session":"s",)" + rest + R"(,"gap":{"from":2,"to":1})"),
                "ready: gap.to must not be smaller than from", true);
}

BOOST_AUTO_TEST_CASE(null_is_as_good_as_nothing_where_a_field_may_be_missing) {
  BOOST_TEST(
      answer_in_login(R"({"type":"ready","session":"s","resumed":false,"seq":0,"heartbeat_ms":null,)"
                      R"("last_id":null,"gap":null})") == (lines{"ready new", "heartbeat_every 20000ms"}),
      per_element);
  BOOST_TEST(answer_to(R"({"type":"throttle","features":[{"name":"typing","reason":null,"for_ms":null}]})") ==
                 lines{"throttle typing="},
             per_element);
  BOOST_TEST(answer_to(R"({"type":"go_away","reason":null,"reconnect_in_ms":null})") == lines{"go_away 0ms"},
             per_element);
}

BOOST_AUTO_TEST_CASE(throttles_features_by_name) {
  BOOST_TEST(
      answer_to(R"({"type":"throttle","features":[{"name":"typing","reason":"too fast","for_ms":90000},)"
                R"( {"name":"presence"} ]})") == lines{"throttle typing=too fast 90s, presence="},
      per_element);
  BOOST_TEST(answer_to(R"({"type":"throttle","features":[ ]})") == lines{"throttle"}, per_element);
  // 2^53 milliseconds do not fit into a clock::duration.
  BOOST_TEST(answer_to(R"({"type":"throttle","features":[{"name":"a","for_ms":9007199254740992}]})") ==
                 lines{"throttle a= 31536000s"},
             per_element);
}

BOOST_AUTO_TEST_CASE(that_throttles_what_has_no_name_is_refused) {
  const auto throttle = [](const std::string& features) {
    return R"({"type":"throttle","features":)" + features + "}";
  };
  check_refused(R"({"type":"throttle"})", "throttle: features must be an array");
  check_refused(throttle("{}"), "throttle: features must be an array");
  check_refused(throttle("null"), "throttle: features must be an array");
  check_refused(throttle("[\"typing\"]"), "throttle: features must be an array of objects");
  check_refused(throttle("[{}]"), "throttle: features.name must be a string");
  check_refused(throttle(R"([{"name":""}])"), "throttle: features.name must have 1 to 64 bytes");
  check_refused(throttle(R"([{"name":")" + std::string(65, 'n') + "\"}]"),
                "throttle: features.name must have 1 to 64 bytes");
  check_refused(throttle(R"([{"name":"a","reason":5}])"), "throttle: features.reason must be a string");
  check_refused(throttle(R"([{"name":"a","for_ms":-5}])"), "throttle: features.for_ms "s + number);
  std::string many = R"([{"name":"a"})";
  for (int i = 0; i < 64; ++i) many += R"(,{"name":"a"})";
  check_refused(throttle(many + "]"), "throttle: features must have at most 64 entries");
}

BOOST_AUTO_TEST_CASE(with_words_for_people_is_cut_between_characters) {
  for (std::size_t ascii = 0; ascii < 4; ++ascii) {
    std::string reason(ascii, 'a');
    while (reason.size() < 1000) reason += "\U0001F600";
    const auto calls = answer_to(R"({"type":"go_away","reason":")" + reason + "\"}");
    BOOST_REQUIRE(calls.size() == 1U);
    BOOST_TEST(calls.front().size() <= 200 + "go_away 0ms "s.size());
    BOOST_TEST(calls.front().size() > 190U);
    BOOST_TEST(is_valid_utf8(calls.front()));
  }
}

BOOST_AUTO_TEST_CASE(has_a_limit_to_its_depth) {
  BOOST_TEST(answer_to(event_with(nested(31))) == lines{"deliver " + nested(31)}, per_element);
  check_refused(event_with(nested(32)), invalid);
  check_refused(R"({"type":"pong","id":1,"unknown":)" + nested(32) + "}", invalid);
  check_refused(event_with(std::string(1'000'000, '[')), invalid);
  BOOST_TEST(answer_to(event_with(nested(3)), {.depth = 4}) == lines{"deliver [[[]]]"}, per_element);
  BOOST_TEST(answer_to(event_with(nested(4)), {.depth = 4}).front() ==
             "fail 1002 frame: must be one valid JSON text of a depth up to 4");
  BOOST_TEST(answer_to(event_with(nested(499)), {.depth = 500}) == lines{"deliver " + nested(499)},
             per_element);
}

BOOST_AUTO_TEST_CASE(has_a_limit_to_its_size) {
  const auto sized = [](std::size_t size) {
    auto frame = event_with("\"");
    return frame.insert(frame.size() - 1, std::string(size - frame.size() - 1, 'x') + '"');
  };
  BOOST_REQUIRE(sized(2048).size() == 2048U);
  BOOST_TEST(answer_to(sized(2048), {.frame_bytes = 2048}).front().starts_with("deliver \"xxx"));
  dialogue chat({.frame_bytes = 2048});
  chat.log_in();
  chat.from_server(sized(2049));
  BOOST_TEST(chat.calls() == lines{"fail 1009 frame: must not be longer than frame_bytes"}, per_element);
  BOOST_TEST(chat.link.failure->error == make_error_code(error::message_too_big));
}

BOOST_AUTO_TEST_CASE(must_be_text) {
  dialogue chat;
  chat.log_in();
  chat.spoken->received(chat.link, {.kind = message_kind::binary, .payload = R"({"type":"ack","id":1})"});
  BOOST_TEST(chat.calls() == lines{"fail 1003 frame: must be text, not binary"}, per_element);
  BOOST_TEST(chat.link.failure->error == make_error_code(error::protocol_failed));
}

// Work that grows with the square of 16 MiB would take days.
BOOST_AUTO_TEST_CASE(that_is_made_to_be_slow_is_not) {
  const auto repeated = [](std::string_view piece, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += piece;
    return out;
  };
  constexpr std::size_t most = (is_sanitized ? 2 : 16) << 20;
  for (const auto& frame :
       {event_with("[" + repeated("[],", most / 3) + "0]"),
        event_with("{" + repeated("\"a\":1,", most / 6) + "\"a\":1}"),
        "{" + repeated("\"seq\":1,", most / 8) + "\"type\":\"event\",\"data\":1}",
        "{" + repeated("\"\\u0073eq\":1,", most / 13) + "\"type\":\"event\",\"data\":1}",
        event_with("\"" + repeated("\\\"", most / 2) + "\""), repeated(" ", most) + event_with("1"),
        event_with(repeated("9", most)), event_with("0." + repeated("9", most)),
        R"({"type":"throttle","features":[)" + repeated("[],", most / 3) + "1]}"}) {
    const auto begin = std::chrono::steady_clock::now();
    BOOST_TEST(answer_to(frame, {.frame_bytes = 32 << 20}).size() == 1U);
    BOOST_TEST((std::chrono::steady_clock::now() - begin) / 1ms < 30'000);
  }
}

BOOST_AUTO_TEST_CASE(that_is_rubbish_harms_nobody_and_is_not_repeated) {
  const std::vector<std::string> good{
      R"({"type":"event","seq":1,"data":{"SECRET":[1,2.5,"x",null]}})",
      R"({"type":"throttle","features":[{"name":"SECRET","reason":"r","for_ms":5}]})",
      R"({"type":"ready","session":"SECRET","resumed":false,"seq":3,"gap":null,"last_id":4})",
      R"({"type":"error","code":"x","text":"\u0041","fatal":false})",
      R"({"type":"ack","id":12})",
      R"({"type":"pong","id":1,"SECRET":"SECRET"})"};
  std::size_t refused = 0;
  for (unsigned seed = 0; seed < 20'000; ++seed) {
    std::mt19937 random(seed);
    auto frame = good[random() % good.size()];
    for (auto changes = 1 + random() % 3; changes != 0; --changes) {
      const auto at = random() % frame.size();
      const auto piece = frame.substr(random() % frame.size(), random() % 6);
      switch (random() % 4) {
        case 0:
          frame[at] = static_cast<char>(random());
          break;
        case 1:
          frame.erase(at, 1 + random() % 4);
          break;
        case 2:
          frame.insert(at, piece);
          break;
        default:
          frame[at] = "{}[]\",:0-"[random() % 9];
      }
      if (frame.empty()) frame = " ";
    }
    dialogue chat;
    chat.log_in();
    chat.from_server(frame);
    BOOST_TEST_CONTEXT("seed " << seed << ": " << frame) {
      BOOST_TEST(chat.calls().size() <= 1U);
      if (!chat.link.failure) continue;
      ++refused;
      const auto& text = chat.link.failure->text;
      BOOST_TEST(text.find("SECRET") == std::string::npos);
      BOOST_TEST(std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; }));
      BOOST_TEST(text.size() < 80U);
    }
  }
  BOOST_TEST(refused > 10'000U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(v1_message)

namespace {

result<std::string> encoded(std::string_view payload, std::string_view feature = {}, v1_options how = {},
                            message_kind kind = message_kind::text) {
  return v1(how)()->encode({.id = 7, .kind = kind, .payload = payload, .feature = feature});
}

void check_message_invalid(const result<std::string>& frame) {
  BOOST_TEST(frame.has_error());
  if (frame.has_error()) BOOST_TEST(frame.error() == make_error_code(error::message_invalid));
}

}  // namespace

BOOST_AUTO_TEST_CASE(carries_any_json_as_it_is) {
  for (const auto& payload : {R"({"a":[1,2]})"s, " 1.50 "s, "null"s, "\"\u20ac\""s, "[]"s})
    BOOST_TEST(encoded(payload).value() == R"({"type":"message","id":7,"data":)" + payload + "}");
}

BOOST_AUTO_TEST_CASE(names_its_feature) {
  BOOST_TEST(encoded("1", "typing").value() == R"({"type":"message","id":7,"feature":"typing","data":1})");
  BOOST_TEST(encoded("1", "a\"b\\\n").value() ==
             R"({"type":"message","id":7,"feature":"a\"b\\\n","data":1})");
  check_message_invalid(encoded("1", "\xff"));
}

// Else a payload could end its own frame and begin another.
BOOST_AUTO_TEST_CASE(that_is_not_one_json_text_is_refused) {
  for (const auto& payload : {""s, " "s, "hello"s, "{"s, "1,\"id\":8"s, "1}{\"type\":\"ack\""s, "1 2"s,
                              "\"\xff\""s, "\"\\ud800\""s, "01"s, "[1,]"s, "1\0"s})
    check_message_invalid(encoded(payload));
}

BOOST_AUTO_TEST_CASE(that_is_binary_is_refused) {
  check_message_invalid(encoded("1", {}, {}, message_kind::binary));
  const auto spoken = v1()();
  BOOST_CHECK(spoken->encoded_kind(message_kind::binary) == message_kind::text);
  BOOST_CHECK(spoken->encoded_kind(message_kind::text) == message_kind::text);
  BOOST_TEST(spoken->acknowledges());
}

BOOST_AUTO_TEST_CASE(has_the_depth_that_its_frame_may_have) {
  BOOST_TEST(encoded(nested(31)).has_value());
  check_message_invalid(encoded(nested(32)));
  BOOST_TEST(encoded(nested(3), {}, {.depth = 4}).has_value());
  check_message_invalid(encoded(nested(4), {}, {.depth = 4}));
  check_message_invalid(encoded(std::string(1'000'000, '[')));
}

BOOST_AUTO_TEST_SUITE_END()
