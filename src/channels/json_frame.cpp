// Boost.JSON with the bounds that a frame of a stranger needs.
module;
#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/storage_ptr.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

module holdfast.channels;

import :json_frame;

namespace holdfast::channels {
namespace {

constexpr std::size_t most_levels = 64;

}  // namespace

std::optional<json::value> parse_frame(std::string_view text) {
  json::parse_options how;
  how.max_depth = most_levels;
  boost::system::error_code failed;
  auto value = json::parse(text, failed, {}, how);
  if (failed) return std::nullopt;
  return value;
}

const json::value* field_of(const json::value& of, std::string_view name) {
  const auto* const object = of.if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

json::value take_field(json::value& of, std::string_view name) {
  auto* const object = of.if_object();
  auto* const found = object == nullptr ? nullptr : object->if_contains(name);
  return found == nullptr ? json::value() : std::move(*found);
}

std::string_view text_field(const json::value& of, std::string_view name) {
  const auto* const found = field_of(of, name);
  const auto* const text = found == nullptr ? nullptr : found->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

std::uint64_t our_id(const json::value* id) {
  if (id == nullptr) return 0;
  if (const auto* const number = id->if_int64()) return *number > 0 ? static_cast<std::uint64_t>(*number) : 0;
  if (const auto* const number = id->if_uint64()) return *number;
  const auto* const text = id->if_string();
  if (text == nullptr) return 0;
  std::uint64_t value = 0;
  const auto* const end = text->data() + text->size();
  const auto [stopped, failed] = std::from_chars(text->data(), end, value);
  return failed == std::errc() && stopped == end ? value : 0;
}

std::string plain_text(const json::value& of) {
  if (const auto* const text = of.if_string()) return std::string(*text);
  return json::serialize(of);
}

void append_string(std::string& out, std::string_view text) {
  out += json::serialize(json::string_view(text));
}

}  // namespace holdfast::channels
