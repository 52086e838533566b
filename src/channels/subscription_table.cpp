// The life of a subscription: wanted, asked for, served, lost, asked for again. Requests are paced, because
// many servers limit the messages of a client, and a client that comes back wants all of its channels at
// once.
module;
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

module holdfast.channels;

import holdfast.core;
import :subscription_table;

namespace holdfast::channels {
namespace {

constexpr std::chrono::seconds shortest_wait{1};
constexpr std::chrono::seconds longest_wait{60};
constexpr unsigned most_doublings = 6;
constexpr unsigned most_refusals = 5;  // in a row, of a channel that has been subscribed

clock::duration wait_after(unsigned refusals) {
  return std::min<clock::duration>(shortest_wait * (1U << std::min(refusals, most_doublings)), longest_wait);
}

std::string key_of(std::string_view name, const json::value& params) {
  std::string key(name);
  if (!params.is_null()) key.append(1, '\0').append(json::serialize(params));
  return key;
}

}  // namespace

subscription_table::subscription_table(double per_second, clock::duration patience)
    : pace_(per_second), patience_(patience) {}

subscription_table::pointer subscription_table::join(std::string_view name, std::string alias,
                                                     const subscribe_options& how,
                                                     std::shared_ptr<item_queue> subscriber) {
  auto key = alias.empty() ? key_of(name, how.params) : std::move(alias);
  auto& one = entries_[key];
  const bool is_new = !one;
  if (is_new) {
    one = std::make_shared<entry>();
    one->key = std::move(key);
    one->name = name;
    one->params = how.params;
    one->position = how.position;
    by_alias_.try_emplace(one->name, one);
  }
  one->important = one->important || how.important;
  const bool asked = !how.position.empty();
  subscriber->start_at(asked ? how.position : one->position, asked);
  if (one->state == subscription_state::subscribed) subscriber->push(subscribed{});
  one->subscribers.push_back(std::move(subscriber));
  if (is_new) want(one);
  return one;
}

subscription_table::pointer subscription_table::leave(const pointer& from,
                                                      const std::shared_ptr<item_queue>& subscriber) {
  subscriber->end({.why = subscription_end::unsubscribed});
  std::erase(from->subscribers, subscriber);
  if (!from->subscribers.empty() || from->state == subscription_state::unsubscribed) return nullptr;
  // A session that was resumed serves channels that it was not asked for.
  const bool is_known = from->id != 0 || from->state == subscription_state::subscribed;
  const bool was_asked = is_known && may_ask_;
  from->state = subscription_state::unsubscribed;
  remove(from);
  return was_asked ? from : nullptr;
}

void subscription_table::want(const pointer& one) { (one->important ? important_ : others_).push_back(one); }

void subscription_table::remove(const pointer& one) {
  if (one->id != 0) by_id_.erase(one->id);
  for (const auto& alias : {one->alias, one->name}) {
    const auto found = by_alias_.find(alias);
    if (found != by_alias_.end() && found->second == one) by_alias_.erase(found);
  }
  entries_.erase(one->key);
}

// The server knows nothing of it any more.
void subscription_table::forget_request(entry& one) {
  if (one.id != 0) by_id_.erase(one.id);
  const auto named = by_alias_.find(one.alias);
  if (named != by_alias_.end() && named->second.get() == &one) by_alias_.erase(named);
  by_alias_.try_emplace(one.name, entries_.at(one.key));
  one.id = 0;
  one.alias.clear();
  one.state = subscription_state::subscribing;
}

void subscription_table::session_ready(bool resumed) {
  may_ask_ = true;
  // The server goes on with what it served, under the same names; it has lost nothing.
  for (const auto& [key, one] : entries_) {
    const auto alias = std::exchange(one->alias, {});
    const bool was_served = std::exchange(one->was_served, false);
    if (!resumed || !was_served || one->state == subscription_state::subscribed) continue;
    one->state = subscription_state::subscribed;
    set_alias(one, alias);
    for (const auto& each : one->subscribers) each->push(subscribed{.recovered = true});
  }
}

void subscription_table::session_ended(error_code why) {
  may_ask_ = false;
  by_id_.clear();
  by_alias_.clear();
  important_.clear();
  others_.clear();
  later_.clear();
  asked_.clear();
  for (const auto& [key, one] : entries_) {
    const bool was_served = one->state == subscription_state::subscribed;
    one->id = 0;
    one->state = subscription_state::subscribing;
    by_alias_.try_emplace(one->name, one);
    want(one);
    if (!was_served) continue;
    one->was_served = true;
    for (const auto& each : one->subscribers) each->push(channels::lost{.reason = why});
  }
}

subscription_table::pointer subscription_table::pop_wanted(clock::time_point now) {
  while (!later_.empty() && later_.begin()->first <= now) {
    want(later_.begin()->second);
    later_.erase(later_.begin());
  }
  for (auto* const queue : {&important_, &others_}) {
    while (!queue->empty()) {
      auto one = std::move(queue->front());
      queue->pop_front();
      if (one->state == subscription_state::subscribing && one->id == 0) return one;
    }
  }
  return nullptr;
}

subscription_table::pointer subscription_table::take_next(clock::time_point now, std::uint64_t id) {
  if (!may_ask_ || !pace_.allows(now)) return nullptr;
  auto one = pop_wanted(now);
  if (!one) return nullptr;
  pace_.take(now);
  one->id = id;
  by_id_.emplace(id, one);
  asked_.emplace_back(now, id);
  return one;
}

std::vector<subscription_table::pointer> subscription_table::take_overdue(clock::time_point now) {
  std::vector<pointer> out;
  for (; !asked_.empty() && asked_.front().first + patience_ <= now; asked_.pop_front()) {
    auto one = by_id(asked_.front().second);
    if (one && one->state == subscription_state::subscribing) out.push_back(std::move(one));
  }
  return out;
}

clock::time_point subscription_table::next_time() const {
  if (!may_ask_) return clock::time_point::max();
  auto next = asked_.empty() ? clock::time_point::max() : asked_.front().first + patience_;
  const auto slot = pace_.next();
  if (!later_.empty()) next = std::min(next, std::max(later_.begin()->first, slot));
  const bool some_wait = !important_.empty() || !others_.empty();
  return some_wait ? std::min(next, slot) : next;
}

std::vector<subscription_table::pointer> subscription_table::asked() const {
  std::vector<pointer> out;
  for (const auto& [key, one] : entries_) {
    if (one->id != 0) out.push_back(one);
  }
  return out;
}

subscription_table::pointer subscription_table::by_id(std::uint64_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

subscription_table::pointer subscription_table::by_alias(std::string_view alias) const {
  const auto found = by_alias_.find(alias);
  return found == by_alias_.end() ? nullptr : found->second;
}

void subscription_table::set_alias(const pointer& one, std::string alias) {
  if (alias.empty()) return;
  by_alias_[alias] = one;
  one->alias = std::move(alias);
}

void subscription_table::has_worked(entry& one) {
  one.has_worked = true;
  one.refusals = 0;
}

void subscription_table::accepted(const pointer& one, std::string alias, const subscribed& how,
                                  bool confirmed) {
  if (one->state != subscription_state::subscribing) return;
  one->state = subscription_state::subscribed;
  if (confirmed) has_worked(*one);
  set_alias(one, std::move(alias));
  for (const auto& each : one->subscribers) each->push(how);
}

void subscription_table::refused(const pointer& one, call_error why, bool permanent, clock::time_point now) {
  // A channel that has worked is not given up for one refusal: the server may be about to be replaced.
  const bool may_come_back = one->has_worked && one->refusals + 1 < most_refusals;
  if (permanent && !may_come_back) return completed(one, subscription_end::refused, std::move(why));
  if (one->state == subscription_state::subscribed) return lost(one, error::server_going_away, now);
  forget_request(*one);
  later_.emplace(now + wait_after(one->refusals++), one);
}

void subscription_table::completed(const pointer& one, subscription_end why, call_error error) {
  one->state = subscription_state::unsubscribed;
  remove(one);
  for (const auto& each : std::exchange(one->subscribers, {})) each->end({.why = why, .error = error});
}

void subscription_table::lost(const pointer& one, error_code why, clock::time_point now) {
  const bool was_served = one->state == subscription_state::subscribed;
  forget_request(*one);
  later_.emplace(now + wait_after(one->refusals++), one);
  if (!was_served) return;
  for (const auto& each : one->subscribers) each->push(channels::lost{.reason = why});
}

void subscription_table::finish(error_code why) {
  may_ask_ = false;
  for (const auto& [key, one] : std::exchange(entries_, {})) {
    one->state = subscription_state::unsubscribed;
    for (const auto& each : std::exchange(one->subscribers, {}))
      each->end({.why = subscription_end::closed, .reason = why});
  }
  by_id_.clear();
  by_alias_.clear();
  important_.clear();
  others_.clear();
  later_.clear();
}

bool subscription_table::any_holds_socket() const {
  return std::ranges::any_of(entries_, [](const auto& each) {
    return std::ranges::any_of(each.second->subscribers,
                               [](const auto& queue) { return queue->holds_socket(); });
  });
}

std::vector<item_queue::receivers> subscription_table::take_receivers() {
  std::vector<item_queue::receivers> out;
  for (const auto& [key, one] : entries_) {
    for (const auto& each : one->subscribers) out.push_back(each->take_receivers());
  }
  return out;
}

void subscription_table::be_patient(clock::time_point now) {
  for (auto& [at, id] : asked_) at = now;
}

}  // namespace holdfast::channels
