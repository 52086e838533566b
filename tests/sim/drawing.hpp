// Draws a plan. Everything is drawn in the same order whatever is left out, so that leaving out one class
// of faults leaves the others as they were.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "dice.hpp"
#include "plan.hpp"

namespace sim {

using std::chrono::milliseconds;

enum class scale : std::uint8_t { tiny, small, free };  // of the pieces in which links carry bytes

class drawing {
 public:
  drawing(std::uint64_t seed, std::chrono::minutes length) : dice_(seed) {
    out_.seed = seed;
    out_.length = length;
    scale_ = dice_.chance(6) ? scale::tiny : dice_.chance(25) ? scale::small : scale::free;
    grid_ = dice_.pick<std::uint64_t>({1, 1, 250});
    out_.flapping = dice_.chance(4);
    out_.reader =
        dice_.pick({reading::eager, reading::eager, reading::eager_single, reading::slow, reading::lazy});
    out_.end =
        dice_.pick({ending::closed, ending::closed, ending::closed, ending::destroyed, ending::outlived});
    out_.clean_cut = dice_.chance(50);
  }

  plan draw() {
    draw_options();
    draw_network();
    draw_servers();
    draw_commands();
    for (std::size_t i = 0; i < out_.events.size(); ++i) out_.events[i].order = i;
    std::ranges::sort(out_.events, {}, [](const event& one) { return std::pair(one.at, one.order); });
    return std::move(out_);
  }

 private:
  clock::duration some_time() {
    const auto from = out_.flapping ? std::chrono::seconds(65) : std::chrono::seconds(0);
    const auto span = std::chrono::duration_cast<milliseconds>(out_.length - from).count();
    const auto drawn = static_cast<std::uint64_t>(span) * dice_.below(1'000'000) / 1'000'000;
    return from + milliseconds(drawn - drawn % grid_);
  }
  event& add(act what, fault group) {
    return out_.events.emplace_back(event{.at = some_time(), .what = what, .group = group});
  }
  event& at_once(act what, fault group) {
    return out_.events.emplace_back(event{.at = {}, .what = what, .group = group});
  }

  void draw_options();
  void draw_network();
  void draw_servers();
  void draw_commands();
  void draw_command(clock::duration at);
  void draw_ending();
  holdfast::testing::link_conditions link();
  server_script script(fault& group);
  std::size_t message_size();

  dice dice_;
  plan out_;
  scale scale_ = scale::free;
  std::uint64_t grid_ = 1;
};

}  // namespace sim
