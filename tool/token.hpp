// Where a token comes from: the command line, a file, the environment, or a command.
#pragma once

#include <boost/program_options/variables_map.hpp>

import holdfast;

namespace tool {

// Empty: none was asked for. Throws usage_error if several were, or if the first token cannot be had.
holdfast::credential_provider token_provider(const boost::program_options::variables_map& given);

}  // namespace tool
