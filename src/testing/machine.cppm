/// :machine — one process of a world, on a machine of its own: its clock may be fast or slow, it may be
/// frozen, suspended or killed, and it has its own way to servers. For programs that are several processes.
module;
#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

export module holdfast.testing:machine;

import holdfast;
import :simulated_network;
import :world;

namespace holdfast::testing {

/// Made inside a world, which it must not outlive. Make all that belongs to the process on its executor,
/// inside of within() or of handlers that run there, and run the world as ever. Not thread-safe.
export class machine {
 public:
  /// Its clock counts `rate` seconds in a second of the world.
  explicit machine(world& in, double rate = 1.0);
  /// Kills it.
  ~machine();
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;

  /// Returns where the process runs. While a handler runs, clock::now() is the machine's.
  [[nodiscard]] net::any_io_executor executor() const;
  /// Returns the machine's network, for `options::network`: its links break without those of other machines.
  [[nodiscard]] const std::shared_ptr<simulated_network>& network() const noexcept;

  /// Stops the process at once, as SIGSTOP does: its clocks go on, what comes waits.
  void freeze();
  /// Suspends the machine: as freeze(), but its steady clock and its timers stand still, too.
  void suspend();
  /// Goes on after freeze() or suspend().
  void go_on();
  /// Ends the process, as SIGKILL does: nothing of it runs any more, and peers see its links reset.
  void kill();
  /// Calls `look` at once with the clock of the machine as that of the thread, also while the machine is
  /// stopped.
  void within(const std::function<void()>& look) const;
  /// Returns whether nothing of it runs now.
  [[nodiscard]] bool is_stopped() const noexcept;
  /// Returns the machine's clock::boot().
  [[nodiscard]] clock::time_point boot() const noexcept;

 private:
  class process;
  class time;
  class runs_on;
  std::shared_ptr<process> process_;  // shared with the executors
};

}  // namespace holdfast::testing
