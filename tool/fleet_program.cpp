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
  int why = ENOENT;
  if (!unknown) ::execv(beside.c_str(), words.data());
  if (!unknown) why = errno;
  if (why == ENOENT) ::execvp(name.c_str(), words.data());
  if (why == ENOENT) why = errno;
  complain("fleet", why == ENOENT ? name + " is not installed (Debian: the package of this name)"
                                  : name + ": " + std::generic_category().message(why));
  return failed;
}

}  // namespace tool
