// holdfast plot: from lines of watch --json to a picture.
#include <boost/program_options.hpp>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include "arguments.hpp"
#include "command.hpp"

import holdfast;
import holdfast.insight;

namespace tool {
namespace {

po::options_description plot_arguments() {
  po::options_description out(
      "usage: holdfast plot [FILE] [OPTION]...\n"
      "Draws the connection whose life these lines tell: those of holdfast watch --json --trace, from FILE "
      "or from "
      "standard input",
      100);
  // clang-format off
  out.add_options()
      ("output", po::value<std::string>()->value_name("FILE"), "write the picture there: SVG if the name ends in .svg, else a page of HTML. Without it, a page to standard output")
      ("title", po::value<std::string>()->value_name("TEXT"), "stands above the page")
      ("help,h", "print this");
  // clang-format on
  return out;
}

void read_lines(std::istream& from, const std::string& name, holdfast::timeline& into) {
  std::size_t number = 0;
  for (std::string line; std::getline(from, line);) {
    ++number;
    if (line.empty()) continue;
    try {
      into.add_line(line);
    } catch (const std::invalid_argument& wrong) {
      throw usage_error(name + ", line " + std::to_string(number) + ": " + wrong.what());
    }
  }
  if (from.bad()) throw usage_error("cannot read " + name);
  if (into.records().empty()) throw usage_error(name + " has no line of holdfast watch --json");
}

}  // namespace

int plot(arguments words) {
  const auto [given, is_answered] = parse(words, plot_arguments(), "file");
  if (is_answered) return ended_well;
  holdfast::timeline read({.records = 1'000'000});
  const auto name = get(given, "file", std::string("-"));
  if (name == "-") {
    read_lines(std::cin, "standard input", read);
  } else {
    std::ifstream file(name);
    if (!file) throw usage_error("cannot read " + name);
    read_lines(file, name, read);
  }
  const auto output = get(given, "output", std::string());
  const auto picture =
      output.ends_with(".svg") ? to_svg(read) : to_html(read, get(given, "title", name == "-" ? "" : name));
  if (output.empty()) {
    std::cout << picture;
    return std::cout.flush() ? ended_well : failed;
  }
  std::ofstream file(output);
  file << picture;
  if (!file.flush()) throw usage_error("cannot write " + output);
  return ended_well;
}

}  // namespace tool
