// A record as a line: names and values, quoted where a reader could not tell where a value ends.
module;
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

module holdfast.core;

import :log_record;

namespace holdfast {
namespace {

bool stands_alone(std::string_view text) {
  constexpr std::string_view separators = " =\"\\";
  const auto is_plain = [&](char each) {
    return static_cast<unsigned char>(each) > 0x20 && each != 0x7f &&
           separators.find(each) == std::string_view::npos;
  };
  for (const char each : text) {
    if (!is_plain(each)) return false;
  }
  return !text.empty();
}

std::string shown(const boost::json::value& value) {
  const auto* text = value.if_string();
  if (text != nullptr && stands_alone({text->data(), text->size()})) return {text->data(), text->size()};
  return boost::json::serialize(value);  // a text in quotation marks, control characters escaped
}

}  // namespace

std::string describe(const log_record& record) {
  std::string out(record.event);
  for (const auto& each : record.fields) {
    out.append(1, ' ').append(each.key()).append(1, '=').append(shown(each.value()));
  }
  return out;
}

}  // namespace holdfast
