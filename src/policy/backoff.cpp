// The retry policy: a rule of the table matches and gives the bounds of the wait; history, other addresses
// and a server's wish change them; one draw gives the wait. The default table is in retry_rules.cpp.
module;
#include <algorithm>
#include <chrono>
#include <cmath>
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

// A stable session has shown that its credentials were good when it began. A refusal after it counts as the
// first.
bool may_refresh(const attempt_record& record, bool stable) {
  return record.may_refresh && (stable || !record.credentials_fresh);
}

}  // namespace

clock::duration wish_of(const attempt_record& record, const retry_policy& policy) {
  return std::clamp<clock::duration>(record.retry_after.value_or(clock::duration{}), {},
                                     policy.retry_after_limit);
}

clock::duration unreadable_wish(const retry_policy& policy) {
  return std::min(policy.cap, policy.retry_after_limit);
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

retry_schedule::bounds retry_schedule::bounds_of(retry_delay delay) const {
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
    case retry_delay::refusal:
      return {clock::duration(policy_->cap) / 2, policy_->cap};
  }
  return {};
}

const retry_rule* retry_schedule::match(const attempt_record& record, bool stable) const {
  const auto found =
      std::ranges::find_if(*rules_, [&](const retry_rule& rule) { return matches(rule, record, stable); });
  return found == rules_->end() ? nullptr : &*found;
}

bool retry_schedule::is_refusal(const attempt_record& record) const {
  const bool stable = policy_->is_stable(record.session_length);
  const retry_rule* rule = match(record, stable);
  if (rule == nullptr) return false;
  return rule->delay == retry_delay::refusal ||
         (rule->delay == retry_delay::refresh && !may_refresh(record, stable));
}

retry_schedule::verdict retry_schedule::judge(const attempt_record& record, bool stable) const {
  const retry_rule* rule = match(record, stable);
  if (rule == nullptr) return {.rule = "no-rule-matches"};
  if (rule->delay == retry_delay::never) return {.rule = rule->name};
  if (rule->delay == retry_delay::refusal) return judge_refusal(record, stable, {.rule = rule->name});
  const bool refresh = rule->delay == retry_delay::refresh;
  if (refresh && !may_refresh(record, stable))
    return judge_refusal(record, stable, {.rule = "unauthorized", .refresh = record.may_refresh});
  return bend(record, {.wait = bounds_of(rule->delay), .rule = rule->name, .refresh = refresh});
}

// One refusal is not final where an attempt has worked before (R54): the refusing server may be about to be
// replaced. A final refusal is final for this endpoint only. The wait before another one is then as after any
// other end.
retry_schedule::verdict retry_schedule::judge_refusal(const attempt_record& record, bool stable,
                                                      verdict out) const {
  const auto most = policy_->refusals_before_final;
  const auto count = std::clamp(record.refusals, 1U, std::max(most, 1U));
  const bool has_worked = stable || record.had_stable_session;
  if (has_worked) out.rule += " (" + std::to_string(count) + " of " + std::to_string(most) + ")";
  out.refusal = !has_worked || count >= most;
  const auto elsewhere = stable ? retry_delay::fresh : retry_delay::step;
  if (out.refusal) {
    out.refresh = false;
    if (record.other_endpoint) out.wait = bounds_of(elsewhere);
    return out;
  }
  // After a stable session the next attempt goes to another endpoint, which has refused nothing. Most servers
  // that refuse while they are replaced do so for seconds, so the first refusal in a row gets an earlier
  // attempt.
  out.wait = bounds_of(stable && record.other_endpoint ? elsewhere : retry_delay::refusal);
  const bool first_look = count == 1 && !record.session_length;
  if (first_look) out.wait = {clock::duration(policy_->cap) / 8, clock::duration(policy_->cap) / 4};
  return bend(record, std::move(out));
}

// If an address of the name is still untried, the wait need not be longer (R47); but the end of a session
// keeps its rule, because it may be flapping. If a wish of the server cannot be read, the wait is long (R52).
retry_schedule::verdict retry_schedule::bend(const attempt_record& record, verdict found) const {
  const bounds lowest{std::min<clock::duration>(policy_->base, policy_->cap) / 2, ceiling(0)};
  if (record.untried_address && !record.session_length && !found.refresh &&
      found.wait->second >= lowest.second) {
    found.wait = lowest;
    found.rule = "next-address";
    found.next_address = true;
  }
  const auto long_wait = unreadable_wish(*policy_);
  if (record.retry_after_unreadable && found.wait->first < long_wait / 2) {
    found.wait = {long_wait / 2, std::max(found.wait->second, long_wait)};
    found.rule += retry_after_suffix;
  }
  return found;
}

// Draws the wait. A server's wish is a floor, with jitter on top (a second draw), so that all clients with
// the same wish do not come at once (R7). After a final refusal the wish does not hold up another endpoint.
retry_decision retry_schedule::draw(const attempt_record& record, const verdict& found,
                                    random_source& random) const {
  retry_decision out{.rule = found.rule, .refresh = found.refresh, .refusal = found.refusal};
  if (!found.wait) return out;
  out.retry_in = uniform(found.wait->first, found.wait->second, random);
  if (found.refusal) return out;
  if (record.other_endpoint && !record.session_length)
    out.elsewhere_in = wait_elsewhere(record, found, *out.retry_in, random);
  if (!record.retry_after) return out;
  const auto floor = wish_of(record, *policy_) + uniform({}, policy_->base, random);
  if (floor <= *out.retry_in) return out;
  out.retry_in = floor;
  if (!out.rule.ends_with(retry_after_suffix)) out.rule += retry_after_suffix;
  return out;
}

// What was drawn, unless that is long because this endpoint has refused us, or has asked for a wait that
// cannot be read: then as after any other failed attempt. The end of a session keeps its wait, which spreads
// a fleet, and a go-away speaks for the whole service.
clock::duration retry_schedule::wait_elsewhere(const attempt_record& record, const verdict& found,
                                               clock::duration drawn, random_source& random) const {
  const bool is_long_for_this_one = record.refusals != 0 || record.retry_after_unreadable;
  if (!is_long_for_this_one || found.refresh) return drawn;
  const auto [low, high] = bounds_of(retry_delay::step);
  return std::min(drawn, uniform(low, high, random));
}

// What the program decides is for whichever endpoint follows. It may return any duration.
retry_decision retry_schedule::decided_by_program(const attempt_record& record, retry_decision usual) const {
  const auto usual_wait = usual.retry_in;
  auto out = policy_->decide(record, usual);
  if (out.retry_in != usual_wait) out.elsewhere_in.reset();
  if (out.retry_in) out.retry_in = std::clamp<clock::duration>(*out.retry_in, {}, for_ever);
  return out;
}

retry_decision retry_schedule::decide(const attempt_record& record, random_source& random) {
  const bool stable = policy_->is_stable(record.session_length);
  flapping_ = record.session_length && !stable;
  if (stable || record.after_network_change) step_ = 0;
  had_session_ = had_session_ || record.session_length.has_value();

  const auto found = judge(record, stable);
  auto decision = draw(record, found, random);
  if (policy_->decide) decision = decided_by_program(record, std::move(decision));
  if (decision.retry_in && policy_->attempt_limit && record.attempt >= *policy_->attempt_limit && !stable) {
    decision = {.retry_in = std::nullopt, .rule = "attempt-limit"};
  }
  if (decision.retry_in && !policy_->retry_first_connect && !had_session_) {
    decision = {.retry_in = std::nullopt, .rule = "first-connect-failed"};
  }
  // 16 doublings of any sensible base exceed any cap; counting on would only risk an overflow.
  if (!stable && !found.next_address) step_ = std::min(step_ + 1, 16U);
  return decision;
}

}  // namespace holdfast
