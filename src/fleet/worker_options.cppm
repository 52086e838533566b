/// :worker_options — how a worker takes part in its fleet.
module;
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

export module holdfast.fleet_core:worker_options;

import holdfast.core;

namespace holdfast::fleet {

/// What a holder does when the broker has not been heard of for 7/10 of the lease time.
export enum class broker_loss : std::uint8_t {
  stop,  ///< gives its keys up: nobody acts for them until the broker is back
  /// Goes on. A holder that is cut from the broker alone acts beside the worker that takes the key over: two
  /// at a time, until it hears of the broker again. Only for keys where two holders do less harm than none.
  keep,
};

/// For worker's constructor.
export struct worker_options {
  std::string
      fleet{};       ///< the name of the fleet, for messages in the log; the coordinator belongs to one fleet
  std::string id{};  ///< of this worker; the same after a restart, such as the name of the host; 1 to 128
                     ///< bytes of UTF-8
  std::uint32_t capacity = 1'000;  ///< how many shards it may hold; keys are spread in proportion to it
  /// The lease time, the same in all workers of a fleet; from 1 s to an hour. A lease is renewed every
  /// quarter of it. A crashed worker's keys are held again after it.
  std::chrono::milliseconds lease_time = std::chrono::seconds(20);
  /// How many leases the keys share; zero: each key has its own. The same in all workers of a fleet. Above
  /// some 5,000 keys, about 4,096: renewals cost one update a shard.
  std::uint32_t shards = 0;
  std::uint32_t moves_at_once = 16;  ///< how many shards are handed over or taken at the same time
  broker_loss when_broker_is_lost = broker_loss::stop;  ///< see there
  std::function<void(log_level, std::string_view)>
      log{};  ///< gets one line for each event of note; any thread
  /// Seeds the name of this run, for reproducible tests; empty: real entropy. No two processes may have the
  /// same.
  std::optional<std::uint64_t> random_seed{};
};

/// Throws option_error, which names the wrong field.
export void validate(const worker_options& given);

/// What a worker has done so far, and what it holds.
export struct worker_stats {
  std::uint64_t keys = 0;         ///< that are held now
  std::uint64_t shards = 0;       ///< the same
  std::uint64_t known_keys = 0;   ///< of the fleet
  std::uint64_t workers = 0;      ///< that are alive, this one included
  std::uint64_t taken = 0;        ///< leases taken: new ones, handed over, and after a crash
  std::uint64_t handed_over = 0;  ///< leases that were given to another worker
  std::uint64_t lost = 0;      ///< leases that could not be renewed in time, or were taken by another worker
  std::uint64_t renewals = 0;  ///< that the broker has taken
  std::uint64_t refusals = 0;  ///< updates that came too late
  std::uint64_t unknown = 0;   ///< updates that were not answered in time
  std::uint64_t requests = 0;  ///< messages sent for clients
  bool in_touch = false;       ///< the last call to the broker was answered
};

/// Returns the numbers in the text format of OpenMetrics, with names that begin with "holdfast_fleet_",
/// without "# EOF": to be put before to_openmetrics() of the connections. `worker` becomes a label.
export std::string to_openmetrics(const worker_stats& given, std::string_view worker);

}  // namespace holdfast::fleet
