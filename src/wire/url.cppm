/// :url — where a URL leads. What a browser would repair is repaired; what is doubtful then is refused, with
/// a text that repeats nothing of the URL, because it may carry a secret. Does no I/O and looks up no names.
module;
#include <cstdint>
#include <string>
#include <string_view>

export module holdfast.core:url;

import :error;

namespace holdfast {

/// Where a WebSocket URL leads (RFC 6455 section 3). Two spellings of one place are equal.
export struct target {
  bool secure = false;  ///< wss://
  /// Without brackets: a name in lower case (xn-- if it is international), or an address. An IPv6 address may
  /// have a zone, "fe80::1%eth0", which is for the dial alone: no server and no proxy must see it.
  std::string host{};
  std::uint16_t port = 80;    ///< 443 is the default of wss://
  std::string host_header{};  ///< RFC 9110 section 7.2: with brackets, with the port unless it is the default
  std::string path{};         ///< with the query; as it is written in the request
  bool operator==(const target&) const = default;
};

/// A URL that was read: where it leads, or else one line about what is wrong with it.
export struct url_reading {
  target to{};            ///< where it leads, if there is no problem
  std::string problem{};  ///< empty: nothing
};

/// Reads "ws://host[:port][/path][?query]" or the same with wss://.
///
/// As a browser does (WHATWG URL), drops white space and control characters around the URL, takes a
/// backslash in the path for a slash, and percent-encodes in path and query what must not stand there:
/// spaces, bytes beyond ASCII, any of " < > { } | ^ [ ] and the back quote, in the query ' and \ too, and a
/// % that begins no escape. Escapes stay as they are. A name of a host becomes lower-case ASCII, see
/// `knows_international_names`; an IPv6 address gets its shortest form, and may have a zone, as in
/// "ws://[fe80::1%25eth0]/" (RFC 6874) or "ws://[fe80::1%eth0]/".
///
/// Refuses other schemes, credentials, fragments, ports outside 1 to 65535, tabs and line breaks inside,
/// and characters in the host that no name has, however they are written.
export url_reading read_url(std::string_view url);

/// Reads a URL as read_url() does, for `options::url`: throws option_error("url", …) if something is wrong
/// with it.
export target parse_url(std::string_view url);

/// Returns "wss://host[:port]" (RFC 6454), the default port and a zone left out: what may be shown to
/// everybody.
export std::string to_origin(const target& to);

/// Returns whether `to` is ws:// although `from` is wss://. Nothing that a server says may lead there
/// (R60).
export bool leads_out_of_tls(const target& from, const target& to) noexcept;

/// Returns whether names beyond ASCII are turned into their xn-- form (UTS 46): if the library was built
/// with libidn2. Otherwise read_url() refuses them.
export bool knows_international_names() noexcept;

}  // namespace holdfast
