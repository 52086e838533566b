// holdfast-fleet, which `holdfast fleet` starts.
#include <span>

#include "command.hpp"

int main(int argc, char* argv[]) {
  const auto words = std::span(argv, static_cast<std::size_t>(argc)).subspan(argc > 0 ? 1 : 0);
  return tool::run("fleet", tool::manage_fleet, words);
}
