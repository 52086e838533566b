/// :url — where a URL leads. Strict: what is doubtful is refused, with a text that repeats nothing of the
/// URL, because it may carry a secret. Does no I/O and looks up no names.
module;
#include <cstdint>
#include <string>
#include <string_view>

export module holdfast:url;

import :error;

namespace holdfast {

/// Where a web-socket URL leads (RFC 6455 section 3).
export struct target {
  bool secure = false;        ///< wss://
  std::string host{};         ///< without brackets
  std::uint16_t port = 80;    ///< 443 is the default of wss://
  std::string host_header{};  ///< RFC 9110 section 7.2: with brackets, with the port unless it is the default
  std::string path{};         ///< with the query; as it is written in the request
};

/// A URL that was read: where it leads, or else one line about what is wrong with it.
export struct url_reading {
  target to{};
  std::string problem{};  ///< empty: nothing
};

/// Reads "ws://host[:port][/path][?query]" or the same with wss://. Refuses other schemes, credentials,
/// fragments, hosts beyond ASCII, IPv6 zones, and ports outside 1 to 65535.
export url_reading read_url(std::string_view url);

/// The same for `options::url`: throws option_error("url", …).
export target parse_url(std::string_view url);

/// "wss://host[:port]" (RFC 6454), the default port left out: what may be shown to everybody.
export std::string to_origin(const target& to);

}  // namespace holdfast
