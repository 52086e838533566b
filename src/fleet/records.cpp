// The records as JSON. A text that is not UTF-8 (a key, a binary message, a state) is carried with the
// encoding of names.
module;
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

module holdfast.fleet_core;

import :entry_names;
import :records;

namespace holdfast::fleet {

namespace json = boost::json;

namespace {

std::optional<json::object> read(std::string_view text) {
  boost::system::error_code failed;
  auto value = json::parse(text, failed);
  if (failed || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string text_of(const json::object& from, std::string_view name) {
  const auto* found = from.if_contains(name);
  const auto* text = found != nullptr ? found->if_string() : nullptr;
  return text != nullptr ? std::string(text->data(), text->size()) : std::string();
}

std::uint64_t number_of(const json::object& from, std::string_view name) {
  boost::system::error_code failed;
  const auto* found = from.if_contains(name);
  const auto read = found != nullptr ? found->to_number<std::uint64_t>(failed) : 0;
  return failed ? 0 : read;
}

bool flag_of(const json::object& from, std::string_view name) {
  const auto* found = from.if_contains(name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

// Bytes of any kind in JSON: as they are if they are UTF-8, else encoded under another name.
void put_bytes(json::object& to, const std::string& name, std::string_view bytes) {
  if (is_valid_utf8(bytes)) {
    to[name] = bytes;
  } else {
    to[name + "_encoded"] = to_name(bytes);
  }
}

std::optional<std::string> bytes_of(const json::object& from, const std::string& name) {
  if (from.contains(name)) return text_of(from, name);
  if (from.contains(name + "_encoded")) return from_name(text_of(from, name + "_encoded"));
  return std::nullopt;
}

constexpr std::array outcomes = {delivery::written, delivery::acked, delivery::not_sent, delivery::in_doubt,
                                 delivery::dropped};

// Errors keep their meaning only within their category: of the categories that both sides know.
error_code code_of(std::string_view category, int value) {
  for (const auto* known :
       {&holdfast::error_category(), &fleet::error_category(),
        static_cast<const boost::system::error_category*>(&boost::system::system_category())}) {
    if (category == known->name()) return {value, *known};
  }
  return value == 0 ? error_code() : make_error_code(holdfast::error::protocol_failed);
}

}  // namespace

std::string write_lease(const lease_record& given) {
  json::object out{{"holder", given.holder}, {"nonce", given.nonce}, {"epoch", given.epoch}};
  if (!given.next.empty()) out["next"] = given.next;
  auto text = json::serialize(out);
  if (!given.states.empty()) text += '\n' + given.states;
  return text;
}

std::optional<lease_record> read_lease(std::string_view text) {
  const auto line = text.substr(0, text.find('\n'));
  const auto from = read(line);
  if (!from || !from->contains("holder")) return std::nullopt;
  lease_record out{.holder = text_of(*from, "holder"),
                   .nonce = number_of(*from, "nonce"),
                   .epoch = number_of(*from, "epoch"),
                   .next = text_of(*from, "next")};
  if (line.size() < text.size()) out.states = text.substr(line.size() + 1);
  return out;
}

std::string write_states(const session_states& given) {
  json::object out;
  for (const auto& [key, state] : given) {
    if (!state.empty()) out[to_name(key)] = state;
  }
  return out.empty() ? std::string() : json::serialize(out);
}

session_states read_states(std::string_view text) {
  session_states out;
  const auto from = read(text);
  if (!from) return out;
  for (const auto& each : *from) {
    const auto key = from_name(std::string_view(each.key().data(), each.key().size()));
    if (key && each.value().is_string()) out.emplace(*key, text_of(*from, each.key()));
  }
  return out;
}

std::string write_worker(const worker_record& given) {
  return json::serialize(json::object{
      {"run", given.run}, {"capacity", given.capacity}, {"draining", given.draining}, {"beat", given.beat}});
}

std::optional<worker_record> read_worker(std::string_view text) {
  const auto from = read(text);
  if (!from || !from->contains("run")) return std::nullopt;
  return worker_record{.run = text_of(*from, "run"),
                       .capacity = number_of(*from, "capacity"),
                       .draining = flag_of(*from, "draining"),
                       .beat = number_of(*from, "beat")};
}

std::string write_key(const key_record& given) {
  json::object out;
  if (given.removed) {
    out["removed"] = true;
  } else {
    put_bytes(out, "value", given.value);
  }
  return json::serialize(out);
}

std::optional<key_record> read_key(std::string_view text) {
  const auto from = read(text);
  if (!from) return std::nullopt;
  if (flag_of(*from, "removed")) return key_record{.removed = true};
  auto value = bytes_of(*from, "value");
  if (!value) return std::nullopt;
  return key_record{.value = std::move(*value)};
}

std::string write_settings(const settings_record& given) {
  return json::serialize(json::object{{"shards", given.shards}, {"lease_ms", given.lease_ms}});
}

std::optional<settings_record> read_settings(std::string_view text) {
  const auto from = read(text);
  if (!from || !from->contains("lease_ms")) return std::nullopt;
  return settings_record{.shards = static_cast<std::uint32_t>(number_of(*from, "shards")),
                         .lease_ms = number_of(*from, "lease_ms")};
}

std::string write_request(const send_request& given) {
  json::object out;
  put_bytes(out, "key", given.key);
  put_bytes(out, "text", given.text);
  if (given.kind == message_kind::binary) out["binary"] = true;
  if (given.wait_ms != 0) out["wait_ms"] = given.wait_ms;
  return json::serialize(out);
}

std::optional<send_request> read_request(std::string_view text) {
  const auto from = read(text);
  if (!from) return std::nullopt;
  auto key = bytes_of(*from, "key");
  auto payload = bytes_of(*from, "text");
  if (!key || !payload) return std::nullopt;
  return send_request{std::move(*key), std::move(*payload),
                      flag_of(*from, "binary") ? message_kind::binary : message_kind::text,
                      number_of(*from, "wait_ms")};
}

std::string write_answer(const send_answer& given) {
  if (!given.held) return R"({"held":false})";
  const auto& [outcome, reason, session] = given.result;
  return json::serialize(json::object{{"outcome", to_string(outcome)},
                                      {"category", reason ? reason.category().name() : ""},
                                      {"error", reason.value()},
                                      {"session", session}});
}

std::optional<send_answer> read_answer(std::string_view text) {
  const auto from = read(text);
  if (!from) return std::nullopt;
  if (from->contains("held")) return send_answer{.held = flag_of(*from, "held")};
  const auto named = text_of(*from, "outcome");
  for (const auto each : outcomes) {
    if (to_string(each) != named) continue;
    return send_answer{
        .result = {.outcome = each,
                   .reason = code_of(text_of(*from, "category"), static_cast<int>(number_of(*from, "error"))),
                   .session = number_of(*from, "session")}};
  }
  return std::nullopt;
}

}  // namespace holdfast::fleet
