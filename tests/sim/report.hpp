// Many worlds: progress, findings, and the smallest set of faults that still shows one.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "explore.hpp"

namespace sim {

struct kept_seed {
  std::uint64_t seed;
  std::string why;
};
// One seed a line, then a comment. Throws std::runtime_error.
std::vector<kept_seed> read_kept(const std::string& path);

// Their names, in the order of the mask's bits.
std::string fault_classes();

class report {
 public:
  explicit report(exploration base) : base_(base), began_(std::chrono::steady_clock::now()) {}

  // True if nothing was found. It and run_twice() may be called by several threads at once: a world is of one
  // thread.
  bool run(std::uint64_t seed);
  // The same, and again without what worlds had not yet when it found something: the scenes of
  // drawing_scenes.hpp, then the ways of drawing_ways.hpp, too, then the protocol and moves.
  bool run_kept(std::uint64_t seed);
  // Lives it twice and compares the timelines.
  bool run_twice(std::uint64_t seed);
  // Prints the whole timeline.
  bool replay(std::uint64_t seed);
  // The last line; true if nothing was found at all.
  bool finish();

 private:
  finding live(std::uint64_t seed, std::uint64_t without, bool keeps_timeline) const;
  void lived(bool well);
  void describe(std::uint64_t seed, const finding& found) const;
  void describe_smallest(std::uint64_t seed) const;
  [[nodiscard]] std::uint64_t smallest(std::uint64_t seed) const;
  void show_progress();
  [[nodiscard]] double rate() const;

  exploration base_;
  std::mutex mutex_;  // of what is printed and counted
  const std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point shown_{};
  std::uint64_t count_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace sim
