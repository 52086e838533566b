// permessage-deflate before the first message: who may offer and answer what, and what holds then (RFC 7692
// section 7.1).
#include <algorithm>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

import holdfast;
import holdfast.wire;

using namespace holdfast;
using namespace std::string_view_literals;

BOOST_AUTO_TEST_SUITE(compression_negotiation)

namespace {

void check_invalid(const compression_options& offered, std::string_view answer) {
  BOOST_TEST_CONTEXT("the answer " << answer) {
    const auto read = read_agreement(offered, answer);
    BOOST_REQUIRE(read.has_error());
    BOOST_CHECK(read.error() == error::upgrade_invalid);
  }
}

const compression_options on{.enabled = true};

}  // namespace

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

BOOST_AUTO_TEST_SUITE_END()
