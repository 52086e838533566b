// Text that is not UTF-8 (RFC 6455 section 8.1): at which octet it ends the session, and what becomes of it
// under the rules that let the session go on.
#include <algorithm>
#include <array>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "frames.hpp"

import holdfast;
import holdfast.wire;

using namespace holdfast;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(frame_text)

namespace {

constexpr std::size_t limit = 1 << 20;
constexpr unsigned rsv1 = 4;
constexpr std::array every_rule{utf8_rule::strict, utf8_rule::replace, utf8_rule::as_binary};

std::string deflated(std::string_view message) {
  std::string out;
  deflater({15, true}).compress(message, out);
  return out;
}

// Feeds `bytes` one by one. Returns how many it took until the decoder failed for the text; 0: it did not.
std::size_t octets_until_failure(frame_decoder& reader, std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    reader.feed(bytes.substr(i, 1));
    for (auto event = reader.next(); event.event != frame_event::none; event = reader.next()) {
      if (event.event != frame_event::failed) continue;
      BOOST_CHECK(event.error == error::invalid_utf8);
      BOOST_TEST(event.close_code == 1007U);
      return i + 1;
    }
  }
  return 0;
}

struct bad_text {
  std::string_view text;
  std::size_t bad;  // the first byte that nothing behind it can make right
};

constexpr std::array bad_texts{bad_text{"\xFF", 0},
                               bad_text{"\xC0\xAF", 0},
                               bad_text{"\xF8\x88", 0},
                               bad_text{"a\x80", 1},
                               bad_text{"\xE0\x9F\xBF", 1},
                               bad_text{"\xF0\x8F\xBF\xBF", 1},
                               bad_text{"\xF4\x90\x80\x80", 1},
                               bad_text{"\xE2\x82x", 2},
                               bad_text{"\xF0\x9F\x98\xC3", 3},
                               bad_text{"Hello-\xC2\xB5@\xC3\x9F-\xED\xA0\x80", 13}};

// A stored block of DEFLATE (RFC 1951 section 3.2.4), which is not the last one.
std::string stored(std::string_view bytes) {
  const auto length = static_cast<char>(bytes.size());
  std::string out{'\0', length, '\0', static_cast<char>(~length), '\xFF'};
  return out.append(bytes);
}

// One text message, in each way in which it can come.
std::vector<std::string> ways_to_send(const std::string& text) {
  std::vector<std::string> out{frames::bytes({.payload = text})};
  const auto in_two = [&out](const std::string& payload, unsigned bits) {
    for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, payload.size() / 2, payload.size()}) {
      const auto first = payload.substr(0, cut);
      out.push_back(frames::bytes({.payload = first, .final = false, .reserved_bits = bits}) +
                    frames::bytes({.opcode = frames::ping, .payload = "between"}) +
                    frames::bytes({.opcode = frames::continuation, .payload = payload.substr(first.size())}));
    }
  };
  in_two(text, 0);
  out.push_back(frames::bytes({.payload = deflated(text), .reserved_bits = rsv1}));
  in_two(deflated(text), rsv1);
  return out;
}

struct taken_event {
  frame_event event = frame_event::none;
  message_kind kind = message_kind::text;
  std::string payload{};
  unsigned close_code = 0;
  error_code error{};
};

// Feeds `bytes` in pieces of `step`, until there is an event that is not a ping, and returns that.
taken_event first_event(frame_decoder& reader, std::string_view bytes, std::size_t step) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    reader.feed(bytes.substr(0, step));
    for (auto event = reader.next(); event.event != frame_event::none; event = reader.next()) {
      if (event.event == frame_event::ping) continue;
      return {event.event, event.kind, reader.take_message(event), event.close_code, event.error};
    }
  }
  return {};
}

// Whichever way `text` comes, it is delivered like this; and so is what follows it.
void check_delivered(utf8_rule rule, const std::string& text, message_kind kind, std::string_view shown) {
  for (const auto& bytes : ways_to_send(text)) {
    for (const std::size_t step : {std::size_t{1}, bytes.size()}) {
      frame_decoder reader(peer_role::server, limit, rule);
      reader.agree({});
      for (int round = 0; round < 2; ++round) {
        const auto event = first_event(reader, bytes, step);
        BOOST_REQUIRE(event.event == frame_event::message);
        BOOST_CHECK(event.kind == kind);
        BOOST_TEST(event.payload == shown);
        const auto good = first_event(reader, frames::bytes({.payload = "and \u20AC"}), limit);
        BOOST_CHECK(good.event == frame_event::message && good.kind == message_kind::text);
        BOOST_TEST(good.payload == "and \u20AC");
      }
    }
  }
}

}  // namespace

// covers R63
BOOST_AUTO_TEST_CASE(text_fails_at_its_first_bad_octet_within_a_frame) {
  for (const auto role : {peer_role::server, peer_role::client}) {
    for (const auto& [text, bad] : bad_texts) {
      const auto payload = std::string(text) + std::string(300, 'x');
      const auto bytes = frames::bytes({.payload = payload, .masked = role == peer_role::server});
      frame_decoder reader(role, limit);
      BOOST_TEST(octets_until_failure(reader, bytes) == bytes.size() - payload.size() + bad + 1);
      BOOST_CHECK(reader.next().event == frame_event::none);
      BOOST_TEST(!reader.has_undecoded());
    }
  }
}

// covers R63
BOOST_AUTO_TEST_CASE(text_fails_at_its_first_bad_octet_in_whichever_fragment_it_is) {
  for (const auto& [text, bad] : bad_texts) {
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      const std::string begin(text.substr(0, cut));
      const auto end = std::string(text.substr(cut)) + std::string(300, 'x');
      const auto first = frames::bytes({.payload = begin, .final = false}) +
                         frames::bytes({.opcode = frames::ping, .payload = "between"});
      const auto second = frames::bytes({.opcode = frames::continuation, .payload = end});
      const auto wanted = bad < cut ? 6 + bad + 1 : first.size() + second.size() - end.size() + bad - cut + 1;
      frame_decoder reader(peer_role::server, limit);
      BOOST_TEST(octets_until_failure(reader, first + second) == wanted);
    }
  }
}

// covers R63
BOOST_AUTO_TEST_CASE(a_character_that_is_cut_off_fails_only_at_the_end_of_its_message) {
  for (const auto& text : {"cut \xC3"s, "cut \xE2\x82"s, "cut \xF0\x9F\x98"s}) {
    const auto whole = frames::bytes({.payload = text});
    frame_decoder reader(peer_role::server, limit);
    BOOST_TEST(octets_until_failure(reader, whole) == whole.size());
    const auto fragments = frames::bytes({.payload = text, .final = false}) +
                           frames::bytes({.opcode = frames::continuation, .final = false}) +
                           frames::bytes({.opcode = frames::continuation});
    frame_decoder other(peer_role::server, limit);
    BOOST_TEST(octets_until_failure(other, fragments) == fragments.size());
  }
}

// covers R63
BOOST_AUTO_TEST_CASE(what_was_whole_before_the_bad_octet_is_handed_out_first) {
  frame_decoder reader(peer_role::server, limit);
  reader.feed(frames::bytes({.payload = "one"}) + frames::bytes({.payload = "t\xC3", .final = false}) +
              frames::bytes({.opcode = frames::ping, .payload = "p"}) +
              frames::bytes({.opcode = frames::continuation, .payload = "\xBC"}) +
              frames::bytes({.payload = "\xFF", .final = false}) +
              frames::bytes({.opcode = frames::ping, .payload = "too late"}));
  BOOST_TEST(reader.next().payload == "one");
  BOOST_TEST(reader.next().payload == "p");
  BOOST_TEST(reader.next().payload == "t\u00FC");
  const auto event = reader.next();
  BOOST_CHECK(event.event == frame_event::failed);
  BOOST_TEST(event.close_code == 1007U);
  BOOST_CHECK(reader.next().event == frame_event::none);
}

BOOST_AUTO_TEST_CASE(good_text_may_be_cut_anywhere) {
  const auto text = "gr\u00FC\u00DFe \u20AC \U0001F600 \uFFFD \U0010FFFF end"s;
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      frame_decoder reader(peer_role::server, limit);
      const auto event =
          first_event(reader,
                      frames::bytes({.payload = text.substr(0, first), .final = false}) +
                          frames::bytes({.opcode = frames::ping}) +
                          frames::bytes({.opcode = frames::continuation,
                                         .payload = text.substr(first, second - first),
                                         .final = false}) +
                          frames::bytes({.opcode = frames::continuation, .payload = text.substr(second)}),
                      limit);
      BOOST_REQUIRE(event.event == frame_event::message);
      BOOST_REQUIRE(event.payload == text);
    }
  }
}

// covers R63
BOOST_AUTO_TEST_CASE(compressed_text_fails_long_before_its_end) {
  std::mt19937 random(1);
  std::string text(50'000, '\0');
  for (auto& each : text) each = static_cast<char>('a' + random() % 26);
  text[1000] = '\xFF';
  const auto payload = deflated(text);
  BOOST_REQUIRE(payload.size() > 20'000U);
  for (const std::size_t cut : {std::size_t{0}, std::size_t{100}, payload.size()}) {
    frame_decoder reader(peer_role::server, limit);
    reader.agree({});
    const auto octets = octets_until_failure(
        reader, frames::bytes({.payload = payload.substr(0, cut), .final = false, .reserved_bits = rsv1}) +
                    frames::bytes({.opcode = frames::ping, .payload = "between"}) +
                    frames::bytes({.opcode = frames::continuation, .payload = payload.substr(cut)}));
    BOOST_TEST(octets > 0U);
    BOOST_TEST(octets < 3000U);
  }
}

// covers R63
BOOST_AUTO_TEST_CASE(the_first_fault_of_a_compressed_message_counts_however_it_is_cut) {
  const auto no_block = "\x06"s;  // a block type that there is not
  const struct {
    std::string payload;
    std::size_t most;
    unsigned close_code;
  } rows[] = {{stored("a\xFFg") + no_block, limit, 1007},
              {stored("abc") + no_block, limit, 1002},
              {stored("abc\xC3") + no_block, limit, 1002},
              {stored("abcd\xFF" + std::string(20, 'x')), 10, 1007},
              {stored(std::string(20, 'x') + "\xFF"), 10, 1009}};
  for (const auto& row : rows) {
    const auto bytes = frames::bytes({.payload = row.payload, .reserved_bits = rsv1});
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
      frame_decoder reader(peer_role::server, row.most);
      reader.agree({});
      const auto event = first_event(reader, bytes, step);
      BOOST_CHECK(event.event == frame_event::failed);
      BOOST_TEST(event.close_code == row.close_code);
    }
  }
}

// The examples of Unicode section 3.9 (tables 3-8 to 3-11), and what is at the borders. covers R67
BOOST_AUTO_TEST_CASE(each_bad_sequence_is_replaced_as_a_browser_does_it) {
  const struct {
    std::string_view text;
    std::string_view shown;
  } rows[] = {
      {"\xFF", "\uFFFD"},
      {"caf\xE9 au lait", "caf\uFFFD au lait"},
      {"\xE2\x82x \u20AC", "\uFFFDx \u20AC"},
      {"cut \xF0\x9F\x98", "cut \uFFFD"},
      {"\xF0\x9F\x98\xF0\x9F\x98\x80", "\uFFFD\U0001F600"},
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA"},
      {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA"},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA\uFFFD\uFFFDB"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", "\uFFFD\uFFFD\uFFFD\uFFFDA"},
  };
  for (const auto& row : rows) {
    check_delivered(utf8_rule::replace, std::string(row.text), message_kind::text, row.shown);
  }
}

// covers R67
BOOST_AUTO_TEST_CASE(bad_text_comes_as_binary_as_it_is) {
  for (const auto& each : bad_texts) {
    check_delivered(utf8_rule::as_binary, std::string(each.text), message_kind::binary, each.text);
  }
  check_delivered(utf8_rule::as_binary, "cut \xC3", message_kind::binary, "cut \xC3");
}

// covers R67
BOOST_AUTO_TEST_CASE(good_text_and_binary_are_the_same_under_every_rule) {
  for (const auto rule : every_rule) {
    check_delivered(rule, "gr\u00FC\u00DFe \uFFFD", message_kind::text, "gr\u00FC\u00DFe \uFFFD");
    check_delivered(rule, "", message_kind::text, "");
    frame_decoder reader(peer_role::server, limit, rule);
    const auto binary = frames::some_binary(1000);
    const auto event =
        first_event(reader, frames::bytes({.opcode = frames::binary, .payload = binary}), limit);
    BOOST_CHECK(event.kind == message_kind::binary);
    BOOST_CHECK(event.payload == binary);
  }
}

// covers R67
BOOST_AUTO_TEST_CASE(good_text_is_still_handed_out_where_it_lies_under_every_rule) {
  for (const auto rule : every_rule) {
    frame_decoder reader(peer_role::client, limit, rule);
    std::array<char, 1024> scratch{};
    const auto bytes = frames::bytes({.payload = "gr\u00FC\u00DFe", .masked = false});
    bytes.copy(reader.prepare(scratch).data(), bytes.size());
    reader.commit(bytes.size());
    const auto event = reader.next();
    BOOST_CHECK(event.payload.data() == scratch.data() + 2);
    BOOST_TEST(!reader.owns(event));
  }
}

// covers R67
BOOST_AUTO_TEST_CASE(a_repaired_message_is_taken_without_a_copy) {
  const auto text = frames::some_text(10'000);
  for (const auto& bytes : ways_to_send(text + "\xFF")) {
    frame_decoder reader(peer_role::server, limit, utf8_rule::replace);
    reader.agree({});
    reader.feed(bytes + frames::bytes({.payload = "next"}));
    auto event = reader.next();
    if (event.event == frame_event::ping) event = reader.next();
    BOOST_REQUIRE(reader.owns(event));
    const auto* const memory = event.payload.data();
    const auto taken = reader.take_message(event);
    BOOST_CHECK(taken == text + "\uFFFD");
    BOOST_CHECK(taken.data() == memory);
    BOOST_TEST(reader.next().payload == "next");
    BOOST_CHECK(reader.next().event == frame_event::none);
  }
}

// A repaired message that nobody takes must not become part of the next one. covers R67
BOOST_AUTO_TEST_CASE(a_repaired_message_leaves_nothing_behind) {
  frame_decoder reader(peer_role::server, limit, utf8_rule::replace);
  reader.feed(frames::bytes({.payload = "one\xFF"}) + frames::bytes({.payload = "tw", .final = false}) +
              frames::bytes({.opcode = frames::continuation, .payload = "o"}));
  BOOST_TEST(reader.next().payload == "one\uFFFD");
  BOOST_TEST(reader.next().payload == "two");
}

// covers R67
BOOST_AUTO_TEST_CASE(the_limit_holds_for_the_repaired_message) {
  const struct {
    std::string text;
    bool too_big;
  } rows[] = {{std::string(333, '\xFF'), false},       {std::string(334, '\xFF'), true},
              {std::string(997, 'x') + "\xFF", false}, {std::string(998, 'x') + "\xFF", true},
              {"\xFF" + std::string(998, 'x'), true},  {std::string(997, 'x') + "\xE2\x82", false}};
  for (const auto& row : rows) {
    for (const auto& bytes : ways_to_send(row.text)) {
      frame_decoder reader(peer_role::server, 1000, utf8_rule::replace);
      reader.agree({});
      const auto event = first_event(reader, bytes, 100);
      BOOST_CHECK(event.event == (row.too_big ? frame_event::failed : frame_event::message));
      if (row.too_big) {
        BOOST_CHECK(event.error == error::message_too_big);
        BOOST_TEST(event.close_code == 1009U);
      } else {
        BOOST_TEST(is_valid_utf8(event.payload));
      }
      frame_decoder other(peer_role::server, 1000, utf8_rule::as_binary);
      other.agree({});
      BOOST_CHECK(first_event(other, bytes, 100).event == frame_event::message);
    }
  }
}

// covers R67
BOOST_AUTO_TEST_CASE(the_reason_in_a_close_frame_must_be_utf8_under_every_rule) {
  for (const auto rule : every_rule) {
    frame_decoder reader(peer_role::server, limit, rule);
    const auto event = first_event(
        reader, frames::bytes({.opcode = frames::close, .payload = frames::close_payload(1000, "\xFF")}),
        limit);
    BOOST_CHECK(event.event == frame_event::failed);
    BOOST_TEST(event.close_code == 1007U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
