// The parts of a URL, each checked. Boost.URL knows the grammar; which URLs make sense for a web-socket is
// said here.
module;
#include <algorithm>
#include <boost/url/host_type.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/scheme.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

module holdfast;

namespace holdfast {
namespace {

constexpr std::uint16_t port_of_ws = 80;
constexpr std::uint16_t port_of_wss = 443;

// Empty, or what is wrong.
std::string_view read_host(const boost::urls::url_view& parts, target& to) {
  if (parts.host_address().empty()) return "has no host";
  if (parts.host_type() == boost::urls::host_type::ipvfuture) return "has an address of an unknown kind";
  // RFC 6874: a zone has a meaning on one machine only, and must not be sent.
  if (parts.host_type() == boost::urls::host_type::ipv6 && !parts.encoded_zone_id().empty())
    return "must not have an IPv6 zone";
  to.host = parts.host_address();
  const bool plain = std::ranges::all_of(to.host, [](char c) { return c > 0x20 && c < 0x7f; });
  return plain ? "" : "host must be ASCII (a name in its xn-- form) without spaces";
}

std::string_view read_port(const boost::urls::url_view& parts, target& to) {
  to.port = to.secure ? port_of_wss : port_of_ws;
  if (!parts.has_port()) return {};
  const std::string_view digits = parts.port();
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), to.port);
  const bool whole = ec == std::errc{} && end == digits.data() + digits.size();
  return whole && to.port != 0 ? "" : "port must be from 1 to 65535";
}

std::string_view read(std::string_view url, target& to) {
  if (url.empty()) return "is missing";
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return "is not a URL such as ws://host:port/path (RFC 3986)";
  const auto& parts = *parsed;
  to.secure = parts.scheme_id() == boost::urls::scheme::wss;
  if (!to.secure && parts.scheme_id() != boost::urls::scheme::ws) return "scheme must be ws:// or wss://";
  if (parts.has_userinfo()) return "must not carry credentials";
  if (parts.has_fragment()) return "must not have a fragment (RFC 6455 section 3)";
  if (const auto problem = read_host(parts, to); !problem.empty()) return problem;
  if (const auto problem = read_port(parts, to); !problem.empty()) return problem;
  to.host_header = std::string(parts.encoded_host());
  if (to.port != (to.secure ? port_of_wss : port_of_ws)) to.host_header += ':' + std::to_string(to.port);
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

}  // namespace holdfast
