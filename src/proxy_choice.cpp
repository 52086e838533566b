// Which proxy leads to a server, decided from the options and the variables of the environment. The rules
// are those that curl and Go have made usual; where they differ, the comments say whom we follow.
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

module holdfast;

namespace holdfast {
namespace {

namespace ip = boost::asio::ip;

// In the order in which they count. HTTP_PROXY is missing on purpose, see the interface.
constexpr std::array secure_names{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
constexpr std::array plain_names{"http_proxy", "all_proxy", "ALL_PROXY"};
constexpr std::array exception_names{"no_proxy", "NO_PROXY"};

struct variable {
  std::string name;
  std::string value;
};

std::optional<variable> first_set(const environment& variables, std::span<const char* const> names) {
  for (const char* name : names) {
    auto value = variables(name);
    if (value && !value->empty()) return variable{name, std::move(*value)};
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

// As names compare: in lower case, without brackets and without the dot of the root.
std::string plain_name(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// ::ffff:192.0.2.1 is 192.0.2.1, and a zone says nothing about whom one reaches.
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

// curl does not do this, Go does: a proxy's localhost is not ours.
bool is_this_machine(const server_name& server) {
  return server.address ? server.address->is_loopback() : is_at_or_below(server.name, "localhost");
}

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

// Takes ":port" from the end of `entry`. False: there is something that is no port.
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
  // As curl: a dot in front changes nothing. With Go, the name itself would then go through the proxy.
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
  if (!given.url.empty()) return parse_proxy_url(given.url);
  if (!given.from_environment || !variables) return std::nullopt;
  server_name server{plain_name(host), std::nullopt, port};
  server.address = to_address(server.name);
  if (is_this_machine(server)) return std::nullopt;
  const auto exceptions = first_set(variables, exception_names);
  if (exceptions && is_excepted(exceptions->value, server)) return std::nullopt;
  const auto found = secure ? first_set(variables, secure_names) : first_set(variables, plain_names);
  if (!found) return std::nullopt;
  return parse_proxy_url(found->value, "proxy (" + found->name + ')');
}

}  // namespace holdfast
