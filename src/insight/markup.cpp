// Escapes, and writes numbers.
module;
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>

module holdfast.insight;

import :markup;

namespace holdfast {

std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char each = text[i];
    if (const auto three = text.substr(i, 3); three == "\xef\xbf\xbe" || three == "\xef\xbf\xbf") {
      out += ' ';  // U+FFFE and U+FFFF
      i += 2;
      continue;
    }
    switch (each) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += static_cast<unsigned char>(each) < 0x20 || each == 0x7f ? ' ' : each;
    }
  }
  return out;
}

std::string number_text(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), std::round(value * 100) / 100).ptr;
  return {text.data(), end};
}

}  // namespace holdfast
