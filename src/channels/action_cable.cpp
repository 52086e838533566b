// Action Cable v1: welcome, then commands by identifier, which is the channel with its parameters as JSON in
// a string.
module;
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

module holdfast.channels;

import holdfast.core;
import :action_cable;
import :json_frame;

namespace holdfast::channels {
namespace {

constexpr std::chrono::seconds stale_after{10};  // three pings

std::string identifier_of(const channel_request& channel) {
  json::object out{{"channel", json::string_view(channel.name)}};
  if (const auto* const more = channel.params.if_object()) {
    for (const auto& [name, value] : *more) out[name] = value;
  }
  return json::serialize(out);
}

std::string command(std::string_view what, const channel_request& channel,
                    const std::optional<std::string>& data) {
  json::object out{{"command", json::string_view(what)}, {"identifier", identifier_of(channel)}};
  if (data) out["data"] = *data;
  return json::serialize(out);
}

bool flag(const json::value& frame, std::string_view name, bool otherwise) {
  const auto* const found = field_of(frame, name);
  return found != nullptr && found->is_bool() ? found->as_bool() : otherwise;
}

class action_cable_dialect final : public dialect {
 public:
  void prepare(options& given) const override { given.subprotocols = {"actioncable-v1-json"}; }
  void opened(const session_facts&, dialect_events&) override { welcomed_ = false; }
  void received(message_view frame, dialect_events& events) override {
    auto read = parse_frame(frame.payload);
    if (!read) return events.fail({.text = std::string(not_json)});
    if (!read->is_object()) return events.fail({.text = "frame: must be a JSON object"});
    const std::string type(text_field(*read, "type"));
    const std::string identifier(text_field(*read, "identifier"));
    if (type == "welcome") return welcome(events);
    if (type == "ping") return;  // it came, which is all that it is for
    if (type == "disconnect") return disconnect(*read, events);
    if (identifier.empty()) return events.fail({.text = "frame: must have a type, or an identifier"});
    if (type == "confirm_subscription") return events.subscribed({.alias = identifier}, {});
    if (type == "reject_subscription")
      return events.unsubscribed({.alias = identifier}, call_error{.code = "rejected"}, false);
    if (!type.empty()) return events.fail({.text = "frame: has a type that is not of Action Cable"});
    events.publish({.alias = identifier}, {.data = take_field(*read, "message")}, {});
  }

  result<std::string> call(std::uint64_t, std::string_view, const json::value&) const override {
    return make_error_code(error::message_invalid);
  }
  result<std::string> publish(const channel_request& channel, std::string_view event_name,
                              const json::value& data) const override {
    if (!data.is_object() && !data.is_null()) return make_error_code(error::message_invalid);
    auto action = data.is_object() ? data.as_object() : json::object();
    if (!event_name.empty()) action["action"] = json::string_view(event_name);
    return command("message", channel, json::serialize(action));
  }
  result<std::string> subscribe(std::uint64_t, const channel_request& channel) override {
    if (!channel.params.is_null() && !channel.params.is_object())
      return make_error_code(error::message_invalid);
    return command("subscribe", channel, std::nullopt);
  }
  result<std::string> unsubscribe(std::uint64_t, const channel_request& channel) override {
    return command("unsubscribe", channel, std::nullopt);
  }
  [[nodiscard]] std::string alias_of(const channel_request& channel) const override {
    return identifier_of(channel);
  }

 private:
  void welcome(dialect_events& events) {
    if (std::exchange(welcomed_, true)) return events.fail({.text = "welcome: must not come twice"});
    events.expect_within(stale_after);
    events.ready(false);
  }
  static void disconnect(const json::value& frame, dialect_events& events) {
    const std::string reason(text_field(frame, "reason"));
    const auto why = flag(frame, "reconnect", true) ? error::server_going_away
                     : reason == "unauthorized"     ? error::unauthorized
                                                    : error::login_refused;
    events.fail({.error = why, .text = reason, .close_code = close_codes::normal});
  }

  bool welcomed_ = false;
};

}  // namespace

dialect_factory action_cable() {
  return [] { return std::make_unique<action_cable_dialect>(); };
}

}  // namespace holdfast::channels
