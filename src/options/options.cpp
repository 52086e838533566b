// Reports a wrong option, with the field's name, before any I/O.
module;
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

namespace holdfast {
namespace {

void positive(const char* field, milliseconds value) {
  if (value <= milliseconds::zero()) throw option_error(field, "must be longer than zero");
  if (value > std::chrono::hours(24 * 365)) throw option_error(field, "must not be longer than a year");
}

void not_negative(const char* field, milliseconds value) {
  if (value < milliseconds::zero()) throw option_error(field, "must not be negative");
  if (value > std::chrono::hours(24 * 365)) throw option_error(field, "must not be longer than a year");
}

void at_least_one(const char* field, std::size_t value) {
  if (value == 0) throw option_error(field, "must be at least 1");
}

void check_headers(const options& given) {
  for (const auto& [name, value] : given.headers) {
    if (!is_token(name))
      throw option_error("headers", "has a name that is not an HTTP token (RFC 9110 section 5.6.2)");
    if (!is_field_value(value)) throw option_error("headers", name + " has a control character in its value");
    if (is_ours(name))
      throw option_error("headers", name + " is set by the handshake or by another option: remove it here");
  }
  if (!is_field_value(given.user_agent)) throw option_error("user_agent", "has a control character");
}

void check_subprotocols(const options& given) {
  for (const auto& name : given.subprotocols) {
    if (!is_token(name))
      throw option_error("subprotocols", "has a name that is not an HTTP token (RFC 6455 section 4.1)");
    if (std::ranges::count(given.subprotocols, name) > 1)
      throw option_error("subprotocols", name + " is listed twice");
  }
  if (given.subprotocols.empty() && !given.provider && given.subprotocol == subprotocol_rule::required)
    throw option_error("subprotocol", "is required, but subprotocols is empty");
}

struct named_url {
  std::string field;
  target to;
};

named_url read_endpoint(const std::string& list, std::size_t i, const std::string& url) {
  auto field = list + '[' + std::to_string(i) + ']';
  const auto reading = read_url(url);
  if (!reading.problem.empty()) throw option_error(field, reading.problem);
  return {.field = std::move(field), .to = reading.to};
}

// Nothing downgrades by itself (R60): if one endpoint is wss://, each ws:// one must be listed twice.
void check_endpoints(const options& given) {
  std::vector<named_url> all{{.field = "url", .to = parse_url(given.url)}};
  for (std::size_t i = 0; const auto& url : given.endpoints.further_urls)
    all.push_back(read_endpoint("endpoints.further_urls", i++, url));
  std::vector<target> plaintext;
  for (std::size_t i = 0; const auto& url : given.endpoints.plaintext_urls) {
    const auto each = read_endpoint("endpoints.plaintext_urls", i++, url);
    if (each.to.secure) throw option_error(each.field, "must be ws://, because wss:// is never plaintext");
    if (std::ranges::count(all, each.to, &named_url::to) == 0)
      throw option_error(each.field, "is neither url nor one of endpoints.further_urls");
    plaintext.push_back(each.to);
  }
  const bool any_secure = std::ranges::any_of(all, [](const named_url& each) { return each.to.secure; });
  for (const auto& each : all) {
    if (any_secure && !each.to.secure && std::ranges::count(plaintext, each.to) == 0)
      throw option_error(
          each.field,
          "is ws:// although another endpoint is wss://: to use it without credentials, list it "
          "in endpoints.plaintext_urls too");
  }
  not_negative("endpoints.cool_down", given.endpoints.cool_down);
}

void check_retry(const retry_policy& retry) {
  positive("retry.base", retry.base);
  positive("retry.cap", retry.cap);
  positive("retry.stable_after", retry.stable_after);
  if (retry.cap < retry.base) throw option_error("retry.cap", "must not be shorter than retry.base");
  if (!(retry.factor >= 1.0 && retry.factor <= 100.0))
    throw option_error("retry.factor", "must be from 1 to 100");
  not_negative("retry.first_spread", retry.first_spread);
  not_negative("retry.retry_after_limit", retry.retry_after_limit);
  if (retry.attempt_limit == 0U)
    throw option_error("retry.attempt_limit", "must be at least 1, or empty for no limit");
  at_least_one("retry.refusals_before_final", retry.refusals_before_final);
  if (retry.rules.empty() && !retry.decide)
    throw option_error("retry.rules", "must not be empty without retry.decide");
}

void check_congestion(const congestion_options& given) {
  for (const auto& name : given.features) {
    if (name.empty()) throw option_error("congestion.features", "must not contain an empty name");
    if (std::ranges::count(given.features, name) > 1)
      throw option_error("congestion.features", name + " is listed twice");
  }
  at_least_one("congestion.backlog_bytes", given.backlog_bytes);
  positive("congestion.send_latency", given.send_latency);
  positive("congestion.round_trip", given.round_trip);
  not_negative("congestion.calm_for", given.calm_for);
}

void check_lateness(const heartbeat_options& given) {
  not_negative("heartbeat.least_pong_deadline", given.least_pong_deadline);
  not_negative("heartbeat.unresponsive_after", given.unresponsive_after);
  const bool adapts = given.least_pong_deadline != milliseconds::zero();
  if (given.least_pong_deadline > given.pong_deadline)
    throw option_error("heartbeat.least_pong_deadline", "must not be longer than heartbeat.pong_deadline");
  if (given.unresponsive_after == milliseconds::zero()) return;
  const auto shorter_than = [&](milliseconds deadline, const char* name) {
    if (given.unresponsive_after >= deadline)
      throw option_error("heartbeat.unresponsive_after",
                         std::string("must be shorter than heartbeat.") + name);
  };
  shorter_than(given.pong_deadline, "pong_deadline");
  shorter_than(given.probe_deadline, "probe_deadline");
  if (adapts) shorter_than(given.least_pong_deadline, "least_pong_deadline");
}

void check_session(const session_options& given) {
  if (given.lifetime == milliseconds::zero()) return;
  if (given.lifetime < std::chrono::seconds(10) || given.lifetime > std::chrono::days(365))
    throw option_error("session.lifetime", "must be 0 for no limit, or from 10 s to 365 days");
}

}  // namespace

upgrade_terms terms_of(const options& given) {
  return {.user_agent = given.user_agent,
          .subprotocols = given.subprotocols,
          .subprotocol = given.subprotocol,
          .compression = given.compression};
}

void validate(const options& given) {
  check_endpoints(given);
  check_headers(given);
  check_subprotocols(given);
  if (!given.proxy.url.empty()) parse_proxy_url(given.proxy.url);
  check_retry(given.retry);
  not_negative("heartbeat.ping_interval", given.heartbeat.ping_interval);
  positive("heartbeat.pong_deadline", given.heartbeat.pong_deadline);
  positive("heartbeat.probe_deadline", given.heartbeat.probe_deadline);
  check_lateness(given.heartbeat);
  positive("deadlines.attempt", given.deadlines.attempt);
  positive("deadlines.provider", given.deadlines.provider);
  positive("deadlines.resolve", given.deadlines.resolve);
  positive("deadlines.connect", given.deadlines.connect);
  positive("deadlines.proxy", given.deadlines.proxy);
  positive("deadlines.tls", given.deadlines.tls);
  positive("deadlines.address_step", given.deadlines.address_step);
  if (given.deadlines.address_step < milliseconds(10))
    throw option_error("deadlines.address_step", "must be at least 10 ms (RFC 8305 section 8)");
  positive("deadlines.upgrade", given.deadlines.upgrade);
  positive("deadlines.login", given.deadlines.login);
  positive("close_timeout", given.close_timeout);
  positive("background_grace", given.background_grace);
  at_least_one("limits.inbound_messages", given.limits.inbound_messages);
  at_least_one("limits.inbound_bytes", given.limits.inbound_bytes);
  at_least_one("limits.outbound_messages", given.limits.outbound_messages);
  at_least_one("limits.outbound_bytes", given.limits.outbound_bytes);
  at_least_one("limits.message_bytes", given.limits.message_bytes);
  if (given.limits.upgrade_bytes < 1024) throw option_error("limits.upgrade_bytes", "must be at least 1024");
  check_session(given.session);
  check_congestion(given.congestion);
  validate(given.compression);
}

}  // namespace holdfast
