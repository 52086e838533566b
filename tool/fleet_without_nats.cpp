// holdfast fleet, in a build without libnats.
#include "command.hpp"

namespace tool {

int manage_fleet(arguments) {
  throw usage_error("this holdfast was built without libnats, and knows no fleets");
}

}  // namespace tool
