// Listeners: each has its place in the ring. Those on the connection's own executor form one group, any other
// is a group of its own. A group makes one call at a time: next to the listener furthest behind, among equals
// the first registered. So all of a group see a transition, in order of registration, before any sees the
// next.
module;
#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

module holdfast.core;

import :channel;

namespace holdfast {
namespace {

constexpr std::size_t suspicious_listener_count = 10;

// Each callback may remove its listener or destroy the handle, so `wanted` is checked before the next one.
// One that throws does not keep the others from being called.
template <class Wanted, class Thrown>
void call_all(const connection_listener& callbacks, const observed_change& change, bool new_session,
              const Wanted& wanted, const Thrown& thrown) {
  const auto call_if = [&](const std::function<void(const observed_change&)>& callback,
                           const observed_change& what) {
    if (!callback || !wanted()) return;
    try {
      callback(what);
    } catch (...) {
      thrown();
    }
  };
  if (is_failure(change)) call_if(callbacks.on_connection_error, change);
  if (is_about_lateness(change)) {
    call_if(callbacks.on_unresponsive, change);
    return call_if(callbacks.on_state_change, change);
  }
  switch (change.to) {
    case connection_state::connecting:
      call_if(callbacks.on_connecting, change);
      break;
    case connection_state::connected:
      call_if(callbacks.on_connected, change);
      break;
    case connection_state::disconnected:
      call_if(callbacks.on_disconnected, change);
      break;
    case connection_state::feature_throttled:
      call_if(callbacks.on_feature_throttled, change);
      break;
  }
  if (new_session) call_if(callbacks.on_session, change);
  call_if(callbacks.on_state_change, change);
}

bool is_usable(connection_state state) {
  return state == connection_state::connected || state == connection_state::feature_throttled;
}

}  // namespace

bool state_channel::add_listener(std::string id, connection_listener callbacks, listener_options how) {
  std::size_t count = 1;
  {
    const std::lock_guard lock(mutex_);
    bool taken = false;
    for (const auto& each : groups_) {
      count += each->listeners.size();
      taken = taken || std::ranges::any_of(each->listeners, [&](const auto& one) { return one->id == id; });
    }
    if (taken) {
      count = 0;
    } else {
      const auto& target = group_for(how.executor);
      const auto first = how.replay_current && last_ != 0 ? last_ : last_ + 1;
      target->listeners.push_back(std::make_shared<listener>(listener{id, std::move(callbacks), first}));
      schedule(target);
    }
  }
  if (count == 0) {
    log_->write(log_level::warning, "listener \"" + id + "\" was refused: another listener has this ID");
    return false;
  }
  if (count > suspicious_listener_count) {
    log_->write(log_level::warning, "the connection has " + std::to_string(count) +
                                        " listeners: is one added repeatedly and never removed?");
  }
  return true;
}

// An empty executor means the connection's own.
const std::shared_ptr<state_channel::group>& state_channel::group_for(const net::any_io_executor& executor) {
  if (executor) return groups_.emplace_back(std::make_shared<group>(group{.executor = executor}));
  if (groups_.empty() || !groups_.front()->own) {
    groups_.insert(groups_.begin(), std::make_shared<group>(group{.executor = executor_, .own = true}));
  }
  return groups_.front();
}

bool state_channel::remove_listener(std::string_view id) {
  std::shared_ptr<listener> removed;  // destroyed after the unlock, with what its callbacks own
  std::unique_lock lock(mutex_);
  for (auto each = groups_.begin(); each != groups_.end(); ++each) {
    auto& listeners = (*each)->listeners;
    const auto found = std::ranges::find_if(listeners, [&](const auto& one) { return one->id == id; });
    if (found == listeners.end()) continue;
    removed = *found;
    removed->removed = true;
    listeners.erase(found);
    if (listeners.empty() && !(*each)->own) groups_.erase(each);
    removed->running.wait(lock, idle_);
    report_if_told(lock);
    return true;
  }
  return false;
}

void state_channel::abandon() {
  finish(net::error::operation_aborted);
  std::vector<std::shared_ptr<listener>> all;  // destroyed after the unlock, with what their callbacks own
  std::unique_lock lock(mutex_);
  for (const auto& each : groups_) {
    for (auto& one : std::exchange(each->listeners, {})) {
      one->removed = true;
      all.push_back(std::move(one));
    }
  }
  std::erase_if(groups_, [](const auto& each) { return !each->own; });
  for (const auto& one : all) one->running.wait(lock, idle_);
  report_if_told(lock);
}

// A group is idle if no listener in it lags behind, and it is empty or its job has ended.
bool state_channel::all_told() const {
  return std::ranges::none_of(groups_, [this](const auto& each) {
    return (each->scheduled && !each->listeners.empty()) || next_to_serve(*each) != nullptr;
  });
}

bool state_channel::when_told(std::function<void()> then) {
  const std::lock_guard lock(mutex_);
  if (all_told()) return true;
  when_told_ = std::move(then);
  return false;
}

void state_channel::report_if_told(std::unique_lock<std::mutex>& lock) {
  if (!when_told_ || !all_told()) return;
  const auto report = std::exchange(when_told_, {});
  lock.unlock();
  report();
  lock.lock();
}

void state_channel::schedule(const std::shared_ptr<group>& which) {
  if (which->scheduled || next_to_serve(*which) == nullptr) return;
  which->scheduled = true;
  net::post(which->executor, [self = shared_from_this(), which] { self->serve(which); });
}

std::shared_ptr<state_channel::listener> state_channel::next_to_serve(const group& which) const {
  const auto behind =
      std::ranges::min_element(which.listeners, {}, [](const auto& one) { return one->next; });
  return behind == which.listeners.end() || (*behind)->next > last_ ? nullptr : *behind;
}

void state_channel::serve(const std::shared_ptr<group>& which) {
  std::unique_lock lock(mutex_);
  while (auto one = next_to_serve(*which)) {
    const auto change = read(one->next);
    one->running.run(lock, idle_, [&] { call(*one, change); });
    const bool removed_from_within = one.use_count() == 1;
    if (removed_from_within) running_call::destroy(lock, one);
  }
  which->scheduled = false;
  report_if_told(lock);
}

// Only one call of a listener is under way at a time, so `session` needs no lock.
void state_channel::call(listener& one, const observed_change& change) const {
  const bool new_session =
      is_usable(change.to) && std::exchange(one.session, change.session) != change.session;
  const auto wanted = [&] {
    const std::lock_guard lock(mutex_);
    return !one.removed;
  };
  const auto thrown = [&] {
    log_->write(journal::kind::thrown, log_level::error, "listener \"" + one.id + "\" " + describe_thrown());
  };
  call_all(one.callbacks, change, new_session, wanted, thrown);
}

}  // namespace holdfast
