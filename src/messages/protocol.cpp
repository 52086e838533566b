// What a protocol does if it overrides nothing: passes messages on unchanged, one frame each.
module;
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

module holdfast.core;

namespace holdfast {

result<std::string> protocol::encode(const outgoing_message& message) const {
  return std::string(message.payload);
}

std::vector<std::string> protocol::attachments(const outgoing_message& /*message*/) const { return {}; }

}  // namespace holdfast
