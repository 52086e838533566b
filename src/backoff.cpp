// The retry policy: first the table (which rule matches), then the numbers (bounds of the wait), then one
// draw.
module;
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "planted_bugs.hpp"

module holdfast;

namespace holdfast {
namespace {

clock::duration uniform(clock::duration low, clock::duration high, random_source& random) {
  return clock::duration(
      std::uniform_int_distribution<clock::rep>(low.count(), std::max(low, high).count())(random));
}

template <class T>
bool matches_any(const std::vector<T>& wanted, const T& value) {
  return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
}

bool matches(const retry_rule& rule, const attempt_record& record, bool stable) {
  if (rule.at && *rule.at != record.reason.at) return false;
  if (rule.stable && (!record.session_length || *rule.stable != stable)) return false;
  return matches_any(rule.errors, record.reason.error) &&
         matches_any(rule.http_statuses, record.reason.http_status) &&
         matches_any(rule.close_codes, record.reason.close_code);
}

// They are renewed while we wait, ours or the server's, but not within seconds.
std::vector<error_code> certificate_errors() {
  return {error::certificate_expired,     error::certificate_wrong_host,
          error::certificate_self_signed, error::certificate_unknown_issuer,
          error::certificate_invalid,     error::client_certificate_refused};
}

// A stable session has shown that its credentials were good when it began: if they are refused now, it is for
// the first time.
bool may_refresh(const attempt_record& record, bool stable) {
  if (planted::has(planted::bug::refusal_never_final)) return record.may_refresh;
  return record.may_refresh && (stable || !record.credentials_fresh);
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
  }
  return "unknown";
}

// The order matters: what a server says plainly comes first, then whether the session was worth a quick
// return. A close with 1012 after a short session counts as flapping: a server that restarts all the time
// gets a rest (R3). Answers count only at the upgrade: a proxy has statuses of its own.
std::vector<retry_rule> default_retry_rules() {
  const auto at = stage::upgrade;
  const auto never = retry_delay::never;
  return {
      {.name = "fatal-http-status", .delay = never, .at = at, .http_statuses = {400, 404, 405, 410, 426}},
      {.name = "refresh-credentials", .delay = retry_delay::refresh, .at = at, .http_statuses = {401, 403}},
      {.name = "provider-failed", .delay = never, .errors = {error::provider_failed}},
      {.name = "subprotocol-mismatch", .delay = never, .errors = {error::subprotocol_mismatch}},
      {.name = "login-refused", .delay = never, .errors = {error::login_refused}},
      {.name = "refresh-login",
       .delay = retry_delay::refresh,
       .at = stage::login,
       .errors = {error::unauthorized}},
      {.name = "going-away", .delay = retry_delay::fresh, .errors = {error::server_going_away}},
      {.name = "fatal-close-code", .delay = never, .close_codes = {1002, 1003, 1007, 1009, 1010}},
      {.name = "certificate", .delay = retry_delay::cap, .errors = certificate_errors()},
      {.name = "redirect-refused", .delay = retry_delay::cap, .errors = {error::redirect_refused}},
      {.name = "proxy-unauthorized", .delay = retry_delay::cap, .errors = {error::proxy_unauthorized}},
      {.name = "overloaded", .delay = retry_delay::cap, .close_codes = {1013}},
      {.name = "flapping", .delay = retry_delay::high_step, .stable = false},
      {.name = "service-restart", .delay = retry_delay::fresh, .close_codes = {1012}},
      {.name = "after-stable-session", .delay = retry_delay::fresh, .stable = true},
      {.name = "backoff", .delay = retry_delay::step},
  };
}

// Ten thousand connections with the default table need it once.
retry_schedule::rules retry_schedule::share(std::vector<retry_rule> table) {
  static const auto usual = std::make_shared<const std::vector<retry_rule>>(default_retry_rules());
  if (table == *usual) return usual;
  return std::make_shared<const std::vector<retry_rule>>(std::move(table));
}

retry_schedule::retry_schedule(retry_policy policy) : rules_(share(std::exchange(policy.rules, {}))) {
  policy_ = std::make_shared<const retry_policy>(std::move(policy));
}

retry_schedule::retry_schedule(std::shared_ptr<const retry_policy> policy, rules table)
    : policy_(std::move(policy)), rules_(std::move(table)) {}

clock::duration retry_schedule::ceiling(unsigned step) const {
  const double grown = std::chrono::duration<double>(policy_->base).count() * std::pow(policy_->factor, step);
  const double limit = std::chrono::duration<double>(policy_->cap).count();
  return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(std::min(grown, limit)));
}

std::pair<clock::duration, clock::duration> retry_schedule::bounds(retry_delay delay) const {
  switch (delay) {
    case retry_delay::never:
    case retry_delay::immediate:
    case retry_delay::refresh:
      break;
    case retry_delay::fresh:
      return {clock::duration::zero(), policy_->first_spread};
    case retry_delay::step:
      return {std::min<clock::duration>(policy_->base, policy_->cap) / 2, ceiling(step_)};
    case retry_delay::high_step:
      return {ceiling(step_ + 1) / 2, ceiling(step_ + 1)};
    case retry_delay::cap:
      return {clock::duration(policy_->cap) / 2, policy_->cap};
  }
  return {};
}

const retry_rule* retry_schedule::match(const attempt_record& record, bool stable) const {
  const auto found =
      std::ranges::find_if(*rules_, [&](const retry_rule& rule) { return matches(rule, record, stable); });
  return found == rules_->end() ? nullptr : &*found;
}

retry_decision retry_schedule::from_table(const attempt_record& record, bool stable,
                                          random_source& random) const {
  const retry_rule* rule = match(record, stable);
  if (rule == nullptr) return {.retry_in = std::nullopt, .rule = "no-rule-matches"};
  if (rule->delay == retry_delay::never) return {.retry_in = std::nullopt, .rule = rule->name};
  const bool refresh = rule->delay == retry_delay::refresh;
  if (refresh && !may_refresh(record, stable)) return {.retry_in = std::nullopt, .rule = "unauthorized"};
  const auto [low, high] = bounds(rule->delay);
  auto wait = uniform(low, high, random);
  if (!record.retry_after || planted::has(planted::bug::retry_after_ignored))
    return {.retry_in = wait, .rule = rule->name, .refresh = refresh};
  // The server's wish is a floor, with jitter on top, so that all whom it told the same do not come at once
  // (R7).
  const auto wish = std::clamp<clock::duration>(*record.retry_after, {}, policy_->retry_after_limit);
  const auto floor = wish + uniform({}, policy_->base, random);
  if (floor <= wait) return {.retry_in = wait, .rule = rule->name, .refresh = refresh};
  return {.retry_in = floor, .rule = rule->name + "+retry-after", .refresh = refresh};
}

retry_decision retry_schedule::decide(const attempt_record& record, random_source& random) {
  const auto least = planted::has(planted::bug::flapping_not_seen) ? clock::duration{}
                                                                   : clock::duration(policy_->stable_after);
  const bool stable = record.session_length && *record.session_length >= least;
  flapping_ = record.session_length && !stable;
  if (stable || record.after_network_change) step_ = 0;
  had_session_ = had_session_ || record.session_length.has_value();

  auto decision = from_table(record, stable, random);
  if (policy_->decide) decision = policy_->decide(record, decision);
  if (decision.retry_in && policy_->attempt_limit && record.attempt >= *policy_->attempt_limit && !stable) {
    decision = {.retry_in = std::nullopt, .rule = "attempt-limit"};
  }
  if (decision.retry_in && !policy_->retry_first_connect && !had_session_) {
    decision = {.retry_in = std::nullopt, .rule = "first-connect-failed"};
  }
  // 16 doublings of any sensible base are beyond any cap; counting on would only invite an overflow.
  if (!stable) step_ = std::min(step_ + 1, 16U);
  return decision;
}

std::vector<schedule_entry> explain(const retry_policy& policy, const attempt_record& failure,
                                    unsigned count) {
  retry_schedule schedule{policy};
  random_source random{1};
  std::vector<schedule_entry> entries;
  auto record = failure;
  for (unsigned n = 1; n <= count; ++n) {
    record.attempt = n;
    const bool stable = record.session_length && *record.session_length >= policy.stable_after;
    if (stable || record.after_network_change) schedule.reset();
    const retry_rule* rule = schedule.match(record, stable);
    const auto [low, high] = schedule.bounds(rule != nullptr ? rule->delay : retry_delay::never);
    const auto decision = schedule.decide(record, random);
    if (!decision.retry_in) {
      entries.push_back({n, clock::duration(-1), clock::duration(-1), decision.rule});
      break;
    }
    record.credentials_fresh = decision.refresh;
    if (policy.decide) {
      entries.push_back({n, *decision.retry_in, *decision.retry_in, decision.rule});
      continue;
    }
    const auto floor = std::clamp<clock::duration>(record.retry_after.value_or(clock::duration{}), {},
                                                   policy.retry_after_limit);
    entries.push_back({n, std::max(low, floor),
                       std::max<clock::duration>(high, record.retry_after ? floor + policy.base : floor),
                       decision.rule});
  }
  return entries;
}

std::string describe(const std::vector<schedule_entry>& schedule) {
  std::string out;
  for (const auto& entry : schedule) {
    std::array<char, 96> line{};
    if (entry.latest < clock::duration::zero()) {
      std::snprintf(line.data(), line.size(), "after attempt %u: stop", entry.attempt);
    } else {
      std::snprintf(line.data(), line.size(), "after attempt %u: %.2f s to %.2f s", entry.attempt,
                    std::chrono::duration<double>(entry.earliest).count(),
                    std::chrono::duration<double>(entry.latest).count());
    }
    out.append(line.data()).append("  [").append(entry.rule).append("]\n");
  }
  return out;
}

}  // namespace holdfast
