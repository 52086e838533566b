// The real network, with each look-up and each connect written down.
#pragma once

#include <memory>

#include "doctor_report.hpp"

import holdfast;

namespace tool {

// `to` must outlive it.
std::shared_ptr<holdfast::network> observed_network(const report& to);

}  // namespace tool
