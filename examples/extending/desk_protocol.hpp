// A protocol of one's own, for the order desk of own_protocol.cpp: a login that continues after the last
// event, acknowledged orders, a throttled feature, a heartbeat, and a server that asks its client to leave.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

import holdfast;

// A frame is a word and its values: "event 7 tea is ready".
inline std::pair<std::string_view, std::string_view> split(std::string_view line) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return {line, {}};
  return {line.substr(0, space), line.substr(space + 1)};
}
// Throws if it is not a number. In the protocol, that ends the session with protocol_failed.
inline std::uint64_t number(std::string_view digits) { return std::stoull(std::string(digits)); }

class desk_protocol final : public holdfast::protocol {
 public:
  using link = holdfast::protocol_link;

  void opened(link& to, const holdfast::session_facts& session) override {
    to.send(holdfast::message_kind::text, "login " + session.token + ' ' + std::to_string(last_event_));
  }

  void received(link& to, holdfast::message_view frame) override {
    const auto [word, values] = split(frame.payload);
    const auto [first, second] = split(values);
    if (word == "welcome") {
      to.acknowledged(number(first));  // before ready(), so that none of these is sent again
      to.ready({.resumed = second == "resumed"});
      to.heartbeat_every(std::chrono::seconds(20), std::chrono::seconds(20));
    } else if (word == "denied") {
      to.fail({.error = holdfast::error::unauthorized, .text = "token refused", .close_code = 1000});
    } else if (word == "event") {
      if (number(first) <= last_event_) return;  // the server did not know that it has arrived
      last_event_ = number(first);
      to.deliver(holdfast::message_kind::text, second);
    } else if (word == "ack") {
      to.acknowledged(number(first));
    } else if (word == "pause") {
      const auto until = holdfast::clock::now() + std::chrono::seconds(number(second));
      to.throttle({{.name = std::string(first), .reason = "the desk is busy", .until = until}});
    } else if (word == "beaten") {
      to.heartbeat_answered();
    } else if (word == "leave") {
      to.go_away("deploy", std::chrono::seconds(number(first)), {});
    } else {
      to.fail({.text = "unknown frame"});
    }
  }

  void heartbeat(link& to) override { to.send(holdfast::message_kind::text, "beat"); }

  // Any thread: reads no member that the functions above change.
  holdfast::result<std::string> encode(const holdfast::outgoing_message& message) const override {
    if (message.kind != holdfast::message_kind::text) {
      return make_error_code(holdfast::error::message_invalid);
    }
    return "order " + std::to_string(message.id) + ' ' + std::string(message.payload);
  }
  [[nodiscard]] bool acknowledges() const noexcept override { return true; }

 private:
  std::uint64_t last_event_ = 0;  // outlives the session: the next login continues from here
};
