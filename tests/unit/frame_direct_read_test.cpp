// A large message is read straight into its own memory: whatever is cut where, it is the same message.
#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "frames.hpp"

import holdfast;
import holdfast.wire;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(frame_direct_read)

namespace {

constexpr std::size_t limit = 1 << 20;

// Reads as a session does: directly wherever the decoder offers it, in pieces of random size.
struct direct_reader {
  explicit direct_reader(peer_role role, utf8_rule invalid_text = utf8_rule::strict)
      : decoder(role, limit, invalid_text) {}

  // False: the wire is empty.
  bool read_some(std::size_t most) {
    auto place = decoder.prepare_message();
    const bool direct = !place.empty();
    if (!direct) place = decoder.prepare(scratch);
    BOOST_REQUIRE(!place.empty());
    const auto count = std::min({most, place.size(), wire.size()});
    std::ranges::copy_n(wire.begin(), static_cast<std::ptrdiff_t>(count), place.begin());
    wire.remove_prefix(count);
    if (direct) {
      decoder.commit_message(count);
      direct_bytes += count;
    } else {
      decoder.commit(count);
    }
    return count != 0;
  }
  void take_events() {
    for (auto event = decoder.next(); event.event != frame_event::none; event = decoder.next()) {
      last = event;
      if (event.event == frame_event::failed) return;
      if (event.event == frame_event::message) messages.push_back(decoder.take_message(event));
      if (event.event == frame_event::ping) pings.emplace_back(event.payload);
    }
    decoder.park();
  }

  frame_decoder decoder;
  std::array<char, 4096> scratch{};
  std::string_view wire{};
  std::size_t direct_bytes = 0;
  frame_result last{};
  std::vector<std::string> messages{};
  std::vector<std::string> pings{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(whatever_is_read_directly_the_messages_are_the_same) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    const bool masked = round % 2 == 0;
    std::string wire;
    std::vector<std::string> sent;
    for (int i = 0; i < 6; ++i) {
      const auto first = frames::some_text(random() % 200'000);
      const auto second = frames::some_text(random() % 50'000);
      const bool whole = random() % 2 == 0;
      wire += frames::bytes({.payload = first, .final = whole, .masked = masked});
      wire += frames::bytes({.opcode = frames::ping, .payload = "between", .masked = masked});
      if (!whole)
        wire += frames::bytes({.opcode = frames::continuation, .payload = second, .masked = masked});
      sent.push_back(whole ? first : first + second);
    }
    direct_reader reader(masked ? peer_role::server : peer_role::client);
    reader.wire = wire;
    const bool small_pieces = round % 3 == 0;
    while (reader.read_some(small_pieces ? 1 + random() % 3000 : 1 + random() % 100'000)) {
      reader.take_events();
    }
    BOOST_CHECK(reader.messages == sent);
    BOOST_TEST(reader.pings.size() == sent.size());
    BOOST_TEST(reader.direct_bytes > wire.size() / 4);
  }
}

BOOST_AUTO_TEST_CASE(a_read_that_brings_nothing_changes_nothing) {
  direct_reader reader(peer_role::client);
  const auto text = frames::some_text(100'000);
  const auto wire = frames::bytes({.payload = text, .masked = false});
  reader.wire = std::string_view(wire).substr(0, 50'000);
  while (reader.read_some(10'000)) reader.take_events();  // the last of them brings nothing
  BOOST_TEST(reader.messages.empty());
  reader.wire = std::string_view(wire).substr(50'000);
  while (reader.read_some(10'000)) reader.take_events();
  BOOST_CHECK(reader.messages == std::vector{text});
}

BOOST_AUTO_TEST_CASE(what_was_read_directly_is_checked_as_well) {
  direct_reader reader(peer_role::client);
  auto text = frames::some_text(100'000);
  text[90'000] = '\xFF';
  const auto wire = frames::bytes({.payload = text, .masked = false});
  reader.wire = wire;
  while (reader.read_some(30'000)) reader.take_events();
  BOOST_CHECK(reader.last.event == frame_event::failed);
  BOOST_TEST(reader.last.close_code == 1007U);
  BOOST_TEST(reader.decoder.prepare_message().empty());
}

// covers R63
BOOST_AUTO_TEST_CASE(bad_text_that_is_read_directly_fails_before_the_rest_has_come) {
  for (const bool masked : {true, false}) {
    direct_reader reader(masked ? peer_role::server : peer_role::client);
    auto text = frames::some_text(1'000'000);
    text[50'000] = '\xE2';  // not followed by what it needs
    const auto wire = frames::bytes({.payload = text, .masked = masked});
    reader.wire = wire;
    while (reader.last.event != frame_event::failed && reader.read_some(10'000)) reader.take_events();
    BOOST_CHECK(reader.last.event == frame_event::failed);
    BOOST_CHECK(reader.last.error == error::invalid_utf8);
    BOOST_TEST(reader.last.close_code == 1007U);
    BOOST_TEST(reader.direct_bytes > 0U);
    BOOST_TEST(reader.wire.size() > 900'000U);
    BOOST_TEST(reader.decoder.prepare_message().empty());
  }
}

// covers R63
BOOST_AUTO_TEST_CASE(a_character_cut_at_the_end_of_a_direct_read_goes_on_in_the_next) {
  std::string text;
  while (text.size() < 100'000) text += "plain \u00E9 and \u20AC and \U0001F600 ";
  const auto wire = frames::bytes({.payload = text, .masked = true});
  for (const std::size_t most : {4096U, 4097U, 4098U, 4099U, 8191U}) {
    direct_reader reader(peer_role::server);
    reader.wire = wire;
    while (reader.read_some(most)) reader.take_events();
    BOOST_TEST(reader.direct_bytes > text.size() / 2);
    BOOST_CHECK(reader.messages == std::vector{text});
  }
}

// The end of the message is what the character misses. covers R63
BOOST_AUTO_TEST_CASE(a_character_cut_at_the_end_of_a_message_read_directly_is_bad) {
  direct_reader reader(peer_role::client);
  const auto wire = frames::bytes({.payload = frames::some_text(100'000) + "\xE2\x82", .masked = false});
  reader.wire = wire;
  while (reader.last.event != frame_event::failed && reader.read_some(10'000)) reader.take_events();
  BOOST_TEST(reader.last.close_code == 1007U);
  BOOST_TEST(reader.wire.empty());
}

// covers R67
BOOST_AUTO_TEST_CASE(bad_text_that_is_read_directly_is_replaced_or_comes_as_binary) {
  auto text = frames::some_text(100'000);
  text[90'000] = '\xFF';
  auto repaired = text;
  repaired.replace(90'000, 1, "\uFFFD");
  const auto wire = frames::bytes({.payload = text, .masked = false});
  for (const auto rule : {utf8_rule::replace, utf8_rule::as_binary}) {
    direct_reader reader(peer_role::client, rule);
    reader.wire = wire;
    while (reader.read_some(30'000)) reader.take_events();
    BOOST_TEST(reader.direct_bytes > 0U);
    BOOST_CHECK(reader.messages == std::vector{rule == utf8_rule::replace ? repaired : text});
    BOOST_CHECK(reader.last.kind == (rule == utf8_rule::replace ? message_kind::text : message_kind::binary));
  }
}

BOOST_AUTO_TEST_SUITE_END()
