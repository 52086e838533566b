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
  /// random moment of the last fifth of this time, so that many do not come at once, and before its last
  /// twentieth; if messages pass, it waits for a quarter of a second without one, for some of what is left.
  /// If it fails, it tries again, after waits that grow from `retry.base` to `retry.cap`. Zero: no limit is
  /// known. Otherwise from 10 s to 365 days.
  milliseconds lifetime{0};
};

// When to leave one session.
class departure_time {
 public:
  departure_time(clock::duration lifetime, clock::time_point opened, random_source& random) {
    const auto first = opened + lifetime / 5 * 4;
    const auto last = opened + lifetime / 20 * 19;
    from_ = first + up_to(last - first, random);
    patience_ends_ = from_ + up_to(last - from_, random);  // busy sessions do not leave together, either
  }

  // When to go, or to look again. The newest bytes came at `heard`; so many have left in all.
  [[nodiscard]] clock::time_point go_at(clock::time_point heard, std::uint64_t sent, clock::time_point now) {
    if (std::exchange(sent_, sent) != sent) sent_at_ = now;
    return std::clamp(std::max(heard, sent_at_) + calm, from_, std::max(from_, patience_ends_));
  }
  // Leaving has failed: not again before a wait that grows, but not before it was planned, either.
  void try_again(clock::time_point now, clock::duration shortest, clock::duration longest,
                 random_source& random) {
    wait_ = std::clamp(2 * wait_, shortest, longest);
    from_ = std::max(from_, now + wait_ / 2 + up_to(wait_ / 2, random));
  }

 private:
  static constexpr std::chrono::milliseconds calm{250};

  static clock::duration up_to(clock::duration longest, random_source& random) {
    return clock::duration(std::uniform_int_distribution<clock::rep>(0, longest.count())(random));
  }

  std::uint64_t sent_ = 0;
  clock::time_point sent_at_{};
  clock::time_point from_;
  clock::time_point patience_ends_;
  clock::duration wait_{};  // after the last failure
};

}  // namespace holdfast
