// How a command ends, whatever it throws.
#include <boost/program_options/errors.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <iostream>
#include <string_view>

#include "command.hpp"

import holdfast;

namespace tool {

int complain(std::string_view command, std::string_view problem) {
  std::cerr << "holdfast" << (command.empty() ? "" : " ") << command << ": " << problem << '\n';
  return used_wrongly;
}

int run(std::string_view name, int (*command)(arguments), arguments given) try {
  return command(given);
} catch (const usage_error& wrong) {
  return complain(name, wrong.what());
} catch (const boost::program_options::error& wrong) {
  return complain(name, wrong.what());
} catch (const holdfast::option_error& wrong) {
  return complain(name, wrong.what());
} catch (const boost::system::system_error& wrong) {  // whose what() names source locations
  complain(name, wrong.code().message());
  return failed;
} catch (const std::exception& wrong) {
  complain(name, wrong.what());
  return failed;
}

}  // namespace tool
