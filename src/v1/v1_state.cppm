// :v1_state — what another process needs to go on with a session of "holdfast.v1", as text.
module;
#include <optional>
#include <string>
#include <string_view>

module holdfast.v1:v1_state;

import :v1_frames;

namespace holdfast::v1_frames {

struct client_state {
  std::string client;  // by which a server knows our messages
  std::optional<resume> session{};
};

std::string write_state(const client_state& given);
// Throws std::invalid_argument, which names the field.
client_state read_state(std::string_view text);

}  // namespace holdfast::v1_frames
