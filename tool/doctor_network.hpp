// The real network, with each look-up and each connect written down.
#pragma once

#include <memory>

import holdfast;

namespace tool {

std::shared_ptr<holdfast::network> observed_network();

}  // namespace tool
