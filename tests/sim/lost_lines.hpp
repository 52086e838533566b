// The log of the connection, as far as it tells of messages that were lost while nobody awaited them (R71):
// what was lost for certain must be told.
#pragma once

#include <cstdint>
#include <string_view>

#include "journal.hpp"

namespace sim {

class lost_lines {
 public:
  explicit lost_lines(journal& log) : log_(log) {}

  void heard(std::string_view line) {
    log_.note("  log: ", line);
    if (line.find("no caller awaits") == std::string_view::npos) return;
    if (line.starts_with("a message ")) {
      ++told_;
    } else {
      std::uint64_t count = 0;
      for (const char digit : line.substr(0, line.find(' ')))
        count = 10 * count + static_cast<unsigned>(digit - '0');
      told_ += count;
    }
  }
  void lost_for_certain() { ++certain_; }
  // When the handle is gone.
  void check() {
    if (told_ < certain_) log_.violated(certain_, " messages were lost, and the log tells of ", told_);
  }

 private:
  journal& log_;
  std::uint64_t told_ = 0;
  std::uint64_t certain_ = 0;
};

}  // namespace sim
