// What the demo prints: one row per transition as it happens, in colour on a terminal.
#pragma once

#include <string>
#include <string_view>

import holdfast;

class timeline {
 public:
  explicit timeline(bool coloured) : coloured_(coloured) {}

  void title(std::string_view text) const;
  // What the server is about to do.
  void chapter(std::string_view text) const;
  void row(const holdfast::state_change& change) const;
  // What the program did or found, now.
  void note(std::string_view text) const;
  void summary(std::string_view name, const std::string& value) const;
  void verdict(bool right, std::string_view text) const;

 private:
  [[nodiscard]] std::string painted(std::string_view text, const char* colour) const;
  [[nodiscard]] std::string time_of(holdfast::clock::time_point when) const;

  bool coloured_;
  holdfast::clock::time_point start_ = holdfast::clock::now();
};

// "12.3 ms" or "1.23 s", whichever reads better.
std::string to_text(holdfast::clock::duration value);
