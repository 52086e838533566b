// One redirect, decided. What a server says is taken for a wish: it must not lead us out of TLS, to another
// protocol, or round in circles.
module;
#include <boost/beast/core/string.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/scheme.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

module holdfast;

namespace holdfast {
namespace {

redirect_decision refuse(std::string why) { return {.to = std::nullopt, .refusal = std::move(why)}; }

// RFC 6454 section 5. A host that is written in another way counts as another one: that costs no more than
// credentials which are not sent.
bool is_same_origin(const target& a, const target& b) {
  return a.secure == b.secure && a.port == b.port && boost::beast::iequals(a.host, b.host);
}

// Servers redirect web-sockets as they do pages: RFC 6455 section 3 knows only ws and wss, and the schemes of
// HTTP stand for them. Empty: another one.
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

// RFC 3986 section 5.2.4: what would lead above the root is dropped. Boost.URL 1.83 leaves it in front.
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
  if (!is_redirect(status)) return refuse("HTTP " + std::to_string(status) + " is no redirect");
  if (here.followed >= redirect_limit)
    return refuse("more than " + std::to_string(redirect_limit) + " redirects");
  if (location.empty()) return refuse("the redirect has no Location");
  const auto reference = boost::urls::parse_uri_reference(location);
  if (!reference) return refuse("Location is not a URL (RFC 3986)");
  boost::urls::url resolved(here.url);
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
  if (here.to.secure && !next.to.secure) return refuse("the redirect leads out of TLS, from wss:// to ws://");
  next.same_origin = here.same_origin && is_same_origin(here.to, next.to);
  return {.to = std::move(next)};
}

}  // namespace holdfast
