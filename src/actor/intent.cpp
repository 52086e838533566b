module;
#include <chrono>
#include <optional>
#include <utility>

module holdfast.core;

import :intent;

namespace holdfast {

bool intent::connect() noexcept {
  if (closed_) return false;
  asked_ = true;
  if (is_away()) why_not_ = error::in_background;
  return !std::exchange(wanted_, true);
}

void intent::disconnect(error_code why) noexcept {
  wanted_ = false;
  interrupted_ = true;
  why_not_ = why;
}

void intent::close(error_code why) noexcept {
  disconnect(why);
  closed_ = true;
}

bool intent::enter_background() noexcept {
  if (std::exchange(in_background_, true)) return false;
  if (automatic_) why_not_ = error::in_background;
  return true;
}

std::optional<clock::time_point> intent::grace_ends() const noexcept {
  if (automatic_ || !in_background_ || is_final()) return std::nullopt;
  return last_use_ + grace_;
}

}  // namespace holdfast
