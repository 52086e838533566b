// How a text that a peer wrote is shown to people.
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <string>
#include <string_view>

import holdfast;

using namespace holdfast;
using namespace std::string_view_literals;

BOOST_AUTO_TEST_SUITE(one_lines)

BOOST_AUTO_TEST_CASE(a_text_that_people_can_read_stays_as_it_is) {
  for (const auto text : {""sv, "down for maintenance"sv, "gr\u00FC\u00DFe \u20AC \U0001F600"sv})
    BOOST_TEST(one_line(text, 100) == text);
}

BOOST_AUTO_TEST_CASE(one_space_stands_for_what_would_break_the_line_or_steer_a_terminal) {
  for (const auto hidden : {"\n"sv, "\r\n"sv, "\t"sv, "\0"sv, "\x1b"sv, "\x7f"sv, "\xC2\x80"sv, "\xC2\x85"sv,
                            "\xC2\x9B"sv, "\u2028"sv, "\u2029"sv, "\u202E"sv, "\u2066"sv, "\u200F"sv,
                            "\u061C"sv, "\xFF"sv, "\xE2\x82"sv, " \r\n \x07 "sv}) {
    const auto text = "a" + std::string(hidden) + "b";
    BOOST_TEST(one_line(text, 100) == "a b");
  }
}

BOOST_AUTO_TEST_CASE(neighbours_of_what_is_hidden_are_shown) {
  for (const auto shown :
       {"\u00A0"sv, "\u200D"sv, "\u2027"sv, "\u202F"sv, "\u2065"sv, "\u206A"sv, "\u061B"sv})
    BOOST_TEST(one_line(shown, 100) == shown);
}

BOOST_AUTO_TEST_CASE(a_line_begins_and_ends_with_what_is_shown) {
  BOOST_TEST(one_line("\r\n  a  b \n\n", 100) == "a b");
  BOOST_TEST(one_line(" \x01\xFF ", 100) == "");
}

BOOST_AUTO_TEST_CASE(a_long_text_is_cut_between_characters) {
  const auto text = "a \u20AC\u20AC"sv;
  BOOST_TEST(one_line(text, 8) == text);
  BOOST_TEST(one_line(text, 7) == "a \u20AC");
  BOOST_TEST(one_line(text, 4) == "a");  // no space without what follows it
  BOOST_TEST(one_line(text, 0) == "");
  BOOST_TEST(one_line(std::string(1'000'000, '\n') + "a", 1) == "a");
}

BOOST_AUTO_TEST_SUITE_END()
