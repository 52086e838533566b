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
                                    std::chrono::duration<double>(1 / per_second))) {}

  [[nodiscard]] bool is_limited() const noexcept { return step_ != clock::duration::zero(); }
  [[nodiscard]] bool allows(clock::time_point now) const noexcept { return !is_limited() || next() <= now; }
  // Before it allows() none.
  [[nodiscard]] clock::time_point next() const noexcept { return slot_ - burst; }
  void take(clock::time_point now) noexcept { slot_ = std::max(slot_, now) + step_; }

 private:
  static constexpr std::chrono::seconds burst{1};  // what is allowed in this time may happen at once

  clock::duration step_;  // between two, once the burst is used up
  clock::time_point slot_{};
};

}  // namespace holdfast::channels
