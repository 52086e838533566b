// permessage-deflate by itself: who may offer and answer what (RFC 7692 section 7.1), and that every message
// comes out as it went in, whole or in pieces, unless it is too big or broken (section 7.2).
#include <algorithm>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frames.hpp"

import holdfast;

using namespace holdfast;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

constexpr std::size_t limit = 1 << 20;

const auto hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;        // RFC 7692 section 7.2.3.1
const auto hello_again = "\xf2\x00\x11\x00\x00"s;          // 7.2.3.2: refers to the one before
const auto hello_final = "\xf3\x48\xcd\xc9\xc9\x07\x00"s;  // 7.2.3.4, without its last octet

std::string compressed(deflater& by, std::string_view message) {
  std::string out;
  by.compress(message, out);
  return out;
}

// Feeds `payload` in pieces of `step` bytes.
result<std::string> inflated(inflater& by, std::string_view payload,
                             std::size_t step = std::string_view::npos) {
  std::string out;
  while (!payload.empty()) {
    const auto piece = payload.substr(0, step);
    payload.remove_prefix(piece.size());
    if (const auto ec = by.feed(piece, out)) return ec;
  }
  if (const auto ec = by.finish(out)) return ec;
  return out;
}

std::string random_bytes(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (auto& each : out) each = static_cast<char>(random() & 0xFFU);
  return out;
}

// Of every kind: empty, short, what repeats itself, what does not, and what is larger than every buffer.
std::vector<std::string> some_messages() {
  return {"",
          "Hello",
          "",
          "",
          std::string(1000, 'x'),
          frames::some_text(70'000),
          random_bytes(100'000),
          random_bytes(100'000),
          "Hello",
          std::string(300'000, '\0') + "end"};
}

void check_invalid(const compression_options& offered, std::string_view answer) {
  BOOST_TEST_CONTEXT("the answer " << answer) {
    const auto read = read_agreement(offered, answer);
    BOOST_REQUIRE(read.has_error());
    BOOST_CHECK(read.error() == error::upgrade_invalid);
  }
}

const compression_options on{.enabled = true};

}  // namespace

BOOST_AUTO_TEST_SUITE(compression)

BOOST_AUTO_TEST_CASE(an_offer_says_what_the_options_say) {
  BOOST_TEST(offer({}) == "");
  BOOST_TEST(offer(on) == "permessage-deflate; client_max_window_bits");
  BOOST_TEST(offer({.enabled = true,
                    .client_no_context_takeover = true,
                    .server_no_context_takeover = true,
                    .client_max_window_bits = 10,
                    .server_max_window_bits = 9}) ==
             "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
             "server_max_window_bits=9; client_max_window_bits=10");
}

BOOST_AUTO_TEST_CASE(without_an_answer_nothing_is_agreed) {
  for (const auto answer : {""sv, " "sv, ","sv}) {
    BOOST_TEST(!read_agreement(on, answer).value().has_value());
    BOOST_TEST(!read_agreement({}, answer).value().has_value());
  }
}

BOOST_AUTO_TEST_CASE(an_answer_sets_what_holds) {
  struct row {
    std::string_view answer;
    compression_direction client;
    compression_direction server;
  };
  const std::vector<row> rows{
      {"permessage-deflate", {15, true}, {15, true}},
      {" , permessage-deflate ,", {15, true}, {15, true}},
      {"permessage-deflate;server_no_context_takeover", {15, true}, {15, false}},
      {"permessage-deflate ; client_no_context_takeover", {15, false}, {15, true}},
      {"permessage-deflate; client_max_window_bits=15", {15, true}, {15, true}},
      {"permessage-deflate; client_max_window_bits = 8", {8, true}, {15, true}},
      {"permessage-deflate; client_max_window_bits=\"12\"", {12, true}, {15, true}},
      {"permessage-deflate; client_max_window_bits=\"\\1\\2\"", {12, true}, {15, true}},
      {"permessage-deflate; server_max_window_bits=8", {15, true}, {8, true}},
      {"permessage-deflate; server_max_window_bits=10; client_max_window_bits=9; "
       "server_no_context_takeover;\t"
       "client_no_context_takeover",
       {9, false},
       {10, false}},
  };
  for (const auto& [answer, client, server] : rows) {
    BOOST_TEST_CONTEXT("the answer " << answer) {
      const auto agreed = read_agreement(on, answer);
      BOOST_REQUIRE(agreed.has_value());
      BOOST_REQUIRE(agreed->has_value());
      BOOST_CHECK((**agreed == agreed_compression{.client = client, .server = server}));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_we_set_ourselves_holds_whatever_the_answer_says_about_it) {
  const compression_options given{.enabled = true,
                                  .level = 9,
                                  .client_no_context_takeover = true,
                                  .client_max_window_bits = 10,
                                  .minimum_bytes = 7};
  for (const auto answer : {"permessage-deflate"sv, "permessage-deflate; client_max_window_bits=15"sv}) {
    const auto agreed = read_agreement(given, answer).value();
    BOOST_CHECK((agreed->client == compression_direction{10, false}));
    BOOST_TEST(agreed->level == 9);
    BOOST_TEST(agreed->minimum_bytes == 7U);
  }
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_no_answer_to_the_offer_is_refused) {
  for (const auto answer : {"permessage-deflates"sv,
                            "Permessage-Deflate"sv,
                            "x-webkit-deflate-frame"sv,
                            "permessage-deflate, permessage-deflate"sv,
                            "permessage-deflate, x-other"sv,
                            "x-other, permessage-deflate"sv,
                            "permessage-deflate; x"sv,
                            "permessage-deflate; x=1"sv,
                            "permessage-deflate; server_no_context_takeover; server_no_context_takeover"sv,
                            "permessage-deflate; client_max_window_bits=10; client_max_window_bits=10"sv,
                            "permessage-deflate; server_max_window_bits=10; server_max_window_bits=11"sv,
                            "permessage-deflate; server_no_context_takeover=1"sv,
                            "permessage-deflate; client_no_context_takeover=\"\""sv,
                            "permessage-deflate; client_max_window_bits"sv,
                            "permessage-deflate; client_max_window_bits="sv,
                            "permessage-deflate; client_max_window_bits=7"sv,
                            "permessage-deflate; client_max_window_bits=16"sv,
                            "permessage-deflate; client_max_window_bits=010"sv,
                            "permessage-deflate; client_max_window_bits=-9"sv,
                            "permessage-deflate; client_max_window_bits=+9"sv,
                            "permessage-deflate; client_max_window_bits=1e1"sv,
                            "permessage-deflate; client_max_window_bits=99999999999999999999"sv,
                            "permessage-deflate; server_max_window_bits"sv,
                            "permessage-deflate; server_max_window_bits=0"sv,
                            "permessage-deflate; server_max_window_bits=\"1"sv,
                            "permessage-deflate; server_max_window_bits=\"10\"x"sv,
                            "permessage-deflate; server_max_window_bits=\"1 0\""sv,
                            "permessage-deflate; server_max_window_bits=\""sv,
                            "permessage-deflate; server_max_window_bits=\"\\"sv,
                            "permessage-deflate;"sv,
                            "permessage-deflate; ;"sv,
                            "; permessage-deflate"sv,
                            "=1"sv,
                            "permessage-deflate=1"sv,
                            "permessage-deflate server_no_context_takeover"sv,
                            "permessage-deflate\r\n"sv,
                            "permessage-deflate; \x01"sv}) {
    check_invalid(on, answer);
  }
}

BOOST_AUTO_TEST_CASE(what_was_not_offered_is_refused) {
  check_invalid({}, "permessage-deflate");
  check_invalid({}, "x-other");
}

// Section 7.1.1.1 and 7.1.2.1: to accept such an offer is to repeat it. (To exceed it unasked is allowed.)
BOOST_AUTO_TEST_CASE(a_server_that_does_not_meet_a_demand_is_refused) {
  const compression_options small{.enabled = true, .server_max_window_bits = 10};
  check_invalid(small, "permessage-deflate");
  check_invalid(small, "permessage-deflate; server_max_window_bits=11");
  BOOST_TEST(
      read_agreement(small, "permessage-deflate; server_max_window_bits=10").value()->server.window_bits ==
      10);
  BOOST_TEST(
      read_agreement(small, "permessage-deflate; server_max_window_bits=9").value()->server.window_bits == 9);
  const compression_options apart{.enabled = true, .server_no_context_takeover = true};
  check_invalid(apart, "permessage-deflate");
  check_invalid(apart, "permessage-deflate; client_no_context_takeover");
  BOOST_TEST(read_agreement(apart, "permessage-deflate; server_no_context_takeover").has_value());
}

BOOST_AUTO_TEST_CASE(a_server_takes_the_first_offer_that_it_can_meet) {
  struct row {
    std::string_view offers;
    compression_options within;
    std::string_view answer;  // empty: declined
  };
  const std::vector<row> rows{
      {"permessage-deflate", on, "permessage-deflate"},
      {"permessage-deflate", {}, ""},
      {"", on, ""},
      {"x-other", on, ""},
      {"x-other; a=b, permessage-deflate; client_max_window_bits", on, "permessage-deflate"},
      {"permessage-deflate; x, permessage-deflate; server_no_context_takeover", on,
       "permessage-deflate; server_no_context_takeover"},
      {"permessage-deflate; server_max_window_bits", on, ""},
      {"permessage-deflate; server_max_window_bits=15", on, "permessage-deflate; server_max_window_bits=15"},
      {"permessage-deflate; client_max_window_bits=12", on, "permessage-deflate; client_max_window_bits=12"},
      {"permessage-deflate; client_max_window_bits",
       {.enabled = true, .client_max_window_bits = 10},
       "permessage-deflate; client_max_window_bits=10"},
      {"permessage-deflate", {.enabled = true, .client_max_window_bits = 10}, ""},
      {"permessage-deflate",
       {.enabled = true, .server_max_window_bits = 10},
       "permessage-deflate; server_max_window_bits=10"},
      {"permessage-deflate",
       {.enabled = true, .client_no_context_takeover = true, .server_no_context_takeover = true},
       "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
      {"permessage-deflate; server_max_window_bits=11; client_max_window_bits=9",
       {.enabled = true, .client_max_window_bits = 10, .server_max_window_bits = 12},
       "permessage-deflate; server_max_window_bits=11; client_max_window_bits=9"},
      {"permessage-deflate; malformed \"", on, ""},
  };
  for (const auto& [offers, within, answer] : rows) {
    BOOST_TEST_CONTEXT("the offers " << offers) {
      const auto accepted = accept_offer(within, offers);
      BOOST_TEST((accepted ? accepted->answer : std::string()) == answer);
    }
  }
}

BOOST_AUTO_TEST_CASE(both_sides_come_to_the_same_whatever_they_want) {
  std::vector<compression_options> wishes;
  for (const bool client_alone : {false, true}) {
    for (const bool server_alone : {false, true}) {
      for (const int client_bits : {9, 12, 15}) {
        for (const int server_bits : {9, 12, 15}) {
          wishes.push_back({true, 6, client_alone, server_alone, client_bits, server_bits, 128});
        }
      }
    }
  }
  for (const auto& client : wishes) {
    for (const auto& server : wishes) {
      const auto accepted = accept_offer(server, offer(client));
      BOOST_REQUIRE(accepted.has_value());
      const auto agreed = read_agreement(client, accepted->answer);
      BOOST_REQUIRE(agreed.has_value());
      BOOST_CHECK(agreed->value() == accepted->agreed);
      BOOST_TEST((*agreed)->client.window_bits ==
                 std::min(client.client_max_window_bits, server.client_max_window_bits));
      BOOST_TEST((*agreed)->server.window_bits ==
                 std::min(client.server_max_window_bits, server.server_max_window_bits));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_option_is_named) {
  const auto names = [](const compression_options& given, std::string_view field) {
    BOOST_CHECK_EXCEPTION(validate(given), option_error,
                          [&](const option_error& problem) { return problem.field() == field; });
  };
  names({.level = 0}, "compression.level");
  names({.level = 10}, "compression.level");
  names({.client_max_window_bits = 8}, "compression.client_max_window_bits");
  names({.client_max_window_bits = 16}, "compression.client_max_window_bits");
  names({.server_max_window_bits = 8}, "compression.server_max_window_bits");
  names({.server_max_window_bits = 16}, "compression.server_max_window_bits");
  BOOST_CHECK_NO_THROW(validate(compression_options{}));
  BOOST_CHECK_NO_THROW(validate({true, 9, true, true, 9, 9, 0}));
  options whole{.url = "ws://example.org/", .compression = {.level = 11}};
  BOOST_CHECK_EXCEPTION(validate(whole), option_error,
                        [](const option_error& problem) { return problem.field() == "compression.level"; });
}

BOOST_AUTO_TEST_CASE(messages_come_back_with_every_window_and_with_and_without_context) {
  for (int bits = 9; bits <= 15; ++bits) {
    for (const bool takeover : {true, false}) {
      for (const int level : {1, 6, 9}) {
        deflater out({bits, takeover}, level);
        inflater in({bits, takeover}, limit);
        for (const auto& message : some_messages()) {
          const auto back = inflated(in, compressed(out, message), 10'000);
          BOOST_REQUIRE(back.has_value());
          BOOST_REQUIRE(*back == message);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(context_takeover_makes_a_message_that_repeats_another_small) {
  const auto message = random_bytes(2000);
  for (const bool takeover : {true, false}) {
    deflater out({15, takeover});
    const auto first = compressed(out, message).size();
    const auto second = compressed(out, message).size();
    BOOST_TEST((takeover ? second * 20 < first : second == first));
  }
}

// To reach further back than agreed would be to rely on memory that the peer need not have.
BOOST_AUTO_TEST_CASE(no_message_reaches_further_back_than_its_window) {
  const auto block = random_bytes(1000);
  deflater narrow({9, true});
  deflater wide({15, true});
  BOOST_TEST(compressed(narrow, block + block).size() > 1900U);
  BOOST_TEST(compressed(wide, block + block).size() < 1200U);
}

BOOST_AUTO_TEST_CASE(the_vectors_of_the_rfc_are_written) {
  deflater together({15, true});
  BOOST_CHECK(compressed(together, "Hello") == hello);
  BOOST_CHECK(compressed(together, "Hello") == hello_again);
  deflater alone({15, false});
  BOOST_CHECK(compressed(alone, "Hello") == hello);
  BOOST_CHECK(compressed(alone, "Hello") == hello);
  for (int i = 0; i < 3; ++i) BOOST_CHECK(compressed(together, "") == "\0"s);
}

BOOST_AUTO_TEST_CASE(the_vectors_of_the_rfc_are_read_in_one_piece_and_byte_by_byte) {
  for (const std::size_t step : {1U, 2U, 3U, 100U}) {
    inflater in({15, true}, limit);
    BOOST_TEST(inflated(in, hello, step).value() == "Hello");        // 7.2.3.1
    BOOST_TEST(inflated(in, hello_again, step).value() == "Hello");  // 7.2.3.2
    BOOST_TEST(inflated(in, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s, step).value() ==
               "Hello");                                                    // 7.2.3.3
    BOOST_TEST(inflated(in, hello_final + '\0', step).value() == "Hello");  // 7.2.3.4
    BOOST_TEST(inflated(in, hello_again, step).value() == "Hello");
    BOOST_TEST(inflated(in, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s, step).value() ==
               "Hello");                                  // 7.2.3.5
    BOOST_TEST(inflated(in, "\0"s, step).value() == "");  // 7.2.3.6
    BOOST_TEST(inflated(in, hello_again, step).value() == "Hello");
  }
}

// Section 7.2.3.4: what comes behind a final block counts, and may refer to what was before it.
BOOST_AUTO_TEST_CASE(a_final_block_ends_neither_the_message_nor_the_context) {
  for (const std::size_t step : {1U, 100U}) {
    inflater in({15, true}, limit);
    BOOST_TEST(inflated(in, hello_final + hello_again, step).value() == "HelloHello");
    BOOST_TEST(inflated(in, hello_final + hello_final + hello, step).value() == "HelloHelloHello");
    BOOST_TEST(inflated(in, hello_final, step).value() == "Hello");  // without the octet that should follow
    BOOST_TEST(inflated(in, "\x01"s, step).value() == "");  // a final block that only the tail completes
    BOOST_TEST(inflated(in, hello_again, step).value() == "Hello");
  }
}

BOOST_AUTO_TEST_CASE(a_payload_may_be_cut_anywhere) {
  deflater out({15, true});
  const auto first = compressed(out, frames::some_text(500));
  const auto second = compressed(out, frames::some_text(500) + random_bytes(300));
  for (std::size_t cut = 0; cut <= second.size(); ++cut) {
    inflater in({15, true}, limit);
    BOOST_REQUIRE(inflated(in, first).has_value());
    std::string message;
    BOOST_REQUIRE(!in.feed(std::string_view(second).substr(0, cut), message));
    BOOST_REQUIRE(!in.feed(std::string_view(second).substr(cut), message));
    BOOST_REQUIRE(!in.finish(message));
    BOOST_REQUIRE(message == frames::some_text(500) + random_bytes(300));
  }
}

BOOST_AUTO_TEST_CASE(a_message_of_the_limit_is_inflated_and_one_byte_more_is_not) {
  for (const std::size_t most : {0U, 1U, 100U, 16'384U, 20'000U}) {
    for (const std::size_t step : {1U, 1000U}) {
      deflater out({15, true});
      inflater in({15, true}, most);
      BOOST_TEST(inflated(in, compressed(out, std::string(most, 'x')), step).value().size() == most);
      const auto more = inflated(in, compressed(out, std::string(most + 1, 'x')), step);
      BOOST_CHECK(more.has_error() && more.error() == error::message_too_big);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_bomb_costs_no_more_than_the_limit) {
  deflater out({15, true}, 9);
  const auto bomb = compressed(out, std::string(64U << 20U, '\0'));
  BOOST_TEST(bomb.size() < 100'000U);
  for (const std::size_t step : {std::size_t{1000}, bomb.size()}) {
    inflater in({15, true}, 3'000'000);
    std::string message;
    error_code ec;
    std::size_t fed = 0;
    while (!ec && fed < bomb.size()) {
      const auto piece = std::string_view(bomb).substr(fed, step);
      ec = in.feed(piece, message);
      fed += piece.size();
      BOOST_REQUIRE(message.size() <= 3'000'000U);
      BOOST_REQUIRE(message.capacity() <= 3'000'000U);
    }
    BOOST_CHECK(ec == error::message_too_big);
    if (step == 1000U) BOOST_TEST(fed < 6000U);  // as soon as it is seen, not at its end
  }
}

BOOST_AUTO_TEST_CASE(a_high_limit_takes_no_memory) {
  deflater out({15, true});
  inflater in({15, true}, std::numeric_limits<std::size_t>::max());
  const auto message = inflated(in, compressed(out, frames::some_text(1000))).value();
  BOOST_TEST(message.capacity() < 3000U);
}

BOOST_AUTO_TEST_CASE(what_is_not_deflate_is_refused) {
  const auto refused = [](std::string_view payload) {
    for (const std::size_t step : {1U, 1000U}) {
      inflater in({15, true}, limit);
      const auto read = inflated(in, payload, step);
      BOOST_CHECK(read.has_error() && read.error() == error::protocol_violation);
    }
  };
  refused("\x06"s);                           // a block type that there is not
  refused("\x00\x05\x00\x00\x00Hello\x00"s);  // a length that is not confirmed
  refused(hello_again);                       // refers to what was never sent
  refused(random_bytes(1000));
  refused("");                       // an empty message has an octet (section 7.2.3.6)
  refused(hello + "\0\0\xff\xff"s);  // the tail is not sent
  for (std::size_t size = 1; size < hello.size(); ++size) refused(hello.substr(0, size));
}

BOOST_AUTO_TEST_CASE(without_context_takeover_no_message_may_refer_to_another) {
  inflater in({15, false}, limit);
  BOOST_TEST(inflated(in, hello).value() == "Hello");
  BOOST_TEST(inflated(in, hello_final).value() == "Hello");
  BOOST_TEST(inflated(in, hello).value() == "Hello");
  const auto read = inflated(in, hello_again);
  BOOST_CHECK(read.has_error() && read.error() == error::protocol_violation);
}

BOOST_AUTO_TEST_CASE(random_payloads_do_no_harm) {
  std::mt19937 random(1);
  int good = 0;
  for (int i = 0; i < 20'000; ++i) {
    deflater out({15, true});
    auto payload = compressed(out, frames::some_text(random() % 300));
    for (auto changes = random() % 3; changes > 0; --changes) {
      payload[random() % payload.size()] ^= static_cast<char>(1U << random() % 8);
    }
    inflater in({15, true}, 1000);
    const auto read = inflated(in, payload, 1 + random() % 50);
    good += read.has_value() ? 1 : 0;
    BOOST_REQUIRE((read.has_value() ? read->size() <= 1000
                                    : read.error() == error::protocol_violation ||
                                          read.error() == error::message_too_big));
  }
  BOOST_TEST(good >= 6000);
}

BOOST_AUTO_TEST_CASE(memory_is_given_back_only_where_no_context_is_lost) {
  for (const bool takeover : {true, false}) {
    deflater out({15, takeover});
    inflater in({15, takeover}, limit);
    for (int i = 0; i < 3; ++i) {
      const auto payload = compressed(out, "Hello");
      BOOST_CHECK((payload == hello) == (!takeover || i == 0));  // else it refers to the one before
      std::string message;
      for (const char each : payload) {
        in.release();  // inside of a message it does nothing
        BOOST_TEST(!in.feed({&each, 1}, message));
      }
      BOOST_TEST(!in.finish(message));
      BOOST_TEST(message == "Hello");
      out.release();
      in.release();
    }
  }
}

BOOST_AUTO_TEST_CASE(small_messages_are_not_worth_it_and_a_window_of_8_bits_is_none) {
  BOOST_TEST(deflater({15, true}, 6, 0).wants(0));
  BOOST_TEST(!deflater({15, true}, 6, 128).wants(127));
  BOOST_TEST(deflater({15, true}, 6, 128).wants(128));
  BOOST_TEST(!deflater({8, true}, 6, 0).wants(1'000'000));
}

BOOST_AUTO_TEST_CASE(a_peer_with_a_window_of_8_bits_is_read) {
  deflater out({9, true});  // zlib's own notion of 8 bits
  inflater in({8, true}, limit);
  const auto message = random_bytes(400) + random_bytes(400);
  BOOST_TEST(inflated(in, compressed(out, message)).value() == message);
}

BOOST_AUTO_TEST_SUITE_END()
