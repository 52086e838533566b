// Whether what the demo saw is right.
#pragma once

#include <string>
#include <vector>

#include "story.hpp"

// Empty, or what was wrong, a line each.
std::vector<std::string> find_problems(const report& seen, const holdfast::options& given);

// Both observers saw the same transitions in the same order.
bool observers_agree(const report& seen);
