// :lifetime — servers that end each session after a time that is known: when to leave before that. Pure: its
// owner gives the time.
module;
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <utility>

export module holdfast.core:lifetime;

import :backoff;
import :time;

namespace holdfast {

/// What is known of the server's sessions.
export struct session_options {
  /// After which the server ends a session, counted from the upgrade; such as 24 h at Binance, 60 min at
  /// OpenAI. The connection moves to another socket by itself before that, as by connection::migrate(): at a
  /// random moment of the last fifth of this time, so that many do not come at once, and when no message has
  /// passed for a quarter of a second, but in its last twentieth never. If it fails, it tries again. Zero: no
  /// limit is known. Otherwise from 10 s to 365 days.
  milliseconds lifetime{0};
};

// When to leave one session.
class departure_time {
 public:
  departure_time(clock::duration lifetime, clock::time_point opened, random_source& random)
      : latest_(opened + lifetime / 20 * 19) {
    const auto first = opened + lifetime / 5 * 4;
    std::uniform_int_distribution<clock::rep> spread(0, (latest_ - first).count());
    from_ = first + clock::duration(spread(random));
  }

  [[nodiscard]] clock::time_point from() const noexcept { return from_; }
  // When to go, or to look again. The newest bytes came at `heard`; so many have left in all.
  [[nodiscard]] clock::time_point go_at(clock::time_point heard, std::uint64_t sent, clock::time_point now) {
    if (std::exchange(sent_, sent) != sent) sent_at_ = now;
    return std::clamp(std::max(heard, sent_at_) + calm, from_, std::max(from_, latest_));
  }
  // Leaving has failed.
  void try_again(clock::time_point now, clock::duration shortest_wait) {
    from_ = now + std::max<clock::duration>((latest_ - now) / 3, shortest_wait);
  }

 private:
  static constexpr std::chrono::milliseconds calm{250};

  std::uint64_t sent_ = 0;
  clock::time_point sent_at_{};
  clock::time_point latest_;
  clock::time_point from_;
};

}  // namespace holdfast
