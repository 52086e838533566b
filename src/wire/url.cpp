// Takes a URL apart and checks each part. Boost.URL knows the grammar; this file decides which URLs make
// sense for a WebSocket.
module;
#include <algorithm>
#include <boost/url/host_type.hpp>
#include <boost/url/ipv6_address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/scheme.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

module holdfast.core;

import :url_text;

namespace holdfast {
namespace {

constexpr std::uint16_t port_of_ws = 80;
constexpr std::uint16_t port_of_wss = 443;

// The name of an interface, or its number.
bool is_zone(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("%/[]").find(c) == std::string_view::npos;
  });
}

// RFC 6874: a zone has a meaning on one machine only, and must not be sent.
std::string_view read_ipv6(const boost::urls::url_view& parts, target& to) {
  to.host = parts.host_ipv6_address().to_string();
  to.host_header = '[' + to.host + ']';
  const std::string zone = parts.zone_id();
  if (!is_zone(zone)) return "has an IPv6 zone that cannot be the name of a network interface";
  if (!zone.empty()) to.host += '%' + zone;
  return {};
}

// Returns the problem, or an empty text.
std::string_view read_host(const boost::urls::url_view& parts, target& to) {
  if (parts.host_type() == boost::urls::host_type::ipvfuture)
    return "has an IP address of an unknown version";
  if (parts.host_type() == boost::urls::host_type::ipv6) return read_ipv6(parts, to);
  auto name = to_ascii_host(parts.host_address());
  to.host = std::move(name.ascii);
  to.host_header = to.host;
  return name.problem;
}

// RFC 3986 section 3.2.3: "ws://host:/" has the default port, and leading zeros change nothing.
std::string_view read_port(const boost::urls::url_view& parts, target& to) {
  const auto usual = to.secure ? port_of_wss : port_of_ws;
  to.port = usual;
  const std::string_view digits = parts.port();
  if (digits.empty()) return {};
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), to.port);
  const bool whole = ec == std::errc{} && end == digits.data() + digits.size();
  if (!whole || to.port == 0) return "port must be from 1 to 65535";
  if (to.port != usual) to.host_header += ':' + std::to_string(to.port);
  return {};
}

std::string_view read(std::string_view url, target& to) {
  const auto strict = strict_url(url);
  if (strict.empty()) return "is missing";
  const auto parsed = boost::urls::parse_uri(strict);
  if (!parsed) return "is not a URL such as ws://host:port/path (RFC 3986)";
  const auto& parts = *parsed;
  to.secure = parts.scheme_id() == boost::urls::scheme::wss;
  if (!to.secure && parts.scheme_id() != boost::urls::scheme::ws) return "scheme must be ws:// or wss://";
  if (parts.has_userinfo()) return "must not carry credentials";
  if (parts.has_fragment()) return "must not have a fragment (RFC 6455 section 3)";
  if (const auto problem = read_host(parts, to); !problem.empty()) return problem;
  if (const auto problem = read_port(parts, to); !problem.empty()) return problem;
  to.path = std::string(parts.encoded_path());
  if (to.path.empty()) to.path = "/";
  if (parts.has_query()) to.path += '?' + std::string(parts.encoded_query());
  return {};
}

}  // namespace

url_reading read_url(std::string_view url) {
  url_reading reading;
  reading.problem = read(url, reading.to);
  return reading;
}

target parse_url(std::string_view url) {
  auto reading = read_url(url);
  if (!reading.problem.empty()) throw option_error("url", reading.problem);
  return std::move(reading.to);
}

std::string to_origin(const target& to) { return (to.secure ? "wss://" : "ws://") + to.host_header; }

bool leads_out_of_tls(const target& from, const target& to) noexcept { return from.secure && !to.secure; }

}  // namespace holdfast
