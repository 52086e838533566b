// What happened in a world, with virtual time, and the first invariant that was broken in it.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

import holdfast;

namespace sim {

using namespace std::chrono_literals;
using clock = holdfast::clock;

class journal {
 public:
  // The time is that of the world, whatever clock a process of it has.
  explicit journal(bool keeps) : keeps_(keeps), time_(clock::source()), began_(clock::now()) {}

  template <class... Parts>
  void note(const Parts&... parts) {
    if (keeps_) lines_.push_back(stamp() + join(parts...));
  }
  // Only the first one counts: what follows may be its consequence.
  template <class... Parts>
  void violated(const Parts&... parts) {
    if (!violation_.empty()) return;
    violation_ = join(parts...);
    note("VIOLATED: ", violation_);
  }
  [[nodiscard]] bool failed() const noexcept { return !violation_.empty(); }
  [[nodiscard]] const std::string& violation() const noexcept { return violation_; }
  [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }
  [[nodiscard]] clock::duration elapsed() const {
    return (time_ != nullptr ? time_->now() : clock::now()) - began_;
  }

 private:
  template <class... Parts>
  static std::string join(const Parts&... parts) {
    std::string out;
    (append(out, parts), ...);
    return out;
  }
  static void append(std::string& out, std::string_view text) { out += text; }
  static void append(std::string& out, std::integral auto number) { out += std::to_string(number); }
  static void append(std::string& out, clock::duration span) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6f s", std::chrono::duration<double>(span).count());
    out += text;
  }
  [[nodiscard]] std::string stamp() const {
    char text[32];
    std::snprintf(text, sizeof text, "%12.6f  ", std::chrono::duration<double>(elapsed()).count());
    return text;
  }

  const bool keeps_;
  const holdfast::time_source* const time_;
  const clock::time_point began_;
  std::vector<std::string> lines_;
  std::string violation_;
};

}  // namespace sim
