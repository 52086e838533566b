/// :jump_detector — was the machine suspended since the last look? The steady clock stands still in a suspend
/// and the wall clock does not, so the wall clock is ahead by the time slept. Pure: the caller passes both
/// times.
module;
#include <chrono>
#include <utility>

export module holdfast.core:jump_detector;

import :time;

namespace holdfast {

/// By this much the wall clock must be ahead; less is the work of those who correct it.
export inline constexpr std::chrono::seconds jump_threshold{5};

/// Compares each look with the one before. A wall clock that somebody sets forward looks like a suspend; one
/// that is set back is ignored. Not thread-safe.
export class jump_detector {
 public:
  /// A point in time of the calendar.
  using wall_time = std::chrono::system_clock::time_point;

  /// Takes the first look: both clocks as they are now.
  jump_detector(clock::time_point now, wall_time wall) noexcept : now_(now), wall_(wall) {}

  /// Returns whether the wall clock has advanced since the last look by at least `jump_threshold` more than
  /// the steady clock.
  bool looked(clock::time_point now, wall_time wall) noexcept {
    const auto passed = now - std::exchange(now_, now);
    const auto by_the_wall = wall - std::exchange(wall_, wall);
    return by_the_wall - passed >= jump_threshold;
  }

 private:
  clock::time_point now_;
  wall_time wall_;
};

}  // namespace holdfast
