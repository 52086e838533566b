// :json_frame — the JSON of a frame: read within bounds, and asked for its fields without exceptions. Knows
// no protocol.
module;
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

module holdfast.channels:json_frame;

import holdfast.core;

namespace holdfast::channels {

namespace json = boost::json;

// One JSON text (RFC 8259), with at most 64 arrays and objects in each other. Empty: it is none.
std::optional<json::value> parse_frame(std::string_view text);
inline constexpr std::string_view not_json =
    "frame: must be JSON, with at most 64 arrays and objects in each other";

// The field of an object; null: `of` is no object, or has none of this name.
const json::value* field_of(const json::value& of, std::string_view name);
// The same, taken out; null, as a value, if there is none.
json::value take_field(json::value& of, std::string_view name);
// A field that is a string; empty otherwise.
std::string_view text_field(const json::value& of, std::string_view name);
// A number that we gave: as a JSON number, or as its digits in a string. Zero: it is none of ours.
std::uint64_t our_id(const json::value* id);
// A value as people read it: a string without quotes.
std::string plain_text(const json::value& of);

// Appends a string with its quotes and the escapes of JSON.
void append_string(std::string& out, std::string_view text);

}  // namespace holdfast::channels
