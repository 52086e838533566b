/// :stats — what connections have done, in numbers.
module;
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

export module holdfast.core:stats;

import :error;
import :state;
import :time;

namespace holdfast {

/// What has become of the messages that were given to send(), each counted once, at its end. The names are
/// those of `delivery`.
export struct send_counts {
  std::uint64_t offered = 0;   ///< to send(); the others add up to it once each has ended
  std::uint64_t written = 0;   ///< taken by the operating system, where the protocol does not acknowledge
  std::uint64_t acked = 0;     ///< acknowledged by the server
  std::uint64_t not_sent = 0;  ///< refused ones, too
  std::uint64_t in_doubt = 0;  ///< written, and perhaps not received
  std::uint64_t dropped = 0;   ///< by the program's own rules
  /// Returns how many have no end yet.
  [[nodiscard]] std::uint64_t pending() const noexcept {
    return offered - written - acked - not_sent - in_doubt - dropped;
  }
};

/// How often attempts and sessions have ended for one reason. Without an error: for others than the 64 kinds
/// that are told apart.
export struct failure_count {
  stage at = stage::none;   ///< where; `session`: it ended a session
  error_code error{};       ///< why
  std::uint64_t count = 0;  ///< how often
};

/// What a connection has done since it was made; see connection::stats(). Of several connections, the sum.
export struct connection_stats {
  clock::duration age{};                  ///< since it was made
  clock::duration connected_for{};        ///< of that, how long a session was usable
  std::uint64_t attempts = 0;             ///< dials that were begun, those of moves included
  std::uint64_t sessions = 0;             ///< WebSockets that were opened
  std::uint64_t moves = 0;                ///< of them, those that took the place of another without a break
  std::uint64_t resumed = 0;              ///< of them, those in which the protocol continued an earlier one
  std::uint64_t gaps = 0;                 ///< of them, those in which messages were missing all the same
  std::vector<failure_count> failures{};  ///< of attempts and sessions; not those that the program ended
  std::uint64_t bytes_received = 0;       ///< of WebSocket frames, from the socket or from TLS
  std::uint64_t bytes_sent = 0;           ///< the same in the other direction
  /// That were handed on to the program; not those of a protocol, or of channels.
  std::uint64_t messages_received = 0;
  send_counts messages_sent{};               ///< by what has become of them
  std::uint64_t unread_messages = 0;         ///< received, and not taken by the program yet
  std::uint64_t waiting_bytes = 0;           ///< of messages that have not left, or are not acknowledged
  std::uint64_t most_unread_messages = 0;    ///< the most that there ever were
  std::uint64_t most_waiting_bytes = 0;      ///< the most that there ever were
  std::uint64_t payload_bytes_received = 0;  ///< of `messages_received`, uncompressed
  std::uint64_t payload_bytes_sent =
      0;  ///< of messages that have left, uncompressed; one that is sent again counts again
  std::uint64_t missed_heartbeats =
      0;  ///< late answers (heartbeat.unresponsive_after), or such as did not come, once each
  std::uint64_t clock_jumps = 0;      ///< suspends that were noticed
  std::uint64_t network_changes = 0;  ///< that concerned it: reported by the program, or noticed
  std::optional<clock::duration> last_round_trip{};      ///< from a ping to its answer; empty: none yet
  std::optional<clock::duration> least_round_trip{};     ///< the shortest of all
  std::optional<clock::duration> smoothed_round_trip{};  ///< as in RFC 6298: 7/8 of what it was, 1/8 the last

  /// Adds two connections, or two sums. Keeps the larger maximum of each queue, the shorter least round trip,
  /// and the last and smoothed round trips of `other` if it has them.
  connection_stats& operator+=(const connection_stats& other);
};

/// How often something took how long.
export class duration_histogram {
 public:
  /// The upper bounds of the buckets, in seconds; one more bucket is for what takes longer.
  static constexpr std::array<double, 17> bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                 1,     2.5,    5,     10,   30,    60,   600, 3'600};
  /// Counts one.
  void add(clock::duration took);
  /// Returns how many took no longer than each bound; the last number is that of all.
  [[nodiscard]] std::array<std::uint64_t, bounds.size() + 1> up_to_bounds() const;
  /// Returns how long all of them took together.
  [[nodiscard]] clock::duration sum() const noexcept { return sum_; }

 private:
  std::array<std::uint64_t, bounds.size() + 1> counts_{};
  clock::duration sum_{};
};

/// What has been measured of all connections of an execution context. `sends` and `acks` hold at most one in
/// 16 messages of a connection.
export struct measured_times {
  duration_histogram dials{};        ///< from their beginning to an open WebSocket
  duration_histogram waits{};        ///< between two attempts, as they were decided
  duration_histogram sessions{};     ///< from usable to the end
  duration_histogram round_trips{};  ///< from a ping to its answer
  duration_histogram sends{};        ///< from send() until the operating system has taken the message
  duration_histogram acks{};         ///< from send() until the server has acknowledged it
  /// Stages that have succeeded, also in attempts that failed later, by the value of `stage`. The elements of
  /// `none` and `session` stay empty.
  std::array<duration_histogram, 9> stages{};
};

/// What all connections of an execution context have done, those that exist no more included.
export struct context_stats {
  std::array<std::uint64_t, 4> connections{};  ///< that exist, by the value of `connection_state`
  connection_stats total{};                    ///< of all connections
  measured_times times{};                      ///< of all connections
};

/// Returns the numbers as OpenMetrics text, version 1.0, for a scrape by Prometheus: send it with the
/// Content-Type "application/openmetrics-text; version=1.0.0; charset=utf-8".
export std::string to_openmetrics(const context_stats& of);

// Where all connections of an execution context write down what they measure. Any thread.
class measurements {
 public:
  void add(duration_histogram measured_times::* of, clock::duration took) {
    const std::lock_guard lock(mutex_);
    (times_.*of).add(took);
  }
  void add_stage(stage of, clock::duration took) {
    const std::lock_guard lock(mutex_);
    times_.stages[static_cast<std::size_t>(of)].add(took);
  }
  [[nodiscard]] measured_times read() const {
    const std::lock_guard lock(mutex_);
    return times_;
  }

 private:
  mutable std::mutex mutex_;
  measured_times times_{};
};

// The history of one connection. Any thread; its loop writes.
class life_record {
 public:
  explicit life_record(clock::time_point made) : made_(made) {}

  void dialled();
  void opened(bool moved);
  void usable(clock::time_point now, bool resumed, bool has_gap);
  // Returns how long it was usable; empty: it was not.
  std::optional<clock::duration> ended(clock::time_point now);
  void failed(const change_reason& why);
  void measured(clock::duration round_trip);
  void missed_heartbeat();
  void clock_jumped();
  void network_changed();
  void add_to(connection_stats& out, clock::time_point now) const;

 private:
  const clock::time_point made_;
  mutable std::mutex mutex_;
  std::optional<clock::time_point> usable_since_{};
  clock::duration connected_for_{};  // before that
  clock::duration last_round_trip_{};
  clock::duration least_round_trip_ = clock::duration::max();
  clock::duration smoothed_round_trip_{};
  std::vector<failure_count> failures_{};
  std::uint32_t attempts_ = 0;
  std::uint32_t sessions_ = 0;
  std::uint32_t moves_ = 0;
  std::uint32_t resumed_ = 0;
  std::uint32_t gaps_ = 0;
  std::uint32_t missed_heartbeats_ = 0;
  std::uint32_t clock_jumps_ = 0;
  std::uint32_t network_changes_ = 0;
};

}  // namespace holdfast
