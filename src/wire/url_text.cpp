// Splits a URL at the same places as WHATWG URL, before any part is checked. Then each part gets the repairs
// that are right for it.
module;
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

module holdfast.core;

import :ascii;
import :url_text;

namespace holdfast {
namespace {

// RFC 3986 section 2.3. Letters and digits are allowed everywhere, so these lists leave them out.
constexpr std::string_view unreserved = "-._~";
constexpr std::string_view of_path = "-._~!$&'()*+,;=:@/";
// Without the apostrophe: the grammar allows it, but browsers encode it.
constexpr std::string_view of_query = "-._~!$&()*+,;=:@/?";
constexpr std::string_view of_fragment = "-._~!$&'()*+,;=:@/?";

bool is_hex(char c) { return ascii::is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_beyond_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }

bool begins_escape(std::string_view text) {
  return text.size() >= 3 && text[0] == '%' && is_hex(text[1]) && is_hex(text[2]);
}

void append_escape(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += digits[byte >> 4U];
  out += digits[byte & 0xFU];
}

void append_encoded(std::string& out, std::string_view text, std::string_view allowed) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool stays = ascii::is_letter(c) || ascii::is_digit(c) || c == '\t' || c == '\r' || c == '\n' ||
                       allowed.find(c) != std::string_view::npos || begins_escape(text.substr(i));
    if (stays) {
      out += c;
    } else {
      append_escape(out, c);
    }
  }
}

void append_beyond_ascii_encoded(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (is_beyond_ascii(c)) {
      append_escape(out, c);
    } else {
      out += c;
    }
  }
}

// People write and tools print "[fe80::1%eth0]", RFC 6874 requires "[fe80::1%25eth0]". As in curl, a zone
// that is just "25" is the interface of that number.
void append_authority(std::string& out, std::string_view authority) {
  const auto host = authority.substr(authority.rfind('@') + 1);
  const auto before_host = authority.size() - host.size();
  const auto sign = authority.find('%', before_host);
  const auto end = authority.find(']', before_host);
  const bool has_zone = host.starts_with('[') && end != std::string_view::npos && sign < end - 1;
  if (!has_zone) return append_beyond_ascii_encoded(out, authority);
  auto zone = authority.substr(sign + 1, end - sign - 1);
  if (zone.size() > 2 && zone.starts_with("25")) zone.remove_prefix(2);
  append_beyond_ascii_encoded(out, authority.substr(0, sign));
  out += "%25";
  append_encoded(out, zone, unreserved);
  append_beyond_ascii_encoded(out, authority.substr(end));
}

std::string_view without_surroundings(std::string_view text) {
  const auto surrounds = [](char c) { return static_cast<unsigned char>(c) <= 0x20; };
  while (!text.empty() && surrounds(text.front())) text.remove_prefix(1);
  while (!text.empty() && surrounds(text.back())) text.remove_suffix(1);
  return text;
}

// Removes and returns the text before the first of the characters `ends`.
std::string_view take_until(std::string_view& text, std::string_view ends) {
  const auto part = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(part.size());
  return part;
}

// Removes and returns "ws:", or nothing if the text is a relative reference.
std::string_view take_scheme(std::string_view& text) {
  if (text.empty() || !ascii::is_letter(text.front())) return {};
  const auto end = std::ranges::find_if_not(text, [](char c) {
    return ascii::is_letter(c) || ascii::is_digit(c) || c == '+' || c == '-' || c == '.';
  });
  if (end == text.end() || *end != ':') return {};
  const auto scheme = text.substr(0, static_cast<std::size_t>(end - text.begin()) + 1);
  text.remove_prefix(scheme.size());
  return scheme;
}

}  // namespace

std::string strict_url(std::string_view written) {
  auto rest = without_surroundings(written);
  std::string out(take_scheme(rest));
  // Browsers read a backslash as a slash here. So must we, or the same URL would lead to one host there and
  // to another one here.
  std::string hierarchy(take_until(rest, "?#"));
  std::ranges::replace(hierarchy, '\\', '/');
  std::string_view path = hierarchy;
  if (path.starts_with("//")) {
    out += "//";
    path.remove_prefix(2);
    append_authority(out, take_until(path, "/"));
  }
  append_encoded(out, path, of_path);
  if (rest.starts_with('?')) {
    out += '?';
    append_encoded(out, take_until(rest, "#").substr(1), of_query);
  }
  if (rest.starts_with('#')) {
    out += '#';
    append_encoded(out, rest.substr(1), of_fragment);
  }
  return out;
}

}  // namespace holdfast
