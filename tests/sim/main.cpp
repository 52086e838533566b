// sim — explores random worlds, each made from its seed alone: the same seed shows the same world again.
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

#include "mutants.hpp"
#include "report.hpp"

namespace options = boost::program_options;

namespace {

int run(const options::variables_map& given) {
  const auto first = given["first"].as<std::uint64_t>();
  sim::exploration base;
  base.length = std::chrono::minutes(given["minutes"].as<unsigned>());
  base.without = given["without"].as<std::uint64_t>();
  if (given.contains("mutants"))
    return sim::find_planted_bugs(base, first, given["seeds"].as<std::uint64_t>()) ? 0 : 1;
  sim::report out(base);
  if (given.contains("seed")) {
    out.replay(given["seed"].as<std::uint64_t>());
  } else if (given.contains("twice")) {
    for (std::uint64_t n = 0; n < given["twice"].as<std::uint64_t>(); ++n) out.run_twice(first + n);
  } else {
    if (given.contains("kept")) {
      for (const auto& each : sim::read_kept(given["kept"].as<std::string>())) out.run_kept(each.seed);
    }
    for (std::uint64_t n = 0; n < given["seeds"].as<std::uint64_t>(); ++n) out.run(first + n);
  }
  return out.finish() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  options::options_description known("sim: explores random worlds");
  known.add_options()("help", "this text")                                                                  //
      ("seeds", options::value<std::uint64_t>()->default_value(2000), "how many worlds")                    //
      ("first", options::value<std::uint64_t>()->default_value(1), "the first seed")                        //
      ("seed", options::value<std::uint64_t>(), "one world, with its timeline")                             //
      ("minutes", options::value<unsigned>()->default_value(5), "of virtual time with faults")              //
      ("without", options::value<std::uint64_t>()->default_value(0), "mask of fault classes to leave out")  //
      ("kept", options::value<std::string>(), "file of seeds to run first")                                 //
      ("mutants", "each planted bug, until a world shows it")                                               //
      ("twice", options::value<std::uint64_t>(), "this many worlds twice, comparing the timelines");
  try {
    options::variables_map given;
    options::store(options::parse_command_line(argc, argv, known), given);
    options::notify(given);
    if (!given.contains("help")) return run(given);
    std::cout << known << "Fault classes, from bit 0: " << sim::fault_classes() << '\n';
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "sim: " << e.what() << '\n';
    return 2;
  }
}
