// The choice among the endpoints: first the rule, then whoever may overrule it. Then what a failure means for
// the wait: the next endpoint at once, or the policy's delay.
module;
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "planted_bugs.hpp"

module holdfast;

namespace holdfast {

endpoint_rotation::endpoint_rotation(std::size_t count, endpoint_options given)
    : endpoint_rotation(count, std::make_shared<const endpoint_options>(std::move(given))) {}

endpoint_rotation::endpoint_rotation(std::size_t count, std::shared_ptr<const endpoint_options> given)
    : given_(std::move(given)), entries_(std::max<std::size_t>(count, 1)), sequence_(entries_.size()) {
  std::iota(sequence_.begin(), sequence_.end(), std::size_t{0});
}

endpoint_choice endpoint_rotation::next(clock::time_point now, random_source& random) {
  endpoint_choice choice{.index = by_rule(now, random)};
  if (asked_for_) choice.index = *std::exchange(asked_for_, std::nullopt);
  if (given_->select) {
    try {
      const auto wanted = given_->select(health(now));
      if (wanted < entries_.size()) {
        choice.index = wanted;
      } else {
        choice.problem = "endpoints.select returned " + std::to_string(wanted) + ", but there are only " +
                         std::to_string(entries_.size()) + " endpoints; ignored";
      }
    } catch (const std::exception& e) {
      choice.problem = std::string("endpoints.select threw, ignored: ") + e.what();
    } catch (...) {
      choice.problem = "endpoints.select threw, ignored";
    }
  }
  current_ = choice.index;
  begun_ = true;
  return choice;
}

std::size_t endpoint_rotation::by_rule(clock::time_point now, random_source& random) {
  if (!begun_) shuffle(random);
  if (given_->prefer_primary && may_be_tried(0, now)) return 0;
  if (!begun_) return sequence_.front();
  if (entries_[current_].failures == 0 && may_be_tried(current_, now)) return current_;
  const auto usable = [&](std::size_t index) { return may_be_tried(index, now); };
  const auto behind = std::ranges::find(sequence_, current_) + 1;
  if (const auto found = std::find_if(behind, sequence_.end(), usable); found != sequence_.end())
    return *found;
  shuffle(random);
  if (const auto found = std::ranges::find_if(sequence_, usable); found != sequence_.end()) return *found;
  return first_to_be_rested(now);
}

// For a round of its own, in which the current one, which ended the last, is not the first.
void endpoint_rotation::shuffle(random_source& random) {
  if (given_->order != endpoint_order::shuffled) return;
  std::ranges::shuffle(sequence_, random);
  if (begun_ && sequence_.front() == current_) std::swap(sequence_.front(), sequence_.back());
}

// The one that has just failed has its turn after the others, however short the cool-down is.
bool endpoint_rotation::may_be_tried(std::size_t index, clock::time_point now) const {
  const bool just_failed = begun_ && index == current_ && entries_[index].failures != 0;
  return !just_failed && entries_[index].rests_until <= now;
}

// Those that did not ask to be left alone go first; among equals, whoever follows the current one.
std::size_t endpoint_rotation::first_to_be_rested(clock::time_point now) const {
  auto candidates = sequence_;
  std::ranges::rotate(candidates, std::ranges::find(candidates, current_) + 1);
  return *std::ranges::min_element(candidates, {}, [&](std::size_t index) {
    const auto& each = entries_[index];
    return std::pair(each.not_before > now, each.rests_until);
  });
}

bool endpoint_rotation::any_is_untried(clock::time_point now) const {
  return std::ranges::any_of(
      entries_, [&](const entry& each) { return !each.failed_in_this_round && each.not_before <= now; });
}

retry_decision endpoint_rotation::ended(const attempt_record& record, retry_decision decision,
                                        clock::duration stable_after, clock::time_point now) {
  if (record.session_length && *record.session_length >= stable_after) {
    succeeded(current_);
    return decision;
  }
  if (decision.refresh) return decision;  // the credentials are to blame, and would be elsewhere, too
  // A `select` that insists on one endpoint must not make us hammer it: only its first failure counts here.
  const bool never_rests = entries_.size() > 1 && planted::has(planted::bug::endpoints_never_rest);
  const bool first_failure = !entries_[current_].failed_in_this_round || never_rests;
  failed(current_, now,
         record.retry_after ? decision.retry_in.value_or(clock::duration{}) : clock::duration{});
  if (!decision.retry_in) return decision;
  if (given_->next_at_once && first_failure && !record.session_length && (any_is_untried(now) || never_rests))
    return {.retry_in = clock::duration::zero(), .rule = "next-endpoint"};
  // With a single one, the policy has said it all.
  if (entries_.size() == 1) return decision;
  // If each of them asked to be left alone, none is disturbed before the first of them allows it (R7).
  const auto allowed = std::ranges::min(entries_, {}, &entry::not_before).not_before;
  if (now + *decision.retry_in < allowed) decision.retry_in = allowed - now;
  return decision;
}

void endpoint_rotation::failed(std::size_t index, clock::time_point now, clock::duration at_least) {
  auto& it = entries_.at(index);
  ++it.failures;
  it.failed_in_this_round = true;
  it.not_before = std::max(it.not_before, now + at_least);
  it.rests_until = std::max(it.not_before, now + given_->cool_down);
}

void endpoint_rotation::succeeded(std::size_t index) {
  entries_.at(index) = {};
  for (auto& each : entries_) each.failed_in_this_round = false;
}

void endpoint_rotation::forget_failures() {
  for (auto& each : entries_) {
    each.failures = 0;
    each.failed_in_this_round = false;
    each.rests_until = each.not_before;  // what a server asked for holds
  }
}

std::vector<endpoint_health> endpoint_rotation::health(clock::time_point now) const {
  std::vector<endpoint_health> out;
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    const auto& each = entries_[index];
    out.push_back({.index = index,
                   .current = begun_ && index == current_,
                   .failures = each.failures,
                   .cooling_for = std::max(each.rests_until - now, clock::duration::zero())});
  }
  return out;
}

}  // namespace holdfast
