// Reads and writes the frames of "holdfast.v1" for a server. Boost.JSON decides whether a text is JSON. The
// fields of a frame are then pieces of that text, so that data and numbers are seen as they were sent.
module;
#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

module holdfast.testing;

import holdfast;
import :v1_wire;

namespace holdfast::testing {

namespace json = boost::json;

namespace {

constexpr std::uint64_t largest_number = 1ULL << 53U;
constexpr std::size_t deepest = 500;  // the most that v1_options::depth allows

struct bad_frame {
  std::string problem;
};

std::optional<json::value> parse(std::string_view text) {
  json::parse_options how;
  how.max_depth = deepest;
  error_code ec;
  auto value = json::parse({text.data(), text.size()}, ec, {}, how);
  return ec ? std::nullopt : std::optional(std::move(value));
}

std::string unquoted(std::string_view text) {
  const auto value = json::parse({text.data(), text.size()});
  const auto& content = value.as_string();
  return {content.data(), content.size()};
}

// The fields of a JSON object that is known to be valid.
class fields {
 public:
  // `where` begins the text of a problem: "hello: ", "hello: resume.".
  fields(std::string where, std::string_view object) : where_(std::move(where)) {
    for (auto at = next(object, object.find('{') + 1); object[at] == '"';) {
      const auto name_end = end_of_string(object, at);
      const auto value_at = next(object, object.find(':', name_end) + 1);
      const auto value_end = end_of_value(object, value_at);
      const auto value = object.substr(value_at, value_end - value_at);
      const auto quoted = object.substr(at, name_end - at);
      all_.emplace_back(unquoted(quoted), value.substr(0, value.find_last_not_of(" \t\r\n") + 1));
      if (object[value_end] == '}') break;
      at = next(object, value_end + 1);
    }
  }

  void rename(std::string where) { where_ = std::move(where); }
  [[noreturn]] void wrong(std::string_view field, std::string_view must) const {
    throw bad_frame{where_ + std::string(field) + " must " + std::string(must)};
  }

  // Returns the value as it was written, or an empty text if there is none.
  [[nodiscard]] std::string_view value(std::string_view field) const {
    std::string_view found;
    for (const auto& [name, text] : all_) {
      if (name != field) continue;
      if (!found.empty()) wrong(field, "not appear twice");
      found = text;
    }
    return found;
  }
  [[nodiscard]] std::string_view optional_value(std::string_view field) const {
    const auto found = value(field);
    return found == "null" ? std::string_view() : found;
  }
  [[nodiscard]] std::uint64_t number(std::string_view field) const {
    const auto found = value(field);
    std::uint64_t read = 0;
    const auto [end, ec] = std::from_chars(found.data(), found.data() + found.size(), read);
    if (found.empty() || end != found.data() + found.size() || ec != std::errc() || read > largest_number)
      wrong(field, "be a whole number from 0 to 2^53");
    return read;
  }
  [[nodiscard]] std::string text(std::string_view field) const {
    const auto found = value(field);
    if (!found.starts_with('"')) wrong(field, "be a string");
    return unquoted(found);
  }
  [[nodiscard]] std::string optional_text(std::string_view field) const {
    return optional_value(field).empty() ? std::string() : text(field);
  }

 private:
  static std::size_t next(std::string_view text, std::size_t at) {
    return text.find_first_not_of(" \t\r\n", at);
  }
  static std::size_t end_of_string(std::string_view text, std::size_t at) {
    for (++at; text[at] != '"'; ++at) {
      if (text[at] == '\\') ++at;
    }
    return at + 1;
  }
  // Returns the position of the comma or the brace that ends the value.
  static std::size_t end_of_value(std::string_view text, std::size_t at) {
    for (int depth = 0;; ++at) {
      const char c = text[at];
      if (depth == 0 && (c == ',' || c == '}')) return at;
      if (c == '"') at = end_of_string(text, at) - 1;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
    }
  }

  std::string where_;
  std::vector<std::pair<std::string, std::string_view>> all_;
};

v1_client_frame read_hello(const fields& in) {
  if (in.number("version") != 1) in.wrong("version", "be 1");
  v1_hello out{.client = in.text("client"), .token = in.optional_text("token")};
  if (out.client.size() != 32 || out.client.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    in.wrong("client", "be 32 hexadecimal digits");
  const auto resume = in.optional_value("resume");
  if (resume.empty()) return out;
  if (!resume.starts_with('{')) in.wrong("resume", "be an object");
  const fields inner("hello: resume.", resume);
  out.resume = v1_resume{.session = inner.text("session"), .last_seq = inner.number("last_seq")};
  return out;
}

v1_client_frame read_message(const fields& in) {
  v1_message out{
      .id = in.number("id"), .feature = in.optional_text("feature"), .data = std::string(in.value("data"))};
  if (out.data.empty()) in.wrong("data", "be present");
  return out;
}

v1_client_frame read(std::string_view text) {
  const auto value = parse(text);
  if (!value) throw bad_frame{"frame: must be one valid JSON text"};
  if (!value->is_object()) throw bad_frame{"frame: must be a JSON object"};
  fields in("frame: ", text);
  const auto type = in.text("type");
  in.rename(type + ": ");
  if (type == "hello") return read_hello(in);
  if (type == "message") return read_message(in);
  if (type == "ping") return v1_ping{in.number("id")};
  if (type == "ack") return v1_client_ack{in.number("seq")};
  return v1_unknown{};
}

}  // namespace

v1_client_frame read_client_frame(const message& frame) {
  if (frame.kind != message_kind::text) return v1_broken{"frame: must be text, not binary"};
  try {
    return read(frame.payload);
  } catch (bad_frame& wrong) {
    return v1_broken{std::move(wrong.problem)};
  }
}

bool is_one_json_text(std::string_view text) { return parse(text).has_value(); }

std::string write(const v1_ready& frame) {
  json::object out{
      {"type", "ready"}, {"session", frame.session}, {"resumed", frame.resumed}, {"seq", frame.seq}};
  if (frame.heartbeat) out["heartbeat_ms"] = frame.heartbeat->count();
  if (frame.last_id) out["last_id"] = *frame.last_id;
  if (frame.gap) out["gap"] = json::object{{"from", frame.gap->from}, {"to", frame.gap->to}};
  return json::serialize(out);
}

std::string write(const v1_error& frame) {
  json::object out{{"type", "error"}, {"code", frame.code}, {"fatal", frame.fatal}};
  if (!frame.text.empty()) out["text"] = frame.text;
  return json::serialize(out);
}

std::string write(const v1_go_away& frame) {
  json::object out{{"type", "go_away"}};
  if (!frame.reason.empty()) out["reason"] = frame.reason;
  if (frame.reconnect_in.count() != 0) out["reconnect_in_ms"] = frame.reconnect_in.count();
  if (!frame.endpoint.empty()) out["endpoint"] = frame.endpoint;
  return json::serialize(out);
}

std::string write(const std::vector<v1_throttled>& features) {
  json::array list;
  for (const auto& each : features) {
    json::object feature{{"name", each.name}};
    if (!each.reason.empty()) feature["reason"] = each.reason;
    if (each.lasts) feature["for_ms"] = each.lasts->count();
    list.emplace_back(std::move(feature));
  }
  return json::serialize(json::object{{"type", "throttle"}, {"features", std::move(list)}});
}

std::string write_event(std::uint64_t seq, std::string_view data) {
  return R"({"type":"event","seq":)" + std::to_string(seq) + R"(,"data":)" + std::string(data) + '}';
}

std::string write_ack(std::uint64_t id) { return R"({"type":"ack","id":)" + std::to_string(id) + '}'; }

std::string write_pong(std::uint64_t id) { return R"({"type":"pong","id":)" + std::to_string(id) + '}'; }

}  // namespace holdfast::testing
