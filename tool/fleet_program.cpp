// holdfast fleet: another program, so that this one needs no libnats.
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "command.hpp"

namespace tool {

// It lies beside this one, or where the shell finds programs.
int start_fleet_program(arguments given) {
  std::string name = "holdfast-fleet";
  std::vector<char*> words{name.data()};
  words.insert(words.end(), given.begin(), given.end());
  words.push_back(nullptr);
  std::error_code unknown;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path() / name;
  if (!unknown) ::execv(beside.c_str(), words.data());
  ::execvp(name.c_str(), words.data());
  const std::error_code why(errno, std::generic_category());
  complain("fleet", why == std::errc::no_such_file_or_directory
                        ? "holdfast-fleet is not installed (Debian: the package of this name)"
                        : name + ": " + why.message());
  return failed;
}

}  // namespace tool
