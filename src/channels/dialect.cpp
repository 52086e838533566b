// What a dialect does if its protocol lacks something: refuses it, or has nothing to send.
module;
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

module holdfast.channels;

namespace holdfast::channels {

result<std::string> dialect::notify(std::string_view /*method*/, const json::value& /*params*/) const {
  return make_error_code(error::message_invalid);
}

result<std::string> dialect::publish(const channel_request& /*channel*/, std::string_view /*event_name*/,
                                     const json::value& /*data*/) const {
  return make_error_code(error::message_invalid);
}

std::size_t dialect::attachments_in(const json::value& /*data*/) const { return 0; }

bool dialect::needs_token(std::string_view /*name*/) const { return false; }

std::string dialect::session_name() const { return {}; }

std::string dialect::alias_of(const channel_request& /*channel*/) const { return {}; }

result<std::string> dialect::answer(std::string_view /*id*/, const json::value& /*value*/,
                                    const call_error* /*error*/) const {
  return make_error_code(error::message_invalid);
}

std::string dialect::cancel(std::uint64_t /*id*/) const { return {}; }

channel_reply dialect::read_reply(std::string_view /*name*/, const json::value& /*reply*/) const {
  return {};
}

}  // namespace holdfast::channels
