// The default table of the retry policy, and the names of the delays that its rows choose from. backoff.cpp
// computes the wait that a row leads to.
module;
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

namespace holdfast {
namespace {

// Certificates, the server's or ours, are renewed while we wait, but not within seconds.
std::vector<error_code> certificate_errors() {
  return {error::certificate_expired,     error::certificate_wrong_host,
          error::certificate_self_signed, error::certificate_unknown_issuer,
          error::certificate_invalid,     error::client_certificate_refused};
}

}  // namespace

std::string_view to_string(retry_delay delay) noexcept {
  switch (delay) {
    case retry_delay::never:
      return "never";
    case retry_delay::immediate:
      return "immediate";
    case retry_delay::fresh:
      return "fresh";
    case retry_delay::step:
      return "step";
    case retry_delay::high_step:
      return "high_step";
    case retry_delay::cap:
      return "cap";
    case retry_delay::refresh:
      return "refresh";
    case retry_delay::refusal:
      return "refusal";
  }
  return "unknown";
}

// The order matters: what a server states explicitly comes first, then whether the session was worth a quick
// return. A close with 1012 after a short session counts as flapping: a server that restarts all the time
// gets a rest (R3). HTTP statuses count only at the upgrade, because a proxy has statuses of its own. Only
// the program's own decision is final at once and everywhere: a server that refuses may be in the middle of a
// deployment (R54).
std::vector<retry_rule> default_retry_rules() {
  const auto at = stage::upgrade;
  const auto refusal = retry_delay::refusal;
  return {
      {.name = "provider-gave-up", .delay = retry_delay::never, .errors = {error::provider_gave_up}},
      {.name = "fatal-http-status", .delay = refusal, .at = at, .http_statuses = {400, 404, 405, 410, 426}},
      {.name = "refresh-credentials", .delay = retry_delay::refresh, .at = at, .http_statuses = {401, 403}},
      {.name = "subprotocol-mismatch", .delay = refusal, .errors = {error::subprotocol_mismatch}},
      {.name = "login-refused", .delay = refusal, .errors = {error::login_refused}},
      {.name = "refresh-login",
       .delay = retry_delay::refresh,
       .at = stage::login,
       .errors = {error::unauthorized}},
      {.name = "refresh-login",  // the protocol says so of the session's end
       .delay = retry_delay::refresh,
       .at = stage::session,
       .errors = {error::unauthorized}},
      {.name = "going-away",
       .delay = retry_delay::fresh,
       .errors = {error::server_going_away},
       .stable = true},
      {.name = "fatal-close-code",
       .delay = refusal,
       .close_codes = {close_codes::protocol_error, close_codes::unsupported_data,
                       close_codes::invalid_payload, close_codes::message_too_big,
                       close_codes::mandatory_extension}},
      {.name = "certificate", .delay = retry_delay::cap, .errors = certificate_errors()},
      {.name = "redirect-refused", .delay = retry_delay::cap, .errors = {error::redirect_refused}},
      {.name = "proxy-unauthorized", .delay = retry_delay::cap, .errors = {error::proxy_unauthorized}},
      {.name = "overloaded", .delay = retry_delay::cap, .close_codes = {close_codes::try_again_later}},
      {.name = "flapping", .delay = retry_delay::high_step, .stable = false},
      {.name = "service-restart",
       .delay = retry_delay::fresh,
       .close_codes = {close_codes::service_restart},
       .stable = true},
      {.name = "after-stable-session", .delay = retry_delay::fresh, .stable = true},
      {.name = "backoff", .delay = retry_delay::step},
  };
}

retry_policy retry_policy::once() {
  retry_policy out;
  out.rules = {{.name = "dial-once", .delay = retry_delay::never}};
  return out;
}

// All connections with the default table share one.
retry_schedule::rules retry_schedule::share(std::vector<retry_rule> table) {
  static const auto usual = std::make_shared<const std::vector<retry_rule>>(default_retry_rules());
  if (table == *usual) return usual;
  return std::make_shared<const std::vector<retry_rule>>(std::move(table));
}

}  // namespace holdfast
