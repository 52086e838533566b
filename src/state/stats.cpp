// How numbers are kept and added up.
module;
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

module holdfast.core;

import :stats;

namespace holdfast {
namespace {

constexpr std::size_t most_kinds_of_failures = 64;

void add_failure(std::vector<failure_count>& to, const failure_count& what) {
  const auto same = std::ranges::find_if(
      to, [&](const failure_count& each) { return each.at == what.at && each.error == what.error; });
  if (same != to.end()) {
    same->count += what.count;
  } else if (to.size() < most_kinds_of_failures || (!what.error && what.at == stage::none)) {
    to.push_back(what);
  } else {
    add_failure(to, {.at = stage::none, .error = {}, .count = what.count});  // the number stays true
  }
}

}  // namespace

connection_stats& connection_stats::operator+=(const connection_stats& other) {
  age += other.age;
  connected_for += other.connected_for;
  attempts += other.attempts;
  sessions += other.sessions;
  moves += other.moves;
  resumed += other.resumed;
  gaps += other.gaps;
  for (const auto& each : other.failures) add_failure(failures, each);
  bytes_received += other.bytes_received;
  bytes_sent += other.bytes_sent;
  messages_received += other.messages_received;
  messages_sent.offered += other.messages_sent.offered;
  messages_sent.written += other.messages_sent.written;
  messages_sent.acked += other.messages_sent.acked;
  messages_sent.not_sent += other.messages_sent.not_sent;
  messages_sent.in_doubt += other.messages_sent.in_doubt;
  messages_sent.dropped += other.messages_sent.dropped;
  unread_messages += other.unread_messages;
  waiting_bytes += other.waiting_bytes;
  most_unread_messages = std::max(most_unread_messages, other.most_unread_messages);
  most_waiting_bytes = std::max(most_waiting_bytes, other.most_waiting_bytes);
  payload_bytes_received += other.payload_bytes_received;
  payload_bytes_sent += other.payload_bytes_sent;
  missed_heartbeats += other.missed_heartbeats;
  clock_jumps += other.clock_jumps;
  network_changes += other.network_changes;
  if (other.last_round_trip) last_round_trip = other.last_round_trip;
  if (other.smoothed_round_trip) smoothed_round_trip = other.smoothed_round_trip;
  if (other.least_round_trip)
    least_round_trip = std::min(least_round_trip.value_or(*other.least_round_trip), *other.least_round_trip);
  return *this;
}

void duration_histogram::add(clock::duration took) {
  const auto seconds = std::chrono::duration<double>(took).count();
  const auto bucket = std::ranges::lower_bound(bounds, seconds) - bounds.begin();
  ++counts_[static_cast<std::size_t>(bucket)];
  sum_ += took;
}

std::array<std::uint64_t, duration_histogram::bounds.size() + 1> duration_histogram::up_to_bounds() const {
  auto out = counts_;
  for (std::size_t i = 1; i < out.size(); ++i) out[i] += out[i - 1];
  return out;
}

void life_record::dialled() {
  const std::lock_guard lock(mutex_);
  ++attempts_;
}

void life_record::opened(bool moved) {
  const std::lock_guard lock(mutex_);
  ++sessions_;
  if (moved) ++moves_;
}

void life_record::usable(clock::time_point now, bool resumed, bool has_gap) {
  const std::lock_guard lock(mutex_);
  if (!usable_since_) usable_since_ = now;
  if (resumed) ++resumed_;
  if (has_gap) ++gaps_;
}

std::optional<clock::duration> life_record::ended(clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!usable_since_) return std::nullopt;
  const auto length = now - *usable_since_;
  connected_for_ += length;
  usable_since_.reset();
  return length;
}

void life_record::failed(const change_reason& why) {
  const std::lock_guard lock(mutex_);
  add_failure(failures_, {.at = why.at, .error = why.error, .count = 1});
}

void life_record::measured(clock::duration round_trip) {
  const std::lock_guard lock(mutex_);
  const bool is_first = least_round_trip_ == clock::duration::max();
  last_round_trip_ = round_trip;
  least_round_trip_ = std::min(least_round_trip_, round_trip);
  smoothed_round_trip_ = is_first ? round_trip : (7 * smoothed_round_trip_ + round_trip) / 8;
}

void life_record::missed_heartbeat() {
  const std::lock_guard lock(mutex_);
  ++missed_heartbeats_;
}

void life_record::clock_jumped() {
  const std::lock_guard lock(mutex_);
  ++clock_jumps_;
}

void life_record::network_changed() {
  const std::lock_guard lock(mutex_);
  ++network_changes_;
}

void life_record::add_to(connection_stats& out, clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  // `now` may be a little older than what the loop has written since.
  const auto usable_for =
      std::max(usable_since_ ? now - *usable_since_ : clock::duration(), clock::duration());
  out += connection_stats{.age = now - made_,
                          .connected_for = connected_for_ + usable_for,
                          .attempts = attempts_,
                          .sessions = sessions_,
                          .moves = moves_,
                          .resumed = resumed_,
                          .gaps = gaps_,
                          .failures = failures_,
                          .missed_heartbeats = missed_heartbeats_,
                          .clock_jumps = clock_jumps_,
                          .network_changes = network_changes_};
  if (least_round_trip_ == clock::duration::max()) return;
  out += connection_stats{.last_round_trip = last_round_trip_,
                          .least_round_trip = least_round_trip_,
                          .smoothed_round_trip = smoothed_round_trip_};
}

}  // namespace holdfast
