// Decides about one redirect. The server's Location is only a wish: it must not lead us out of TLS, to
// another protocol, or round in circles.
module;
#include <boost/asio/ip/address_v6.hpp>
#include <boost/system/error_code.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/scheme.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

import :url_text;

namespace holdfast {
namespace {

namespace ip = boost::asio::ip;

redirect_decision refuse(std::string why) { return {.to = std::nullopt, .refusal = std::move(why)}; }

// RFC 6454 section 5. read_url() leaves one spelling of each host. The zone counts: the same address on
// another link is another host.
bool is_same_origin(const target& a, const target& b) {
  return a.secure == b.secure && a.port == b.port && a.host == b.host;
}

// A server may build its Location from our Host header, which has no zone: it knows its link-local address,
// but not our name for the link. So such a redirect stays on the link.
void stay_on_link(const target& here, target& next) {
  const auto sign = here.host.find('%');
  if (sign == std::string::npos || next.host.find('%') != std::string::npos) return;
  error_code not_an_address;
  const auto address = ip::make_address_v6(next.host, not_an_address);
  if (!not_an_address && address.is_link_local()) next.host += here.host.substr(sign);
}

// Servers redirect WebSockets as they redirect pages. RFC 6455 section 3 knows only ws and wss, so http and
// https stand for them. Returns an empty text for any other scheme.
std::string_view websocket_scheme(boost::urls::scheme of) {
  switch (of) {
    case boost::urls::scheme::ws:
    case boost::urls::scheme::http:
      return "ws";
    case boost::urls::scheme::wss:
    case boost::urls::scheme::https:
      return "wss";
    default:
      return {};
  }
}

// RFC 3986 section 5.2.4: segments that lead above the root are dropped. Boost.URL 1.83 leaves them in front.
void drop_segments_above_root(boost::urls::url& resolved) {
  auto path = std::string(resolved.encoded_path());
  while (path.starts_with("/../")) path.erase(0, 3);
  if (path == "/..") path = "/";
  resolved.set_encoded_path(path);
}

}  // namespace

bool is_redirect(unsigned status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

redirect_decision follow_redirect(const redirect_target& here, unsigned status, std::string_view location) {
  if (!is_redirect(status)) return refuse("HTTP " + std::to_string(status) + " is not a redirect");
  if (here.followed >= redirect_limit)
    return refuse("more than " + std::to_string(redirect_limit) + " redirects");
  const auto strict = strict_url(location);
  if (strict.empty()) return refuse("the redirect has no Location");
  const auto reference = boost::urls::parse_uri_reference(strict);
  if (!reference) return refuse("Location is not a URL (RFC 3986)");
  boost::urls::url resolved(strict_url(here.url));
  if (!resolved.resolve(*reference)) return refuse("Location cannot be resolved (RFC 3986 section 5)");
  const auto scheme = websocket_scheme(resolved.scheme_id());
  if (scheme.empty()) return refuse("Location has a scheme other than ws, wss, http and https");
  resolved.set_scheme(scheme);
  resolved.remove_fragment();
  drop_segments_above_root(resolved);
  redirect_target next{.url = std::string(resolved.buffer()), .followed = here.followed + 1};
  auto reading = read_url(next.url);
  if (!reading.problem.empty()) return refuse("Location " + reading.problem);
  next.to = std::move(reading.to);
  // Checked at every hop: a chain that began at ws:// and has reached wss:// stays there.
  if (leads_out_of_tls(here.to, next.to))
    return refuse("the redirect leads out of TLS, from wss:// to ws://");
  stay_on_link(here.to, next.to);
  next.same_origin = here.same_origin && is_same_origin(here.to, next.to);
  return {.to = std::move(next)};
}

}  // namespace holdfast
