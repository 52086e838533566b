// The waits of a retry policy as text.
#pragma once

#include <string>
#include <vector>

import holdfast;

namespace tool {

// "0.25 to 0.50 s", "at once", "never"
std::string wait_text(const holdfast::schedule_entry& entry);
// The same of several in a row; what is the same each time is said once.
std::string waits_text(const std::vector<holdfast::schedule_entry>& entries);

}  // namespace tool
