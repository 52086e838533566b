// Chooses among the endpoints: by the rule, unless the server or the program's `select` has asked for another
// one. Decides what a failure, a refusal and a server's wish mean for the wait: the next endpoint at once,
// the policy's delay, or the time at which an endpoint may be asked.
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

module holdfast.core;

namespace holdfast {

endpoint_rotation::endpoint_rotation(std::size_t count, endpoint_options given)
    : endpoint_rotation(count, std::make_shared<const endpoint_options>(std::move(given))) {}

endpoint_rotation::endpoint_rotation(std::size_t count, std::shared_ptr<const endpoint_options> given)
    : given_(std::move(given)), entries_(std::max<std::size_t>(count, 1)), sequence_(count > 1 ? count : 0) {
  std::iota(sequence_.begin(), sequence_.end(), std::size_t{0});
}

endpoint_choice endpoint_rotation::next(clock::time_point now, random_source& random) {
  endpoint_choice choice{.index = by_rule(now, random)};
  if (asked_for_ && entries_[*asked_for_].not_before <= now) choice.index = *asked_for_;
  asked_for_.reset();
  if (given_->select) {
    try {
      const auto wanted = given_->select(health(now));
      if (wanted < entries_.size()) {
        choice.index = wanted;
      } else {
        choice.problem = "endpoints.select returned " + std::to_string(wanted) + ", but there are only " +
                         std::to_string(entries_.size()) + " endpoints; ignored";
      }
    } catch (...) {
      choice.problem = "endpoints.select " + describe_thrown() + "; ignored";
    }
  }
  current_ = choice.index;
  begun_ = true;
  return choice;
}

std::size_t endpoint_rotation::by_rule(clock::time_point now, random_source& random) {
  if (entries_.size() == 1) return 0;
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

// Shuffles for a new round. The current endpoint ended the last one, so it is not the first of this one.
void endpoint_rotation::shuffle(random_source& random) {
  if (given_->order != endpoint_order::shuffled) return;
  std::ranges::shuffle(sequence_, random);
  if (begun_ && sequence_.front() == current_) std::swap(sequence_.front(), sequence_.back());
}

// An endpoint that has just failed comes after the others, however short the cool-down is.
bool endpoint_rotation::may_be_tried(std::size_t index, clock::time_point now) const {
  const bool just_failed = begun_ && index == current_ && entries_[index].failures != 0;
  return !just_failed && !entries_[index].given_up && entries_[index].rests_until() <= now;
}

// Prefers endpoints that are not given up, then those that did not ask to be left alone, then those that did
// not refuse us lately, then the one that is rested first; among equals, the first behind the current one.
std::size_t endpoint_rotation::first_to_be_rested(clock::time_point now) const {
  auto candidates = sequence_;
  std::ranges::rotate(candidates, std::ranges::find(candidates, current_) + 1);
  return *std::ranges::min_element(candidates, {}, [&](std::size_t index) {
    const auto& each = entries_[index];
    return std::tuple(each.given_up, each.not_before > now, each.refused_until > now, each.rests_until());
  });
}

bool endpoint_rotation::all_are_given_up() const { return std::ranges::all_of(entries_, &entry::given_up); }

bool endpoint_rotation::any_is_untried(clock::time_point now) const {
  return std::ranges::any_of(entries_, [&](const entry& each) {
    return !each.failed_in_this_round && !each.given_up && each.may_be_asked_at() <= now;
  });
}

void endpoint_rotation::fill(attempt_record& record, bool is_refusal, const retry_policy& policy) const {
  const auto& it = entries_[current_];
  const bool stable = policy.is_stable(record.session_length);
  const unsigned before = stable ? 0U : it.refusals;
  record.had_stable_session = it.had_stable_session || stable;
  record.refusals = is_refusal ? before + 1 : 0U;
  record.other_endpoint =
      std::ranges::any_of(entries_, [&](const entry& each) { return &each != &it && !each.given_up; });
}

retry_decision endpoint_rotation::ended(const attempt_record& record, retry_decision decision,
                                        const retry_policy& policy, clock::time_point now) {
  auto& it = entries_[current_];
  const bool stable = policy.is_stable(record.session_length);
  const bool refused = record.refusals != 0;
  if (stable) succeeded(current_);
  note_wish(record, decision, policy, now);
  // If the credentials are to be refreshed, the fault is theirs, and they would fail elsewhere, too.
  const bool is_to_blame = refused || (!stable && !decision.refresh);
  // A `select` that insists on one endpoint must not make us hammer it: only its first failure in a round is
  // followed by an attempt at once.
  const bool first_failure = !it.failed_in_this_round;
  if (is_to_blame) failed(current_, now);
  note_refusal(record, decision, policy, now);
  if (decision.refusal && all_are_given_up()) decision.retry_in.reset();
  if (!decision.retry_in) return decision;
  const bool may_be_at_once = is_to_blame && given_->next_at_once && first_failure && !record.session_length;
  if (may_be_at_once && any_is_untried(now)) {
    decision.retry_in = clock::duration::zero();
    decision.rule = "next-endpoint";
    return decision;
  }
  // What this one has asked for does not delay another one that may be asked before.
  if (decision.elsewhere_in && *decision.elsewhere_in < *decision.retry_in &&
      first_to_be_asked() < it.may_be_asked_at()) {
    decision.retry_in = decision.elsewhere_in;
    if (decision.rule.ends_with(retry_after_suffix))
      decision.rule.resize(decision.rule.size() - retry_after_suffix.size());
  }
  // If every endpoint has asked to be left alone or refuses us, the wait lasts until the first of them may be
  // asked (R7, R53, R54).
  decision.retry_in = std::max(*decision.retry_in, first_to_be_asked() - now);
  return decision;
}

// An endpoint that refuses us is not asked again before the policy's wait is over, nor before half the cap if
// the next attempt goes elsewhere (R54).
void endpoint_rotation::note_refusal(const attempt_record& record, const retry_decision& decision,
                                     const retry_policy& policy, clock::time_point now) {
  auto& it = entries_[current_];
  it.refusals = record.refusals;
  it.refused_until = {};
  if (decision.refusal) it.given_up = true;
  if (record.refusals == 0 || !decision.retry_in || decision.refusal) return;
  const bool goes_elsewhere = record.session_length && record.other_endpoint;
  const auto least = goes_elsewhere ? clock::duration(policy.cap) / 2 : clock::duration{};
  it.refused_until = now + std::max(*decision.retry_in, least);
}

// Keeps the wish as the policy has made it, jitter included, so that clients with the same wish do not come
// at once even if the same event wakes them. If retry_policy::decide returned a shorter wait, it has
// overruled the wish. A wish that cannot be read is as long as the wait that was drawn for it (R52).
void endpoint_rotation::note_wish(const attempt_record& record, const retry_decision& decision,
                                  const retry_policy& policy, clock::time_point now) {
  const bool is_for_this = decision.retry_in && !decision.refusal;
  const auto wish = wish_of(record, policy);
  const auto long_wait = unreadable_wish(policy);
  clock::duration span = wish;
  if (is_for_this && wish != clock::duration::zero())
    span = *decision.retry_in < wish ? clock::duration{} : std::min(*decision.retry_in, wish + policy.base);
  if (record.retry_after_unreadable && is_for_this && *decision.retry_in >= long_wait / 2)
    span = std::max(span, std::min(*decision.retry_in, long_wait));
  auto& it = entries_[current_];
  it.not_before = std::max(it.not_before, now + span);
}

void endpoint_rotation::failed(std::size_t index, clock::time_point now, clock::duration at_least) {
  auto& it = entries_.at(index);
  ++it.failures;
  it.failed_in_this_round = true;
  it.not_before = std::max(it.not_before, now + at_least);
  it.cools_until = now + given_->cool_down;
}

// A stable session ends the verdicts of earlier rounds (R54). The servers' wishes stay.
void endpoint_rotation::succeeded(std::size_t index) {
  auto& it = entries_.at(index);
  it = {.had_stable_session = true, .not_before = it.not_before};
  for (auto& each : entries_) each.failed_in_this_round = each.given_up = false;
}

void endpoint_rotation::was_stable(std::size_t index) {
  auto& it = entries_.at(index);
  it.had_stable_session = true;
  it.refusals = 0;
}

void endpoint_rotation::forget_failures() {
  for (auto& each : entries_)
    each = {.had_stable_session = each.had_stable_session, .not_before = each.not_before};
}

clock::time_point endpoint_rotation::first_to_be_asked() const {
  if (all_are_given_up()) return {};
  auto first = clock::time_point::max();
  for (const auto& each : entries_) {
    if (!each.given_up) first = std::min(first, each.may_be_asked_at());
  }
  return first;
}

clock::time_point endpoint_rotation::allowed_at(clock::time_point now) const {
  if (all_are_given_up()) return now;
  auto earliest = clock::time_point::max();
  for (const auto& each : entries_) {
    if (!each.given_up) earliest = std::min(earliest, each.not_before);
  }
  return std::max(now, earliest);
}

clock::time_point endpoint_rotation::last_wish_ends() const {
  return std::ranges::max(entries_, {}, &entry::not_before).not_before;
}

void endpoint_rotation::forget_wishes() {
  for (auto& each : entries_) each.not_before = {};
}

std::vector<endpoint_health> endpoint_rotation::health(clock::time_point now) const {
  std::vector<endpoint_health> out;
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    const auto& each = entries_[index];
    out.push_back({.index = index,
                   .current = begun_ && index == current_,
                   .failures = each.failures,
                   .cooling_for = std::max(each.rests_until() - now, clock::duration::zero()),
                   .given_up = each.given_up});
  }
  return out;
}

}  // namespace holdfast
