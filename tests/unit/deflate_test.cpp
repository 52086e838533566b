// Messages deflated and inflated: each comes out as it went in, whole or in pieces, unless it is too big or
// broken (RFC 7692 section 7.2).
#include <algorithm>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "frames.hpp"

import holdfast;
import holdfast.wire;

using namespace holdfast;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(deflate)

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

}  // namespace

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
    BOOST_TEST(inflated(in, std::string(hello_final).append(hello_final).append(hello), step).value() ==
               "HelloHelloHello");
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

// Text in it is judged before the fault is. covers R63
BOOST_AUTO_TEST_CASE(what_comes_before_a_fault_is_handed_out) {
  const auto block = "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f"s;  // stored: "Hello"
  for (const std::size_t step : {1U, 1000U}) {
    for (const std::size_t most : {3U, 1000U}) {
      inflater in({15, true}, most);
      const auto payload = block + '\x06';
      std::string message;
      error_code ec;
      for (std::size_t at = 0; at < payload.size() && !ec; at += step) {
        ec = in.feed(std::string_view(payload).substr(at, step), message);
      }
      BOOST_CHECK(ec == (most == 3U ? error::message_too_big : error::protocol_violation));
      BOOST_TEST(message == (most == 3U ? "Hel" : "Hello"));
    }
  }
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
      auto& changed = payload[random() % payload.size()];
      changed = static_cast<char>(static_cast<unsigned char>(changed) ^ (1U << random() % 8));
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
