// Updates of leases, and what follows from their answers.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

module holdfast.fleet_core;

import :entry_names;
import :worker_core;

namespace holdfast::fleet {

// All updates of a lease go through here: with the revision that it expects, so that only one of several that
// were made of the same entry is taken.
net::awaitable<result<std::uint64_t>> worker_core::write(shard& one, lease_record record) {
  const auto name = std::string(lease_prefix) + one.name;
  const auto expected = one.lease.expected();
  auto text = write_lease(record);
  if (text.size() > broker_->largest_value()) {
    note(log_level::error, "lease " + one.name + ": the states of its sessions have " +
                               std::to_string(text.size()) +
                               " bytes, more than the broker takes: the next holder begins anew");
    record.states.clear();
    one.sent_sessions.clear();  // nothing of them is stored
    text = write_lease(record);
  }
  co_return co_await broker_->update(name, std::move(text), expected);
}

// Whether what is kept here is what the newest entry leaves to the next holder.
bool worker_core::knows_states(const shard& one) {
  return one.lease.expected() == 0 || one.states_of == one.lease.expected();
}

net::awaitable<void> worker_core::take(shard& one) {
  if (!knows_states(one)) co_await refresh(one);
  if (!knows_states(one) || clock::boot() < turn_at(one)) {  // no answer, an old one, or another has it
    const bool is_away = in_touch_since_ == time_point::max();
    co_await pause(is_away ? times_.call : times_.lease / 100);
    one.is_updating = false;
    count_load(one);
    co_return plan(one);
  }
  const auto nonce = ++last_nonce_;
  const auto begun = clock::boot();
  one.lease.sends(nonce, begun);
  auto states = read_states(one.states);
  for (auto& [key, state] : states) state = state_for_third(state);
  lease_record mine{.holder = self_, .nonce = nonce, .states = write_states(states)};
  const auto how = co_await write(one, std::move(mine));
  note(log_level::debug, "take of lease " + one.name + ": " + (how ? "done" : how.error().message()));
  answered(one, nonce, begun, how);
  if (!how && how.error() == error::stale) co_await refresh(one);
  one.is_updating = false;
  count_load(one);
  plan(one);
}

net::awaitable<void> worker_core::renew(shard& one) {
  co_await collect_snapshots(one);
  if (one.lease.is_holder() && !is_finished_) {
    const auto nonce = ++last_nonce_;
    const auto begun = clock::boot();
    one.lease.sends(nonce, begun);
    one.sent_sessions[nonce] = std::exchange(one.fresh_sessions, {});
    lease_record mine{
        .holder = self_, .nonce = nonce, .epoch = one.lease.epoch(), .states = write_states(one.sessions)};
    const auto how = co_await write(one, std::move(mine));
    answered(one, nonce, begun, how);
    if (!how && how.error() == error::stale) co_await refresh(one);
  }
  one.is_updating = false;
  plan(one);
}

// The renewal does not wait long for a connection that is busy: it carries what that has left before.
net::awaitable<void> worker_core::collect_snapshots(shard& one) {
  struct collection {
    timer done;
    std::size_t left = 0;
  };
  const auto all = std::make_shared<collection>(timer(strand_));
  for (const auto& [key, each] : one.tenants) {
    const bool asked =
        each->snapshot([self = shared_from_this(), all, &one, key, which = each](std::string state) {
          net::post(self->strand_, [self, all, &one, key, which, state = std::move(state)]() mutable {
            const auto found = one.tenants.find(key);
            if (!state.empty() && found != one.tenants.end() && found->second == which) {
              one.fresh_sessions[key] = state;
              one.sessions[key] = std::move(state);
            }
            if (--all->left == 0) all->done.cancel();
          });
        });
    if (asked) ++all->left;
  }
  if (all->left != 0)
    co_await all->done.async_wait_until(clock::now() + times_.lease / 100, net::as_tuple(net::deferred));
}

// Reads the entry, because an update was refused: an earlier one of ours may have been taken, or another
// worker's.
net::awaitable<void> worker_core::refresh(shard& one) {
  const auto begun = clock::boot();
  auto name = std::string(lease_prefix) + one.name;
  const auto found = co_await broker_->get(std::move(name));
  found ? heard_of_broker() : call_failed(begun);
  if (found) saw_lease(one, *found, true);
}

void worker_core::answered(shard& one, std::uint64_t nonce, time_point begun,
                           const result<std::uint64_t>& how) {
  const auto why = how ? error_code() : how.error();
  is_silence(why) ? call_failed(begun) : heard_of_broker();
  {
    const std::lock_guard lock(mutex_);
    if (why == error::stale) ++counted_.refusals;
    if (why == error::outcome_unknown) ++counted_.unknown;
    if (how && one.lease.is_holder()) ++counted_.renewals;
  }
  if (how) {
    const bool is_new = one.lease.taken(nonce, *how);
    return is_new ? begin(one) : renewed(one, nonce);
  }
  if (why == error::stale) return one.lease.refused(nonce);
  // Also what cannot have been done is tried again only after the call's own time: the broker is in trouble.
  if (why != error::outcome_unknown && why != error::unavailable)
    note(log_level::warning, "lease " + one.name + ": " + why.message());
}

void worker_core::begin(shard& one) {
  const auto until = one.lease.acts_until(times_);
  if (clock::boot() >= until || is_draining_ || is_finished_ || one.running != 0 || one.keys.empty()) {
    // Too late, or unwanted meanwhile. It is not used; the others may have it.
    one.has_left = one.is_leaving = true;
    one.left_behind = read_states(one.states);
    ++moving_;
    return plan(one);
  }
  one.until = std::make_shared<term>();
  one.until->extend(how_.when_broker_is_lost == broker_loss::keep ? time_point::max() : until);
  auto states = read_states(std::exchange(one.states, {}));
  std::erase_if(states, [&](const auto& each) { return !one.keys.contains(each.first); });  // removed since
  one.states_of = 0;
  one.sessions = states;
  one.sent_sessions.clear();
  one.fresh_sessions.clear();
  {
    const std::lock_guard lock(mutex_);
    ++counted_.taken;
    ++counted_.shards;
  }
  count_load(one);
  for (const auto& key : one.keys) {
    const auto found = states.find(key);
    start_tenant(one, key, found != states.end() ? found->second : std::string());
  }
}

void worker_core::renewed(shard& one, std::uint64_t nonce) {
  if (!one.lease.is_holder() || !one.until) return;
  // Whoever has looked before this, and found that it does not hold, is woken.
  const auto before = one.until->ends();
  if (how_.when_broker_is_lost == broker_loss::stop) one.until->extend(one.lease.acts_until(times_));
  const bool had_run_out = clock::boot() >= before;
  for (auto sent = one.sent_sessions.begin(); sent != one.sent_sessions.end() && sent->first <= nonce;) {
    for (auto& [key, state] : sent->second) {
      if (const auto found = one.tenants.find(key); found != one.tenants.end())
        found->second->snapshot_stored(std::move(state));
    }
    sent = one.sent_sessions.erase(sent);
  }
  start_missing(one);
  if (!had_run_out) return;
  for (const auto& [key, each] : one.tenants) each->renewed();
}

// Another worker may hold it from now on: nothing of ours may act.
void worker_core::lose(shard& one, std::string_view why) {
  one.lease.drop();
  if (one.until) {
    one.until->end();
    one.until.reset();
    note(log_level::warning, "lease " + one.name + " is lost: " + std::string(why));
    const std::lock_guard lock(mutex_);
    ++counted_.lost;
    --counted_.shards;
  }
  for (const auto& [key, each] : one.tenants) {
    each->stop();
    count_held(key, false);
  }
  one.tenants.clear();
  one.sessions.clear();
  one.sent_sessions.clear();
  has_been_given(one);
  count_load(one);
  plan(one);
}

// After the broker was away, holders shall have the time to renew first.
void worker_core::heard_of_broker() {
  heard_at_ = clock::boot();
  if (in_touch_since_ != time_point::max()) return;
  in_touch_since_ = heard_at_;
  note(log_level::info, "the broker answers");
  {
    const std::lock_guard lock(mutex_);
    counted_.in_touch = true;
  }
  plan_all();
}

// One answer may be lost. If nothing at all has come since the call began, the broker is away.
void worker_core::call_failed(time_point begun) {
  if (heard_at_ >= begun || in_touch_since_ == time_point::max()) return;
  in_touch_since_ = time_point::max();
  note(log_level::warning, "the broker does not answer");
  {
    const std::lock_guard lock(mutex_);
    counted_.in_touch = false;
  }
  plan_all();
}

}  // namespace holdfast::fleet
