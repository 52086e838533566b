// What was read from the command line of `watch`, as holdfast::options.
#pragma once

#include <boost/program_options/variables_map.hpp>
#include <string>

import holdfast;

template <class T>
T get(const boost::program_options::variables_map& given, const char* name, const T& otherwise) {
  return given.count(name) != 0 ? given[name].as<T>() : otherwise;
}

// Throws std::invalid_argument for what is no option of the library.
holdfast::options make_options(const boost::program_options::variables_map& given);
