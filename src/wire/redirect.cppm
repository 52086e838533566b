/// :redirect — where an answer of 301, 302, 303, 307 or 308 to the upgrade leads, and whether we may go
/// there. Pure: the caller keeps the place that it has reached, and asks for the next.
module;
#include <optional>
#include <string>
#include <string_view>

export module holdfast.core:redirect;

import :url;

namespace holdfast {

/// At most this many redirects are followed in one attempt.
export inline constexpr unsigned redirect_limit = 5;

/// A place that an attempt has come to. The first is made of the URL that the attempt begins with:
/// `redirect_target{.url = url, .to = parse_url(url)}`.
export struct redirect_target {
  std::string url{};  ///< absolute, ws:// or wss://
  target to{};        ///< the same, read, and with the zone of the place before if a link-local one has none
  unsigned followed = 0;  ///< redirects so far
  /// No redirect so far has left the origin (scheme, host and port, RFC 6454) of the first place. Credentials
  /// must not be sent to any other, nor to the first one again when another one has led back to it.
  bool same_origin = true;
};

/// Where to go, or why not.
export struct redirect_decision {
  std::optional<redirect_target> to{};  ///< empty: error::redirect_refused
  std::string refusal{};  ///< one line for people, which repeats nothing of what the server sent
};

/// Returns whether `status` can lead to another place. For a WebSocket all of them mean the same: the
/// upgrade is asked for anew, with GET.
export bool is_redirect(unsigned status) noexcept;

/// Decides about an answer with `status` and the given Location (empty: there was none) that came from
/// `here`. Relative references are resolved (RFC 3986 section 5), http and https mean ws and wss, a fragment
/// is dropped; what read_url() repairs in a URL is repaired. Refuses what read_url() refuses, other schemes,
/// every step from wss:// to ws://, and more than `redirect_limit` in one attempt.
export redirect_decision follow_redirect(const redirect_target& here, unsigned status,
                                         std::string_view location);

}  // namespace holdfast
