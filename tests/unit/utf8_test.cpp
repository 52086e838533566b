// is_valid_utf8 and utf8_scan against a slow reference that decodes each character (RFC 3629); where a text
// is cut.
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

import holdfast.core;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(utf8)

namespace {

// Decodes by the bit patterns alone, then asks whether the value may be written that way.
bool reference(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i++]);
    if (first < 0x80) continue;
    const std::size_t more = (first & 0xE0) == 0xC0   ? 1
                             : (first & 0xF0) == 0xE0 ? 2
                             : (first & 0xF8) == 0xF0 ? 3
                                                      : 0;
    if (more == 0 || text.size() - i < more) return false;
    std::uint32_t value = first & (0x3FU >> more);
    for (std::size_t k = 0; k < more; ++k) {
      const auto next = static_cast<unsigned char>(text[i++]);
      if ((next & 0xC0) != 0x80) return false;
      value = value << 6U | (next & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 4> smallest{0, 0x80, 0x800, 0x10000};
    if (value < smallest.at(more) || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return false;
  }
  return true;
}

// Could it become right with more bytes?
bool may_go_on(std::string_view begun) {
  if (reference(begun)) return true;
  for (const char next : {'\x80', '\x90', '\xA0', '\xBF'}) {
    for (const auto* const rest : {"", "\x80", "\x80\x80"}) {
      if (reference(std::string(begun).append(1, next).append(rest))) return true;
    }
  }
  return false;
}

// Counts where the two disagree, with the sequence behind 0 to 8 ASCII bytes, at the end and inside.
struct comparison {
  std::size_t compared = 0;
  std::size_t disagreements = 0;
  std::string first_disagreement = {};

  void check(std::string_view text) {
    ++compared;
    if (is_valid_utf8(text) == reference(text)) return;
    if (disagreements++ == 0) first_disagreement = text;
  }
  void check_at_all_alignments(std::string_view sequence) {
    for (std::size_t before = 0; before <= 8; ++before) {
      const auto at_the_end = std::string(before, 'a').append(sequence);
      check(at_the_end);
      check(at_the_end + "0123456789");
    }
  }
  void report() const {
    BOOST_TEST(disagreements == 0U, disagreements << " of " << compared << " differ, the first of "
                                                  << first_disagreement.size() << " bytes");
  }
};

// Continuation bytes at their borders, and what is just outside.
constexpr std::array<unsigned char, 10> edges{0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};

std::string sequence(std::initializer_list<unsigned> bytes) {
  std::string out;
  for (const unsigned byte : bytes) out += static_cast<char>(byte);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(known_texts_are_judged_rightly) {
  for (const std::string_view valid :
       {"", "plain", "gr\u00FC\u00DFe", "\u20AC", "\U0001F600 \U0010FFFF", "\uD7FF\uE000"}) {
    BOOST_TEST(is_valid_utf8(valid));
  }
  for (const std::string_view invalid :
       {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF", "a\xE2\x82", "\xF0\x9F\x98"}) {
    BOOST_TEST(!is_valid_utf8(invalid));
  }
  BOOST_TEST(is_valid_utf8(std::string_view("a\0b", 3)));
}

BOOST_AUTO_TEST_CASE(all_sequences_of_one_byte) {
  comparison with_reference;
  for (unsigned a = 0; a < 256; ++a) with_reference.check_at_all_alignments(sequence({a}));
  with_reference.report();
}

BOOST_AUTO_TEST_CASE(all_sequences_of_two_bytes) {
  comparison with_reference;
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      with_reference.check(sequence({a, b}));
      with_reference.check("1234567" + sequence({a, b}) + "89");
    }
  }
  for (unsigned a = 0xC0; a < 256; ++a) {
    for (const unsigned b : edges) with_reference.check_at_all_alignments(sequence({a, b}));
  }
  with_reference.report();
}

BOOST_AUTO_TEST_CASE(sequences_of_three_bytes) {
  comparison with_reference;
  for (unsigned a = 0xE0; a <= 0xEF; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      for (unsigned c = 0; c < 256; ++c) with_reference.check(sequence({a, b, c}));
    }
    for (const unsigned b : edges) {
      for (const unsigned c : edges) with_reference.check_at_all_alignments(sequence({a, b, c}));
    }
  }
  with_reference.report();
}

BOOST_AUTO_TEST_CASE(sequences_of_four_bytes) {
  comparison with_reference;
  for (unsigned a = 0xF0; a <= 0xFF; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      for (const unsigned c : edges) {
        for (const unsigned d : edges) with_reference.check(sequence({a, b, c, d}));
      }
    }
    for (const unsigned b : edges) {
      for (const unsigned c : edges) with_reference.check_at_all_alignments(sequence({a, b, c, 0xBF}));
    }
  }
  with_reference.report();
}

BOOST_AUTO_TEST_CASE(a_fault_is_found_wherever_it_is_in_a_long_text) {
  std::string text;
  while (text.size() < 1000) text += "plain \u00E9 and \u20AC and \U0001F600 ";
  BOOST_TEST(is_valid_utf8(text));
  comparison with_reference;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const unsigned char bad : edges) {
      auto damaged = text;
      damaged[i] = static_cast<char>(bad);
      with_reference.check(damaged);
    }
    with_reference.check(std::string_view(text).substr(0, i));
    with_reference.check(std::string_view(text).substr(i));
  }
  with_reference.report();
}

// covers R63
BOOST_AUTO_TEST_CASE(a_scan_fails_at_the_first_byte_that_nothing_can_make_right) {
  constexpr std::array<unsigned char, 16> pool{0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1,
                                               0xC2, 0xE0, 0xE1, 0xED, 0xF0, 0xF1, 0xF4, 0xF5};
  std::size_t disagreements = 0;
  for (unsigned number = 0; number < 0x10000; ++number) {
    const auto text = sequence({pool.at(number & 0xFU), pool.at(number >> 4U & 0xFU),
                                pool.at(number >> 8U & 0xFU), pool.at(number >> 12U)});
    utf8_scan scan;
    bool good = true;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto begun = std::string_view(text).substr(0, i + 1);
      good = good && may_go_on(begun);
      if (scan.feed(begun.substr(i)) != good) ++disagreements;
      if (scan.complete() != reference(begun)) ++disagreements;
    }
  }
  BOOST_TEST(disagreements == 0U);
}

// covers R63
BOOST_AUTO_TEST_CASE(a_scan_agrees_with_the_whole_text_wherever_it_is_cut) {
  std::string text;
  while (text.size() < 200) text += "plain \u00E9 and \u20AC and \U0001F600 ";
  std::size_t disagreements = 0;
  const auto compare = [&](std::string_view given, std::size_t cut) {
    utf8_scan scan;
    scan.feed(given.substr(0, cut));
    const bool good = scan.feed(given.substr(cut));
    if (good != may_go_on(given) || scan.complete() != reference(given)) ++disagreements;
  };
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    compare(text, cut);
    for (std::size_t at = 0; at < text.size(); at += 7) {
      auto damaged = text;
      damaged[at] = '\xC0';
      compare(damaged, cut);
      compare(std::string_view(text).substr(0, at), std::min(cut, at));
    }
  }
  BOOST_TEST(disagreements == 0U);
}

BOOST_AUTO_TEST_CASE(a_text_is_cut_in_front_of_the_character_that_does_not_fit) {
  const std::string_view text = "a\u00E9\u20AC\U0001F600";  // characters of 1, 2, 3 and 4 bytes
  constexpr std::array<std::size_t, 12> kept{0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (std::size_t bytes = 0; bytes < kept.size(); ++bytes) {
    const auto expected = text.substr(0, kept.at(bytes));
    BOOST_TEST(cut_at_character(text, bytes) == expected);
    BOOST_TEST(without_cut_character(text.substr(0, bytes)) == expected);
  }
}

BOOST_AUTO_TEST_CASE(a_text_that_fits_is_not_cut) {
  const std::string_view begun = "caf\xC3";
  BOOST_TEST(cut_at_character(begun, 4) == begun);
  BOOST_TEST(cut_at_character(begun, 5) == begun);
  BOOST_TEST(without_cut_character(begun) == begun.substr(0, 3));
}

BOOST_AUTO_TEST_CASE(a_text_that_is_not_utf8_is_cut_within_the_limit) {
  const std::string_view latin = "\xE9t\xE9";
  BOOST_TEST(cut_at_character(latin, 2) == latin.substr(0, 2));
  BOOST_TEST(cut_at_character(latin, 1) == latin.substr(0, 1));
  BOOST_TEST(without_cut_character(latin) == latin.substr(0, 2));
  const std::string_view continuations = "\x80\x80\x80";
  BOOST_TEST(cut_at_character(continuations, 2).empty());
  BOOST_TEST(without_cut_character(continuations) == continuations);
}

BOOST_AUTO_TEST_SUITE_END()
