// Host names in the form that DNS, TLS and the Host header use: ASCII in lower case. libidn2 converts other
// names to their xn-- form, as browsers do (UTS 46, nontransitional). Without libidn2 they are refused.
module;
#ifndef HOLDFAST_HAS_IDN
#define HOLDFAST_HAS_IDN 0
#endif
#if HOLDFAST_HAS_IDN
#include <idn2.h>
#endif

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

module holdfast.core;

import :ascii;
import :url_text;

namespace holdfast {
namespace {

constexpr std::string_view forbidden = "host has a space or another character that a host name must not have";

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

// RFC 3986 section 3.2.2: the characters that a name may have without an escape. Neither an escape nor the
// mapping of another character may produce any other: "a%2Fb" and "a／b" would be one host here, and another
// one elsewhere.
bool is_of_host(char c) {
  const bool letter_or_digit = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return letter_or_digit || std::string_view("-._~!$&'()*+,;=").find(c) != std::string_view::npos;
}

host_name refused(std::string_view problem) { return {.problem = problem}; }

host_name checked(std::string_view name) {
  if (name.empty()) return refused("has no host");
  if (!std::ranges::all_of(name, is_of_host)) return refused(forbidden);
  return {.ascii = ascii::lower(name)};
}

#if HOLDFAST_HAS_IDN
host_name to_xn(const std::string& name) {
  char* made = nullptr;
  const int result = idn2_to_ascii_8z(name.c_str(), &made, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
  const std::unique_ptr<char, void (*)(void*)> owned(made, idn2_free);
  if (result == IDN2_ENCODING_ERROR) return refused("host is neither ASCII nor UTF-8");
  if (result != IDN2_OK)
    return refused(
        "has an international host name that IDNA 2008 does not allow; "
        "an xn-- form is accepted unchanged");
  return checked(made);
}
#else
host_name to_xn(const std::string&) {
  return refused(
      "has an international host name, which this build does not support (no libidn2): "
      "write it in its ASCII form, as in xn--bcher-kva.example");
}
#endif

}  // namespace

bool knows_international_names() noexcept { return HOLDFAST_HAS_IDN != 0; }

host_name to_ascii_host(std::string_view decoded) {
  if (std::ranges::all_of(decoded, is_ascii)) return checked(decoded);
  // Checked before libidn2 is called, because libidn2 takes a zero byte for the end of the name.
  const bool sound = std::ranges::all_of(decoded, [](char c) { return !is_ascii(c) || is_of_host(c); });
  return sound ? to_xn(std::string(decoded)) : refused(forbidden);
}

}  // namespace holdfast
