// is_valid_utf8 against a slow reference that decodes each character (RFC 3629).
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

import holdfast;

using namespace holdfast;

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

BOOST_AUTO_TEST_SUITE(utf8)

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

BOOST_AUTO_TEST_SUITE_END()
