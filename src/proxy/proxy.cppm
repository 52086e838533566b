/// :proxy — a way to the server through an HTTP proxy (CONNECT) or a SOCKS5 proxy: which proxy, if any, and
/// what is said to it, without I/O. Knows no socket, no deadline and no TLS: the owner of the stream
/// carries the bytes, in `src/dial/attempt.cpp`.
module;
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

export module holdfast.core:proxy;

import :error;

namespace holdfast {

/// Which proxy to use, if any.
export struct proxy_options {
  /// "http://[user:password@]host[:port]", "socks5://…" or "socks5h://…"; without a scheme it is http.
  /// The default ports are 80 and 1080. Both SOCKS schemes mean the same: the proxy looks up the server's
  /// name. Credentials are percent-decoded. Always used, whatever NO_PROXY says. Empty: see
  /// `from_environment`.
  std::string url{};
  /// Without a url, the environment is asked as curl does it (see `choose_proxy`), as it was when the
  /// connection was made. A variable that names no usable proxy is passed over with one warning. False:
  /// connect directly. With an `options::network` of one's own the environment is not asked.
  bool from_environment = true;
};

/// How a proxy is spoken to.
export enum class proxy_kind : std::uint8_t {
  http,    ///< CONNECT of RFC 9110 section 9.3.6
  socks5,  ///< RFC 1928
};

/// A proxy, and who we are to it.
export struct proxy_server {
  proxy_kind kind = proxy_kind::http;  ///< how it is spoken to
  std::string host{};                  ///< a name or an address, without brackets
  std::uint16_t port = 0;              ///< the TCP port it listens on
  std::string username{};  ///< as bytes, usually UTF-8; this and the password empty: no credentials
  std::string password{};  ///< likewise as bytes; never printed or logged
  bool operator==(const proxy_server&) const = default;
};

/// Reads a URL as `proxy_options::url` describes it. Throws option_error("proxy.url", …), whose text never
/// has a part of the URL in it: a password is near.
export proxy_server parse_proxy_url(std::string_view url);
// The same without an exception: `problem` is empty, or what is wrong, with no part of the URL in it.
struct proxy_reading {
  proxy_server server{};
  std::string_view problem{};  // a literal
};
proxy_reading read_proxy_url(std::string_view url);

/// The value of a variable; empty if it is not set.
export using environment = std::function<std::optional<std::string>(std::string_view name)>;

/// Copies the variables that `choose_proxy` asks for, as they are now; any thread may read the copy later.
/// The call is as safe as getenv: no other thread may change the environment at the same time.
export environment process_environment();

/// Returns the proxy for a server; empty: connect directly. `secure`: it is a wss:// server. `host` is a
/// name or an address. The url of the options is always used if there is one. Else, if allowed, the
/// environment says:
///
/// - `localhost`, names below it, and loopback addresses never go through a proxy.
/// - `no_proxy` or `NO_PROXY`: servers that are reached directly, separated by commas or spaces. An entry
///   is "*" for all; a name, which stands for itself and all names below it, with or without a dot or "*."
///   in front; an address; or a block of addresses such as 10.0.0.0/8 or fd00::/8. Names and addresses can
///   have a port: "example.org:8443", "[::1]:80". Names are not looked up to compare them with addresses.
///   An entry that is none of these means nothing.
/// - `https_proxy` or `HTTPS_PROXY` for wss, `http_proxy` for ws, then `all_proxy` or `ALL_PROXY`: a URL as
///   for the option. HTTP_PROXY is not looked at: a CGI program gets there what a client sent in a header
///   named Proxy (httpoxy, CVE-2016-5385).
///
/// A variable may also hold what desktops and people write: `socks://`, as GNOME exports it, is SOCKS5;
/// white space around it and slashes behind it mean nothing. If a variable is set in both cases, the lower
/// one counts, as with curl. Empty, or white space alone, means not set.
///
/// The first variable that is set decides, as with curl: if its value is still of no use (another kind of
/// proxy, or no URL), the server is reached directly, and `environment_problem` has the warning. A less
/// specific variable does not take its place.
///
/// Throws option_error for a wrong url of the options; never for a variable.
export std::optional<proxy_server> choose_proxy(const proxy_options& given, bool secure,
                                                std::string_view host, std::uint16_t port,
                                                const environment& variables);

/// Returns the warning that belongs to that choice: one line with the name of the variable that was passed
/// over, and why, never its value, because a password is near. Empty: none was.
export std::string environment_problem(const proxy_options& given, bool secure, std::string_view host,
                                       std::uint16_t port, const environment& variables);

/// How far a `proxy_handshake` has come.
export enum class proxy_progress : std::uint8_t {
  needs_input,  ///< write what `take_output` has, then read and feed
  open,         ///< the bytes that follow are between us and the server
  failed,       ///< for the reason in `error()`
};

class proxy_dialogue;  // what both kinds have in common, in src/

/// What is said to a proxy until it has opened the way to the server. One for each attempt. Does no I/O and
/// keeps no time: in a loop, write what `take_output()` returns, read, and `feed()` what came or say
/// `eof()`. Each output should leave in one write, because some proxies read no further. Holds at most 16 KiB
/// besides `take_rest()`. Not thread-safe.
export class proxy_handshake {
 public:
  /// Begins the dialogue. `host` is the server's name or address as it will be asked for, without brackets.
  proxy_handshake(const proxy_server& proxy, std::string_view host, std::uint16_t port,
                  std::string_view user_agent);
  /// Takes over the other one, which may then only be assigned to or destroyed.
  proxy_handshake(proxy_handshake&&) noexcept;
  proxy_handshake& operator=(proxy_handshake&&) noexcept;
  ~proxy_handshake();

  /// Returns what to write now, once; empty if it is the proxy's turn.
  std::string take_output();
  /// Takes what the proxy sent. Once open, it all belongs to the rest; once failed, it is dropped.
  void feed(std::string_view bytes);
  /// Reports that the proxy has closed. Means nothing once open or failed.
  void eof();

  /// Returns how far the dialogue has come, and with that what is to be done next.
  [[nodiscard]] proxy_progress progress() const noexcept;
  /// Returns why it failed: proxy_refused, proxy_unauthorized, proxy_invalid, or host_not_found for a host
  /// that cannot be a name.
  [[nodiscard]] error_code error() const noexcept;
  /// Returns the status of the proxy's answer; 0 if it is not HTTP or has not come.
  [[nodiscard]] unsigned http_status() const noexcept;
  /// Returns, once it has failed, one line for people: "HTTP 502 Bad Gateway", "SOCKS5: host unreachable".
  /// At most 120 characters of printable ASCII. Never our credentials, unless the proxy made them its
  /// reason phrase.
  [[nodiscard]] const std::string& detail() const noexcept;
  /// Returns the bytes of the server that came behind the proxy's answer, once.
  std::string take_rest();

 private:
  std::unique_ptr<proxy_dialogue> dialogue_;
};

}  // namespace holdfast
