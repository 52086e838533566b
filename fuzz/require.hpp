// What must hold whatever a stranger writes: where it does not, libFuzzer keeps the input.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fuzzed {

inline void require(bool fact, const char* what) {
  if (fact) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

// Fit for a log and a terminal.
inline bool is_one_line(std::string_view text) {
  for (const char each : text) {
    if (static_cast<unsigned char>(each) < 0x20 || each == 0x7F) return false;
  }
  return true;
}

}  // namespace fuzzed
