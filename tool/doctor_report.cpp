#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "doctor_report.hpp"
#include "output.hpp"

namespace tool {

void report::line(std::string_view word, const std::string& text, mark as) const {
  constexpr std::size_t column = 13;
  std::string out(word);
  out.resize(std::max(column, out.size() + 1), ' ');
  print(out + printable(text), as == mark::good  ? colour::good
                               : as == mark::bad ? colour::bad
                                                 : colour::none);
}

void report::timed(std::string_view word, const std::string& text, std::chrono::nanoseconds took,
                   mark as) const {
  line(word, text + "  (" + duration_text(took) + ")", as);
}

}  // namespace tool
