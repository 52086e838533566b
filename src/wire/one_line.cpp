// Which characters are shown unchanged: all but Unicode's categories Cc, Zl and Zp and its bidirectional
// controls (UAX 9, section 2).
module;
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

namespace holdfast {

std::size_t shown_length(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return first < 0x20 || first == 0x7F ? 0 : 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  const auto character = text.substr(0, length);
  if (character.size() != length || !is_valid_utf8(character)) return 0;
  const auto is_between = [&](std::string_view least, std::string_view most) {
    return character.size() == least.size() && character >= least && character <= most;
  };
  const bool hidden = is_between("\xC2\x80", "\xC2\x9F") ||          // C1
                      is_between("\xE2\x80\x8E", "\xE2\x80\x8F") ||  // left-to-right and right-to-left mark
                      is_between("\xE2\x80\xA8", "\xE2\x80\xAE") ||  // separators, embeddings and overrides
                      is_between("\xE2\x81\xA6", "\xE2\x81\xA9") ||  // isolates
                      character == "\xD8\x9C";                       // Arabic letter mark
  return hidden ? 0 : length;
}

std::string one_line(std::string_view text, std::size_t most_bytes) {
  std::string out;
  bool gap = false;
  while (!text.empty()) {
    const auto length = shown_length(text);
    const auto character = text.substr(0, std::max<std::size_t>(length, 1));
    text.remove_prefix(character.size());
    if (length == 0 || character == " ") {
      gap = !out.empty();
      continue;
    }
    if (out.size() + (gap ? 1 : 0) + length > most_bytes) break;
    if (std::exchange(gap, false)) out += ' ';
    out += character;
  }
  return out;
}

}  // namespace holdfast
