// What the decoder makes of a peer's bytes: every legal sequence is understood, every illegal one is refused.
#include <algorithm>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "frames.hpp"

import holdfast;
import holdfast.wire;

using namespace holdfast;
using frames::frame;

BOOST_AUTO_TEST_SUITE(frame_decode)

namespace {

constexpr std::size_t limit = 1 << 20;

struct seen_event {
  frame_event event;
  message_kind kind;
  std::string payload;
  unsigned close_code;
  error_code error;
  bool operator==(const seen_event&) const = default;
};

std::vector<seen_event> drain(frame_decoder& from) {
  std::vector<seen_event> out;
  for (auto result = from.next(); result.event != frame_event::none; result = from.next()) {
    out.push_back({result.event, result.kind, std::string(result.payload), result.close_code, result.error});
  }
  return out;
}

std::vector<seen_event> decode(std::string_view bytes, peer_role role = peer_role::server) {
  frame_decoder reader(role, limit);
  reader.feed(bytes);
  return drain(reader);
}

// The bytes end in a failure of this kind, after `before` good events, and nothing legal is read afterwards.
void check_refused(const std::string& bytes, error why, unsigned close_code, std::size_t before = 0,
                   peer_role role = peer_role::server) {
  const bool masked = role == peer_role::server;
  const auto events = decode(bytes + frames::bytes({.payload = "too late", .masked = masked}), role);
  BOOST_REQUIRE(events.size() == before + 1);
  BOOST_CHECK(events.back().event == frame_event::failed);
  BOOST_CHECK(events.back().error == why);
  BOOST_TEST(events.back().close_code == close_code);
}

void check_violation(const std::string& bytes, std::size_t before = 0, peer_role role = peer_role::server) {
  check_refused(bytes, error::protocol_violation, 1002, before, role);
}

// A conversation with everything in it that is legal, and what must be read from it.
std::string legal_conversation() {
  std::string out;
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 300U}) {
    out += frames::bytes({.payload = frames::some_text(size)});
    out += frames::bytes({.opcode = frames::binary, .payload = frames::some_binary(size)});
  }
  out += frames::bytes({.payload = "gr\xC3", .final = false});
  out += frames::bytes({.opcode = frames::ping, .payload = "are you there"});
  out += frames::bytes({.opcode = frames::continuation, .payload = "", .final = false});
  out += frames::bytes({.opcode = frames::continuation, .payload = "\xBC\xC3", .final = false});
  out += frames::bytes({.opcode = frames::pong, .payload = std::string(125, 'p')});
  out += frames::bytes({.opcode = frames::continuation,
                        .payload = "\x9F"
                                   "e"});
  out += frames::bytes({.opcode = frames::close, .payload = frames::close_payload(1001, "bye \u20AC")});
  return out;
}

void check_conversation(const std::vector<seen_event>& events) {
  BOOST_REQUIRE(events.size() == 16U);
  std::size_t at = 0;
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 300U}) {
    BOOST_CHECK((events[at++] ==
                 seen_event{frame_event::message, message_kind::text, frames::some_text(size), 0, {}}));
    BOOST_CHECK((events[at++] ==
                 seen_event{frame_event::message, message_kind::binary, frames::some_binary(size), 0, {}}));
  }
  BOOST_CHECK((events[12].event == frame_event::ping && events[12].payload == "are you there"));
  BOOST_CHECK((events[13].event == frame_event::pong && events[13].payload == std::string(125, 'p')));
  BOOST_CHECK((events[14].event == frame_event::message && events[14].kind == message_kind::text));
  BOOST_CHECK(events[14].payload == "gr\u00FC\u00DFe");
  BOOST_CHECK((events[15].event == frame_event::close && events[15].close_code == 1001));
  BOOST_CHECK(events[15].payload == "bye \u20AC");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_conversation_is_read_in_one_piece) {
  check_conversation(decode(legal_conversation()));
}

BOOST_AUTO_TEST_CASE(a_conversation_is_read_byte_by_byte) {
  frame_decoder reader(peer_role::server, limit);
  std::vector<seen_event> events;
  for (const char byte : legal_conversation()) {
    reader.feed({&byte, 1});
    for (auto& event : drain(reader)) events.push_back(std::move(event));
  }
  check_conversation(events);
}

BOOST_AUTO_TEST_CASE(a_conversation_is_read_from_any_pieces) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    frame_decoder reader(peer_role::server, limit);
    std::vector<seen_event> events;
    const auto bytes = legal_conversation();
    for (std::string_view rest = bytes; !rest.empty();) {
      const auto count = std::min<std::size_t>(rest.size(), 1 + random() % 200);
      reader.feed(rest.substr(0, count));
      rest.remove_prefix(count);
      if (random() % 3 != 0) {
        for (auto& event : drain(reader)) events.push_back(std::move(event));
      }
    }
    for (auto& event : drain(reader)) events.push_back(std::move(event));
    check_conversation(events);
  }
}

BOOST_AUTO_TEST_CASE(a_parked_rest_is_read_on_without_what_was_read_before) {
  for (const std::size_t first : {0U, 10U, 100U, 1000U}) {
    for (const std::size_t second : {10U, 100U, 1000U}) {
      for (const std::size_t parks : {0U, 1U, 2U}) {
        frame_decoder reader(peer_role::server, limit);
        const auto rest = frames::bytes({.payload = frames::some_text(second)});
        reader.feed(frames::bytes({.payload = frames::some_text(first)}) + rest.substr(0, 3));
        BOOST_CHECK(reader.next().payload == frames::some_text(first));
        for (std::size_t i = 0; i < parks; ++i) reader.park();
        for (std::size_t at = 3; at < rest.size(); at += 3) {
          BOOST_CHECK(reader.next().event == frame_event::none);
          reader.feed(std::string_view(rest).substr(at, 3));
        }
        BOOST_CHECK(reader.next().payload == frames::some_text(second));
        BOOST_CHECK(reader.next().event == frame_event::none);
        BOOST_TEST(!reader.has_undecoded());
      }
    }
  }
}

// The undecoded rest is longer than what was consumed before it.
BOOST_AUTO_TEST_CASE(a_half_ping_behind_a_short_message_is_parked_and_read) {
  frame_decoder reader(peer_role::server, limit);
  const auto ping = frames::bytes({.opcode = frames::ping, .payload = std::string(100, 'p')});
  reader.feed(frames::bytes({.payload = "short"}) + ping.substr(0, 60));
  BOOST_CHECK(reader.next().payload == "short");
  BOOST_CHECK(reader.next().event == frame_event::none);
  reader.park();
  reader.feed(std::string_view(ping).substr(60));
  const auto result = reader.next();
  BOOST_CHECK(result.event == frame_event::ping);
  BOOST_CHECK(result.payload == std::string(100, 'p'));
  BOOST_CHECK(reader.next().event == frame_event::none);
}

BOOST_AUTO_TEST_CASE(an_incomplete_frame_yields_nothing) {
  for (const std::size_t size : {0U, 125U, 126U, 65536U}) {
    const auto whole = frames::bytes({.opcode = frames::binary, .payload = frames::some_binary(size)});
    for (const std::size_t cut :
         {std::size_t{0}, std::size_t{1}, std::size_t{2}, whole.size() / 2, whole.size() - 1}) {
      BOOST_TEST(decode(std::string_view(whole).substr(0, cut)).empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_close_without_a_code_reads_as_1005) {
  const auto events = decode(frames::bytes({.opcode = frames::close}));
  BOOST_REQUIRE(events.size() == 1U);
  BOOST_CHECK(events[0].event == frame_event::close);
  BOOST_TEST(events[0].close_code == 1005U);
  BOOST_TEST(events[0].payload.empty());
}

BOOST_AUTO_TEST_CASE(every_code_that_may_be_sent_is_understood) {
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U, 1013U,
                              1014U, 3000U, 3999U, 4000U, 4999U}) {
    const auto events =
        decode(frames::bytes({.opcode = frames::close, .payload = frames::close_payload(code)}));
    BOOST_REQUIRE(events.size() == 1U);
    BOOST_CHECK(events[0].event == frame_event::close);
    BOOST_TEST(events[0].close_code == code);
  }
}

// RFC 6455 section 5.2: no extension was negotiated.
BOOST_AUTO_TEST_CASE(reserved_bits_are_refused) {
  for (unsigned bits = 1; bits <= 7; ++bits) {
    check_violation(frames::bytes({.payload = "x", .reserved_bits = bits}));
    check_violation(frames::bytes({.opcode = frames::ping, .reserved_bits = bits}));
  }
}

BOOST_AUTO_TEST_CASE(unknown_opcodes_are_refused) {
  for (const unsigned opcode : {0x3U, 0x4U, 0x5U, 0x6U, 0x7U, 0xBU, 0xCU, 0xDU, 0xEU, 0xFU}) {
    check_violation(frames::bytes({.opcode = opcode, .payload = "x"}));
  }
}

// RFC 6455 section 5.1.
BOOST_AUTO_TEST_CASE(a_client_must_mask_and_a_server_must_not) {
  for (const unsigned opcode : {frames::text, frames::binary, frames::close, frames::ping, frames::pong}) {
    check_violation(frames::bytes({.opcode = opcode, .masked = false}), 0, peer_role::server);
    check_violation(frames::bytes({.opcode = opcode, .masked = true}), 0, peer_role::client);
  }
}

BOOST_AUTO_TEST_CASE(a_length_that_is_not_minimal_is_refused) {
  for (const std::size_t size : {0U, 1U, 125U}) {
    check_violation(frames::bytes({.payload = frames::some_text(size), .length_bytes = 2}));
  }
  for (const std::size_t size : {0U, 125U, 126U, 65535U}) {
    check_violation(frames::bytes({.payload = frames::some_text(size), .length_bytes = 8}));
  }
}

BOOST_AUTO_TEST_CASE(a_length_with_the_top_bit_set_is_refused_whatever_the_limit) {
  frame_decoder reader(peer_role::server, std::numeric_limits<std::size_t>::max());
  reader.feed(frames::bytes({.opcode = frames::binary, .payload = "x", .promised = std::uint64_t{1} << 63U}));
  BOOST_CHECK(reader.next().event == frame_event::failed);
}

// RFC 6455 section 5.5.
BOOST_AUTO_TEST_CASE(a_control_frame_that_is_fragmented_or_long_is_refused) {
  for (const unsigned opcode : {frames::close, frames::ping, frames::pong}) {
    check_violation(frames::bytes({.opcode = opcode, .final = false}));
    check_violation(
        frames::bytes({.opcode = opcode, .payload = frames::close_payload(1000, frames::some_text(124))}));
    check_violation(frames::bytes({.opcode = opcode, .payload = "x", .promised = 70'000}));
  }
}

// RFC 6455 section 5.4.
BOOST_AUTO_TEST_CASE(a_continuation_of_nothing_is_refused) {
  check_violation(frames::bytes({.opcode = frames::continuation, .payload = "x"}));
  check_violation(frames::bytes({.payload = "whole"}) + frames::bytes({.opcode = frames::continuation}), 1);
  check_violation(frames::bytes({.payload = "a", .final = false}) +
                      frames::bytes({.opcode = frames::continuation, .payload = "b"}) +
                      frames::bytes({.opcode = frames::continuation, .payload = "c"}),
                  1);
}

BOOST_AUTO_TEST_CASE(a_new_message_inside_another_is_refused) {
  for (const unsigned opcode : {frames::text, frames::binary}) {
    for (const bool final : {true, false}) {
      check_violation(frames::bytes({.payload = "a", .final = false}) +
                      frames::bytes({.opcode = opcode, .payload = "b", .final = final}));
    }
  }
}

// RFC 6455 sections 5.5.1 and 7.4.
BOOST_AUTO_TEST_CASE(a_malformed_close_is_refused) {
  check_violation(frames::bytes({.opcode = frames::close, .payload = "x"}));
  for (const unsigned code : {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2000U, 2999U, 5000U, 65535U}) {
    check_violation(frames::bytes({.opcode = frames::close, .payload = frames::close_payload(code)}));
  }
  check_refused(frames::bytes({.opcode = frames::close, .payload = frames::close_payload(1000, "\xFF")}),
                error::invalid_utf8, 1007);
  check_refused(
      frames::bytes({.opcode = frames::close, .payload = frames::close_payload(1000, "cut \xE2\x82")}),
      error::invalid_utf8, 1007);
}

// RFC 6455 section 8.1.
BOOST_AUTO_TEST_CASE(text_that_is_not_utf8_is_refused_whole_and_in_fragments) {
  for (const std::string_view text : {"\xC0\x80", "ab\xFF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "cut \xC3"}) {
    check_refused(frames::bytes({.payload = std::string(text)}), error::invalid_utf8, 1007);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      check_refused(
          frames::bytes({.payload = std::string(text.substr(0, cut)), .final = false}) +
              frames::bytes({.opcode = frames::continuation, .payload = std::string(text.substr(cut))}),
          error::invalid_utf8, 1007);
    }
    BOOST_TEST(decode(frames::bytes({.opcode = frames::binary, .payload = std::string(text)})).size() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_message_of_the_limit_is_read_and_one_byte_more_is_not) {
  const auto check = [](std::size_t size, frame_event wanted) {
    frame_decoder reader(peer_role::server, 1000);
    reader.feed(frames::bytes({.payload = frames::some_text(size)}));
    const auto result = reader.next();
    BOOST_CHECK(result.event == wanted);
    if (wanted != frame_event::failed) return;
    BOOST_CHECK(result.error == error::message_too_big);
    BOOST_TEST(result.close_code == 1009U);
  };
  check(1000, frame_event::message);
  check(1001, frame_event::failed);
}

BOOST_AUTO_TEST_CASE(the_limit_holds_for_the_sum_of_the_fragments) {
  for (const bool too_many : {false, true}) {
    frame_decoder reader(peer_role::server, 1000);
    for (int round = 0; round < 3; ++round) {  // the limit is for each message, not for the connection
      reader.feed(frames::bytes({.payload = frames::some_text(600), .final = false}));
      BOOST_CHECK(reader.next().event == frame_event::none);
      reader.feed(
          frames::bytes({.opcode = frames::continuation, .payload = frames::some_text(399), .final = false}));
      BOOST_CHECK(reader.next().event == frame_event::none);
      reader.feed(frames::bytes({.opcode = frames::continuation, .payload = "."}));
      const auto result = reader.next();
      BOOST_CHECK(result.event == frame_event::message);
      BOOST_TEST(result.payload.size() == 1000U);
    }
    if (!too_many) continue;
    reader.feed(frames::bytes({.payload = frames::some_text(1000), .final = false}));
    BOOST_CHECK(reader.next().event == frame_event::none);
    reader.feed(frames::bytes({.opcode = frames::continuation, .payload = "."}));
    BOOST_CHECK(reader.next().error == error::message_too_big);
  }
}

BOOST_AUTO_TEST_CASE(a_huge_promise_is_refused_at_its_header) {
  for (const std::uint64_t promised :
       {std::uint64_t{limit} + 1, std::uint64_t{1} << 40U, ~std::uint64_t{0} >> 1U}) {
    const auto header = frames::bytes({.opcode = frames::binary, .promised = promised});
    const auto events = decode(header);
    BOOST_REQUIRE(events.size() == 1U);
    BOOST_CHECK(events[0].error == error::message_too_big);
    const auto in_fragment = decode(frames::bytes({.payload = "a", .final = false}) +
                                    frames::bytes({.opcode = frames::continuation, .promised = promised}));
    BOOST_REQUIRE(in_fragment.size() == 1U);
    BOOST_CHECK(in_fragment[0].error == error::message_too_big);
  }
}

// Memory for 2^62 bytes cannot be had: an decoder that trusted the header would throw here.
BOOST_AUTO_TEST_CASE(a_huge_promise_within_the_limit_takes_no_memory) {
  frame_decoder reader(peer_role::server, std::numeric_limits<std::size_t>::max());
  reader.feed(frames::bytes({.opcode = frames::binary, .payload = "x", .promised = std::uint64_t{1} << 62U}));
  BOOST_CHECK(reader.next().event == frame_event::none);
  for (int i = 0; i < 100; ++i) {
    reader.feed(frames::some_text(1000));
    BOOST_CHECK(reader.next().event == frame_event::none);
    BOOST_TEST(!reader.has_undecoded());
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_read_after_a_close) {
  frame_decoder reader(peer_role::server, limit);
  const auto late = frames::bytes({.payload = "too late"});
  reader.feed(frames::bytes({.opcode = frames::close, .payload = frames::close_payload(1000)}) + late);
  BOOST_CHECK(reader.next().event == frame_event::close);
  for (int i = 0; i < 3; ++i) {
    BOOST_CHECK(reader.next().event == frame_event::none);
    BOOST_TEST(!reader.has_undecoded());
    reader.feed(late);
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_read_after_a_failure) {
  frame_decoder reader(peer_role::server, limit);
  const auto late = frames::bytes({.payload = "too late"});
  reader.feed(frames::bytes({.opcode = 0x3U}) + late);
  BOOST_CHECK(reader.next().event == frame_event::failed);
  for (int i = 0; i < 3; ++i) {
    BOOST_CHECK(reader.next().event == frame_event::none);
    BOOST_TEST(!reader.has_undecoded());
    reader.feed(late);
  }
}

BOOST_AUTO_TEST_CASE(a_close_inside_a_fragmented_message_ends_it) {
  const auto events =
      decode(frames::bytes({.payload = "half", .final = false}) +
             frames::bytes({.opcode = frames::close, .payload = frames::close_payload(1001)}));
  BOOST_REQUIRE(events.size() == 1U);
  BOOST_CHECK(events[0].event == frame_event::close);
}

BOOST_AUTO_TEST_SUITE_END()
