// The coroutines of the program, and how a shard leaves this worker in peace.
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
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.fleet_core;

import :entry_names;
import :worker_core;

namespace holdfast::fleet {
namespace {

constexpr std::size_t moves_of_a_drain = 8;  // times as many as in quiet times: nothing else is to be done

}  // namespace

// What the shard keeps of the session is meant for whoever follows this coroutine.
void worker_core::start_tenant(shard& one, const std::string& key, std::string state) {
  one.sessions[key] = state.empty() ? std::string() : state_for_third(state);
  const auto value = keys_.find(key);
  auto made = std::make_shared<tenant>(
      tenant::facts{.key = key,
                    .value = value != keys_.end() ? value->second : std::string(),
                    .epoch = one.lease.epoch(),
                    .state = std::move(state)},
      one.until,
      tenant::surroundings{.executor = executor_, .broker = broker_, .run = program_, .log = log_});
  one.tenants[key] = made;
  ++one.running;
  ++running_;
  count_held(key, true);
  made->start([self = shared_from_this(), &one, key, which = made.get()] {
    net::post(self->strand_, [self, &one, key, which] { self->tenant_ended(one, key, which); });
  });
}

// Keys that were added while the lease was held.
void worker_core::start_missing(shard& one) {
  if (!one.until || one.is_leaving || one.tenants.size() >= one.keys.size() || !one.until->holds()) return;
  for (const auto& key : one.keys) {
    if (!one.tenants.contains(key) && !one.replaced.contains(key)) start_tenant(one, key, one.sessions[key]);
  }
}

void worker_core::tenant_ended(shard& one, const std::string& key, const tenant* which) {
  --one.running;
  --running_;
  const auto found = one.tenants.find(key);
  if (found != one.tenants.end() && found->second.get() == which) {
    one.tenants.erase(found);
    count_held(key, false);
  }
  if (one.leaving) one.leaving->changed.cancel();
  if (one.running == 0) plan(one);
  wake();
}

// The key has another value, or is not wanted any more: its coroutine ends, and begins anew if it is.
net::awaitable<void> worker_core::replace_tenant(shard& one, std::string key) {
  const auto found = one.tenants.find(key);
  if (found == one.tenants.end()) co_return;
  const auto which = found->second;
  if (!one.replaced.insert(key).second) co_return;  // that one sees the newest value
  const auto left = std::make_shared<departure>(strand_);
  which->leave([self = shared_from_this(), left](std::string state) {
    net::post(self->strand_, [left, state = std::move(state)]() mutable {
      left->states[""] = std::move(state);
      left->changed.cancel();
    });
  });
  const auto is_there = [&] {
    const auto at = one.tenants.find(key);
    return at != one.tenants.end() && at->second == which;
  };
  for (const auto until = clock::boot() + times_.lease / 2; is_there() && clock::boot() < until;) {
    co_await left->changed.async_wait_until(clock::now() + times_.lease / 200, net::as_tuple(net::deferred));
  }
  const bool is_unfinished = is_there();  // it may be busy with the last messages: it shall get them again
  if (is_unfinished) which->stop();
  while (is_there()) co_await pause(times_.lease / 200);
  one.replaced.erase(key);
  if (one.leaving && !is_unfinished && !left->states[""].empty()) {
    one.leaving->states[key] = std::move(left->states[""]);
    one.leaving->changed.cancel();
  }
  if (!one.lease.is_holder() || one.is_leaving || !one.until || one.tenants.contains(key)) co_return;
  if (one.keys.contains(key)) {
    auto& state = left->states[""];
    start_tenant(one, key, state.empty() || is_unfinished ? one.sessions[key] : std::move(state));
  } else {
    one.sessions.erase(key);
  }
}

// Looks, now and then, whether others should hold what this worker does.
void worker_core::start_moves(time_point now) {
  if (is_finished_ || !caught_up_) return;
  const std::size_t allowed = is_draining_ ? how_.moves_at_once * moves_of_a_drain : how_.moves_at_once;
  if (moving_ >= allowed) return;
  if (!is_draining_) {
    if (now < moves_looked_at_ + times_.lease / 20) return;
    moves_looked_at_ = now;
    if (!spread().may_have_to_move(self_)) return;
  }
  for (auto& [name, owned] : shards_) {
    auto& one = *owned;
    if (moving_ >= allowed) return;
    if (!one.lease.is_holder() || one.is_leaving || !one.until) continue;
    if (is_draining_) {
      start_release(one, spread().first_for(one.name, self_));
    } else if (auto target = spread().better_holder(self_, one.name); is_alive(target, now)) {
      start_release(one, std::move(target));
    }
  }
}

void worker_core::start_release(shard& one, std::string target) {
  one.is_leaving = true;
  one.leaves_to = std::move(target);
  ++moving_;
  count_load(one);
  spawn([self = shared_from_this(), &one] { return self->leave(one); });
}

// Connections close and leave the state of their sessions; then coroutines get some time to end.
net::awaitable<void> worker_core::leave(shard& one) {
  const auto all = std::make_shared<departure>(strand_);
  one.leaving = all;
  for (const auto& [key, each] : one.tenants) {
    ++all->without_state;
    each->leave([self = shared_from_this(), all, key](std::string state) {
      net::post(self->strand_, [all, key, state = std::move(state)]() mutable {
        if (!state.empty()) all->states[key] = std::move(state);
        --all->without_state;
        all->changed.cancel();
      });
    });
  }
  const auto begun = clock::boot();
  std::set<std::string> unfinished;
  const auto is_done = [&] {
    return (all->without_state == 0 && one.running == 0 && one.replaced.empty()) || !one.is_leaving;
  };
  while (!is_done() && clock::boot() < begun + times_.lease / 2)  // it is renewed meanwhile
    co_await all->changed.async_wait_until(clock::now() + times_.lease / 40, net::as_tuple(net::deferred));
  if (!is_done()) {
    // Who has not ended by now may be busy with the last messages: the next holder shall get them again.
    for (const auto& [key, each] : one.tenants) {
      each->stop();
      unfinished.insert(key);
    }
  }
  const auto is_running = [&] { return one.running != 0 || !one.replaced.empty(); };
  while (!is_done() && is_running() && clock::boot() < begun + times_.lease)
    co_await all->changed.async_wait_until(clock::now() + times_.lease / 40, net::as_tuple(net::deferred));
  one.leaving.reset();
  if (!one.is_leaving) co_return;  // the lease was lost meanwhile
  if (one.running != 0)
    note(log_level::error,
         "lease " + one.name + ": a coroutine did not end when it was cancelled; the lease is given away");
  // In a suspend, or without the broker, the program may have missed what its connection had received.
  const bool has_run_out = one.until && !one.until->holds();
  if (one.until) {
    one.until->end();
    one.until.reset();
    const std::lock_guard lock(mutex_);
    --counted_.shards;
  }
  if (has_run_out) all->states.clear();
  for (const auto& key : unfinished) all->states.erase(key);  // whatever it has left since
  one.left_behind = std::move(all->states);
  // For keys that have left nothing, what the last renewal had.
  one.left_behind.insert(one.sessions.begin(), one.sessions.end());
  std::erase_if(one.left_behind, [&](const auto& each) { return !one.keys.contains(each.first); });
  one.has_left = true;
  plan(one);
}

// Writes that nobody holds it, with what the next holder needs. Nothing acts for it any more, so this is
// tried until it is certain that it was taken, or that another worker holds it.
net::awaitable<void> worker_core::give_back(shard& one) {
  const auto nonce = ++last_nonce_;
  const auto begun = clock::boot();
  const auto states = write_states(one.left_behind);
  lease_record nobodys{.nonce = nonce, .epoch = one.lease.epoch(), .next = one.leaves_to, .states = states};
  const auto how = co_await write(one, std::move(nobodys));
  how || !is_silence(how.error()) ? heard_of_broker() : call_failed(begun);
  if (how) {
    {
      const std::lock_guard lock(mutex_);
      ++counted_.handed_over;
    }
    if (one.is_leaving) {  // else the watch was faster than the answer, and perhaps another worker has it
      one.next = one.leaves_to;
      one.holder.clear();
      one.lease.saw({.revision = *how}, self_, clock::boot());
      has_been_given(one);
    }
    if (one.lease.expected() == *how) {
      one.states = states;
      one.states_of = *how;
    }
  } else if (how.error() == error::stale) {
    co_await refresh(one);
  } else {
    co_await pause(times_.lease / 100);
  }
  one.is_updating = false;
  count_load(one);
  plan(one);
  wake();
}

void worker_core::has_been_given(shard& one) {
  if (!std::exchange(one.is_leaving, false)) return;
  one.has_left = false;
  one.left_behind.clear();
  one.leaves_to.clear();
  --moving_;
}

}  // namespace holdfast::fleet
