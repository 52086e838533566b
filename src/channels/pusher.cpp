// Frames are objects with an event, perhaps a channel, and data, which the server writes as JSON within a
// string.
module;
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

module holdfast.channels;

import holdfast.core;
import :endpoint_url;
import :json_frame;
import :pusher;

namespace holdfast::channels {
namespace {

constexpr std::chrono::seconds usual_activity_timeout{120};
constexpr std::chrono::hours longest_activity_timeout{24};
constexpr std::chrono::seconds wait_after_4100{1};
constexpr std::int64_t first_wait_code = 4100;
constexpr std::int64_t first_soon_code = 4200;
constexpr std::int64_t first_other_code = 4300;
constexpr std::int64_t not_authorized_code = 4009;
constexpr std::string_view internal = "pusher_internal:";

bool is_restricted(std::string_view channel) {
  return channel.starts_with("private-") || channel.starts_with("presence-");
}

bool is_encrypted(std::string_view channel) { return channel.starts_with("private-encrypted-"); }

json::value data_of(json::value& frame) {
  auto data = take_field(frame, "data");
  if (const auto* const text = data.if_string()) {
    if (auto read = parse_frame(*text)) return std::move(*read);
  }
  return data;
}

std::string frame_of(std::string_view event, json::object data) {
  return json::serialize(json::object{{"event", json::string_view(event)}, {"data", std::move(data)}});
}

enum class verdict : std::uint8_t { none, refusal, wait, soon };

verdict verdict_of(std::int64_t code) {
  if (code < 4000 || code >= first_other_code) return verdict::none;
  if (code < first_wait_code) return verdict::refusal;
  return code < first_soon_code ? verdict::wait : verdict::soon;
}

error refusal_of(std::int64_t code) {
  return code == not_authorized_code ? error::unauthorized : error::login_refused;
}

class pusher_dialect final : public dialect {
 public:
  explicit pusher_dialect(pusher_options how) : how_(std::move(how)) {}

  void prepare(options& given) const override {
    complete_urls(given, how_.key.empty() ? "/" : "/app/" + how_.key, "protocol=7&client=holdfast");
  }
  void opened(const session_facts&, dialect_events&) override { socket_id_.clear(); }
  void received(message_view frame, dialect_events& events) override {
    auto read = parse_frame(frame.payload);
    if (!read) return events.fail({.text = std::string(not_json)});
    const std::string event(text_field(*read, "event"));
    const std::string channel(text_field(*read, "channel"));
    if (event.empty()) return events.fail({.text = "frame: must be an object with an event"});
    if (event == "pusher:connection_established") return establish(data_of(*read), events);
    if (event == "pusher:ping") return events.send(R"({"event":"pusher:pong","data":{}})");
    if (event == "pusher:pong") return events.heartbeat_answered();
    if (event == "pusher:error") return take_error(data_of(*read), events);
    if (channel.empty()) return events.call({}, event, data_of(*read), {});
    if (event == "pusher_internal:subscription_succeeded") {
      auto data = data_of(*read);
      const bool says_something = data.is_object() && !data.as_object().empty();
      return events.subscribed({.alias = channel},
                               {.data = says_something ? std::move(data) : json::value()});
    }
    if (event == "pusher:subscription_error") return refuse(channel, data_of(*read), events);
    // As pusher-js hands it on.
    auto name = event.starts_with(internal) ? "pusher:" + event.substr(internal.size()) : event;
    events.publish({.alias = channel},
                   {.name = std::move(name),
                    .data = data_of(*read),
                    .sender = std::string(text_field(*read, "user_id"))},
                   {});
  }
  [[nodiscard]] std::string heartbeat() override { return R"({"event":"pusher:ping","data":{}})"; }
  end_verdict ended(const session_end& how) override {
    const auto code = how.reason.close_code;
    switch (verdict_of(code)) {
      case verdict::refusal:
        return {.error = refusal_of(code)};
      case verdict::wait:
        return {.retry_after = wait_after_4100};
      case verdict::soon:
        return {.error = error::server_going_away};
      default:
        return {};
    }
  }

  result<std::string> call(std::uint64_t, std::string_view, const json::value&) const override {
    return make_error_code(error::message_invalid);
  }
  result<std::string> publish(const channel_request& channel, std::string_view event_name,
                              const json::value& data) const override {
    if (!event_name.starts_with("client-") || !is_restricted(channel.name))
      return make_error_code(error::message_invalid);
    return json::serialize(json::object{{"event", json::string_view(event_name)},
                                        {"channel", json::string_view(channel.name)},
                                        {"data", data}});
  }
  [[nodiscard]] bool needs_token(std::string_view name) const override {
    return is_restricted(name) && !is_encrypted(name);
  }
  [[nodiscard]] std::string session_name() const override { return socket_id_; }
  result<std::string> subscribe(std::uint64_t, const channel_request& channel) override {
    // It would be decrypted with a key of the authorizer's.
    if (!channel.params.is_null() || is_encrypted(channel.name))
      return make_error_code(error::message_invalid);
    json::object data{{"channel", json::string_view(channel.name)}};
    if (!channel.token.empty()) data["auth"] = json::string_view(channel.token);
    if (!channel.token_data.empty()) data["channel_data"] = json::string_view(channel.token_data);
    return frame_of("pusher:subscribe", std::move(data));
  }
  result<std::string> unsubscribe(std::uint64_t, const channel_request& channel) override {
    return frame_of("pusher:unsubscribe", {{"channel", json::string_view(channel.name)}});
  }

 private:
  void establish(const json::value& data, dialect_events& events) {
    if (!socket_id_.empty()) return events.fail({.text = "connection_established: must not come twice"});
    socket_id_ = text_field(data, "socket_id");
    if (socket_id_.empty()) return events.fail({.text = "connection_established: must have a socket_id"});
    const auto* const given = field_of(data, "activity_timeout");
    const auto* const seconds = given == nullptr ? nullptr : given->if_int64();
    const bool is_sensible = seconds != nullptr && *seconds > 0 &&
                             *seconds <= std::chrono::seconds(longest_activity_timeout).count();
    events.heartbeat_every(is_sensible ? std::chrono::seconds(*seconds) : usual_activity_timeout);
    events.ready(false);
  }
  static void take_error(json::value data, dialect_events& events) {
    const auto* const given = field_of(data, "code");
    const auto* const number = given == nullptr ? nullptr : given->if_int64();
    const auto code = number == nullptr ? 0 : *number;
    const std::string text(text_field(data, "message"));
    switch (verdict_of(code)) {
      case verdict::refusal:
        return events.fail({.error = refusal_of(code), .text = text, .close_code = close_codes::normal});
      case verdict::wait:
        return events.go_away(text, wait_after_4100);
      case verdict::soon:
        return events.fail(
            {.error = error::server_going_away, .text = text, .close_code = close_codes::normal});
      default:
        events.call({}, "pusher:error", std::move(data), {});
    }
  }
  static void refuse(const std::string& channel, json::value data, dialect_events& events) {
    const auto* const status = field_of(data, "status");
    call_error why{.code = status == nullptr ? std::string(text_field(data, "type")) : plain_text(*status),
                   .text = std::string(text_field(data, "error"))};
    why.data = std::move(data);
    events.unsubscribed({.alias = channel}, std::move(why), false);
  }

  const pusher_options how_;
  std::string socket_id_;  // empty before the session is established
};

}  // namespace

dialect_factory pusher(pusher_options how) {
  return [how = std::move(how)] { return std::make_unique<pusher_dialect>(how); };
}

}  // namespace holdfast::channels
