// What `watch` and `doctor` are told about the connection, as holdfast::options.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <string>
#include <vector>

#include "command.hpp"

import holdfast;

namespace tool {

namespace po = boost::program_options;

template <class T>
T get(const po::variables_map& given, const char* name, const T& otherwise) {
  return given.count(name) != 0 ? given[name].as<T>() : otherwise;
}

// The options that lead to the server.
po::options_description connection_arguments();
// Reads a command line: `shown` and, if there is a name for it, a word without an option, or `most` (-1: any
// number, a vector). Prints what --help or -o help ask for, and then returns nothing to do. Throws
// usage_error and po::error.
struct parsed {
  po::variables_map given;
  bool is_answered = false;
};
parsed parse(arguments words, const po::options_description& shown, const char* position, int most = 1);
// Throws usage_error for what is no option of the library; the library itself checks the others.
holdfast::options make_options(const po::variables_map& given);

}  // namespace tool
