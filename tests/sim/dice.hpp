// Draws that are the same everywhere: the distributions of the standard library are not.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>

namespace sim {

class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_(seed * 0x9E3779B97F4A7C15U + 1) {}

  std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : engine_() % limit; }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T>
  T pick(std::initializer_list<T> from) {
    return *(from.begin() + below(from.size()));
  }
  std::chrono::milliseconds milliseconds(std::uint64_t low, std::uint64_t high) {
    return std::chrono::milliseconds(between(low, high));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace sim
