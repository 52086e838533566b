// How much typing a client may tell of. One learns a token bucket whose time is an argument: it needs neither
// a timer nor a clock of its own.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

class typing_rate {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds penalty = std::chrono::seconds(2);

  explicit typing_rate(unsigned per_second) : per_second_(per_second), left_(per_second) {}

  // Whether one more may pass. The first that may not begins the penalty, and until that is lifted none may.
  bool take(clock::time_point now) {
    if (penalty_ends_) return false;
    const std::chrono::duration<double> since = now - filled_;
    left_ = std::min<double>(per_second_, left_ + per_second_ * since.count());
    filled_ = now;
    if (left_ < 1) {
      penalty_ends_ = now + penalty;
      return false;
    }
    left_ -= 1;
    return true;
  }

  // True: there was a penalty, and it is over now.
  bool lift(clock::time_point now) {
    if (!penalty_ends_ || now < *penalty_ends_) return false;
    penalty_ends_.reset();
    return true;
  }

  // How long the penalty is still to last, if there is one.
  [[nodiscard]] std::optional<std::chrono::milliseconds> penalty_left(clock::time_point now) const {
    if (!penalty_ends_) return {};
    return std::max(std::chrono::milliseconds(0),
                    std::chrono::ceil<std::chrono::milliseconds>(*penalty_ends_ - now));
  }

 private:
  double per_second_;
  double left_;
  clock::time_point filled_{};  // long ago: the bucket is full then
  std::optional<clock::time_point> penalty_ends_;
};
