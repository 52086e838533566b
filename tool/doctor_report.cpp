#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "doctor_report.hpp"
#include "output.hpp"

import holdfast;

namespace tool {

void report(std::string_view word, std::string_view text, colour as) {
  constexpr std::size_t column = 13;
  std::string out(word);
  out.resize(std::max(column, out.size() + 1), ' ');
  print(out + holdfast::one_line(text, text.size()), as);
}

void report_timed(std::string_view word, const std::string& text, std::chrono::nanoseconds took, colour as) {
  report(word, text + " (" + duration_text(took) + ")", as);
}

}  // namespace tool
