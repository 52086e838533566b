// UTF-8: validates a text, whole or piece by piece, replaces its bad parts, and finds where it may be cut.
// Has a fast path for ASCII, as most chat traffic is ASCII.
module;
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

module holdfast.core;

namespace holdfast {
namespace {

bool is_continuation(unsigned char c) noexcept { return (c & 0xC0) == 0x80; }

// Returns the length of the sequence at the beginning of `text`, or 0 if it is malformed (Unicode table 3-7).
std::size_t sequence_length(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(at(i))) return 0;
  }
  if (first == 0xE0 && at(1) < 0xA0) return 0;  // overlong
  if (first == 0xED && at(1) > 0x9F) return 0;  // surrogate
  if (first == 0xF0 && at(1) < 0x90) return 0;  // overlong
  if (first == 0xF4 && at(1) > 0x8F) return 0;  // above U+10FFFF
  return length;
}

// Returns how many bytes at the beginning of `text` are whole, valid characters.
std::size_t good_bytes(std::string_view text) noexcept {
  const auto size = text.size();
  while (!text.empty()) {
    std::uint64_t block = 0;
    while (text.size() >= sizeof block) {
      std::memcpy(&block, text.data(), sizeof block);
      if ((block & 0x8080808080808080ULL) != 0) break;
      text.remove_prefix(sizeof block);
    }
    if (text.empty()) break;
    const auto length = sequence_length(text);
    if (length == 0) break;
    text.remove_prefix(length);
  }
  return size - text.size();
}

// Returns how many bytes one U+FFFD replaces, where `text` does not begin with a character.
std::size_t bad_bytes(std::string_view text) noexcept {
  utf8_scan begun;
  std::size_t count = 0;
  while (count < text.size() && begun.feed(text.substr(count, 1))) ++count;
  return count == 0 ? 1 : count;
}

// Returns where the character begins that the byte at `at` belongs to, if `text` is UTF-8.
std::size_t begin_of_character(std::string_view text, std::size_t at) noexcept {
  while (at != 0 && is_continuation(static_cast<unsigned char>(text[at]))) --at;
  return at;
}

}  // namespace

bool is_valid_utf8(std::string_view text) noexcept { return good_bytes(text) == text.size(); }

bool utf8_scan::feed(std::string_view piece) noexcept {
  while (!bad_ && missing_ != 0 && !piece.empty()) {
    bad_ = !take(static_cast<unsigned char>(piece.front()));
    piece.remove_prefix(1);
  }
  if (bad_) return false;
  piece.remove_prefix(good_bytes(piece));
  // The rest is a cut-off character of up to three bytes, or one of its first few bytes is bad.
  for (std::size_t i = 0; i < piece.size() && !bad_; ++i) bad_ = !take(static_cast<unsigned char>(piece[i]));
  return !bad_;
}

// Unicode table 3-7: only the second byte has a range that depends on the first.
bool utf8_scan::take(unsigned char byte) noexcept {
  if (missing_ != 0) {
    if (byte < lowest_ || byte > highest_) return false;
    --missing_;
    lowest_ = 0x80;
    highest_ = 0xBF;
    return true;
  }
  if (byte < 0x80) return true;
  if (byte < 0xC2 || byte > 0xF4) return false;
  missing_ = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
  if (byte == 0xE0) lowest_ = 0xA0;   // overlong
  if (byte == 0xED) highest_ = 0x9F;  // surrogate
  if (byte == 0xF0) lowest_ = 0x90;   // overlong
  if (byte == 0xF4) highest_ = 0x8F;  // above U+10FFFF
  return true;
}

std::optional<std::string> replace_bad_utf8(std::string_view text, std::size_t limit_bytes) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  std::string out;
  while (!text.empty()) {
    const auto good = good_bytes(text);
    if (good > limit_bytes - out.size()) return std::nullopt;
    out.append(text.substr(0, good));
    text.remove_prefix(good);
    if (text.empty()) break;
    if (replacement.size() > limit_bytes - out.size()) return std::nullopt;
    out.append(replacement);
    text.remove_prefix(bad_bytes(text));
  }
  return out;
}

std::string_view cut_at_character(std::string_view text, std::size_t bytes) noexcept {
  if (text.size() <= bytes) return text;
  return text.substr(0, begin_of_character(text, bytes));
}

std::string_view without_cut_character(std::string_view text) noexcept {
  if (text.empty()) return text;
  const auto begin = begin_of_character(text, text.size() - 1);
  const auto first = static_cast<unsigned char>(text[begin]);
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
  return text.size() - begin < length ? text.substr(0, begin) : text;
}

}  // namespace holdfast
