// Does the explorer find anything at all? Bugs are planted in the library, one at a time, and each must be
// found.
#pragma once

#include <cstdint>

#include "explore.hpp"

namespace sim {

// Explores at most `seeds` worlds with each bug, and prints what was found. True if all of them were, and
// nothing without one. Throws std::runtime_error in a build that has no bugs to plant.
bool find_planted_bugs(const exploration& base, std::uint64_t first, std::uint64_t seeds);

}  // namespace sim
