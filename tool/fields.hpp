// -o FIELD=VALUE: the options of the library by their own names, as docs/options.md lists them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

import holdfast;

namespace tool {

// Throws usage_error if there is no such field, or the value cannot be one. Whether it may be, the library
// checks.
void set_field(holdfast::options& out, std::string_view assignment);
// Reads the value of a command's own option, such as "--after". Throws usage_error if it is no duration.
std::chrono::milliseconds read_duration(const std::string& option, std::string_view text);
// Every field, with what its values look like: one line each.
std::string list_fields();

}  // namespace tool
