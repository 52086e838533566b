// What a world that speaks holdfast.v1 has besides: drawn by a generator of its own, so that the rest of the
// world stays as it would be without the protocol.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "dice.hpp"
#include "plan.hpp"

namespace sim {

class drawing_v1 {
 public:
  drawing_v1(std::uint64_t seed, std::chrono::minutes length)
      : dice_(seed ^ 0x7631'0000'0000'0000U), length_(length) {
    speaks_ = dice_.below(3) == 0;
  }

  [[nodiscard]] bool speaks() const noexcept { return speaks_; }
  void add_to(plan& out);

 private:
  clock::duration some_time();
  event& add(plan& out, act what, fault group);
  letter some_letter();
  void draw_options(plan& out);
  void draw_letters(plan& out);
  void draw_logins(plan& out);
  void draw_commands(plan& out);
  void draw_interrupted_bursts(plan& out);
  void draw_changing_throttles(plan& out);
  void draw_sessions(plan& out);
  void draw_flow(plan& out);
  void draw_frames(plan& out);

  dice dice_;
  const std::chrono::minutes length_;
  bool speaks_ = false;
};

}  // namespace sim
