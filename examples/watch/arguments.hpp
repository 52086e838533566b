// What `watch` is told on its command line.
#pragma once

#include <string>
#include <vector>

import holdfast;

struct watch_arguments {
  holdfast::options options;
  std::vector<std::string> greetings;  // sent at each connection
  bool reads_stdin = false;
  std::string close_text;  // for the server, at Ctrl-C
  std::string help;        // not empty: print it, and do nothing else
};

// Throws an exception with one line for people. What the options may be, `connection` itself checks.
watch_arguments parse_arguments(int argc, char* argv[]);
