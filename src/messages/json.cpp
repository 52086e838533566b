// Boost.JSON parses and serializes. This file adds the description of a payload that is not JSON.
module;
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

namespace holdfast {
namespace {

constexpr std::size_t depth_limit = 64;

}  // namespace

json_message read_json(message from) {
  json::parse_options how;
  how.max_depth = depth_limit;
  json::stream_parser parser({}, how);
  error_code ec;
  // Stops at the error and returns its position, which write() would not report.
  const auto count = parser.write_some(from.payload.data(), from.payload.size(), ec);
  if (!ec && count < from.payload.size()) ec = json::make_error_code(json::error::extra_data);
  if (!ec) parser.finish(ec);
  json_message out{.original = std::move(from)};
  if (ec) {
    out.problem = "not one JSON text: " + ec.message() + " at byte " + std::to_string(count);
  } else {
    out.value = parser.release();
  }
  return out;
}

std::string to_text(const json::value& value) { return json::serialize(value); }

}  // namespace holdfast
