// What to do about a failed dial: one or two sentences for each failure of docs/connecting.md.
#pragma once

#include <string>

import holdfast;

namespace tool {

std::string advice(const holdfast::change_reason& why, bool secure);

}  // namespace tool
