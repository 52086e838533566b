// The lines of `doctor`: a word, and what there is to report, as it happens.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "output.hpp"

namespace tool {

void report(std::string_view word, std::string_view text, colour as = colour::none);
// The same with how long it took.
void report_timed(std::string_view word, const std::string& text, std::chrono::nanoseconds took,
                  colour as = colour::none);

}  // namespace tool
