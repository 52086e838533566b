// Whether two contexts with a thread each disturb one another: the processor's time for a message of one
// alone, and of both at once. Reads the servers of the workloads.
#pragma once

#include "workloads.hpp"

namespace bench {

// "two_contexts/WORKLOAD/one" and "…/two", with the counter "CPU_ns".
void register_two_contexts(const servers& against);

}  // namespace bench
