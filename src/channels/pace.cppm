// :pace — how many of something may happen in a second, with a burst of as many. Pure: its owner gives the
// time.
module;
#include <algorithm>
#include <chrono>

module holdfast.channels:pace;

import holdfast.core;

namespace holdfast::channels {

class pace {
 public:
  // Zero: any number.
  explicit pace(double per_second)
      : step_(per_second <= 0 ? clock::duration::zero()
                              : std::chrono::duration_cast<clock::duration>(
                                    std::chrono::duration<double>(1 / per_second))),
        burst_(std::max(clock::duration(std::chrono::seconds(1)) - step_, clock::duration::zero())) {}

  [[nodiscard]] bool is_limited() const noexcept { return step_ != clock::duration::zero(); }
  [[nodiscard]] bool allows(clock::time_point now) const noexcept { return !is_limited() || next() <= now; }
  // Before it allows() none.
  [[nodiscard]] clock::time_point next() const noexcept { return slot_ - burst_; }
  void take(clock::time_point now) noexcept { slot_ = std::max(slot_, now) + step_; }

 private:
  clock::duration step_;   // between two, once the burst is used up
  clock::duration burst_;  // what is allowed in this time, and one more, may happen at once
  clock::time_point slot_{};
};

}  // namespace holdfast::channels
