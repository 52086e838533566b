// Chooses the proxy for a server, from the options and the environment variables. The rules are those of curl
// and Go. Where the two differ, a comment names the one that we follow.
module;
#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :ascii;

namespace holdfast {
namespace {

namespace ip = boost::asio::ip;

// In order of precedence. HTTP_PROXY is missing on purpose, see the interface.
constexpr std::array secure_names{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
constexpr std::array plain_names{"http_proxy", "all_proxy", "ALL_PROXY"};
constexpr std::array exception_names{"no_proxy", "NO_PROXY"};

struct variable {
  std::string name;
  std::string value;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white = " \t\r\n\v\f";
  const auto begin = text.find_first_not_of(white);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white) + 1 - begin);
}

std::optional<variable> first_set(const environment& variables, std::span<const char* const> names) {
  for (const char* name : names) {
    const auto value = variables(name);
    if (value && !trimmed(*value).empty()) return variable{name, std::string(trimmed(*value))};
  }
  return std::nullopt;
}

template <class Number>
std::optional<Number> to_number(std::string_view digits) {
  Number out{};
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  if (digits.empty() || ec != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return out;
}

// Returns the form that names are compared in: lower case, without brackets and without the final dot.
std::string plain_name(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  if (text.ends_with('.')) text.remove_suffix(1);
  return ascii::lower(text);
}

// ::ffff:192.0.2.1 becomes 192.0.2.1. A zone is dropped, because it does not name another server.
std::optional<ip::address> to_address(const std::string& text) {
  error_code ec;
  auto address = ip::make_address(text, ec);
  if (ec) return std::nullopt;
  if (address.is_v4()) return address;
  auto six = address.to_v6();
  if (six.is_v4_mapped()) return ip::address(ip::make_address_v4(ip::v4_mapped, six));
  six.scope_id(0);
  return ip::address(six);
}

struct server_name {
  std::string name;
  std::optional<ip::address> address;
  std::uint16_t port;
};

bool is_at_or_below(std::string_view name, std::string_view domain) {
  if (domain.empty() || !name.ends_with(domain)) return false;
  return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

// As in Go, not as in curl: the localhost of a proxy is not ours.
bool is_this_machine(const server_name& server) {
  return server.address ? server.address->is_loopback() : is_at_or_below(server.name, "localhost");
}

// RFC 6874: a zone means something on this machine only, and must not be sent.
bool has_zone(std::string_view host) { return host.find('%') != std::string_view::npos; }

std::vector<unsigned char> to_bytes(const ip::address& address) {
  const auto copy = [](const auto& bytes) { return std::vector<unsigned char>(bytes.begin(), bytes.end()); };
  return address.is_v4() ? copy(address.to_v4().to_bytes()) : copy(address.to_v6().to_bytes());
}

bool is_in_block(const ip::address& address, std::string_view block, std::string_view length) {
  const auto base = to_address(std::string(block));
  const auto bits = to_number<std::size_t>(length);
  if (!base || !bits || base->is_v4() != address.is_v4()) return false;
  const auto ours = to_bytes(address);
  const auto theirs = to_bytes(*base);
  if (*bits > 8 * ours.size()) return false;
  const auto whole = static_cast<std::ptrdiff_t>(*bits / 8);
  if (!std::equal(ours.begin(), ours.begin() + whole, theirs.begin())) return false;
  if (*bits % 8 == 0) return true;
  const auto at = static_cast<std::size_t>(whole);
  return ((ours[at] ^ theirs[at]) >> (8 - *bits % 8)) == 0;
}

// Removes ":port" from the end of `entry`. Returns false if the text behind the colon is not a port.
bool take_port(std::string_view& entry, std::optional<std::uint16_t>& port) {
  const auto colon = entry.rfind(':');
  if (colon == std::string_view::npos || entry.ends_with(']') || to_address(std::string(entry))) return true;
  port = to_number<std::uint16_t>(entry.substr(colon + 1));
  entry = entry.substr(0, colon);
  return port.has_value();
}

bool stands_for(std::string_view entry, const server_name& server) {
  if (entry == "*") return true;
  if (const auto slash = entry.find('/'); slash != std::string_view::npos) {
    return server.address && is_in_block(*server.address, entry.substr(0, slash), entry.substr(slash + 1));
  }
  std::optional<std::uint16_t> port;
  if (!take_port(entry, port) || (port && *port != server.port)) return false;
  auto name = plain_name(entry);
  if (const auto address = to_address(name)) return server.address == address;
  if (server.address) return false;  // 192.0.2.1 is not below "2.1"
  // As in curl, a leading dot changes nothing. In Go it excludes the name itself, which would then go through
  // the proxy.
  if (name.starts_with("*.")) name.erase(0, 1);
  if (name.starts_with('.')) name.erase(0, 1);
  return is_at_or_below(server.name, name);
}

bool is_excepted(std::string_view list, const server_name& server) {
  constexpr std::string_view separators = ", \t";
  while (true) {
    const auto begin = list.find_first_not_of(separators);
    if (begin == std::string_view::npos) return false;
    list.remove_prefix(begin);
    const auto entry = list.substr(0, list.find_first_of(separators));
    if (stands_for(entry, server)) return true;
    list.remove_prefix(entry.size());
  }
}

// Turns the value of a variable into a URL that the option would accept, if it can be understood at all
// (R57).
std::string to_proxy_url(std::string_view value) {
  while (value.starts_with("//")) value.remove_prefix(2);
  const auto colon = value.find("://");
  const auto authority = colon == std::string_view::npos ? 0 : colon + 3;
  while (value.size() > authority && value.ends_with('/')) value.remove_suffix(1);
  // GNOME's settings export a SOCKS proxy without its version, and mean version 5.
  if (colon != std::string_view::npos && ascii::lower(value.substr(0, colon)) == "socks")
    return "socks5" + std::string(value.substr(colon));
  return std::string(value);
}

struct proxy_choice {
  std::optional<proxy_server> proxy{};  // empty: connect directly
  std::string warning{};
};

proxy_choice choose_from(const environment& variables, bool secure, std::string_view host,
                         std::uint16_t port) {
  server_name server{plain_name(host), std::nullopt, port};
  server.address = to_address(server.name);
  if (is_this_machine(server) || has_zone(host)) return {};
  const auto exceptions = first_set(variables, exception_names);
  if (exceptions && is_excepted(exceptions->value, server)) return {};
  const auto found = secure ? first_set(variables, secure_names) : first_set(variables, plain_names);
  if (!found) return {};
  auto reading = read_proxy_url(to_proxy_url(found->value));
  if (reading.problem.empty()) return {.proxy = std::move(reading.server)};
  return {.warning =
              "environment variable " + found->name +
              " is ignored, so the server is reached without a proxy: " + std::string(reading.problem)};
}

}  // namespace

environment process_environment() {
  std::map<std::string, std::string, std::less<>> copy;
  const auto add = [&](std::span<const char* const> names) {
    for (const char* name : names) {
      if (const char* value = std::getenv(name)) copy.emplace(name, value);
    }
  };
  add(secure_names);
  add(plain_names);
  add(exception_names);
  if (copy.empty()) return [](std::string_view) { return std::optional<std::string>(); };
  return [copy = std::move(copy)](std::string_view name) -> std::optional<std::string> {
    const auto found = copy.find(name);
    return found == copy.end() ? std::nullopt : std::optional(found->second);
  };
}

std::optional<proxy_server> choose_proxy(const proxy_options& given, bool secure, std::string_view host,
                                         std::uint16_t port, const environment& variables) {
  if (!given.url.empty()) {
    auto proxy = parse_proxy_url(given.url);
    if (has_zone(host))
      throw option_error("proxy.url",
                         "must be empty for an address with a zone, which only this machine can reach");
    return proxy;
  }
  if (!given.from_environment || !variables) return std::nullopt;
  return choose_from(variables, secure, host, port).proxy;
}

std::string environment_problem(const proxy_options& given, bool secure, std::string_view host,
                                std::uint16_t port, const environment& variables) {
  if (!given.url.empty() || !given.from_environment || !variables) return {};
  return choose_from(variables, secure, host, port).warning;
}

}  // namespace holdfast
