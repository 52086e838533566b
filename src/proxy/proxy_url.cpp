// Takes a proxy's URL apart and checks it. The text of a problem never repeats a part of the URL: after one
// wrong character, the parser may take the password for a host or a path.
module;
#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

import :ascii;

namespace holdfast {
namespace {

constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t socks_port = 1080;
constexpr std::size_t socks_most_bytes = 255;  // RFC 1929 section 2: the length is one byte

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

struct wrong {
  std::string_view problem;
};

// Throws `wrong` if a part is not acceptable.
class checked_url {
 public:
  explicit checked_url(const boost::urls::url_view& parts) : parts_(parts) {}

  [[nodiscard]] proxy_server server() const {
    proxy_server out;
    out.kind = kind();
    out.host = host();
    out.port = port(out.kind == proxy_kind::http ? http_port : socks_port);
    out.username = parts_.user();
    out.password = parts_.password();
    check_credentials(out);
    check_nothing_follows();
    return out;
  }

 private:
  [[nodiscard]] proxy_kind kind() const {
    const auto scheme = ascii::lower(parts_.scheme());
    if (scheme == "http") return proxy_kind::http;
    if (scheme == "socks5" || scheme == "socks5h") return proxy_kind::socks5;
    if (scheme == "https")
      throw wrong{
          "https:// proxies are not supported: use http://, through which wss:// stays encrypted end to end"};
    throw wrong{"scheme must be http://, socks5:// or socks5h://"};
  }

  [[nodiscard]] std::string host() const {
    std::string out = parts_.host_address();
    if (out.empty()) throw wrong{"has no host"};
    if (std::ranges::any_of(
            out, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c < 0 || c == 0x7F; }))
      throw wrong{"host must be ASCII (a name in its xn-- form) without spaces"};
    return out;
  }

  [[nodiscard]] std::uint16_t port(std::uint16_t otherwise) const {
    if (!parts_.has_port()) return otherwise;
    const std::string_view digits = parts_.port();
    std::uint16_t out = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    if (ec != std::errc{} || end != digits.data() + digits.size() || out == 0)
      throw wrong{"port must be from 1 to 65535"};
    return out;
  }

  void check_credentials(const proxy_server& given) const {
    if (std::ranges::any_of(given.username, is_control) || std::ranges::any_of(given.password, is_control))
      throw wrong{"user name or password has a control character"};
    if (given.kind == proxy_kind::http) {
      // RFC 7617 section 2: the password begins behind the first colon.
      if (given.username.find(':') != std::string::npos) throw wrong{"user name must not have a colon"};
      return;
    }
    if (given.username.size() > socks_most_bytes || given.password.size() > socks_most_bytes)
      throw wrong{"user name and password for SOCKS5 must not be longer than 255 bytes"};
    if (given.username.empty() && !given.password.empty()) throw wrong{"password needs a user name"};
  }

  void check_nothing_follows() const {
    if (!parts_.encoded_path().empty() && parts_.encoded_path() != "/")
      throw wrong{"must not have a path (a proxy script is not supported)"};
    if (parts_.has_query() || parts_.has_fragment()) throw wrong{"must end after the port"};
  }

  const boost::urls::url_view& parts_;
};

}  // namespace

proxy_reading read_proxy_url(std::string_view url) {
  if (url.empty()) return {{}, "is missing"};
  // Many people write "host:port", and curl accepts it.
  const auto whole =
      url.find("://") == std::string_view::npos ? "http://" + std::string(url) : std::string(url);
  const auto parsed = boost::urls::parse_uri(whole);
  if (!parsed) {
    return {{},
            "is not a URL such as http://host:port or socks5://host:port "
            "(in user name and password, special characters must be percent-encoded)"};
  }
  try {
    return {checked_url(*parsed).server(), {}};
  } catch (const wrong& url_is) {
    return {{}, url_is.problem};
  }
}

proxy_server parse_proxy_url(std::string_view url) {
  auto reading = read_proxy_url(url);
  if (!reading.problem.empty()) throw option_error("proxy.url", reading.problem);
  return std::move(reading.server);
}

}  // namespace holdfast
