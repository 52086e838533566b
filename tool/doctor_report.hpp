// What `doctor` writes down: a word, and what is to be said about it, as it happens.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace tool {

class report {
 public:
  enum class mark { none, good, bad };

  void line(std::string_view word, const std::string& text, mark as = mark::none) const;
  // The same with how long it took.
  void timed(std::string_view word, const std::string& text, std::chrono::nanoseconds took,
             mark as = mark::none) const;
};

}  // namespace tool
