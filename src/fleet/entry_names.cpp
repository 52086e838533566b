// The names of entries.
module;
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

module holdfast.fleet_core;

import :entry_names;

namespace holdfast::fleet {
namespace {

constexpr std::string_view digits = "0123456789ABCDEF";

constexpr char header_mark = '=';  // at both ends: a header must not be empty, and loses spaces there

bool is_plain_in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}
bool is_plain_in_header(char c) { return c >= ' ' && c <= '~' && c != '%' && c != 'N'; }

std::string escaped(std::string_view text, char mark, bool (*is_plain)(char)) {
  std::string out;
  for (const char c : text) {
    if (is_plain(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += mark;
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

std::optional<std::string> unescaped(std::string_view text, char mark, bool (*is_plain)(char)) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_plain(text[at])) {
      out += text[at];
      continue;
    }
    if (text[at] != mark || at + 2 >= text.size()) return std::nullopt;
    const auto high = digits.find(text[at + 1]);
    const auto low = digits.find(text[at + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return out;
}

}  // namespace

std::string to_name(std::string_view key) { return escaped(key, '=', is_plain_in_name); }
std::optional<std::string> from_name(std::string_view name) { return unescaped(name, '=', is_plain_in_name); }

std::string to_header(std::string_view line) {
  return header_mark + escaped(line, '%', is_plain_in_header) + header_mark;
}
std::optional<std::string> from_header(std::string_view text) {
  if (text.size() < 2 || !text.starts_with(header_mark) || !text.ends_with(header_mark)) return std::nullopt;
  return unescaped(text.substr(1, text.size() - 2), '%', is_plain_in_header);
}

// FNV-1a, and the finalizer of MurmurHash3, because the last bytes of FNV-1a hardly reach the high bits.
std::uint64_t stable_hash(std::string_view text) noexcept {
  std::uint64_t out = 14695981039346656037ULL;
  for (const char c : text) {
    out ^= static_cast<unsigned char>(c);
    out *= 1099511628211ULL;
  }
  out ^= out >> 33U;
  out *= 0xff51afd7ed558ccdULL;
  out ^= out >> 33U;
  out *= 0xc4ceb9fe1a85ec53ULL;
  return out ^ (out >> 33U);
}

std::string shard_of(std::string_view key, std::uint32_t shards) {
  if (shards == 0) return to_name(key);
  return std::to_string(stable_hash(key) % shards);
}

std::string_view behind(std::string_view prefix, std::string_view name) noexcept {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string_view();
}

}  // namespace holdfast::fleet
