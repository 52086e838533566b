// sim — explores random worlds, each made from its seed alone: the same seed shows the same world again.
#include <algorithm>
#include <atomic>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "mutants.hpp"
#include "report.hpp"

namespace options = boost::program_options;

namespace {

// Calls `one` with each number below `count`, on as many threads as told, each with what comes next.
template <class One>
void share_out(std::uint64_t count, unsigned threads, One one) {
  std::atomic<std::uint64_t> next = 0;
  std::vector<std::jthread> all;
  for (unsigned n = 0; n < std::max(threads, 1U); ++n) {
    all.emplace_back([&] {
      for (std::uint64_t number = next++; number < count; number = next++) one(number);
    });
  }
}

int run(const options::variables_map& given) {
  const auto first = given["first"].as<std::uint64_t>();
  const auto threads = given["threads"].as<unsigned>();
  sim::exploration base;
  base.length = std::chrono::minutes(given["minutes"].as<unsigned>());
  base.without = given["without"].as<std::uint64_t>();
  base.channels = given.contains("channels");
  base.fleet = given.contains("fleet");
  if (given.contains("mutants"))
    return sim::find_planted_bugs(base, first, given["seeds"].as<std::uint64_t>()) ? 0 : 1;
  sim::report out(base);
  if (given.contains("seed")) {
    out.replay(given["seed"].as<std::uint64_t>());
  } else if (given.contains("twice")) {
    share_out(given["twice"].as<std::uint64_t>(), threads, [&](auto n) { out.run_twice(first + n); });
  } else {
    if (given.contains("kept")) {
      for (const auto& each : sim::read_kept(given["kept"].as<std::string>())) out.run_kept(each.seed);
    }
    share_out(given["seeds"].as<std::uint64_t>(), threads, [&](auto n) { out.run(first + n); });
  }
  return out.finish() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  options::options_description known("sim: explores random worlds");
  const auto cores = std::thread::hardware_concurrency();
  known.add_options()("help", "this text")                                                                  //
      ("seeds", options::value<std::uint64_t>()->default_value(2000), "how many worlds")                    //
      ("first", options::value<std::uint64_t>()->default_value(1), "the first seed")                        //
      ("seed", options::value<std::uint64_t>(), "one world, with its timeline")                             //
      ("threads", options::value<unsigned>()->default_value(cores), "that explore at once")                 //
      ("minutes", options::value<unsigned>()->default_value(5), "of virtual time with faults")              //
      ("without", options::value<std::uint64_t>()->default_value(0), "mask of fault classes to leave out")  //
      ("kept", options::value<std::string>(), "file of seeds to run first")                                 //
      ("channels", "worlds of a client of channels")                                                        //
      ("fleet", "worlds of a fleet: several processes and a broker")                                        //
      ("mutants", "each planted bug, until a world shows it; with --fleet those of fleets")                 //
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
