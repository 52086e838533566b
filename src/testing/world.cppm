/// :world — one thread, one seed, virtual time: an hour passes as fast as its events can be handled, and the
/// same seed gives the same world. Make everything that takes part inside one world, on its executor.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

export module holdfast.testing:world;

import holdfast;
import holdfast.wire;

namespace holdfast::testing {

namespace net = boost::asio;

/// Time that stands still until it is moved.
export class virtual_time final : public time_source {
 public:
  /// Returns the point at which time stands; 1,000 hours at the beginning.
  [[nodiscard]] clock::time_point now() const noexcept override { return now_; }
  /// Returns the calendar: steady time since 1970, and what jump_wall() has added.
  [[nodiscard]] std::chrono::system_clock::time_point wall() const noexcept override;
  /// Posts `on_expiry` to `executor` when time has come to `expiry`; at once if it has passed already.
  timer_id schedule(clock::time_point expiry, net::any_io_executor executor, handler on_expiry) override;
  /// Completes the wait with operation_aborted; false if it is unknown or was completed before.
  bool cancel(timer_id id) override;

  /// Returns when the next timer expires; empty if none ever will.
  [[nodiscard]] std::optional<clock::time_point> next_expiry() const;
  /// Moves time, and completes what has expired by then, in order.
  void advance_to(clock::time_point when);
  /// Sets the wall clock, forward or back; steady time and timers do not notice.
  void jump_wall(clock::duration by) noexcept { wall_offset_ += by; }
  /// Hands over all that waits, without moving time: it must not outlive the context of its executor.
  void release();

 private:
  struct pending {
    net::any_io_executor executor;
    handler on_expiry;
  };
  using key = std::pair<clock::time_point, timer_id>;

  clock::time_point now_{std::chrono::hours(1000)};
  clock::duration wall_offset_{};
  timer_id last_id_ = 0;
  std::map<key, pending> pending_;
  std::map<timer_id, clock::time_point> expiries_;
};

export class simulated_network;

/// While it lives, it is the time of the thread that made it. Not thread-safe.
export class world {
 public:
  /// Begins to be the time of this thread. `seed` decides all that happens at random in the world, but not in
  /// a connection: for that there is `options::random_seed`.
  explicit world(std::uint64_t seed = 1);
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  /// Returns the executor on which all of the world runs.
  [[nodiscard]] net::any_io_executor executor() { return context_.get_executor(); }
  /// Returns the network of the world, for `options::network`.
  [[nodiscard]] const std::shared_ptr<simulated_network>& network() const noexcept { return network_; }
  /// Makes a network of its own, for another machine of the world, which has none of the names and ports of
  /// the others.
  [[nodiscard]] std::shared_ptr<simulated_network> add_network();
  /// Returns the time of the world, for parts of it that keep clocks of their own.
  [[nodiscard]] virtual_time& time() noexcept { return time_; }
  /// Returns the world's randomness, for tests that want to draw from it too.
  [[nodiscard]] random_source& random() noexcept { return random_; }
  /// Returns the present of the world.
  [[nodiscard]] clock::time_point now() const noexcept { return time_.now(); }
  /// Returns how much time has passed since the world was made.
  [[nodiscard]] clock::duration elapsed() const noexcept { return time_.now() - began_; }

  /// Runs `routine` as a part of the world; what it throws comes out of the function that runs the world.
  void spawn(net::awaitable<void> routine);
  /// Lets everything happen that needs no time. Throws std::runtime_error if that does not come to an end.
  void settle();
  /// Lets `span` pass.
  void run_for(clock::duration span);
  /// Lets time pass until `fact` holds; false if it does not within `limit`.
  bool run_until(const std::function<bool()>& fact, clock::duration limit);
  /// Suspends the machine for `span`: the wall clock goes on, the steady clock and all timers stand still.
  /// What the network did meanwhile (links that fell silent, say) is for the test to arrange before.
  void sleep_through(clock::duration span) { time_.jump_wall(span); }
  /// Sets the wall clock, forward or back, as a person or a time server may.
  void jump_wall(clock::duration by) { time_.jump_wall(by); }

 private:
  bool step(clock::time_point end);

  virtual_time time_;
  time_source* const outer_;
  const clock::time_point began_;
  random_source random_;
  net::io_context context_;
  std::shared_ptr<simulated_network> network_;
  std::vector<std::shared_ptr<simulated_network>> further_networks_;
};

}  // namespace holdfast::testing
