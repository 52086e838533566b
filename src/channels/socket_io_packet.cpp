// A packet is TYPE [ATTACHMENTS "-"] [NAMESPACE ","] [ID] [JSON].
module;
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

module holdfast.channels;

import :call;
import :json_frame;
import :socket_io_packet;

namespace holdfast::channels {
namespace {

constexpr std::size_t most_attachments = 1000;
constexpr std::size_t most_digits = 20;
constexpr std::string_view placeholder = "_placeholder";
constexpr std::string_view placeholder_number = "num";

bool is_digit(char each) { return each >= '0' && each <= '9'; }

std::string_view take_digits(std::string_view& from) {
  const auto end = std::ranges::find_if_not(from, is_digit);
  const auto out = from.substr(0, static_cast<std::size_t>(end - from.begin()));
  from.remove_prefix(out.size());
  return out;
}

bool is_binary(socket_io_type type) {
  return type == socket_io_type::binary_event || type == socket_io_type::binary_ack;
}

// Empty: what stands there is no such number.
std::optional<std::size_t> take_attachment_count(std::string_view& from) {
  const auto digits = take_digits(from);
  std::size_t count = 0;
  const auto failed = std::from_chars(digits.data(), digits.data() + digits.size(), count).ec;
  if (digits.empty() || failed != std::errc() || count > most_attachments || !from.starts_with('-'))
    return std::nullopt;
  from.remove_prefix(1);
  return count;
}

// A packet may end with it.
std::string take_namespace(std::string_view& from) {
  if (!from.starts_with('/')) return "/";
  const auto end = std::min(from.find(','), from.size());
  const auto name = from.substr(0, end);
  from.remove_prefix(std::min(end + 1, from.size()));
  return std::string(name);
}

// The numbers of the placeholders; false: one has none that could be meant.
bool find_placeholders(const json::value& in, std::vector<std::size_t>& numbers) {
  if (const auto* const list = in.if_array())
    return std::ranges::all_of(*list,
                               [&](const json::value& each) { return find_placeholders(each, numbers); });
  const auto* const object = in.if_object();
  if (object == nullptr) return true;
  if (const auto* const is_one = object->if_contains(placeholder);
      is_one != nullptr && is_one->is_bool() && is_one->as_bool()) {
    const auto* const number = object->if_contains(placeholder_number);
    boost::system::error_code failed;
    const auto value = number == nullptr ? most_attachments : number->to_number<std::size_t>(failed);
    if (failed || value >= most_attachments) return false;
    numbers.push_back(value);
    return true;
  }
  return std::ranges::all_of(*object,
                             [&](const auto& each) { return find_placeholders(each.value(), numbers); });
}

}  // namespace

json::value attachment(std::size_t index) {
  return json::object{{placeholder, true}, {placeholder_number, index}};
}

std::size_t count_placeholders(const json::value& data) {
  std::vector<std::size_t> numbers;
  constexpr auto none_fits = std::numeric_limits<std::size_t>::max();
  if (!find_placeholders(data, numbers)) return none_fits;
  std::ranges::sort(numbers);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] != i) return none_fits;
  }
  return numbers.size();
}

socket_io_reading read_socket_io(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '6')
    return {.problem = "packet: must have a type from 0 to 6"};
  socket_io_reading out;
  auto& packet = out.packet;
  packet.type = static_cast<socket_io_type>(text.front() - '0');
  text.remove_prefix(1);
  if (is_binary(packet.type)) {
    const auto count = take_attachment_count(text);
    if (!count) return {.problem = "packet: must say how many attachments follow, at most 1000"};
    packet.attachments = *count;
  }
  packet.name_space = take_namespace(text);
  packet.id = take_digits(text);
  if (packet.id.size() > most_digits) return {.problem = "packet: the id is too long"};
  if (text.empty()) return out;
  auto data = parse_frame(text);
  if (!data) return {.problem = std::string(not_json)};
  packet.data = std::move(*data);
  return out;
}

std::string write_socket_io(const socket_io_packet& packet) {
  auto type = static_cast<unsigned>(packet.type);
  if (packet.attachments != 0) type += 3;  // from event and acknowledgement to the binary ones
  std::string out{engine_io::message, static_cast<char>('0' + type)};
  if (packet.attachments != 0) out.append(std::to_string(packet.attachments)).append(1, '-');
  if (packet.name_space != "/") out.append(packet.name_space).append(1, ',');
  out += packet.id;
  if (!packet.data.is_null()) out += json::serialize(packet.data);
  return out;
}

}  // namespace holdfast::channels
