// What the broker tells: keys, leases, and the other workers; and whose turn it is.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
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
#include <vector>

module holdfast.fleet_core;

import :entry_names;
import :worker_core;

namespace holdfast::fleet {

void worker_core::watch() {
  watch_ =
      broker_->watch({},
                     {.on_entry =
                          [weak = weak_from_this()](const entry& news) {
                            if (const auto self = weak.lock()) self->on_entry(news);
                          },
                      .on_caught_up =
                          [weak = weak_from_this()] {
                            const auto self = weak.lock();
                            if (!self) return;
                            self->heard_of_broker();
                            if (!std::exchange(self->caught_up_, true)) self->plan_all();
                          },
                      .on_lost =
                          [weak = weak_from_this()](error_code why) {
                            const auto self = weak.lock();
                            if (!self) return;
                            self->note(log_level::warning, "the watch was interrupted: " + why.message());
                            self->call_failed(time_point::max());
                          }},
                     strand_);
}

void worker_core::on_entry(const entry& news) {
  if (is_finished_) return;
  heard_at_ = clock::boot();
  if (const auto name = behind(lease_prefix, news.name); !name.empty()) return on_lease(name, news);
  if (const auto name = behind(key_prefix, news.name); !name.empty()) return on_key(name, news);
  if (const auto name = behind(worker_prefix, news.name); !name.empty()) return on_worker(name, news);
}

worker_core::shard& worker_core::shard_named(std::string_view name) {
  auto& at = shards_[std::string(name)];
  if (!at) at = std::make_unique<shard>(std::string(name), shards_.size());
  return *at;
}

void worker_core::on_key(std::string_view name, const entry& news) {
  const auto key = from_name(name);
  auto record = read_key(news.value);
  if (!key || !record)
    return note(log_level::error, "the entry " + one_line(news.name, 100) + " cannot be read");
  auto& known = key_revisions_[*key];
  if (news.revision <= known) return;
  known = news.revision;
  auto& one = shard_named(shard_of(*key, how_.shards));
  const bool had_keys = !one.keys.empty();
  const auto held = one.tenants.contains(*key);
  if (record->removed) {
    keys_.erase(*key);
    one.keys.erase(*key);
    if (held && !one.is_leaving && !one.keys.empty())
      spawn([self = shared_from_this(), &one, key = *key] { return self->replace_tenant(one, key); });
    if (one.keys.empty() && one.lease.is_holder() && !one.is_leaving && one.until) start_release(one, {});
  } else {
    const auto before = keys_.find(*key);
    const bool is_other = before == keys_.end() || before->second != record->value;
    keys_.insert_or_assign(*key, std::move(record->value));
    one.keys.insert(*key);
    if (held && is_other && !one.is_leaving)
      spawn([self = shared_from_this(), &one, key = *key] { return self->replace_tenant(one, key); });
    start_missing(one);
  }
  if (had_keys == one.keys.empty()) {
    had_keys ? --active_shards_ : ++active_shards_;
    if (spread_) spread_->set_shards(active_shards_);
  }
  if (!one.is_known && one.lease.expected() == 0) one.lease.saw_none(clock::boot());
  {
    const std::lock_guard lock(mutex_);
    counted_.known_keys = keys_.size();
  }
  count_load(one);
  plan(one);
  wake();
}

void worker_core::on_lease(std::string_view name, const entry& news) {
  saw_lease(shard_named(name), news, false);
}

void worker_core::saw_lease(shard& one, const std::optional<entry>& found, bool is_whole) {
  const auto now = clock::boot();
  if (!found) {
    if (!one.is_known) one.lease.saw_none(now);
    return plan(one);
  }
  if (found->revision < one.lease.expected() && one.is_known) return;  // an old one
  const auto read = read_lease(found->value);
  if (!read)
    note(log_level::error, "the entry " + one_line(found->name, 100) + " cannot be read; it counts as held");
  // A record that cannot be read belongs to nobody that we know.
  const auto& record = read.value_or(lease_record{.holder = "?"});
  one.is_known = true;
  one.holder = record.holder;
  one.next = record.next;
  if (record.holder == self_ && knows_states(one)) {
    one.states_of = found->revision;  // an update of ours came late: what we keep is newer
  } else if (is_whole) {
    one.states = record.states;
    one.states_of = found->revision;
  }
  const bool held = one.lease.is_holder();
  const bool is_news = one.lease.saw({found->revision, record.holder, record.nonce}, self_, now);
  if (held && !one.lease.is_holder()) {
    one.has_left&& record.holder.empty() ? has_been_given(one)
                                         : lose(one, "it is held by " + one_line(record.holder, 100));
  } else if (!held && is_news) {
    begin(one);
  } else if (held && record.holder == self_) {
    renewed(one, record.nonce);
  }
  count_load(one);
  plan(one);
  if (one.holder.empty() || one.due <= now) wake();
}

// Keeps the numbers of what each worker holds, or is about to take.
void worker_core::count_load(shard& one) {
  std::string whose;
  if (!one.keys.empty()) {
    if (one.is_leaving) {
      whose = one.leaves_to;
    } else if (one.lease.is_holder() || (one.is_updating && one.running == 0)) {
      whose = self_;
    } else {
      whose = one.holder.empty() ? one.next : one.holder == self_ ? std::string() : one.holder;
    }
  }
  if (whose == one.counted) return;
  for (const auto& [name, by] : {std::pair(one.counted, -1), std::pair(whose, 1)}) {
    if (name.empty()) continue;
    loads_[name] += static_cast<std::uint32_t>(by);
    if (spread_) spread_->add_load(name, by);
  }
  if (one.counted == self_) has_more_room_ = true;
  one.counted = std::move(whose);
}

void worker_core::on_worker(std::string_view name, const entry& news) {
  auto record = read_worker(news.value);
  if (!record) return note(log_level::error, "the entry " + one_line(news.name, 100) + " cannot be read");
  auto& at = fellows_[std::string(name)];
  if (news.revision <= at.revision) return;
  if (record->run == run_name_) seen_beat_ = std::max(seen_beat_, record->beat);
  const bool changes = at.revision == 0 || at.record.run != record->run ||
                       at.record.draining != record->draining || at.record.capacity != record->capacity;
  at = {std::move(*record), news.revision, clock::boot()};
  if (!changes) return;
  spread_.reset();
  plan_all();
}

void worker_core::forget_dead_workers(time_point now) {
  const auto forgotten = std::erase_if(fellows_, [&](const auto& each) {
    return now - each.second.changed > times_.lease + times_.lease / 8 && each.second.record.run != run_name_;
  });
  if (forgotten == 0) return;
  spread_.reset();
  plan_all();
}

// Has been heard of lately: a worker that is about to be given up gets nothing.
bool worker_core::is_alive(std::string_view holder, time_point now) const {
  return std::ranges::any_of(fellows_, [&](const auto& each) {
    const auto& [name, one] = each;
    return now - one.changed < times_.renew() + times_.renew() / 2 && holder.ends_with('/' + one.record.run);
  });
}

placement& worker_core::spread() {
  if (spread_) return *spread_;
  std::vector<candidate> all;
  for (const auto& [name, one] : fellows_) {
    const auto id = from_name(name);
    if (!id || one.record.draining || one.record.capacity == 0) continue;
    if (one.record.run == run_name_ && is_draining_) continue;
    const auto holder = *id + '/' + one.record.run;
    const auto load = loads_.find(holder);
    all.push_back({.holder = holder,
                   .id = *id,
                   .capacity = static_cast<double>(one.record.capacity),
                   .load = load != loads_.end() ? load->second : 0});
  }
  {
    const std::lock_guard lock(mutex_);
    counted_.workers = all.size();
  }
  return spread_.emplace(std::move(all), active_shards_);
}

// The first by the hash takes a free shard at once. The others follow one after another, so that a shard that
// the first does not take, for whatever reason, does not stay free.
worker_core::time_point worker_core::turn_at(shard& one) {
  constexpr auto never = time_point::max();
  if (!caught_up_ || !is_registered_ || is_draining_ || is_finished_ || one.keys.empty() || one.running != 0)
    return never;
  if (one.lease.is_holder()) return never;
  const auto free = one.lease.free_from(times_, in_touch_since_);
  if (free == never) return never;
  if (one.holder.empty() && one.next == self_) return free;
  auto turn = spread().turn_of(self_, one.name, one.holder, one.counted);
  if (turn == placement::no_turn) return never;
  if (one.holder.empty() && !one.next.empty()) ++turn;
  return free + static_cast<clock::rep>(turn) * (times_.lease / 40);
}

}  // namespace holdfast::fleet
