// Credentials in one attempt: what the provider returns, and which parts of it may be shown at `place_`.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/system_error.hpp>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :attempt;

namespace holdfast {

// Called in a catch block. The text of an exception may contain a secret, so it goes to the program's own
// log, not into the state. A transient error code is passed on, such as that of an unreachable token service.
bool dial_attempt::provider_threw() {
  if (over_) return false;  // our own cancellation
  if (note_) note_(log_level::warning, "the credential provider " + describe_thrown());
  try {
    throw;
  } catch (const permanent_failure&) {
    return fail(error::provider_gave_up);
  } catch (const boost::system::system_error& e) {
    if (e.code() == condition::transient) return fail(e.code());
    return fail(error::provider_failed, e.code().message());
  } catch (...) {
    return fail(error::provider_failed);
  }
}

bool dial_attempt::use(credentials given) {
  memory_->credentials_serial = given.serial;
  if (auto problem = check_credentials(given); !problem.empty())
    return fail(error::provider_failed, std::move(problem));
  if (given.url) {
    redirect_target there{.url = *given.url, .to = parse_url(*given.url)};
    if (memory_->has_secure_url && !there.to.secure && !given.allow_plaintext)
      return fail(error::provider_failed,
                  "credentials.url: must be wss://, because a URL of the options is; to use ws://, set "
                  "credentials.allow_plaintext");
    place_ = std::move(there);
  }
  credentials_ = settled(std::move(given));
  return true;
}

// Credentials go only to the origin that they are for, even after a redirect, and never over ws:// because
// wss:// has failed (R60).
bool dial_attempt::may_show_credentials() const { return place_.same_origin && !is_bare(); }

// If credentials may be shown, a field of the provider replaces a static one of the same name: a request has
// one Authorization, and one Cookie.
header_list dial_attempt::headers() const {
  if (!may_show_credentials()) return without_credentials(options_->headers);
  auto own = credentials_.headers;
  if (!credentials_.token.empty()) own.emplace_back("Authorization", "Bearer " + credentials_.token);
  auto out = options_->headers;
  std::erase_if(out, [&](const auto& field) {
    return std::ranges::any_of(own,
                               [&](const auto& each) { return is_same_header(each.first, field.first); });
  });
  out.insert(out.end(), own.begin(), own.end());
  return out;
}

// The provider's subprotocols may contain a token, so they are shown only where credentials are.
const std::vector<std::string>& dial_attempt::subprotocols() const {
  const bool own = credentials_.subprotocols && may_show_credentials();
  return own ? *credentials_.subprotocols : options_->subprotocols;
}

// The provider's names are valid only at its own place, and are not secret. Empty: the options decide.
std::string dial_attempt::server_name() const {
  return place_.same_origin ? credentials_.server_name : std::string();
}

target dial_attempt::named_target() const {
  if (!place_.same_origin || credentials_.host.empty()) return place_.to;
  auto named = read_url((place_.to.secure ? "wss://" : "ws://") + credentials_.host + '/').to;
  named.host_header = credentials_.host;
  named.path = place_.to.path;
  return named;
}

// Adds the kept cookies to the program's in one field (RFC 6265 section 5.4). Returns whether there were any.
bool dial_attempt::add_cookies(header_list& to) const {
  if (!options_->keep_cookies || is_bare()) return false;
  std::string own;
  for (const auto& [name, value] : to) {
    if (is_same_header(name, "Cookie")) own += (own.empty() ? "" : "; ") + value;
  }
  auto all = memory_->cookies.header(named_target(), own, clock::wall());
  if (all == own) return false;
  std::erase_if(to, [](const auto& field) { return is_same_header(field.first, "Cookie"); });
  to.emplace_back("Cookie", std::move(all));
  return true;
}

}  // namespace holdfast
