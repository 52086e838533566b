// What is compared, and by how much holdfast is meant to be ahead.
#pragma once

#include <string>
#include <vector>

#include "server.hpp"

namespace bench {

struct workload {
  std::string name;
  double bar;  // at least this many times the rate of raw Beast; 0: for information
};

// Registers every workload for every client; the names are "workload/client".
void register_workloads(const server& against);
const std::vector<workload>& workloads();

}  // namespace bench
