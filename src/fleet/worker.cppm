/// :worker — takes leases on the keys of a fleet, runs the program's coroutine for each, and hands them over.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

export module holdfast.fleet_core:worker;

import holdfast.core;
import :coordinator;
import :lease;
import :worker_options;

namespace holdfast::fleet {

class worker_core;

/// One process of a fleet. Move-only. Destroying it is like a crash that the others notice: the connections
/// of its keys are closed at once, and the keys are held again after the lease time; drain() first. Any
/// thread may call any member; assigning, moving and destroying must not happen at the same time as a call.
export class worker {
 public:
  /// Runs for each key that is held. It should end when lease::ended() does, or when the attached connection
  /// ends; if it ends before, or throws, it is run again after 1 s, later up to 60 s, and the log has a line.
  using program = std::function<net::awaitable<void>(lease&)>;

  /// Does nothing yet. Throws option_error. The coordinator is shared with the caller and with clients.
  worker(net::any_io_executor executor, std::shared_ptr<coordinator> broker, worker_options how);
  /// Takes an execution context, such as `net::io_context`, in place of its executor.
  template <class Context>
    requires requires(Context& context) {
      { context.get_executor() } -> std::convertible_to<net::any_io_executor>;
    }
  worker(Context& context, std::shared_ptr<coordinator> broker, worker_options how)
      : worker(context.get_executor(), std::move(broker), std::move(how)) {}
  worker(worker&&) noexcept;
  worker& operator=(worker&&) noexcept;
  ~worker();

  /// Takes part in the fleet: joins it, waits for the broker if that is away, and holds its share of the
  /// keys. Each coroutine runs on a strand of its own over the worker's executor.
  ///
  /// - Returns after drain(), when all keys are handed over.
  /// - Throws boost::system::system_error: error::other_settings if the fleet exists with other `shards` or
  /// another
  ///   `lease_time`; error::id_in_use if another worker has the same id; refused, no_jetstream or
  ///   other_settings of the broker.
  /// - Cancellation: terminal and partial. Drains, and then throws operation_aborted.
  /// - Throws std::logic_error if it was called before.
  [[nodiscard]] net::awaitable<void> run(program for_each_key);

  /// Hands all keys over and takes no more; run() returns then: for SIGTERM. A key without a taker waits at
  /// the broker with the state of its session.
  void drain();

  /// Returns what it has done, and what it holds.
  [[nodiscard]] worker_stats stats() const;
  /// Returns the keys that are held now, in order.
  [[nodiscard]] std::vector<std::string> held_keys() const;

 private:
  std::shared_ptr<worker_core> core_;  // shared with run()
};

}  // namespace holdfast::fleet
