// What a header field may contain. If a line break got through, the caller could write the rest of the
// request.
module;
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/beast/core/string.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

namespace holdfast {
namespace {

constexpr std::array<std::string_view, 3> credential_fields = {"Authorization", "Proxy-Authorization",
                                                               "Cookie"};
constexpr std::array<std::string_view, 6> handshake_fields = {
    "Upgrade", "Connection", "Date", "Server", "Content-Length", "Transfer-Encoding"};

template <std::size_t count>
bool is_one_of(std::string_view name, const std::array<std::string_view, count>& names) {
  return std::ranges::any_of(names, [&](std::string_view other) { return is_same_header(name, other); });
}

}  // namespace

bool is_same_header(std::string_view a, std::string_view b) noexcept { return boost::beast::iequals(a, b); }

bool is_token_character(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_character);
}

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return out;
}

bool is_field_value(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

bool is_ours(std::string_view name) {
  static constexpr std::array<std::string_view, 10> ours = {"Host",
                                                            "Upgrade",
                                                            "Connection",
                                                            "Sec-WebSocket-Key",
                                                            "Sec-WebSocket-Version",
                                                            "Sec-WebSocket-Extensions",
                                                            "Sec-WebSocket-Protocol",
                                                            "Content-Length",
                                                            "Transfer-Encoding",
                                                            "User-Agent"};
  return is_one_of(name, ours);
}

header_list without_credentials(header_list fields) {
  std::erase_if(fields, [](const auto& field) { return is_one_of(field.first, credential_fields); });
  return fields;
}

header_list without_handshake(header_list fields) {
  constexpr std::string_view prefix = "Sec-WebSocket-";
  std::erase_if(fields, [&](const auto& field) {
    const std::string_view name = field.first;
    return is_one_of(name, handshake_fields) || is_same_header(name.substr(0, prefix.size()), prefix);
  });
  return fields;
}

}  // namespace holdfast
