// What the sub-commands share with main(): each takes its own arguments, and returns the exit status.
#pragma once

#include <span>
#include <stdexcept>
#include <string>

namespace tool {

// Exit status 2: what was written on the command line is wrong. The text is one line.
struct usage_error : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

inline constexpr int ended_well = 0;
inline constexpr int failed = 1;  // the connection gave up, the dial failed
inline constexpr int used_wrongly = 2;

using arguments = std::span<char* const>;  // without the program's name and that of the command

int watch(arguments given);
int doctor(arguments given);
int explain(arguments given);
int serve(arguments given);
int top(arguments given);
int plot(arguments given);
int manage_fleet(arguments given);

}  // namespace tool
