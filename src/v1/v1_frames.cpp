// Reads and writes the frames of "holdfast.v1"; docs/protocol.md has the rules.
module;
#include <algorithm>
#include <array>
#include <boost/system/result.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

module holdfast.v1;

import holdfast;
import :json_text;
import :v1_frames;

namespace holdfast::v1_frames {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t most_session_bytes = 256;
constexpr std::size_t most_features = 64;
constexpr std::size_t most_name_bytes = 64;
constexpr std::size_t most_url_bytes = 2048;
constexpr std::size_t most_text_bytes = 200;  // of a text for people; the rest is cut off
constexpr milliseconds longest = std::chrono::hours(24 * 365);

constexpr std::array<std::string_view, 20> names{
    "type", "session", "resumed", "seq",      "heartbeat_ms", "last_id", "gap",    "from",
    "to",   "data",    "id",      "features", "name",         "reason",  "for_ms", "reconnect_in_ms",
    "code", "text",    "fatal",   "endpoint"};

std::size_t number_of(std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
}

// The fields of one object, without those that no frame has. The first problem is noted; from then on every
// field reads as empty, so that a reader need not check after each.
class fields {
 public:
  // `where` begins the text of a problem: "event: ", "ready: gap.".
  fields(std::string where, std::string_view object, std::string& problem)
      : where_(std::move(where)), problem_(problem) {
    for (json_parts parts(object); parts.next();) {
      const auto quoted = parts.key();
      const bool escaped = quoted.find('\\') != std::string_view::npos;
      const auto at =
          number_of(escaped ? json_string(quoted) : std::string_view(quoted).substr(1, quoted.size() - 2));
      if (at == names.size()) continue;
      repeated_[at] = !values_[at].empty();
      values_[at] = parts.value();
    }
  }

  void rename(std::string where) { where_ = std::move(where); }
  void wrong(std::string_view field, std::string_view must) {
    if (problem_.empty()) problem_ = where_ + std::string(field) + " must " + std::string(must);
  }

  // Returns the text of the value, or an empty one if there is none (optional_value: or if it is null).
  std::string_view value(std::string_view field) {
    const auto at = number_of(field);
    if (repeated_[at]) wrong(field, "not appear twice");
    return problem_.empty() ? values_[at] : std::string_view();
  }
  std::string_view optional_value(std::string_view field) {
    const auto found = value(field);
    return !found.empty() && kind_of(found) == json_kind::null ? std::string_view() : found;
  }

  std::optional<std::uint64_t> optional_number(std::string_view field) {
    const auto found = optional_value(field);
    return found.empty() ? std::nullopt : std::optional(number(field));
  }
  std::uint64_t number(std::string_view field) {
    const auto found = value(field);
    const auto read = found.empty() ? std::nullopt : json_whole_number(found);
    if (!read) wrong(field, "be a whole number from 0 to 2^53");
    return read.value_or(0);
  }
  std::optional<milliseconds> optional_duration(std::string_view field) {
    const auto read = optional_number(field);
    if (!read) return std::nullopt;
    return std::min(milliseconds(static_cast<milliseconds::rep>(*read)), longest);
  }

  bool flag(std::string_view field) {
    const auto found = value(field);
    if (found.empty() || kind_of(found) != json_kind::boolean) wrong(field, "be true or false");
    return found == "true";
  }
  bool optional_flag(std::string_view field) { return !optional_value(field).empty() && flag(field); }

  std::string text(std::string_view field) {
    const auto found = value(field);
    if (found.empty() || kind_of(found) != json_kind::string) {
      wrong(field, "be a string");
      return {};
    }
    return json_string(found);
  }
  std::string name(std::string_view field, std::size_t most_bytes) {
    auto read = text(field);
    if (read.empty() || read.size() > most_bytes)
      wrong(field, "have 1 to " + std::to_string(most_bytes) + " bytes");
    return read;
  }
  std::string optional_name(std::string_view field, std::size_t most_bytes) {
    return optional_value(field).empty() ? std::string() : name(field, most_bytes);
  }
  std::string optional_line(std::string_view field) {
    return optional_value(field).empty() ? std::string() : one_line(text(field), most_text_bytes);
  }

  // Returns the text of an object or an array in this object.
  std::string_view container(std::string_view field, json_kind kind) {
    const auto found = value(field);
    if (!found.empty() && kind_of(found) == kind) return found;
    wrong(field, kind == json_kind::array ? "be an array" : "be an object");
    return {};
  }
  fields inner(std::string_view field, std::string_view object) {
    return {where_ + std::string(field) + '.', object, problem_};
  }

 private:
  std::string where_;
  std::string& problem_;
  std::array<std::string_view, names.size()> values_{};
  std::array<bool, names.size()> repeated_{};
};

std::optional<message_gap> read_gap(fields& in) {
  if (in.optional_value("gap").empty()) return std::nullopt;
  const auto object = in.container("gap", json_kind::object);
  if (object.empty()) return std::nullopt;
  auto inner = in.inner("gap", object);
  const message_gap gap{.from = inner.number("from"), .to = inner.number("to")};
  if (gap.to < gap.from) inner.wrong("to", "not be smaller than from");
  return gap;
}

server_frame read_ready(fields& in) {
  ready frame{.session = in.name("session", most_session_bytes),
              .resumed = in.flag("resumed"),
              .seq = in.number("seq"),
              .heartbeat = in.optional_duration("heartbeat_ms"),
              .last_id = in.optional_number("last_id"),
              .gap = read_gap(in)};
  if (frame.gap && !frame.resumed) in.wrong("gap", "not be present unless resumed is true");
  return frame;
}

server_frame read_event(fields& in) {
  const event frame{.seq = in.number("seq"), .data = in.value("data")};
  if (frame.data.empty()) in.wrong("data", "be present");
  return frame;
}

server_frame read_throttle(fields& in) {
  throttle frame;
  const auto list = in.container("features", json_kind::array);
  if (list.empty()) return frame;
  for (json_parts parts(list); parts.next();) {
    if (frame.features.size() == most_features) {
      in.wrong("features", "have at most " + std::to_string(most_features) + " entries");
      break;
    }
    if (kind_of(parts.value()) != json_kind::object) {
      in.wrong("features", "be an array of objects");
      break;
    }
    auto each = in.inner("features", parts.value());
    frame.features.push_back({.name = each.name("name", most_name_bytes),
                              .reason = each.optional_line("reason"),
                              .duration = each.optional_duration("for_ms")});
  }
  return frame;
}

server_frame read_go_away(fields& in) {
  return go_away{.reason = in.optional_line("reason"),
                 .wait = in.optional_duration("reconnect_in_ms").value_or(milliseconds()),
                 .endpoint = in.optional_name("endpoint", most_url_bytes)};
}

server_frame read_refusal(fields& in) {
  return refusal{.code = one_line(in.name("code", most_name_bytes), most_text_bytes),
                 .text = in.optional_line("text"),
                 .fatal = in.optional_flag("fatal")};
}

using reader = server_frame (*)(fields&);
constexpr std::array<std::pair<std::string_view, reader>, 7> readers{{
    {"event", read_event},
    {"ack", [](fields& in) -> server_frame { return ack{in.number("id")}; }},
    {"pong", [](fields& in) -> server_frame { return pong{in.number("id")}; }},
    {"throttle", read_throttle},
    {"ready", read_ready},
    {"go_away", read_go_away},
    {"error", read_refusal},
}};

}  // namespace

server_frame parse(std::string_view frame, std::size_t depth) {
  if (!is_valid_json(frame, depth))
    return malformed{"frame: must be one valid JSON text of a depth up to " + std::to_string(depth)};
  const auto object = trim_json(frame);
  if (kind_of(object) != json_kind::object) return malformed{"frame: must be a JSON object"};
  std::string problem;
  fields in("frame: ", object, problem);
  const auto type = in.text("type");
  const auto* const found = std::ranges::find(readers, type, &std::pair<std::string_view, reader>::first);
  server_frame read = unknown{};
  if (problem.empty() && found != readers.end()) {
    in.rename(std::string(found->first) + ": ");
    read = found->second(in);
  }
  if (!problem.empty()) return malformed{std::move(problem)};
  return read;
}

std::string hello(std::string_view client, std::string_view token, const std::optional<resume>& earlier) {
  std::string out = R"({"type":"hello","version":1,"client":)";
  append_json_string(out, client);
  if (!token.empty()) {
    out += R"(,"token":)";
    append_json_string(out, token);
  }
  if (earlier) {
    out += R"(,"resume":{"session":)";
    append_json_string(out, earlier->session);
    out += R"(,"last_seq":)" + std::to_string(earlier->last_seq) + '}';
  }
  return out += '}';
}

std::string ping(std::uint64_t id) { return R"({"type":"ping","id":)" + std::to_string(id) + '}'; }

std::string client_ack(std::uint64_t seq) { return R"({"type":"ack","seq":)" + std::to_string(seq) + '}'; }

result<std::string> message(const outgoing_message& given, std::size_t depth) {
  // The frame's own object is one level of its depth.
  if (given.kind != message_kind::text || !is_valid_utf8(given.feature) ||
      !is_valid_json(given.payload, depth - 1))
    return make_error_code(error::message_invalid);
  std::string out = R"({"type":"message","id":)" + std::to_string(given.id);
  if (!given.feature.empty()) {
    out += R"(,"feature":)";
    append_json_string(out, given.feature);
  }
  out += R"(,"data":)";
  out += given.payload;
  return out += '}';
}

}  // namespace holdfast::v1_frames
