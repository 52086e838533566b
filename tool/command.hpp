// What the sub-commands share with main(): each takes its own arguments, and returns the exit status.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tool {

// Exit status 2: what was written on the command line is wrong. The text is one line.
struct usage_error : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

inline constexpr int ended_well = 0;
inline constexpr int failed = 1;  // the connection gave up, the dial failed
inline constexpr int used_wrongly = 2;

using arguments = std::span<char* const>;  // without the program's name and that of the command

// Prints what is wrong, for the command of this name; empty: for all. Returns used_wrongly.
int complain(std::string_view command, std::string_view problem);
// Runs a command, and says what it has thrown.
int run(std::string_view name, int (*command)(arguments), arguments given);

int watch(arguments given);
int doctor(arguments given);
int explain(arguments given);
int serve(arguments given);
int top(arguments given);
int plot(arguments given);
int start_fleet_program(arguments given);
int manage_fleet(arguments given);  // what holdfast-fleet runs

}  // namespace tool
