// What a wrong option is, said with the field's name before any I/O.
module;
#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/scheme.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

module holdfast;

namespace holdfast {
namespace {

void positive(const char* field, milliseconds value) {
  if (value <= milliseconds::zero()) throw option_error(field, "must be longer than zero");
  if (value > std::chrono::hours(24 * 365)) throw option_error(field, "must be shorter than a year");
}

void not_negative(const char* field, milliseconds value) {
  if (value < milliseconds::zero()) throw option_error(field, "must not be negative");
  if (value > std::chrono::hours(24 * 365)) throw option_error(field, "must be shorter than a year");
}

void at_least_one(const char* field, std::size_t value) {
  if (value == 0) throw option_error(field, "must be at least 1");
}

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

bool is_ours(std::string_view name) {
  const auto same = [&](std::string_view other) {
    return std::ranges::equal(name, other, [](char a, char b) { return (a | 0x20) == (b | 0x20); });
  };
  return same("Host") || same("Upgrade") || same("Connection") || same("Sec-WebSocket-Key") ||
         same("Sec-WebSocket-Version") || same("Sec-WebSocket-Extensions") || same("Content-Length") ||
         same("Transfer-Encoding") || same("User-Agent");
}

void check_headers(const options& given) {
  for (const auto& [name, value] : given.headers) {
    if (!is_token(name)) throw option_error("headers", "a name is not an HTTP token");
    if (!is_field_value(value)) throw option_error("headers", name + " has a control character in its value");
    if (is_ours(name))
      throw option_error("headers", name + " is set by the handshake itself, or has an option of its own");
  }
  if (!is_field_value(given.user_agent)) throw option_error("user_agent", "has a control character");
}

void check_retry(const retry_policy& retry) {
  positive("retry.base", retry.base);
  positive("retry.cap", retry.cap);
  positive("retry.stable_after", retry.stable_after);
  if (retry.cap < retry.base) throw option_error("retry.cap", "must not be shorter than retry.base");
  if (!(retry.factor >= 1.0 && retry.factor <= 100.0))
    throw option_error("retry.factor", "must be from 1 to 100");
  not_negative("retry.first_spread", retry.first_spread);
  not_negative("retry.retry_after_limit", retry.retry_after_limit);
  if (retry.attempt_limit == 0U)
    throw option_error("retry.attempt_limit", "must be at least 1, or empty for no limit");
  if (retry.rules.empty() && !retry.decide)
    throw option_error("retry.rules", "must not be empty without retry.decide");
}

}  // namespace

target parse_url(std::string_view url) {
  const auto wrong = [](std::string_view problem) { return option_error("url", problem); };
  if (url.empty()) throw wrong("is missing");
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) throw wrong("is not a URL such as ws://host:port/path (RFC 3986)");
  const auto& parts = *parsed;
  if (parts.scheme_id() == boost::urls::scheme::wss)
    throw wrong("wss:// needs TLS, which this version does not have");
  if (parts.scheme_id() != boost::urls::scheme::ws) throw wrong("scheme must be ws://");
  if (parts.has_userinfo()) throw wrong("must not carry credentials");
  if (parts.has_fragment()) throw wrong("must not have a fragment (RFC 6455 section 3)");
  if (parts.host_address().empty()) throw wrong("has no host");
  target out;
  out.host = parts.host_address();
  if (std::ranges::any_of(
          out.host, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c < 0 || c == 0x7f; })) {
    throw wrong("host must be ASCII (a name in its xn-- form) without spaces");
  }
  if (parts.has_port()) {
    const std::string_view digits = parts.port();
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    if (ec != std::errc{} || end != digits.data() + digits.size() || out.port == 0)
      throw wrong("port must be from 1 to 65535");
  }
  out.host_header = std::string(parts.encoded_host());
  if (out.port != 80) out.host_header += ':' + std::to_string(out.port);
  out.path = std::string(parts.encoded_path());
  if (out.path.empty()) out.path = "/";
  if (parts.has_query()) out.path += '?' + std::string(parts.encoded_query());
  return out;
}

void validate(const options& given) {
  parse_url(given.url);
  check_headers(given);
  check_retry(given.retry);
  positive("heartbeat.ping_interval", given.heartbeat.ping_interval);
  positive("heartbeat.pong_deadline", given.heartbeat.pong_deadline);
  positive("deadlines.attempt", given.deadlines.attempt);
  positive("deadlines.resolve", given.deadlines.resolve);
  positive("deadlines.connect", given.deadlines.connect);
  positive("deadlines.address_step", given.deadlines.address_step);
  if (given.deadlines.address_step < milliseconds(10))
    throw option_error("deadlines.address_step", "must be at least 10 ms (RFC 8305 section 8)");
  positive("deadlines.upgrade", given.deadlines.upgrade);
  positive("close_timeout", given.close_timeout);
  positive("background_grace", given.background_grace);
  at_least_one("limits.inbound_messages", given.limits.inbound_messages);
  at_least_one("limits.inbound_bytes", given.limits.inbound_bytes);
  at_least_one("limits.outbound_messages", given.limits.outbound_messages);
  at_least_one("limits.outbound_bytes", given.limits.outbound_bytes);
  at_least_one("limits.message_bytes", given.limits.message_bytes);
  if (given.limits.upgrade_bytes < 1024) throw option_error("limits.upgrade_bytes", "must be at least 1024");
  validate(given.compression);
}

}  // namespace holdfast
