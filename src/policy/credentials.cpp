// Checks what a provider returned before it becomes part of a request. The texts name fields and positions,
// never their content: the provider may have mistaken a name and a value for each other.
module;
#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

namespace holdfast {
namespace {

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_host_field(std::string_view name) { return is_same_header(name, "Host"); }
bool is_subprotocol_field(std::string_view name) { return is_same_header(name, "Sec-WebSocket-Protocol"); }

// RFC 9110 section 5.6.1: empty elements are allowed and mean nothing.
std::vector<std::string> read_list(std::string_view value) {
  std::vector<std::string> out;
  while (!value.empty()) {
    const auto comma = value.find(',');
    auto one = value.substr(0, comma);
    value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
    const auto first = one.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    one = one.substr(first, one.find_last_not_of(" \t") - first + 1);
    out.emplace_back(one);
  }
  return out;
}

// RFC 9110 section 7.2: what may stand between "//" and the path of a URL, but without credentials and
// without a zone, which has a meaning on one machine only.
std::string_view check_host(std::string_view host) {
  const auto reading = read_url("ws://" + std::string(host) + "/");
  const bool is_whole = reading.problem.empty() && reading.to.path == "/";
  if (is_whole && is_printable(host) && host.find('%') == std::string_view::npos) return {};
  return "must be a host name or an address, with or without a port";
}

// Returns what is wrong with subprotocol `at`, or an empty text.
std::string_view check_subprotocol(const std::vector<std::string>& all, std::size_t at) {
  if (!is_token(all[at])) return "is not an HTTP token (RFC 6455 section 4.1)";
  const auto before = all.begin() + static_cast<std::ptrdiff_t>(at);
  return std::find(all.begin(), before, all[at]) == before ? "" : "is listed twice";
}

std::string check_subprotocols(const credentials& given) {
  for (std::size_t i = 0; given.subprotocols && i < given.subprotocols->size(); ++i) {
    if (const auto problem = check_subprotocol(*given.subprotocols, i); !problem.empty())
      return "credentials.subprotocols[" + std::to_string(i) + "]: " + std::string(problem);
  }
  return {};
}

// Checks a field that also has a member of its own.
std::string_view check_host_field(const credentials& given, std::size_t at) {
  if (!given.host.empty()) return "is Host, which credentials.host sets";
  const auto here = given.headers.begin() + static_cast<std::ptrdiff_t>(at);
  if (std::any_of(given.headers.begin(), here, [](const auto& each) { return is_host_field(each.first); }))
    return "is a second Host field";
  return check_host(here->second);
}

std::string_view check_subprotocol_field(const credentials& given, std::size_t at) {
  if (given.subprotocols) return "is Sec-WebSocket-Protocol, which credentials.subprotocols sets";
  std::vector<std::string> all;
  for (std::size_t i = 0; i <= at; ++i) {
    if (!is_subprotocol_field(given.headers[i].first)) continue;
    for (auto& each : read_list(given.headers[i].second)) all.push_back(std::move(each));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (const auto problem = check_subprotocol(all, i); !problem.empty())
      return is_token(all[i]) ? "lists a subprotocol twice"
                              : "has a subprotocol that is not an HTTP token (RFC 6455 section 4.1)";
  }
  return {};
}

std::string_view check_header(const credentials& given, std::size_t at) {
  const auto& [name, value] = given.headers[at];
  if (!is_token(name)) return "the name is not an HTTP token";
  if (!is_field_value(value)) return "the value has a control character";
  if (is_host_field(name)) return check_host_field(given, at);
  if (is_subprotocol_field(name)) return check_subprotocol_field(given, at);
  if (is_ours(name)) return "is set by the handshake or by another option: remove it here";
  if (!given.token.empty() && is_same_header(name, "Authorization"))
    return "is Authorization, which the token sets";
  return {};
}

}  // namespace

std::string check_credentials(const credentials& given) {
  // RFC 6750 section 2.1 allows fewer characters. Servers are known to use more, but none that could end the
  // line or the value.
  if (!is_printable(given.token))
    return "credentials.token: must be printable ASCII without spaces or line breaks";
  for (std::size_t i = 0; i < given.headers.size(); ++i) {
    if (const auto problem = check_header(given, i); !problem.empty())
      return "credentials.headers[" + std::to_string(i) + "]: " + std::string(problem);
  }
  if (given.url) {
    if (const auto reading = read_url(*given.url); !reading.problem.empty())
      return "credentials.url: " + reading.problem;
  }
  if (auto problem = check_subprotocols(given); !problem.empty()) return problem;
  if (const auto problem = given.host.empty() ? std::string_view() : check_host(given.host); !problem.empty())
    return "credentials.host: " + std::string(problem);
  if (!is_printable(given.server_name))
    return "credentials.server_name: must be a host name or an address without spaces";
  return {};
}

credentials settled(credentials given) {
  header_list others;
  for (auto& [name, value] : given.headers) {
    if (is_host_field(name)) {
      given.host = std::move(value);
    } else if (is_subprotocol_field(name)) {
      if (!given.subprotocols) given.subprotocols.emplace();
      for (auto& each : read_list(value)) given.subprotocols->push_back(std::move(each));
    } else {
      others.emplace_back(std::move(name), std::move(value));
    }
  }
  given.headers = std::move(others);
  return given;
}

}  // namespace holdfast
