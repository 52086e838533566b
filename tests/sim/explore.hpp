// One world, from its beginning to its end.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace sim {

struct exploration {
  std::uint64_t seed = 1;
  std::chrono::minutes length{5};
  std::uint64_t without = 0;  // faults that are left out
  bool keeps_timeline = false;
  bool channels = false;  // a client of channels, and their backend
  bool fleet = false;     // several processes, and a broker
};

struct finding {
  std::string violation;  // empty: none
  std::vector<std::string> timeline;
};

finding explore(const exploration& what);
// A world of channels, which explore() leads to.
finding explore_channels(const exploration& what);
// A world of a fleet, in the same way.
finding explore_fleet(const exploration& what);

}  // namespace sim
