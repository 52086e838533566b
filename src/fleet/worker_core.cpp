// The loop of a worker: what is due is done, then it waits for the next time or for news.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.fleet_core;

import :entry_names;
import :worker;
import :worker_core;

namespace holdfast::fleet {
namespace {

constexpr std::chrono::seconds longest_wait{1};  // after a suspend the worker looks up soon

std::string run_name(const worker_options& how) {
  std::random_device device;
  const auto drawn =
      how.random_seed ? std::mt19937_64(*how.random_seed)() : std::uint64_t{device()} << 32U | device();
  std::string out;
  for (int digit = 0; digit < 16; ++digit)
    out += "0123456789abcdef"[drawn >> static_cast<unsigned>(4 * digit) & 15U];
  return out;
}

worker_options checked(worker_options how) {
  validate(how);
  return how;
}

}  // namespace

worker_core::worker_core(net::any_io_executor executor, std::shared_ptr<coordinator> broker,
                         worker_options how)
    : how_(checked(std::move(how))),
      times_{.lease = how_.lease_time, .call = how_.lease_time / 10},
      executor_(std::move(executor)),
      strand_(net::make_strand(executor_)),
      broker_(std::move(broker)),
      log_(std::make_shared<const tenant::log_function>(how_.log)),
      run_name_(run_name(how_)),
      self_(how_.id + '/' + run_name_),
      entry_(std::string(worker_prefix) + to_name(how_.id)),
      wake_(strand_) {
  if (!broker_) throw std::invalid_argument("worker: the coordinator must not be null");
}

void worker_core::note(log_level level, std::string_view line) const {
  if (*log_) (*log_)(level, "fleet " + how_.fleet + ": " + std::string(line));
}

template <class Routine>
void worker_core::spawn(Routine routine) {
  net::co_spawn(strand_, std::move(routine), [self = shared_from_this()](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
    self->wake();
  });
}

net::awaitable<void> worker_core::pause(clock::duration span) {
  timer waits(strand_);
  co_await waits.async_wait_until(clock::now() + span, net::as_tuple(net::deferred));
}

net::awaitable<void> worker_core::run(tenant::program for_each_key) {
  if (has_begun_.exchange(true)) throw std::logic_error("worker: run() was called before");
  const auto self = shared_from_this();
  program_ = std::make_shared<const tenant::program>(std::move(for_each_key));
  auto waits = see_to_end();
  co_await net::co_spawn(strand_, std::move(waits), net::use_awaitable);
}

// The loop runs beside, because a cancellation of run() must not cut what a hand-over awaits. On the strand.
net::awaitable<void> worker_core::see_to_end() {
  const auto self = shared_from_this();
  const auto done = std::make_shared<timer>(strand_);
  const auto is_done = std::make_shared<bool>(false);
  net::co_spawn(
      strand_, [self] { return self->live(); },
      [done, is_done](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
        *is_done = true;
        done->cancel();
      });
  bool cancelled = false;
  co_await net::this_coro::throw_if_cancelled(false);
  while (!*is_done) {
    co_await done->async_wait_until(clock::time_point::max(), net::as_tuple(net::deferred));
    const auto state = co_await net::this_coro::cancellation_state;
    if (state.cancelled() == net::cancellation_type::none || cancelled) continue;
    cancelled = true;
    drain();
    co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
  }
  if (why_finished_) throw boost::system::system_error(why_finished_);
  if (cancelled) throw boost::system::system_error(net::error::operation_aborted);
}

void worker_core::drain() {
  net::post(strand_, [self = shared_from_this()] {
    if (std::exchange(self->is_draining_, true)) return;
    self->note(log_level::info, "draining");
    self->spread_.reset();
    self->wake();
  });
}

void worker_core::abandon() {
  net::post(strand_, [self = shared_from_this()] { self->finish(net::error::operation_aborted); });
}

void worker_core::wake() { wake_.cancel(); }

void worker_core::finish(error_code why) {
  if (is_finished_) return;
  is_finished_ = true;
  why_finished_ = why;
  wake();
}

net::awaitable<void> worker_core::live() {
  const auto alive = shared_from_this();
  co_await agree_on_settings();
  if (!is_finished_) {
    service_ = broker_->serve(
        "to." + to_name(self_),
        [weak = weak_from_this()](std::string payload, std::function<void(std::string)> reply) {
          if (const auto self = weak.lock()) self->on_request(payload, std::move(reply));
        },
        strand_);
    watch();
    spawn([self = shared_from_this()] { return self->beat(); });
  }
  while (!is_finished_) {
    const auto now = clock::boot();
    look(now);
    if (is_draining_ && has_handed_over_all()) break;
    auto next = now + longest_wait;
    if (!schedule_.empty()) next = std::min(next, schedule_.begin()->first.first);
    if (has_more_room_) next = std::min(next, room_looked_at_ + times_.lease / 40);
    if (next > now)
      co_await wake_.async_wait_until(clock::now() + (next - now), net::as_tuple(net::deferred));
  }
  is_finished_ = true;
  end_all();
  while (running_ != 0)
    co_await wake_.async_wait_until(clock::now() + longest_wait, net::as_tuple(net::deferred));
  watch_.reset();
  service_.reset();
  if (is_registered_ && !why_finished_) {
    // Best effort: without it the others wait until this entry is old.
    const auto text = write_worker({.run = run_name_, .capacity = 0, .draining = true, .beat = ++beats_});
    [[maybe_unused]] const auto last = co_await broker_->update(entry_, text, own_revision_);
  }
}

bool worker_core::has_handed_over_all() const {
  return std::ranges::all_of(shards_, [](const auto& each) {
    const auto& one = *each.second;
    return !one.lease.is_holder() && !one.is_updating && one.running == 0;
  });
}

void worker_core::end_all() {
  for (auto& [name, one] : shards_) {
    if (one->lease.is_holder()) lose(*one, "the worker ends");
  }
}

// The first worker of a fleet writes them down.
net::awaitable<void> worker_core::agree_on_settings() {
  const settings_record wanted{.shards = how_.shards,
                               .lease_ms = static_cast<std::uint64_t>(how_.lease_time.count())};
  const std::string name(settings_name);
  const auto text = write_settings(wanted);
  while (!is_finished_) {
    const auto found = co_await broker_->get(name);
    error_code failed = found ? error_code() : found.error();
    if (found && *found) {
      const auto read = read_settings((*found)->value);
      if (read && *read == wanted) co_return;
      note(log_level::error, "it exists with shards " + std::to_string(read ? read->shards : 0) +
                                 " and a lease time of " + std::to_string(read ? read->lease_ms : 0) + " ms");
      co_return finish(make_error_code(error::other_settings));
    }
    if (found) {
      const auto made = co_await broker_->update(name, text, 0);
      if (made) co_return;
      failed = made.error();
    }
    if (failed == error::refused || failed == error::no_jetstream || failed == error::other_settings)
      co_return finish(failed);
    if (is_draining_) co_return finish({});
    if (failed != error::stale) note(log_level::warning, "waits for the broker: " + failed.message());
    co_await pause(std::chrono::seconds(1));
  }
}

// Tells the others that this worker is alive, and itself that its watch is.
net::awaitable<void> worker_core::beat() {
  std::uint64_t written = 0;
  while (!is_finished_) {
    const auto number = ++beats_;
    const auto text =
        write_worker({.run = run_name_, .capacity = how_.capacity, .draining = is_draining_, .beat = number});
    const auto begun = clock::boot();
    const auto how = co_await broker_->update(entry_, text, own_revision_);
    how || !is_silence(how.error()) ? heard_of_broker() : call_failed(begun);
    if (how) {
      own_revision_ = *how;
      if (!std::exchange(is_registered_, true)) plan_all();
      if (written != 0 && seen_beat_ < written) {
        note(log_level::warning, "the watch has not shown what was written; it begins again");
        watch();
      }
      written = number;
    } else if (how.error() == error::stale) {
      const auto found = co_await broker_->get(entry_);
      if (found && *found) {
        const auto read = read_worker((*found)->value);
        if (is_registered_ && read && read->run != run_name_ && (*found)->revision > own_revision_) {
          note(log_level::error, "another process runs under the id " + how_.id);
          co_return finish(make_error_code(error::id_in_use));
        }
        own_revision_ = (*found)->revision;
        continue;
      }
    }
    const auto until =
        clock::boot() + (how ? times_.renew() : std::min<clock::duration>(times_.renew(), times_.call));
    const bool drained = is_draining_;
    while (!is_finished_ && clock::boot() < until && drained == is_draining_)
      co_await pause(times_.lease / 40);
  }
}

void worker_core::look(time_point now) {
  forget_dead_workers(now);
  if (has_more_room_ && now >= room_looked_at_ + times_.lease / 40) plan_unclaimed();
  while (!schedule_.empty() && schedule_.begin()->first.first <= now) {
    auto& one = *schedule_.begin()->second;
    schedule_.erase(schedule_.begin());
    one.due = time_point::max();
    look_at(one, now);
    plan(one);
  }
  start_moves(now);
}

void worker_core::look_at(shard& one, time_point now) {
  if (one.lease.is_holder() && !one.has_left && now >= one.lease.acts_until(times_) &&
      how_.when_broker_is_lost == broker_loss::stop) {
    one.states = write_states(one.sessions);  // should nobody else take it meanwhile
    lose(one, "it was not renewed in time");
    one.states_of = one.lease.expected();
  }
  if (one.is_updating || is_finished_) return;
  const auto expires = one.lease.acts_until(times_) + (times_.lease - times_.give_up());
  if (one.has_left && is_draining_ && now >= expires) {
    note(log_level::warning, "lease " + one.name + " could not be given back: the broker does not answer");
    one.lease.drop();
    has_been_given(one);
    return count_load(one);
  }
  if (one.has_left) {
    one.is_updating = true;
    return spawn([self = shared_from_this(), &one] { return self->give_back(one); });
  }
  const bool wanted = now >= turn_at(one);
  switch (one.lease.next(times_, now, in_touch_since_, wanted)) {
    case tenancy::wish::none:
      return;
    case tenancy::wish::renew:
      one.is_updating = true;
      return spawn([self = shared_from_this(), &one] { return self->renew(one); });
    case tenancy::wish::take:
      one.is_updating = true;
      count_load(one);
      return spawn([self = shared_from_this(), &one] { return self->take(one); });
  }
}

// Writes down when to look at the shard again.
void worker_core::plan(shard& one) {
  schedule_.erase({one.due, one.number});
  one.due = one.lease.look_at(times_, in_touch_since_);
  if (one.has_left) one.due = clock::boot() + times_.lease / 100;
  if (one.is_updating && !one.lease.is_holder())
    one.due = time_point::max();  // planned again when that is over
  if (one.is_updating && one.lease.is_holder())
    one.due = one.has_left ? time_point::max() : one.lease.acts_until(times_);
  const auto now = clock::boot();
  // Whose turn it is matters only once it is free.
  if (!one.lease.is_holder() && one.due <= now) one.due = std::max(one.due, turn_at(one));
  // With broker_loss::keep a lease may be over, and go on.
  if (one.lease.is_holder() && how_.when_broker_is_lost == broker_loss::keep)
    one.due = std::max(one.due, now + times_.lease / 100);
  if (one.due != time_point::max()) schedule_.emplace(std::pair(one.due, one.number), &one);
}

// Shards for which this worker had no room when they were looked at last.
void worker_core::plan_unclaimed() {
  has_more_room_ = false;
  room_looked_at_ = clock::boot();
  for (auto& [name, one] : shards_) {
    if (one->due == time_point::max() && !one->lease.is_holder() && !one->keys.empty()) plan(*one);
  }
}

void worker_core::plan_all() {
  for (auto& [name, one] : shards_) plan(*one);
  wake();
}

void worker_core::count_held(const std::string& key, bool held) {
  const std::lock_guard lock(mutex_);
  held ? void(held_.insert(key)) : void(held_.erase(key));
  counted_.keys = held_.size();
}

worker_stats worker_core::stats() const {
  const std::lock_guard lock(mutex_);
  return counted_;
}

std::vector<std::string> worker_core::held_keys() const {
  const std::lock_guard lock(mutex_);
  return {held_.begin(), held_.end()};
}

worker::worker(net::any_io_executor executor, std::shared_ptr<coordinator> broker, worker_options how)
    : core_(std::make_shared<worker_core>(std::move(executor), std::move(broker), std::move(how))) {}
worker::worker(worker&&) noexcept = default;
worker& worker::operator=(worker&& other) noexcept {
  if (this != &other) {
    if (core_) core_->abandon();
    core_ = std::move(other.core_);
  }
  return *this;
}
worker::~worker() {
  if (core_) core_->abandon();
}

net::awaitable<void> worker::run(program for_each_key) { return core_->run(std::move(for_each_key)); }
void worker::drain() { core_->drain(); }
worker_stats worker::stats() const { return core_->stats(); }
std::vector<std::string> worker::held_keys() const { return core_->held_keys(); }

}  // namespace holdfast::fleet
