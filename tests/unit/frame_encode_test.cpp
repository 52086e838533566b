// What the codec writes, what a peer of it reads, and how it shares scratch memory with others.
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../codec.hpp"
#include "frames.hpp"

import holdfast;
import holdfast.wire;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(frame_encode)

namespace {

constexpr std::size_t limit = 1 << 20;

// Moves what `from` has written into `to`, in one piece.
void carry(codec& from, codec& to) {
  to.feed(from.output());
  from.consume(from.output_bytes());
}

// What a server's codec writes as close, decoded by hand.
std::string close_written_for(std::uint16_t code, std::string_view reason) {
  codec server(peer_role::server, limit);
  server.write_close(code, reason);
  const std::string out(server.output());
  BOOST_REQUIRE(out.size() >= 2U);
  BOOST_TEST(static_cast<unsigned char>(out[0]) == 0x88);
  BOOST_TEST(static_cast<unsigned char>(out[1]) == out.size() - 2);
  return out.substr(2);
}

// One end of a wire: what was sent to it and not yet read, and the codec that reads it through shared
// memory.
struct reader {
  codec decoder{peer_role::client, limit};
  std::string wire;
  std::vector<std::string> messages;

  void read_some(std::span<char> scratch, std::size_t count) {
    const auto place = decoder.prepare(scratch);
    BOOST_REQUIRE(!place.empty());
    count = std::min({count, place.size(), wire.size()});
    std::ranges::copy_n(wire.begin(), static_cast<std::ptrdiff_t>(count), place.begin());
    wire.erase(0, count);
    decoder.commit(count);
    for (auto event = decoder.next(); event.event != frame_event::none; event = decoder.next()) {
      BOOST_REQUIRE(event.event == frame_event::message);
      messages.push_back(decoder.take_message(event));
    }
    decoder.park();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(messages_of_every_size_survive_the_way_in_both_directions) {
  for (const bool to_server : {true, false}) {
    codec writer(to_server ? peer_role::client : peer_role::server, limit);
    codec reading(to_server ? peer_role::server : peer_role::client, limit);
    for (const std::size_t size : {0U, 1U, 2U, 7U, 8U, 125U, 126U, 127U, 65535U, 65536U, 200000U}) {
      for (const auto kind : {message_kind::text, message_kind::binary}) {
        const auto payload = kind == message_kind::text ? frames::some_text(size) : frames::some_binary(size);
        writer.write_message(kind, payload);
        carry(writer, reading);
        const auto event = reading.next();
        BOOST_REQUIRE(event.event == frame_event::message);
        BOOST_CHECK(event.kind == kind);
        BOOST_CHECK(event.payload == payload);
        BOOST_CHECK(reading.next().event == frame_event::none);
        BOOST_TEST(!reading.has_undecoded());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(control_frames_survive_the_way_in_both_directions) {
  for (const bool to_server : {true, false}) {
    codec writer(to_server ? peer_role::client : peer_role::server, limit);
    codec reading(to_server ? peer_role::server : peer_role::client, limit);
    writer.write_ping("ping");
    writer.write_pong(std::string(125, 'p'));
    writer.write_ping({});
    writer.write_close(1000, "done");
    carry(writer, reading);
    auto event = reading.next();
    BOOST_CHECK((event.event == frame_event::ping && event.payload == "ping"));
    event = reading.next();
    BOOST_CHECK((event.event == frame_event::pong && event.payload == std::string(125, 'p')));
    event = reading.next();
    BOOST_CHECK((event.event == frame_event::ping && event.payload.empty()));
    event = reading.next();
    BOOST_CHECK((event.event == frame_event::close && event.close_code == 1000 && event.payload == "done"));
  }
}

BOOST_AUTO_TEST_CASE(a_server_writes_exactly_the_frames_of_the_rfc) {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 65535U, 65536U}) {
    codec server(peer_role::server, limit);
    server.write_message(message_kind::binary, frames::some_binary(size));
    const bool as_wanted =
        server.output() ==
        frames::bytes({.opcode = frames::binary, .payload = frames::some_binary(size), .masked = false});
    BOOST_TEST(as_wanted, "size " << size);
  }
}

// RFC 6455 section 5.3: a mask that is not to be foreseen.
BOOST_AUTO_TEST_CASE(a_client_masks_each_frame_anew) {
  codec client(peer_role::client, limit);
  std::set<std::string> masks;
  for (int i = 0; i < 1000; ++i) {
    client.write_message(message_kind::text, "hello");
    BOOST_REQUIRE(client.output_bytes() == 11U);
    BOOST_TEST((static_cast<unsigned char>(client.output()[1]) & 0x80U) != 0U);
    masks.emplace(client.output().substr(2, 4));
    client.consume(11);
  }
  BOOST_TEST(masks.size() >= 999U);
}

BOOST_AUTO_TEST_CASE(output_is_consumed_in_any_pieces) {
  codec client(peer_role::client, limit);
  codec server(peer_role::server, limit);
  std::mt19937 random(1);
  std::vector<std::string> sent;
  std::vector<std::string> received;
  for (std::size_t i = 0; i < 500; ++i) {
    sent.push_back(frames::some_text(random() % 3000));
    client.write_message(message_kind::text, sent.back());
    const auto count = std::min<std::size_t>(client.output_bytes(), random() % 4000);
    server.feed(client.output().substr(0, count));
    client.consume(count);
    if (i == 499) carry(client, server);
    for (auto event = server.next(); event.event != frame_event::none; event = server.next()) {
      received.push_back(server.take_message(event));
    }
  }
  BOOST_TEST(client.output_bytes() == 0U);
  BOOST_CHECK(received == sent);
}

BOOST_AUTO_TEST_CASE(a_close_carries_its_code_and_reason) {
  BOOST_TEST(close_written_for(1001, "going away") == frames::close_payload(1001, "going away"));
  BOOST_TEST(close_written_for(4999, "") == frames::close_payload(4999));
  BOOST_TEST(close_written_for(1005, "ignored").empty());
}

// RFC 6455 section 5.5.1: 125 bytes less the code, and the rest must be UTF-8.
BOOST_AUTO_TEST_CASE(a_long_close_reason_is_cut_between_characters) {
  BOOST_TEST(close_written_for(1000, std::string(123, 'a')) ==
             frames::close_payload(1000, std::string(123, 'a')));
  BOOST_TEST(close_written_for(1000, std::string(124, 'a')) ==
             frames::close_payload(1000, std::string(123, 'a')));
  for (const std::string_view character : {"\u00E9", "\u20AC", "\U0001F600"}) {
    for (std::size_t ascii = 110; ascii <= 126; ++ascii) {
      std::string reason(ascii, 'a');
      while (reason.size() < 140) reason += character;
      const auto written = close_written_for(1000, reason).substr(2);
      BOOST_TEST(written.size() <= 123U);
      BOOST_TEST(written.size() + character.size() > 123U);
      BOOST_TEST(reason.starts_with(written));
      BOOST_TEST(is_valid_utf8(written));
    }
  }
}

BOOST_AUTO_TEST_CASE(two_ends_share_scratch_memory_and_lose_nothing) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    std::vector<char> scratch(512);
    std::array<reader, 2> ends;
    std::array<std::vector<std::string>, 2> sent;
    for (std::size_t end = 0; end < 2; ++end) {
      codec server(peer_role::server, limit);
      for (int i = 0; i < 100; ++i) {
        sent[end].push_back(frames::some_text(random() % (i % 10 == 0 ? 3000 : 200)));
        server.write_message(message_kind::text, sent[end].back());
      }
      ends[end].wire = server.output();
    }
    while (!ends[0].wire.empty() || !ends[1].wire.empty()) {
      ends[random() % 2].read_some(scratch, random() % 300);
    }
    BOOST_CHECK(ends[0].messages == sent[0]);
    BOOST_CHECK(ends[1].messages == sent[1]);
    BOOST_TEST(!ends[0].decoder.has_undecoded());
    BOOST_TEST(!ends[1].decoder.has_undecoded());
  }
}

BOOST_AUTO_TEST_CASE(a_parked_decoder_does_not_need_its_scratch_memory) {
  codec client(peer_role::client, limit);
  const auto bytes = frames::bytes({.payload = "first", .masked = false}) +
                     frames::bytes({.payload = "second", .masked = false});
  auto scratch = std::make_unique<std::array<char, 256>>();
  const auto place = client.prepare(*scratch);
  BOOST_TEST(place.size() == 256U);
  std::ranges::copy(std::string_view(bytes).substr(0, bytes.size() - 2), place.begin());
  client.commit(bytes.size() - 2);
  BOOST_CHECK(client.next().payload == "first");
  client.park();
  scratch.reset();
  BOOST_TEST(client.has_undecoded());
  client.feed(std::string_view(bytes).substr(bytes.size() - 2));
  const auto event = client.next();
  BOOST_CHECK(event.payload == "second");
  BOOST_TEST(client.take_message(event) == "second");
}

BOOST_AUTO_TEST_CASE(scratch_memory_full_of_undecoded_bytes_has_no_room) {
  codec client(peer_role::client, limit);
  const auto ping =
      frames::bytes({.opcode = frames::ping, .payload = std::string(100, 'p'), .masked = false});
  std::array<char, 64> small{};
  client.feed(std::string_view(ping).substr(0, 80));
  BOOST_CHECK(client.next().event == frame_event::none);
  BOOST_TEST(client.prepare(small).empty());
  std::array<char, 80> just_full{};
  BOOST_TEST(client.prepare(just_full).empty());
  std::array<char, 128> large{};
  const auto place = client.prepare(large);
  BOOST_REQUIRE(place.size() == 48U);
  std::ranges::copy(std::string_view(ping).substr(80), place.begin());
  client.commit(ping.size() - 80);
  BOOST_CHECK(client.next().payload == std::string(100, 'p'));
}

BOOST_AUTO_TEST_CASE(a_message_is_taken_whole_and_in_pieces) {
  codec client(peer_role::client, limit);
  const auto long_text = frames::some_text(5000);
  const auto in_pieces = frames::bytes({.payload = long_text, .final = false, .masked = false}) +
                         frames::bytes({.opcode = frames::continuation, .payload = "end", .masked = false});
  for (int round = 0; round < 3; ++round) {
    client.feed(frames::bytes({.payload = long_text, .masked = false}).append(in_pieces).append(in_pieces));
    auto event = client.next();
    BOOST_CHECK(client.take_message(event) == long_text);
    event = client.next();
    BOOST_CHECK(client.take_message(event) == long_text + "end");
    event = client.next();  // read, but not taken: it must not leak into the next round
    BOOST_CHECK(event.payload == long_text + "end");
    BOOST_CHECK(client.next().event == frame_event::none);
  }
}

BOOST_AUTO_TEST_CASE(a_byte_queue_gives_back_what_it_got_in_order) {
  byte_queue queue;
  BOOST_TEST(queue.empty());
  BOOST_TEST(queue.view().empty());
  std::mt19937 random(3);
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    const auto more = frames::some_binary(random() % 700);
    if (i % 2 == 0) {
      queue.append(more);
    } else {
      std::ranges::copy(more, queue.append(more.size()));
    }
    expected += more;
    const auto count = std::min<std::size_t>(queue.size(), random() % 720);
    queue.consume(count);
    expected.erase(0, count);
    BOOST_REQUIRE(queue.size() == expected.size());
    BOOST_REQUIRE(queue.view() == expected);
  }
}

BOOST_AUTO_TEST_CASE(a_byte_queue_consumes_no_more_than_it_has) {
  byte_queue queue;
  queue.consume(10);
  BOOST_TEST(queue.empty());
  queue.append(std::string_view{});
  queue.append(std::size_t{0});
  BOOST_TEST(queue.empty());
  queue.append("abc");
  queue.consume(1);
  BOOST_TEST(queue.view() == "bc");
  queue.consume(100);
  BOOST_TEST(queue.empty());
  const std::string large(100'000, 'x');
  queue.append(large);
  queue.consume(large.size());
  BOOST_TEST(queue.empty());
  queue.append("again");
  BOOST_TEST(queue.view() == "again");
}

BOOST_AUTO_TEST_CASE(a_byte_queue_forgets_its_end) {
  byte_queue queue;
  queue.append("abcdef");
  queue.consume(1);
  queue.truncate(10);
  BOOST_TEST(queue.view() == "bcdef");
  queue.truncate(2);
  BOOST_TEST(queue.view() == "bc");
  queue.append("x");
  BOOST_TEST(queue.view() == "bcx");
  queue.truncate(0);
  BOOST_TEST(queue.empty());
  queue.append("again");
  BOOST_TEST(queue.view() == "again");
}

// RFC 6455 section 5.2: the same frames without an codec.
BOOST_AUTO_TEST_CASE(a_frame_is_encoded_behind_what_waits) {
  byte_queue queue;
  encode_frame(queue, peer_role::server, opcode::text, "hello");
  encode_frame(queue, peer_role::server, opcode::close, close_payload(1001, "bye"));
  const auto text = frames::bytes({.payload = "hello", .masked = false});
  const auto close = frames::bytes(
      {.opcode = frames::close, .payload = frames::close_payload(1001, "bye"), .masked = false});
  BOOST_TEST(queue.view() == text + close);
}

BOOST_AUTO_TEST_SUITE_END()
