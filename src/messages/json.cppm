/// :json — messages as values of Boost.JSON (RFC 8259), for programs whose backend speaks JSON without a
/// protocol of its own.
module;
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

export module holdfast.core:json;

import :error;
import :message;

namespace holdfast {

namespace json = boost::json;

/// A message that was read as JSON.
export struct json_message {
  json::value value{};  ///< null if it could not be read
  message original{};   ///< as it came
  /// Why it could not be read: one line, with the byte; nothing of what the peer wrote.
  std::string problem{};
};

/// Reads one JSON text in UTF-8, with at most 64 arrays and objects in each other. Of a name that an object
/// has twice the last one counts, and a number that fits into none of JSON's kinds is the nearest double.
/// Otherwise the problem is set. In time and memory linear in the size of the message, which
/// `limits.message_bytes` bounds.
export json_message read_json(message from);

/// Returns `value` as one JSON text, in UTF-8. A string of the value that is not UTF-8 makes it one that no
/// peer would accept: send() refuses it.
export std::string to_text(const json::value& value);

}  // namespace holdfast
