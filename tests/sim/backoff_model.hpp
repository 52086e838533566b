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
#include "refusal_model.hpp"

import holdfast;

namespace sim {

class backoff_model {
 public:
  backoff_model(journal& log, const plan& from)
      : log_(log),
        refusals_(log, from),
        policy_(from.options.retry),
        provides_(from.provides),
        has_endpoints_(from.endpoints),
        next_at_once_(from.options.endpoints.next_at_once) {}

  // A command was given that may begin anew: with the next decision, or with the one after it if the next
  // has already been made and only the listener has not heard of it yet.
  void may_reset() { doubtful_decisions_ = 2; }
  void connected() { had_session_ = true; }
  // A session of this length has gone on over another socket.
  void moved(clock::duration length) {
    if (length >= policy_.stable_after) refusals_.was_stable(false);
  }
  // A server has, while another session was open.
  void asked_for_rest_beside_a_session() { asked_beside_a_session_ = true; }

  void check(const holdfast::state_change& change, std::optional<clock::duration> session_length,
             std::optional<clock::duration> retry_after) {
    const bool stable = session_length && *session_length >= policy_.stable_after;
    if (change.rule == "retry-after") return;  // nothing new was decided
    const bool is_decided = !change.rule.empty() && change.rule != "asked";
    if (stable) refusals_.was_stable(is_decided);
    if (!is_decided) return refreshed_.reset();
    if (doubtful_decisions_ != 0) refusals_.may_reset();
    if (stable || doubtful_decisions_ != 0) next_endpoint_count_ = next_address_count_ = 0;
    if (doubtful_decisions_ != 0) least_ = 0;
    if (doubtful_decisions_ != 0) --doubtful_decisions_;
    if (stable) least_ = most_ = 0;
    if (change.rule == "next-endpoint") check_next_endpoint(session_length.has_value());
    if (change.retry_in) check_wait(change, retry_after);
    check_rule(change, session_length, stable);
    check_refresh(change, stable);
    refusals_.check(change);
    // Before there was a next endpoint the decision may have been for a next address.
    const bool may_have_grown = !stable && !change.rule.starts_with("next-address");
    const bool has_grown = may_have_grown && change.rule != "next-endpoint";
    if (has_grown) least_ = std::min(least_ + 1, 16U);
    if (may_have_grown) most_ = std::min(most_ + 1, 16U);
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
    const auto name = base_of(change.rule);
    const bool is_refusal = refusal_model::is_refusal(change);
    if (name == "next-address") {
      check_next_address();
      low = std::min<clock::duration>(policy_.base, policy_.cap) / 2;
      high = ceiling(0);
    } else if (is_refusal && name != "next-endpoint") {
      const bool first = change.rule.find(" (1 of") != std::string::npos;  // an earlier look
      low = has_endpoints_ ? clock::duration{} : clock::duration(policy_.cap) / (first ? 8 : 2);
      high = std::max<clock::duration>(policy_.cap, policy_.first_spread);
    } else if (name == "backoff") {
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
      if (!has_endpoints_) low = std::max(low, wish);  // the other one need not be spared
      high = std::max<clock::duration>(high, wish + policy_.base);
    }
    if (retry_after) asked_for_rest_ = true;
    if (is_refusal) was_refused_ = true;
    // The other one may want it longer, or may have refused us; or this one has, when we wanted to move.
    if (name != "next-endpoint" && !name.starts_with("refresh-")) {
      if (has_endpoints_ && was_refused_) high = std::max<clock::duration>(high, policy_.cap);
      if ((has_endpoints_ && asked_for_rest_) || asked_beside_a_session_)
        high = std::max<clock::duration>(high, policy_.retry_after_limit + policy_.base);
    }
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

  // A name has two addresses at most; a wait that does not grow must come to an end, whatever becomes of
  // names.
  void check_next_address() {
    if (++next_address_count_ > 16) log_.violated("the wait does not grow, though each address was tried");
  }

  void check_rule(const holdfast::state_change& change, std::optional<clock::duration> session_length,
                  bool stable) {
    const auto code = change.reason.close_code;
    const auto& error = change.reason.error;
    const bool going_away = error == holdfast::error::server_going_away;
    const bool fatal = error == holdfast::error::provider_gave_up;
    const bool refused = refusal_model::is_refusal(change);
    if (fatal && !change.final) log_.violated("a provider that has given up is asked again");
    if (!fatal && !refused && change.final && change.rule != "attempt-limit" &&
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
    if (!change.final && session_length && !stable && code != 1013 && !going_away && !refused &&
        !change.rule.starts_with("flapping")) {
      log_.violated("a short session is retried by rule ", change.rule);
    }
  }

  // Asked for new credentials at the first refusal; the second in a row is the verdict (R41), and where it is
  // not final, they are asked for again each time (R54).
  void check_refresh(const holdfast::state_change& change, bool stable) {
    const bool refused = change.reason.error == holdfast::error::unauthorized;
    const bool asks = change.rule.starts_with("refresh-");
    const bool is_next = change.rule == "next-endpoint";
    const bool is_verdict = change.rule.starts_with("unauthorized") || (refused && is_next);
    if (refused && refreshed_ && (asks || is_verdict) &&
        is_verdict != (!provides_ || (*refreshed_ && !stable)))
      log_.violated("refused, and ", is_verdict ? "takes it as a verdict" : "asks for credentials once more");
    const bool is_counted = change.rule.starts_with("unauthorized (");
    const bool was_asked = asks || (is_counted && !change.final && provides_);
    const bool is_asked_still = refreshed_ && *refreshed_ && change.reason.at == holdfast::stage::provider;
    if (refreshed_ || was_asked) refreshed_ = was_asked || is_asked_still;
    if (change.reason.at != holdfast::stage::provider && !refused) refreshed_ = false;
    if (refused && is_next) refreshed_.reset();
  }

  journal& log_;
  refusal_model refusals_;
  const holdfast::retry_policy policy_;
  const bool provides_;
  const bool has_endpoints_;
  const bool next_at_once_;
  std::optional<bool> refreshed_ = false;  // with the next attempt; empty: not known
  unsigned least_ = 0;
  unsigned most_ = 0;
  unsigned doubtful_decisions_ = 0;
  unsigned next_endpoint_count_ = 0;
  unsigned next_address_count_ = 0;
  bool asked_for_rest_ = false;          // a server has
  bool asked_beside_a_session_ = false;  // likewise, when we wanted to move there
  bool was_refused_ = false;
  bool had_session_ = false;
};

}  // namespace sim
