// What a provider returned, checked before it becomes part of a request. The texts name fields and positions,
// never what stands there: a name and a value may have been mistaken for each other.
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
#include <vector>

module holdfast;

namespace holdfast {
namespace {

// RFC 6750 section 2.1 allows fewer characters; servers are known to use more of them, but none that could
// end the line or the value.
bool is_bearer_token(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string check_header(const credentials& given, std::size_t at) {
  const auto& [name, value] = given.headers[at];
  const auto field = "credentials.headers[" + std::to_string(at) + "]";
  if (!is_token(name)) return field + ": the name is not an HTTP token";
  if (!is_field_value(value)) return field + ": the value has a control character";
  if (is_ours(name)) return field + ": is set by the handshake itself, or has an option of its own";
  if (!given.token.empty() && is_same_header(name, "Authorization"))
    return field + ": is Authorization, which the token sets";
  return {};
}

}  // namespace

std::string check_credentials(const credentials& given) {
  if (!is_bearer_token(given.token))
    return "credentials.token: must be printable ASCII without spaces or line breaks";
  for (std::size_t i = 0; i < given.headers.size(); ++i) {
    if (auto problem = check_header(given, i); !problem.empty()) return problem;
  }
  if (!given.url) return {};
  const auto reading = read_url(*given.url);
  return reading.problem.empty() ? std::string() : "credentials.url: " + reading.problem;
}

}  // namespace holdfast
