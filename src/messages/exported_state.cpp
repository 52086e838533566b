// Writes the state of a connection as a JSON object, and reads it. A newer version may add fields.
module;
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

import :exported_state;

namespace holdfast {
namespace {

namespace json = boost::json;

constexpr std::uint64_t version = 1;
constexpr std::string_view digits = "0123456789abcdef";

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char each : bytes) {
    const auto byte = static_cast<unsigned char>(each);
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

[[noreturn]] void wrong(const std::string& problem) {
  throw std::invalid_argument("import_state: " + problem);
}

std::string from_hex(std::string_view text, const std::string& field) {
  if (text.size() % 2 != 0) wrong(field + ": must have an even number of digits");
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = digits.find(text[i]);
    const auto low = digits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos)
      wrong(field + ": must be hexadecimal, in lower case");
    out += static_cast<char>(high << 4U | low);
  }
  return out;
}

// JSON has no way to write what is not UTF-8.
void put_text(json::object& out, std::string_view name, const std::string& text) {
  if (text.empty()) return;
  if (is_valid_utf8(text)) {
    out[name] = text;
  } else {
    out[std::string(name) + "_hex"] = to_hex(text);
  }
}

json::object to_json(const kept_message& one) {
  json::object out;
  if (one.number != 0) out["id"] = one.number;
  if (one.kind == message_kind::text) {
    out["text"] = one.payload;
  } else {
    out["hex"] = to_hex(one.payload);
  }
  put_text(out, "feature", one.feature);
  put_text(out, "key", one.key);
  if (one.rule == offline_rule::queue) out["may_be_dropped"] = true;
  if (one.written_in != 0) out["written"] = true;
  if (one.expires) {
    const auto at = clock::wall() + std::chrono::ceil<std::chrono::milliseconds>(*one.expires - clock::now());
    out["expires_at_ms"] =
        std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  }
  return out;
}

// Looks fields up, and says which of them is not what it should be.
class reader {
 public:
  reader(const json::object& from, std::string of) : from_(from), of_(std::move(of)) {}

  [[nodiscard]] std::optional<std::string> text(std::string_view name) const {
    const auto* found = from_.if_contains(name);
    if (found == nullptr) return std::nullopt;
    const auto* text = found->if_string();
    if (text == nullptr) wrong(of_ + std::string(name) + ": must be a string");
    return std::string(text->data(), text->size());
  }
  // As put_text() has written it.
  [[nodiscard]] std::string any_text(std::string_view name) const {
    if (const auto hex = text(std::string(name) + "_hex"))
      return from_hex(*hex, of_ + std::string(name) + "_hex");
    return text(name).value_or("");
  }
  [[nodiscard]] std::uint64_t number(std::string_view name) const {
    const auto* found = from_.if_contains(name);
    if (found == nullptr) return 0;
    error_code failed;
    const auto value = found->to_number<std::uint64_t>(failed);
    if (failed) wrong(of_ + std::string(name) + ": must be a whole number, not negative");
    return value;
  }
  [[nodiscard]] bool flag(std::string_view name) const {
    const auto* found = from_.if_contains(name);
    if (found == nullptr) return false;
    if (!found->is_bool()) wrong(of_ + std::string(name) + ": must be true or false");
    return found->get_bool();
  }
  [[nodiscard]] bool has(std::string_view name) const { return from_.contains(name); }

 private:
  const json::object& from_;
  const std::string of_;
};

// Of milliseconds since 1970.
clock::time_point on_our_clock(std::uint64_t calendar) {
  const auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(clock::wall().time_since_epoch());
  const auto most = std::chrono::milliseconds(std::chrono::hours(24 * 365 * 1000));
  const std::chrono::milliseconds at(std::min(calendar, static_cast<std::uint64_t>(most.count())));
  return later(clock::now(), at - wall);
}

kept_message read_message(const json::value& given) {
  if (!given.is_object()) wrong("messages: must hold objects");
  const reader from(given.get_object(), "messages.");
  const auto text = from.text("text");
  const auto hex = from.text("hex");
  if (text.has_value() == hex.has_value()) wrong("messages: each must have either text or hex");
  kept_message out{.number = from.number("id"),
                   .kind = text ? message_kind::text : message_kind::binary,
                   .payload = text ? *text : from_hex(*hex, "messages.hex"),
                   .feature = from.any_text("feature"),
                   .key = from.any_text("key"),
                   .rule = from.flag("may_be_dropped") ? offline_rule::queue : offline_rule::wait,
                   .written_in = from.flag("written") ? 1U : 0U};  // a session of the other connection
  if (from.has("expires_at_ms")) out.expires = on_our_clock(from.number("expires_at_ms"));
  return out;
}

}  // namespace

std::string write_state(const exported_state& given) {
  json::object out{{"holdfast", version}, {"last_id", given.last_number}};
  put_text(out, "protocol", given.protocol);
  json::array messages;
  for (const auto& each : given.messages) messages.push_back(to_json(each));
  if (!messages.empty()) out["messages"] = std::move(messages);
  return json::serialize(out);
}

exported_state read_state(std::string_view text) {
  error_code failed;
  const auto read = json::parse(text, failed);
  if (failed || !read.is_object()) wrong("the text is no JSON object");
  const reader from(read.get_object(), "");
  if (from.number("holdfast") != version) wrong("holdfast: must be 1, the version of the text");
  exported_state out{.protocol = from.any_text("protocol"), .last_number = from.number("last_id")};
  const auto* messages = read.get_object().if_contains("messages");
  if (messages == nullptr) return out;
  if (!messages->is_array()) wrong("messages: must be an array");
  std::uint64_t before = 0;
  for (const auto& each : messages->get_array()) {
    auto one = read_message(each);
    if (one.number > out.last_number) wrong("messages.id: must not be beyond last_id");
    if (one.number != 0 && one.number <= before) wrong("messages.id: must grow");
    before = std::max(before, one.number);
    out.messages.push_back(std::move(one));
  }
  return out;
}

}  // namespace holdfast
