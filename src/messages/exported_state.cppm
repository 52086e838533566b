// :exported_state — what a connection leaves to another one, as text: what its protocol knows, and the
// messages that are not done with. Pure.
module;
#include <cstdint>
#include <list>
#include <string>
#include <string_view>

module holdfast.core:exported_state;

import :backlog;
import :time;

namespace holdfast {

struct exported_state {
  std::string protocol{};              // of protocol::export_state()
  std::uint64_t last_number = 0;       // under which a message has left
  std::list<kept_message> messages{};  // those with numbers first; without their operations
};

// JSON. The end of a time to live is written by the calendar, because it goes on between two processes.
std::string write_state(const exported_state& given);
// Throws std::invalid_argument, which says what is wrong.
exported_state read_state(std::string_view text);

}  // namespace holdfast
