// A protocol of one's own, in full: a gateway as chat platforms have it. The server says hello, and how often
// it wants a heartbeat; we identify ourselves, or go on with a session that broke off; every event has a
// number, so that nothing that happened meanwhile is lost.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

import holdfast;

class gateway_protocol final : public holdfast::protocol {
 public:
  // The kinds of frames, in their field "op".
  static constexpr std::int64_t dispatch = 0;
  static constexpr std::int64_t heartbeat_op = 1;
  static constexpr std::int64_t identify = 2;
  static constexpr std::int64_t resume = 6;
  static constexpr std::int64_t reconnect = 7;
  static constexpr std::int64_t invalid_session = 9;
  static constexpr std::int64_t hello = 10;
  static constexpr std::int64_t heartbeat_ack = 11;
  using link = holdfast::protocol_link;
  using object = boost::json::object;

  // The server speaks first.
  void opened(link&, const holdfast::session_facts& session) override { token_ = session.token; }

  void received(link& to, holdfast::message_view frame) override {
    boost::system::error_code ec;
    const auto parsed = boost::json::parse(frame.payload, ec);
    const auto* fields = parsed.if_object();
    if (ec || fields == nullptr) return to.fail({.text = "frame: must be a JSON object", .close_code = 4002});
    const auto* data = fields->if_contains("d");
    switch (number_in(*fields, "op").value_or(-1)) {
      case hello:
        return greet(to, data != nullptr ? data->if_object() : nullptr);
      case dispatch:
        return take_event(to, *fields);
      case heartbeat_op:
        return heartbeat(to);  // the server wants one now
      case heartbeat_ack:
        return to.heartbeat_answered();
      case reconnect:
        return to.go_away("the gateway asks to reconnect", {}, {});
      case invalid_session:
        if (data == nullptr || data->kind() != boost::json::kind::bool_ || !data->get_bool())
          forget_session();
        return to.go_away("the session is no longer valid", std::chrono::seconds(1), {});
      default:
        return;  // of a newer gateway
    }
  }

  void heartbeat(link& to) override {
    const auto last = last_event_ ? boost::json::value(*last_event_) : boost::json::value(nullptr);
    say(to, heartbeat_op, last);
  }

  holdfast::result<std::string> encode(const holdfast::outgoing_message& message) const override {
    boost::system::error_code ec;
    auto data = boost::json::parse(message.payload, ec);
    if (ec) return make_error_code(holdfast::error::message_invalid);
    return boost::json::serialize(object{{"op", dispatch}, {"d", std::move(data)}});
  }

 private:
  static std::optional<std::int64_t> number_in(const object& fields, std::string_view name) {
    const auto* value = fields.if_contains(name);
    if (value == nullptr || !value->is_int64()) return std::nullopt;
    return value->get_int64();
  }
  static std::string text_in(const object& fields, std::string_view name) {
    const auto* value = fields.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
  }
  static void say(link& to, std::int64_t code, boost::json::value data) {
    to.send(holdfast::message_kind::text,
            boost::json::serialize(object{{"op", code}, {"d", std::move(data)}}));
  }

  void greet(link& to, const object* data) {
    const auto interval = data != nullptr ? number_in(*data, "heartbeat_interval") : std::nullopt;
    if (!interval || *interval < 100 || *interval > 3'600'000) {
      return to.fail({.text = "hello: heartbeat_interval must be 100 to 3600000 ms", .close_code = 4002});
    }
    to.heartbeat_every(std::chrono::milliseconds(*interval), std::chrono::milliseconds(*interval / 2));
    if (session_.empty()) return say(to, identify, object{{"token", token_}});
    say(to, resume, object{{"token", token_}, {"session_id", session_}, {"seq", last_event_.value_or(0)}});
  }

  void take_event(link& to, const object& fields) {
    const auto sequence = number_in(fields, "s");
    if (!sequence) return to.fail({.text = "dispatch: s must be a number", .close_code = 4002});
    if (last_event_ && *sequence <= *last_event_) return;  // we have had it
    last_event_ = sequence;
    const auto type = text_in(fields, "t");
    const auto* data = fields.if_contains("d");
    if (type == "READY" && data != nullptr && data->is_object()) {
      session_ = text_in(data->get_object(), "session_id");
      return to.ready({});
    }
    if (type == "RESUMED") return to.ready({.resumed = true});
    to.deliver(holdfast::message_kind::text, boost::json::serialize(fields));
  }

  void forget_session() {
    session_.clear();
    last_event_.reset();
  }

  std::string token_;
  std::string session_;
  std::optional<std::int64_t> last_event_;
};
