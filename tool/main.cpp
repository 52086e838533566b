// holdfast COMMAND …: what people do at a terminal with a WebSocket. stdout has data, stderr has talk.
#include <algorithm>
#include <array>
#include <cstddef>
#include <iostream>
#include <span>
#include <string>
#include <string_view>

#include "command.hpp"

import holdfast;

namespace {

constexpr std::string_view usage = R"(usage: holdfast COMMAND [OPTION]...

  watch URL       states and messages as they happen; sends the lines of standard input
  doctor URL      one dial, explained: names, addresses, proxy, TLS, upgrade, and what to do if it fails
  explain         what a retry policy does: the table, and the waits after each failure
  serve           a server to try things against, that behaves well or badly
  plot FILE       a picture of what watch --json --trace has printed
  top URL         the connections of a status server, live
  fleet COMMAND   the keys of a fleet, and who holds them, at its NATS server

holdfast COMMAND --help explains the options of a command, holdfast --version prints the version.
Exit status: 0 it ended well, 1 the connection failed, 2 the command line is wrong.
)";

struct command {
  std::string_view name;
  int (*run)(tool::arguments);
};
constexpr std::array commands = {command{"watch", tool::watch},
                                 command{"doctor", tool::doctor},
                                 command{"explain", tool::explain},
                                 command{"serve", tool::serve},
                                 command{"plot", tool::plot},
                                 command{"top", tool::top},
                                 command{"fleet", tool::start_fleet_program}};

}  // namespace

int main(int argc, char* argv[]) {
  const auto words = std::span(argv, static_cast<std::size_t>(argc)).subspan(argc > 0 ? 1 : 0);
  const std::string_view first = words.empty() ? "" : words.front();
  if (first.empty()) {
    std::cerr << usage;
    return tool::used_wrongly;
  }
  if (first == "--help" || first == "-h" || first == "help") {
    std::cout << usage;
    return tool::ended_well;
  }
  if (first == "--version") {
    std::cout << "holdfast " << HOLDFAST_VERSION << '\n';
    return tool::ended_well;
  }
  const auto found = std::ranges::find(commands, first, &command::name);
  if (found == commands.end())
    return tool::complain(
        "", "there is no command \"" + holdfast::one_line(first, 60) + "\"; see holdfast --help");
  return tool::run(found->name, found->run, words.subspan(1));
}
