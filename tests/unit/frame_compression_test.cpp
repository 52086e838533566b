// Compressed messages in frames (RFC 7692 section 6): where RSV1 may stand, what a message is worth inflated,
// and that nothing changes for messages that are not compressed.
#include <array>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "../codec.hpp"
#include "frames.hpp"

import holdfast;
import holdfast.wire;

using namespace holdfast;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(frame_compression)

namespace {

constexpr std::size_t limit = 1 << 20;
constexpr unsigned rsv1 = 4;

const auto hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;  // RFC 7692 section 7.2.3.1
const auto hello_again = "\xf2\x00\x11\x00\x00"s;

struct agreed_codec : codec {
  explicit agreed_codec(peer_role role = peer_role::server, std::size_t most = limit,
                        const agreed_compression& agreed = {})
      : codec(role, most) {
    agree(agreed);
  }
};

std::string deflated(std::string_view message) {
  std::string out;
  deflater({15, true}).compress(message, out);
  return out;
}

std::string incompressible(std::size_t size) {
  std::mt19937 random(1);
  std::string out(size, '\0');
  for (auto& each : out) each = static_cast<char>(random() & 0xFFU);
  return out;
}

void check_message(codec& from, std::string_view payload, message_kind kind = message_kind::text) {
  const auto event = from.next();
  BOOST_REQUIRE(event.event == frame_event::message);
  BOOST_CHECK(event.kind == kind);
  BOOST_CHECK(event.payload == payload);
}

void check_fails(codec& from, error why, unsigned close_code) {
  const auto event = from.next();
  BOOST_REQUIRE(event.event == frame_event::failed);
  BOOST_CHECK(event.error == why);
  BOOST_TEST(event.close_code == close_code);
  BOOST_CHECK(from.next().event == frame_event::none);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_compressed_message_is_read_masked_or_not) {
  for (const auto role : {peer_role::server, peer_role::client}) {
    agreed_codec reader(role);
    const bool masked = role == peer_role::server;
    reader.feed(
        frames::bytes({.payload = hello, .masked = masked, .reserved_bits = rsv1}) +
        frames::bytes(
            {.opcode = frames::binary, .payload = hello_again, .masked = masked, .reserved_bits = rsv1}));
    check_message(reader, "Hello");
    check_message(reader, "Hello", message_kind::binary);
    BOOST_CHECK(reader.next().event == frame_event::none);
    BOOST_TEST(!reader.has_undecoded());
  }
}

// RFC 7692 section 7.2.3.1: only the first fragment has RSV1.
BOOST_AUTO_TEST_CASE(a_compressed_message_may_come_in_fragments_with_pings_between) {
  for (std::size_t cut = 0; cut <= hello.size(); ++cut) {
    agreed_codec reader;
    const auto bytes =
        frames::bytes({.payload = hello.substr(0, cut), .final = false, .reserved_bits = rsv1}) +
        frames::bytes({.opcode = frames::ping, .payload = "p"}) +
        frames::bytes({.opcode = frames::continuation, .payload = hello.substr(cut), .final = false}) +
        frames::bytes({.opcode = frames::continuation}) +
        frames::bytes({.payload = hello_again, .reserved_bits = rsv1});
    std::vector<std::string> seen;
    for (const char each : bytes) {
      reader.feed({&each, 1});
      for (auto event = reader.next(); event.event != frame_event::none; event = reader.next()) {
        BOOST_REQUIRE(event.event == frame_event::message || event.event == frame_event::ping);
        seen.emplace_back(event.payload);
      }
    }
    BOOST_TEST(seen == (std::vector{"p"s, "Hello"s, "Hello"s}), boost::test_tools::per_element());
  }
}

// RFC 7692 section 6.
BOOST_AUTO_TEST_CASE(rsv1_stands_only_on_the_first_frame_of_a_message) {
  for (const unsigned opcode : {frames::ping, frames::pong, frames::close}) {
    agreed_codec reader;
    reader.feed(frames::bytes({.opcode = opcode, .reserved_bits = rsv1}));
    check_fails(reader, error::protocol_violation, 1002);
  }
  for (const unsigned first : {0U, rsv1}) {
    agreed_codec reader;
    reader.feed(
        frames::bytes(
            {.payload = first == rsv1 ? hello.substr(0, 3) : "hel", .final = false, .reserved_bits = first}) +
        frames::bytes({.opcode = frames::continuation, .payload = hello.substr(3), .reserved_bits = rsv1}));
    check_fails(reader, error::protocol_violation, 1002);
  }
  for (const unsigned bits : {1U, 2U, 3U, 5U, 6U, 7U}) {
    agreed_codec reader;
    reader.feed(frames::bytes({.payload = hello, .reserved_bits = bits}));
    check_fails(reader, error::protocol_violation, 1002);
  }
}

BOOST_AUTO_TEST_CASE(without_an_agreement_no_message_may_be_compressed) {
  codec reader(peer_role::server, limit);
  reader.feed(frames::bytes({.payload = hello, .reserved_bits = rsv1}));
  check_fails(reader, error::protocol_violation, 1002);
}

BOOST_AUTO_TEST_CASE(messages_that_are_not_compressed_go_between_those_that_are) {
  agreed_codec reader;
  for (int i = 0; i < 3; ++i) {
    reader.feed(frames::bytes({.payload = i == 0 ? hello : hello_again, .reserved_bits = rsv1}) +
                frames::bytes({.payload = "plain"}) + frames::bytes({.payload = "in ", .final = false}) +
                frames::bytes({.opcode = frames::continuation, .payload = "fragments"}) +
                frames::bytes({.payload = hello_again.substr(0, 2), .final = false, .reserved_bits = rsv1}) +
                frames::bytes({.opcode = frames::continuation, .payload = hello_again.substr(2)}));
    check_message(reader, "Hello");
    check_message(reader, "plain");
    check_message(reader, "in fragments");
    check_message(reader, "Hello");
  }
}

BOOST_AUTO_TEST_CASE(a_whole_message_that_is_not_compressed_is_still_handed_out_where_it_lies) {
  agreed_codec reader(peer_role::client);
  std::array<char, 1024> scratch{};
  const auto bytes = frames::bytes({.payload = "plain", .masked = false});
  const auto place = reader.prepare(scratch);
  bytes.copy(place.data(), bytes.size());
  reader.commit(bytes.size());
  const auto event = reader.next();
  BOOST_TEST(event.payload == "plain");
  BOOST_CHECK(event.payload.data() == scratch.data() + 2);
  BOOST_TEST(!reader.owns(event));
}

BOOST_AUTO_TEST_CASE(an_inflated_message_is_taken_without_a_copy) {
  agreed_codec reader;
  const std::string message(10'000, 'x');
  for (int i = 0; i < 3; ++i) {
    reader.feed(frames::bytes({.payload = deflated(message), .reserved_bits = rsv1}));
    const auto event = reader.next();
    BOOST_REQUIRE(reader.owns(event));
    const auto* const memory = event.payload.data();
    const auto taken = reader.take_message(event);
    BOOST_CHECK(taken == message);
    BOOST_CHECK(taken.data() == memory);
  }
}

BOOST_AUTO_TEST_CASE(the_limit_is_for_the_inflated_message) {
  for (const bool fragmented : {false, true}) {
    for (const std::size_t size : {1000U, 1001U}) {
      agreed_codec reader(peer_role::server, 1000);
      const auto payload = deflated(std::string(size, 'x'));
      reader.feed(
          fragmented
              ? frames::bytes({.payload = payload.substr(0, 2), .final = false, .reserved_bits = rsv1}) +
                    frames::bytes({.opcode = frames::continuation, .payload = payload.substr(2)})
              : frames::bytes({.payload = payload, .reserved_bits = rsv1}));
      if (size == 1000) {
        check_message(reader, std::string(size, 'x'));
      } else {
        check_fails(reader, error::message_too_big, 1009);
      }
    }
  }
}

// What does not get smaller gets a little larger.
BOOST_AUTO_TEST_CASE(a_payload_that_is_larger_than_the_limit_may_be_a_message_that_is_not) {
  agreed_codec reader(peer_role::server, 1000);
  const auto payload = deflated(incompressible(1000));
  BOOST_REQUIRE(payload.size() > 1000U);
  reader.feed(frames::bytes({.opcode = frames::binary, .payload = payload, .reserved_bits = rsv1}));
  check_message(reader, incompressible(1000), message_kind::binary);
  reader.feed(frames::bytes({.opcode = frames::binary, .payload = incompressible(1001)}));
  check_fails(reader, error::message_too_big, 1009);
}

BOOST_AUTO_TEST_CASE(a_bomb_is_refused_before_it_has_come_whole) {
  agreed_codec reader;
  const auto bomb = deflated(std::string(64U << 20U, '\0'));
  reader.feed(frames::bytes({.opcode = frames::binary,
                             .payload = bomb.substr(0, 5000),
                             .reserved_bits = rsv1,
                             .promised = bomb.size()}));
  check_fails(reader, error::message_too_big, 1009);
}

BOOST_AUTO_TEST_CASE(a_huge_promise_of_a_compressed_frame_takes_no_memory) {
  agreed_codec reader(peer_role::server, std::numeric_limits<std::size_t>::max());
  reader.feed(frames::bytes({.payload = hello, .reserved_bits = rsv1, .promised = std::uint64_t{1} << 62U}));
  BOOST_CHECK(reader.next().event == frame_event::none);
  BOOST_TEST(!reader.has_undecoded());
}

BOOST_AUTO_TEST_CASE(what_does_not_inflate_is_a_violation) {
  for (const auto& payload : {"\x06"s, hello_again, hello.substr(0, 4), ""s}) {
    agreed_codec reader;
    reader.feed(frames::bytes({.payload = payload, .reserved_bits = rsv1}));
    check_fails(reader, error::protocol_violation, 1002);
  }
}

// RFC 7692 section 6.2: the message is what has been inflated.
BOOST_AUTO_TEST_CASE(text_must_be_utf8_when_it_has_been_inflated) {
  agreed_codec reader;
  reader.feed(frames::bytes({.payload = deflated("gr\u00FC\u00DFe"), .reserved_bits = rsv1}));
  check_message(reader, "gr\u00FC\u00DFe");
  reader.feed(frames::bytes({.opcode = frames::binary, .payload = hello, .reserved_bits = rsv1}));
  check_message(reader, "Hello", message_kind::binary);
  reader.feed(frames::bytes({.payload = deflated("cut \xC3"), .reserved_bits = rsv1}));
  check_fails(reader, error::invalid_utf8, 1007);
}

BOOST_AUTO_TEST_CASE(a_compressed_frame_is_encoded_as_the_rfc_has_it) {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65'536U}) {
    byte_queue queue;
    encode_compressed_frame(queue, peer_role::server, opcode::binary, frames::some_binary(size));
    BOOST_CHECK(queue.view() == frames::bytes({.opcode = frames::binary,
                                               .payload = frames::some_binary(size),
                                               .masked = false,
                                               .reserved_bits = rsv1}));
  }
  byte_queue masked;
  encode_compressed_frame(masked, peer_role::client, opcode::text, hello);
  agreed_codec reader;
  reader.feed(masked.view());
  check_message(reader, "Hello");
}

BOOST_AUTO_TEST_CASE(only_what_is_worth_it_is_written_compressed) {
  agreed_codec writer(peer_role::server, limit, {.minimum_bytes = 5});
  writer.write_message(message_kind::text, "hell");
  writer.write_message(message_kind::text, "Hello");
  BOOST_CHECK(writer.output() ==
              frames::bytes({.payload = "hell", .masked = false}) +
                  frames::bytes({.payload = hello, .masked = false, .reserved_bits = rsv1}));
}

BOOST_AUTO_TEST_CASE(two_ends_understand_each_other_whatever_was_agreed) {
  for (const bool takeover : {true, false}) {
    for (const int bits : {9, 15}) {
      const agreed_compression agreed{
          .client = {bits, takeover}, .server = {24 - bits, !takeover}, .minimum_bytes = 0};
      agreed_codec client(peer_role::client, limit, agreed);
      agreed_codec server(peer_role::server, limit, agreed);
      for (const std::size_t size : {0U, 1U, 1000U, 1000U, 0U, 200'000U}) {
        for (auto* writer : {&client, &server}) {
          auto& reader = writer == &client ? server : client;
          writer->write_message(message_kind::binary, frames::some_binary(size));
          reader.feed(writer->output());
          writer->consume(writer->output_bytes());
          check_message(reader, frames::some_binary(size), message_kind::binary);
          writer->release_memory();
          reader.release_memory();
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
