// A small protocol of its own for scenarios: words, one message each. The server's side is a script.
#pragma once

#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scenario.hpp"

// Client: "hello [token]", "m <id> <text>", "beat". Server: "ready [resumed]", "event <text>", "ack <id>",
// "hold <feature> <seconds>", "free", "leave <seconds> [URL]", "refuse", "beaten", "fault", "throw".
class line_protocol_base : public protocol {
 public:
  void opened(protocol_link& link, const session_facts& session) override {
    link.send(message_kind::text, "hello " + std::to_string(session.number) + session.token);
  }
  void received(protocol_link& link, message_view frame) override {
    const auto [word, rest] = split(frame.payload);
    if (word == "ready") {
      link.ready({.resumed = rest == "resumed"});
      link.heartbeat_every(30s, 30s);
    } else if (word == "gap") {
      link.ready({.resumed = true, .gap = message_gap{3, number(rest)}});
    } else if (word == "event") {
      link.deliver(message_kind::text, rest);
    } else if (word == "ack") {
      link.acknowledged(number(rest));
    } else if (word == "hold") {
      const auto [name, seconds] = split(rest);
      throttled_feature feature{.name = std::string(name), .reason = "too many"};
      if (!seconds.empty()) feature.until = clock::now() + std::chrono::seconds(number(seconds));
      link.throttle({std::move(feature)});
    } else if (word == "free") {
      link.throttle({});
    } else if (word == "leave") {
      const auto [seconds, endpoint] = split(rest);
      link.go_away("restart", std::chrono::seconds(number(seconds)), std::string(endpoint));
    } else if (word == "refuse") {
      link.fail({.error = error::login_refused, .text = "we do not know you"});
    } else if (word == "unauthorized") {
      link.fail({.error = error::unauthorized, .text = "token too old", .close_code = 1000});
    } else if (word == "beaten") {
      link.heartbeat_answered();
    } else if (word == "throw") {
      throw std::runtime_error("secret");
    } else {
      link.fail({.text = "what is that?"});
    }
  }
  void heartbeat(protocol_link& link) override { link.send(message_kind::text, "beat"); }
  result<std::string> encode(const outgoing_message& message) const override {
    if (message.payload == "unsayable") return make_error_code(error::message_invalid);
    return "m " + std::to_string(message.id) + " " + std::string(message.payload);
  }
  [[nodiscard]] bool acknowledges() const noexcept override { return true; }

 private:
  static std::pair<std::string_view, std::string_view> split(std::string_view text) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return {text, {}};
    return {text.substr(0, space), text.substr(space + 1)};
  }
  static std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
};

class line_protocol final : public line_protocol_base {};

// A scenario in which both sides speak it.
struct line_scenario : scenario {
  explicit line_scenario(std::uint64_t seed = 1) : scenario(seed) {
    given.protocol = [] { return std::make_unique<line_protocol>(); };
    serve([](server_session& session) -> net::awaitable<void> { co_await session.send("ready"); });
  }
  // What each session does first; then it keeps what it gets, until the session ends.
  void serve(server::script first) {
    backend.on_session([this, first = std::move(first)](server_session& session) -> net::awaitable<void> {
      now = &session;
      co_await first(session);
      while (auto next = co_await session.receive()) {
        got.push_back(std::move(next->payload));
        if (acknowledges && got.back().starts_with("m ")) {
          co_await session.send("ack " + got.back().substr(2, got.back().find(' ', 2) - 2));
        }
        if (beats && got.back() == "beat") co_await session.send("beaten");
      }
      if (now == &session) now = nullptr;  // after a move the next one has begun before
    });
  }
  // The server says it in the session that is open.
  void say(std::string what) {
    net::co_spawn(
        in.executor(), [this, what = std::move(what)]() -> net::awaitable<void> { co_await now->send(what); },
        net::detached);
    in.run_for(1s);
  }

  std::vector<std::string> got;
  server_session* now = nullptr;
  bool acknowledges = true;
  bool beats = true;
};

// A script that says these lines.
inline server::script says(std::vector<std::string> lines) {
  return [lines = std::move(lines)](server_session& session) -> net::awaitable<void> {
    for (const auto& each : lines) co_await session.send(each);
  };
}
