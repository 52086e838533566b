// The validator is Boost.JSON's parser with a handler that keeps nothing. The other functions rely on its
// verdict: in a valid text, quotes and brackets alone show where a value ends.
module;
#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

module holdfast.v1;

import :json_text;

namespace json = boost::json;

namespace holdfast {
namespace {

struct keeps_nothing {
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;

  using error = boost::system::error_code;
  static bool on_document_begin(error&) { return true; }
  static bool on_document_end(error&) { return true; }
  static bool on_object_begin(error&) { return true; }
  static bool on_object_end(std::size_t, error&) { return true; }
  static bool on_array_begin(error&) { return true; }
  static bool on_array_end(std::size_t, error&) { return true; }
  static bool on_key_part(json::string_view, std::size_t, error&) { return true; }
  static bool on_key(json::string_view, std::size_t, error&) { return true; }
  static bool on_string_part(json::string_view, std::size_t, error&) { return true; }
  static bool on_string(json::string_view, std::size_t, error&) { return true; }
  static bool on_number_part(json::string_view, error&) { return true; }
  static bool on_int64(std::int64_t, json::string_view, error&) { return true; }
  static bool on_uint64(std::uint64_t, json::string_view, error&) { return true; }
  static bool on_double(double, json::string_view, error&) { return true; }
  static bool on_bool(bool, error&) { return true; }
  static bool on_null(error&) { return true; }
  static bool on_comment_part(json::string_view, error&) { return true; }
  static bool on_comment(json::string_view, error&) { return true; }
};

constexpr std::string_view whitespace = " \t\n\r";
constexpr std::uint64_t largest_number = 1ULL << 53U;

// Returns the position behind the closing quote of the string that begins at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

// Not recursive: the depth is only counted.
std::size_t end_of_container(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t at = 0;;) {
    switch (text[at]) {
      case '"':
        at = end_of_string(text, at);
        continue;
      case '[':
      case '{':
        ++depth;
        break;
      case ']':
      case '}':
        --depth;
        break;
      default:
        break;
    }
    ++at;
    if (depth == 0) return at;
  }
}

std::size_t end_of_value(std::string_view text) {
  switch (kind_of(text)) {
    case json_kind::string:
      return end_of_string(text, 0);
    case json_kind::object:
    case json_kind::array:
      return end_of_container(text);
    default:
      return std::min(text.find_first_of(", \t\n\r"), text.size());
  }
}

}  // namespace

bool is_valid_json(std::string_view text, std::size_t depth) {
  json::parse_options how;
  how.max_depth = depth;
  json::basic_parser<keeps_nothing> parser(how);
  boost::system::error_code ec;
  const auto count = parser.write_some(false, text.data(), text.size(), ec);
  return !ec && count == text.size();
}

std::string_view trim_json(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(whitespace), text.size()));
  return text.substr(0, text.find_last_not_of(whitespace) + 1);
}

json_kind kind_of(std::string_view value) {
  switch (value.front()) {
    case '{':
      return json_kind::object;
    case '[':
      return json_kind::array;
    case '"':
      return json_kind::string;
    case 't':
    case 'f':
      return json_kind::boolean;
    case 'n':
      return json_kind::null;
    default:
      return json_kind::number;
  }
}

std::optional<std::uint64_t> json_whole_number(std::string_view value) {
  std::uint64_t number = 0;
  const auto* const end = value.data() + value.size();
  const auto [stopped, problem] = std::from_chars(value.data(), end, number);
  if (problem != std::errc() || stopped != end || number > largest_number) return std::nullopt;
  return number;
}

std::string json_string(std::string_view value) {
  const auto inside = value.substr(1, value.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return std::string(inside);
  const auto parsed = json::parse(json::string_view(value.data(), value.size()));
  return {parsed.get_string().data(), parsed.get_string().size()};
}

void append_json_string(std::string& out, std::string_view text) {
  out += json::serialize(json::string_view(text.data(), text.size()));
}

json_parts::json_parts(std::string_view container)
    : rest_(trim_json(container.substr(1, container.size() - 2))),
      named_(kind_of(container) == json_kind::object) {}

bool json_parts::next() {
  if (rest_.empty()) return false;
  if (named_) {
    key_ = take_value();
    rest_ = trim_json(rest_.substr(1));  // the colon
  }
  value_ = take_value();
  if (!rest_.empty()) rest_ = trim_json(rest_.substr(1));  // the comma
  return true;
}

std::string_view json_parts::take_value() {
  const auto value = rest_.substr(0, end_of_value(rest_));
  rest_.remove_prefix(value.size());
  rest_ = trim_json(rest_);
  return value;
}

}  // namespace holdfast
