// Between which bounds a wait must lie: the policy of design.md section 4, written down a second time.
// Where a command may or may not have reset the steps, both are possible.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>

#include "journal.hpp"
#include "plan.hpp"

import holdfast;

namespace sim {

class backoff_model {
 public:
  backoff_model(journal& log, const plan& from)
      : log_(log),
        policy_(from.options.retry),
        provides_(from.provides),
        has_endpoints_(from.endpoints),
        next_at_once_(from.options.endpoints.next_at_once) {}

  // A command was given that may begin anew: with the next decision, or with the one after it if the next
  // has already been made and only the listener has not heard of it yet.
  void may_reset() { doubtful_decisions_ = 2; }
  void connected() { had_session_ = true; }

  void check(const holdfast::state_change& change, std::optional<clock::duration> session_length,
             std::optional<clock::duration> retry_after) {
    const bool stable = session_length && *session_length >= policy_.stable_after;
    if (change.rule.empty() || change.rule == "asked") return refreshed_.reset();
    if (stable || doubtful_decisions_ != 0) next_endpoint_count_ = 0;
    if (doubtful_decisions_ != 0) least_ = 0;
    if (doubtful_decisions_ != 0) --doubtful_decisions_;
    if (stable) least_ = most_ = 0;
    if (change.rule == "next-endpoint") check_next_endpoint(session_length.has_value());
    if (change.retry_in) check_wait(change, retry_after);
    check_rule(change, session_length, stable);
    check_refresh(change, stable);
    if (!stable) least_ = std::min(least_ + 1, 16U);
    if (!stable) most_ = std::min(most_ + 1, 16U);
  }

 private:
  [[nodiscard]] clock::duration ceiling(unsigned step) const {
    const auto grown = std::chrono::duration<double>(policy_.base) * std::pow(policy_.factor, step);
    return std::chrono::duration_cast<clock::duration>(
        std::min<std::chrono::duration<double>>(grown, policy_.cap));
  }

  void check_wait(const holdfast::state_change& change, std::optional<clock::duration> retry_after) {
    clock::duration low{};
    clock::duration high{};
    const auto name = change.rule.substr(0, change.rule.find('+'));
    if (name == "backoff") {
      low = policy_.base / 2;
      high = ceiling(most_);
    } else if (name == "flapping") {
      low = ceiling(least_ + 1) / 2;
      high = ceiling(most_ + 1);
    } else if (name == "refresh-login" || name == "refresh-credentials" || name == "next-endpoint") {
      high = {};
    } else if (name == "overloaded" || name == "redirect-refused") {
      low = policy_.cap / 2;
      high = policy_.cap;
    } else {
      high = policy_.first_spread;
    }
    if (retry_after && name != "next-endpoint") {
      const auto wish = std::min<clock::duration>(*retry_after, policy_.retry_after_limit);
      low = std::max(low, wish);
      high = std::max<clock::duration>(high, wish + policy_.base);
    }
    if (retry_after) asked_for_rest_ = true;
    if (has_endpoints_ && asked_for_rest_ && high > clock::duration{})  // the other one may want it longer
      high = std::max<clock::duration>(high, policy_.retry_after_limit + policy_.base);
    if (*change.retry_in < low || *change.retry_in > high) {
      log_.violated("wait of ", *change.retry_in, " by rule ", change.rule, " is not within ", low, " and ",
                    high);
    }
  }

  // Once, until a stable session or a command begins a new round: then both have been tried.
  void check_next_endpoint(bool had_session) {
    if (!has_endpoints_ || !next_at_once_) log_.violated("there is no next endpoint to be tried at once");
    if (had_session) log_.violated("the next endpoint is tried at once after a session");
    if (++next_endpoint_count_ > 1)
      log_.violated("both endpoints have failed, and the next is tried at once");
  }

  void check_rule(const holdfast::state_change& change, std::optional<clock::duration> session_length,
                  bool stable) {
    const auto code = change.reason.close_code;
    const auto status = change.reason.http_status;
    const auto any_of = [](auto value, auto... of) { return ((value == of) || ...); };
    const auto& error = change.reason.error;
    const bool refused_login = error == holdfast::error::unauthorized;  // final, unless it may try another
    const bool going_away = error == holdfast::error::server_going_away;
    const bool fatal = error == holdfast::error::login_refused || error == holdfast::error::provider_failed ||
                       (any_of(status, 401U, 403U) && !provides_) ||
                       any_of(code, 1002, 1003, 1007, 1009, 1010) ||
                       any_of(status, 400U, 404U, 405U, 410U, 426U);
    if (fatal && !change.final) log_.violated("a fatal answer is retried");
    if (!fatal && !refused_login && change.final && change.rule != "attempt-limit" &&
        change.rule != "first-connect-failed") {
      log_.violated("final by rule ", change.rule, ", though nothing fatal has happened");
    }
    const bool first_counts = !policy_.retry_first_connect && !had_session_;
    if (!change.final && first_counts) log_.violated("the first failure is retried");
    if (change.rule == "first-connect-failed" && !first_counts)
      log_.violated("not the first connect: ", change.rule);
    if (change.rule == "attempt-limit" &&
        (!policy_.attempt_limit || change.attempt < *policy_.attempt_limit)) {
      log_.violated("attempt limit applied at attempt ", change.attempt);
    }
    if (!change.final && policy_.attempt_limit && change.attempt >= *policy_.attempt_limit && !stable) {
      log_.violated("attempt limit passed over at attempt ", change.attempt);
    }
    if (!change.final && session_length && !stable && code != 1013 && !going_away &&
        !change.rule.starts_with("flapping")) {
      log_.violated("a short session is retried by rule ", change.rule);
    }
  }

  // Asked for new credentials at the first refusal, and given up at the second in a row (R41).
  void check_refresh(const holdfast::state_change& change, bool stable) {
    const bool refused = change.reason.error == holdfast::error::unauthorized;
    const bool exempt = change.rule == "attempt-limit" || change.rule == "first-connect-failed";
    if (refused && refreshed_ && !exempt && change.final != (!provides_ || (*refreshed_ && !stable)))
      log_.violated("refused, and ", change.final ? "gives up" : "asks for credentials once more");
    const bool was_asked = refused && !change.final;
    const bool is_asked_still = refreshed_ && *refreshed_ && change.reason.at == holdfast::stage::provider;
    if (refreshed_ || was_asked) refreshed_ = was_asked || is_asked_still;
    if (change.reason.at != holdfast::stage::provider && !refused) refreshed_ = false;
  }

  journal& log_;
  const holdfast::retry_policy policy_;
  const bool provides_;
  const bool has_endpoints_;
  const bool next_at_once_;
  std::optional<bool> refreshed_ = false;  // with the next attempt; empty: not known
  unsigned least_ = 0;
  unsigned most_ = 0;
  unsigned doubtful_decisions_ = 0;
  unsigned next_endpoint_count_ = 0;
  bool asked_for_rest_ = false;  // a server has
  bool had_session_ = false;
};

}  // namespace sim
