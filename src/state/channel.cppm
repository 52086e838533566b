// :channel — what stands behind :state_channel: the ring, the waits, and the listeners with their dispatch.
// One writer (the actor), readers on any thread. One mutex, held for short, never while a user's code runs.
module;
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

module holdfast.core:channel;

import :completion;
import :error;
import :journal;
import :kept_change;
import :running_call;
import :state;
import :state_channel;

namespace holdfast {

class state_channel : public std::enable_shared_from_this<state_channel> {
 public:
  using operation = pending_operation<error_code, observed_change>;

  state_channel(net::any_io_executor executor, std::shared_ptr<journal> log);

  [[nodiscard]] connection_state status() const noexcept { return status_.load(std::memory_order_acquire); }
  [[nodiscard]] state_change snapshot() const;
  [[nodiscard]] const net::any_io_executor& executor() const noexcept { return executor_; }

  // The writer: fills in sequence, from and time.
  void publish(state_change change);
  // Nothing more will come: readers drain what is in the ring, then get `why`.
  void finish(error_code why);
  // True: every listener has been called with all there is. Else `then` is called when they have, on any
  // thread.
  bool when_told(std::function<void()> then);
  // Drops the waits without completing them: the context has ended.
  void forget_waits();
  // finish(), and no listener is called any more once this has returned.
  void abandon();

  // The next transition for `at`; if it has not started, the last one, or else the first.
  void next(const std::shared_ptr<state_watch::cursor>& at, operation op);
  [[nodiscard]] std::shared_ptr<state_watch::cursor> copy(const state_watch::cursor& at) const;
  // The next transition after now.
  void next(operation op);
  // The first transition with a number greater than `after`, as far as the ring has it.
  void next_after(std::uint64_t after, operation op);
  // `state`, now or later; fails at a final state.
  void reach(connection_state state, operation op);
  // `state`, later; fails at a final state, later. `id` is what cancel() takes.
  void reach_next(connection_state state, operation op, std::uint64_t id);
  [[nodiscard]] std::uint64_t reserve_wait();
  void cancel(std::uint64_t id);

  bool add_listener(std::string id, connection_listener callbacks, listener_options how);
  bool remove_listener(std::string_view id);

 private:
  struct wait {
    std::uint64_t id;
    operation op;
    std::shared_ptr<state_watch::cursor> at;  // null: waits for `state`
    connection_state state;
  };
  struct listener {
    std::string id;
    connection_listener callbacks;
    std::uint64_t next;         // sequence number of the transition it wants next
    std::uint64_t session = 0;  // the last one that on_session was called for
    running_call running{};
    bool removed = false;
  };
  // Served by one job at a time: the listeners without an executor of their own, or one that has its own.
  struct group {
    net::any_io_executor executor{};
    bool own = false;  // the connection's executor
    std::vector<std::shared_ptr<listener>> listeners{};
    bool scheduled = false;
  };

  [[nodiscard]] observed_change read(std::uint64_t& next) const;
  // The newest transition, or the state before the first.
  [[nodiscard]] state_change newest() const;
  [[nodiscard]] bool readable(const state_watch::cursor& at) const { return at.next <= last_; }
  void follow(std::uint64_t after, operation op);
  void add_wait(operation op, std::shared_ptr<state_watch::cursor> at, connection_state state);
  bool settle(wait& waiting);
  static bool settle_reach(operation& op, connection_state state, const state_change& now);
  const std::shared_ptr<group>& group_for(const net::any_io_executor& executor);
  void schedule(const std::shared_ptr<group>& which);
  void serve(const std::shared_ptr<group>& which);
  std::shared_ptr<listener> next_to_serve(const group& which) const;
  void call(listener& one, const observed_change& change) const;
  [[nodiscard]] bool all_told() const;
  void report_if_told(std::unique_lock<std::mutex>& lock);
  const net::any_io_executor executor_;  // no strand: a watch may outlive the context, which owns strands
  const std::shared_ptr<journal> log_;
  std::atomic<connection_state> status_{connection_state::disconnected};

  mutable std::mutex mutex_;
  std::vector<kept_change> ring_;  // transition n at (n - 1) % size; grows up to its size
  std::uint64_t last_ = 0;
  bool finished_ = false;
  error_code why_finished_;
  std::vector<wait> waits_;
  std::uint64_t last_wait_id_ = 0;
  std::vector<std::shared_ptr<group>> groups_;  // its own first, once there has been a listener for it
  std::condition_variable idle_;
  std::function<void()> when_told_{};
};

}  // namespace holdfast
