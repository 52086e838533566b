// When a refusal of the server is final, and when it is only counted (R54), written down a second time. With
// one endpoint this is exact; with two it is not known from outside which of them a session was at, so less
// is said.
#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "journal.hpp"
#include "plan.hpp"

import holdfast;

namespace sim {

// The name of a rule without what history adds to it.
inline std::string_view base_of(std::string_view rule) {
  return rule.substr(0, std::min(rule.find('+'), rule.find(" (")));
}

class refusal_model {
 public:
  refusal_model(journal& log, const plan& from)
      : log_(log), most_allowed_(from.options.retry.refusals_before_final), has_endpoints_(from.endpoints) {}

  // A session that lasted has ended, or has gone on over another socket; `surely`: the policy was asked.
  void was_stable(bool surely) {
    may_have_worked_ = true;
    if (surely && !has_endpoints_) has_worked_ = true;
    if (surely) most_ = most_out_ = 0;
    least_ = least_out_ = 0;
  }
  // A command may have made failures forgotten.
  void may_reset() { least_ = least_out_ = 0; }

  // True: this is one, whatever the rule says of it.
  [[nodiscard]] static bool is_refusal(const holdfast::state_change& change) {
    const auto any_of = [](auto value, auto... of) { return ((value == of) || ...); };
    const auto& why = change.reason;
    if (why.error == holdfast::error::unauthorized)
      return !change.rule.starts_with("refresh-");  // what comes before is checked by the model of refreshes
    return why.error == holdfast::error::login_refused ||
           why.error == holdfast::error::subprotocol_mismatch ||
           (why.error != holdfast::error::server_going_away &&
            any_of(why.close_code, 1002, 1003, 1007, 1009, 1010)) ||
           (why.at == holdfast::stage::upgrade && any_of(why.http_status, 400U, 404U, 405U, 410U, 426U));
  }

  // Behind was_stable(), if the session was.
  void check(const holdfast::state_change& change) {
    if (!is_refusal(change)) {
      least_ = most_ = 0;
      return;
    }
    const auto name = base_of(change.rule);
    const bool is_hidden = name == "attempt-limit" || name == "first-connect-failed" ||
                           name == "next-endpoint" || name == "next-address";
    const auto count = count_in(change.rule);
    if (count) {
      check_counted(change, *count);
    } else if (!is_hidden) {
      check_verdict(change);
    } else {
      least_ = 0;
      ++most_;
    }
    if (!change.final && !count && !may_have_worked_) ++least_out_;
    if (least_out_ > 1) log_.violated("both endpoints have refused for good, and it is tried again");
    ++most_out_;
  }

 private:
  // The n of "NAME (n of m)".
  [[nodiscard]] std::optional<unsigned> count_in(const std::string& rule) const {
    const auto begin = rule.find(" (");
    if (begin == std::string::npos) return std::nullopt;
    unsigned n = 0;
    unsigned of = 0;
    const auto* const end = rule.data() + rule.size();
    const auto first = std::from_chars(rule.data() + begin + 2, end, n);
    if (first.ptr + 4 < end) std::from_chars(first.ptr + 4, end, of);
    if (of != most_allowed_) log_.violated("the rule ", rule, " counts to another number than the option");
    return n;
  }

  void check_counted(const holdfast::state_change& change, unsigned n) {
    if (!may_have_worked_) log_.violated("a refusal is counted, though no session has been stable");
    if (n == 0 || n > most_allowed_) log_.violated("a refusal has the number ", n);
    const bool known = !has_endpoints_;
    const auto least = std::min(least_ + 1, most_allowed_);
    const auto most = std::min(most_ + 1, most_allowed_);
    if (known && (n < least || n > most))
      log_.violated("refusal ", n, " in a row should be one of ", least, " to ", most);
    if (change.final && n < most_allowed_) log_.violated("final by ", change.rule);
    if (known && !change.final && n >= most_allowed_) log_.violated("goes on after ", change.rule);
    least_ = most_ = n;
  }

  // Without a number: final, for this endpoint.
  void check_verdict(const holdfast::state_change& change) {
    if (has_worked_)
      log_.violated("one refusal is a verdict, though a session has been stable: ", change.rule);
    if (!has_endpoints_ && !change.final) log_.violated("a fatal answer is retried");
    if (has_endpoints_ && change.final && most_out_ == 0)
      log_.violated("final, though only one of two endpoints has refused");
    least_ = 0;
    ++most_;
  }

  journal& log_;
  const unsigned most_allowed_;
  const bool has_endpoints_;
  bool may_have_worked_ = false;  // a session has been stable
  bool has_worked_ = false;       // for certain, at the only endpoint
  unsigned least_ = 0;            // in a row
  unsigned most_ = 0;
  unsigned least_out_ = 0;  // endpoints that are given up
  unsigned most_out_ = 0;
};

}  // namespace sim
