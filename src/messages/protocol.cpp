// The default encode() of a protocol: passes messages on unchanged.
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

}  // namespace holdfast
