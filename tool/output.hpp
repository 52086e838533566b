// What the commands print: lines for people, and objects for programs. The callers
// pass texts of a peer through holdfast::one_line().
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string>
#include <string_view>

namespace tool {

enum class colour { none, good, bad, busy, quiet };

// One line on stdout, at once; in colour if that is a terminal and NO_COLOR is not set.
void print(std::string_view line, colour as = colour::none);
// "12:34:56  " and a line.
void print_event(std::string_view line, colour as = colour::none);
// {"time":"2026-11-29T12:34:56.789Z","event":…}
void print_json(std::string_view event, boost::json::object more);
// One line of talk.
void say(std::string_view line);

// "12.3 ms", "1.20 s"
std::string duration_text(std::chrono::nanoseconds value);

}  // namespace tool
