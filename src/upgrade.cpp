// The opening handshake. Beast parses HTTP; what RFC 6455 adds to it is checked here.
module;
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <iomanip>
#include <locale>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast;

import :masking;

namespace holdfast {
namespace {

namespace http = boost::beast::http;

constexpr std::chrono::seconds longest_retry_after =
    std::chrono::hours(24 * 365);  // more is a wish like any other

bool lists(std::string_view value, std::string_view token) { return http::token_list{value}.exists(token); }

// The header limit is the caller's: it does not read more than limits.upgrade_bytes.
template <bool is_request>
result<std::optional<http_head>> parse_head(std::string_view bytes) {
  http::parser<is_request, http::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size() + 1, 1U << 30U)));
  parser.body_limit(boost::none);
  error_code ec;
  http_head head;
  head.size_bytes = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), ec);
  if (ec == http::error::need_more) return std::optional<http_head>{};
  if (ec) return make_error_code(error::upgrade_invalid);
  if (!parser.is_header_done()) return std::optional<http_head>{};
  if constexpr (is_request) {
    head.path = parser.get().target();
  } else {
    head.status = parser.get().result_int();
  }
  for (const auto& field : parser.get()) head.headers.emplace_back(field.name_string(), field.value());
  head.body = bytes.substr(std::min(head.size_bytes, bytes.size()));
  return std::optional(std::move(head));
}

// RFC 9110 section 5.6.7, the form that senders must use: "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
  std::istringstream in{std::string(text)};
  in.imbue(std::locale::classic());
  std::tm parts{};
  in >> std::get_time(&parts, "%a, %d %b %Y %H:%M:%S GMT");
  if (in.fail()) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year(parts.tm_year + 1900),
                                        std::chrono::month(static_cast<unsigned>(parts.tm_mon) + 1),
                                        std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
  return std::chrono::sys_days(day) + std::chrono::hours(parts.tm_hour) + std::chrono::minutes(parts.tm_min) +
         std::chrono::seconds(parts.tm_sec);
}

// RFC 6455 section 4.1, the sixth point; how strictly, is the program's choice.
bool is_acceptable(std::string_view subprotocol, const options& given) {
  if (given.subprotocol == subprotocol_rule::any) return true;
  if (subprotocol.empty()) return given.subprotocol != subprotocol_rule::required;
  return std::ranges::find(given.subprotocols, subprotocol) != given.subprotocols.end();
}

}  // namespace

std::string make_websocket_key() {
  std::array<std::uint32_t, 4> nonce{};
  std::ranges::generate(nonce, next_mask);  // from the same pool of OpenSSL's entropy
  return base64({reinterpret_cast<const char*>(nonce.data()), sizeof nonce});
}

std::string websocket_accept(std::string_view key) {
  const auto text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  // Looked up once, because that takes longer than the digest; and kept, because OpenSSL may end before us.
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  if (sha1 == nullptr)
    throw std::runtime_error("OpenSSL offers no SHA-1, which the web-socket upgrade needs");
  EVP_Digest(text.data(), text.size(), digest.data(), &size, sha1, nullptr);
  return base64({reinterpret_cast<const char*>(digest.data()), size});
}

std::string upgrade_request(const target& to, const options& given, const header_list& headers,
                            std::string_view key) {
  std::string out = "GET " + to.path + " HTTP/1.1\r\nHost: " + to.host_header;
  out += "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ";
  out += key;
  if (!given.user_agent.empty()) out += "\r\nUser-Agent: " + given.user_agent;
  if (given.compression.enabled) out += "\r\nSec-WebSocket-Extensions: " + offer(given.compression);
  for (std::size_t i = 0; i < given.subprotocols.size(); ++i) {
    out += i == 0 ? "\r\nSec-WebSocket-Protocol: " : ", ";
    out += given.subprotocols[i];
  }
  for (const auto& [name, value] : headers) out.append("\r\n").append(name).append(": ").append(value);
  return out + "\r\n\r\n";
}

std::string_view http_head::header(std::string_view name) const noexcept {
  const auto found =
      std::ranges::find_if(headers, [&](const auto& each) { return is_same_header(each.first, name); });
  return found == headers.end() ? std::string_view{} : std::string_view(found->second);
}

std::string http_head::joined(std::string_view name) const {
  std::string out;
  for (const auto& [each, value] : headers) {
    if (is_same_header(each, name)) out += (out.empty() ? "" : ", ") + value;
  }
  return out;
}

result<std::optional<http_head>> parse_answer(std::string_view bytes) { return parse_head<false>(bytes); }
result<std::optional<http_head>> parse_request(std::string_view bytes) { return parse_head<true>(bytes); }

result<opened_upgrade> check_answer(const http_head& answer, const options& given, std::string_view key) {
  if (answer.status == 401 || answer.status == 403) return make_error_code(error::unauthorized);
  if (answer.status != 101) return make_error_code(error::upgrade_refused);
  const bool valid = lists(answer.header("Upgrade"), "websocket") &&
                     lists(answer.header("Connection"), "upgrade") &&
                     answer.header("Sec-WebSocket-Accept") == websocket_accept(key);
  if (!valid) return make_error_code(error::upgrade_invalid);
  opened_upgrade opened{.subprotocol = std::string(answer.header("Sec-WebSocket-Protocol"))};
  if (!is_acceptable(opened.subprotocol, given)) return make_error_code(error::subprotocol_mismatch);
  const auto compression = read_agreement(given.compression, answer.joined("Sec-WebSocket-Extensions"));
  if (compression.has_error()) return compression.error();
  opened.compression = *compression;
  return opened;
}

std::optional<clock::duration> retry_after(const http_head& answer) {
  if (answer.status != 429 && answer.status != 503) return std::nullopt;
  const auto value = answer.header("Retry-After");
  std::uint64_t seconds = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (!value.empty() && end == value.data() + value.size()) {
    const auto most = static_cast<std::uint64_t>(longest_retry_after.count());
    return std::chrono::seconds(ec == std::errc{} ? std::min(seconds, most) : most);
  }
  const auto when = parse_http_date(value);
  if (!when) return std::nullopt;
  // By the server's own clock, if it says what that is: ours may be wrong.
  const auto ours = std::chrono::floor<std::chrono::seconds>(clock::wall());
  const auto wish = *when - parse_http_date(answer.header("Date")).value_or(ours);
  return std::clamp<std::chrono::seconds>(wish, -longest_retry_after, longest_retry_after);
}

}  // namespace holdfast
