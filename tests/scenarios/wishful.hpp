// A protocol that does what the test gives it to do, and a server that writes down what it receives.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scenario.hpp"

// Does what the test has given it to do, and writes down what it is called for.
struct script_of_calls {
  std::function<void(protocol_link&)> on_open = [](protocol_link& link) { link.ready({}); };
  std::function<void(protocol_link&, message_view)> on_message = [](protocol_link&, message_view) {};
  std::function<void(protocol_link&)> on_wake = [](protocol_link&) {};
  std::function<end_verdict(const session_end&)> on_end = [](const session_end&) { return end_verdict{}; };
  bool acknowledges = false;
  std::vector<session_end> ends{};
};

class scripted_protocol final : public protocol {
 public:
  explicit scripted_protocol(script_of_calls& does) : does_(does) {}
  void opened(protocol_link& link, const session_facts&) override { does_.on_open(link); }
  void received(protocol_link& link, message_view frame) override { does_.on_message(link, frame); }
  void woken(protocol_link& link) override { does_.on_wake(link); }
  end_verdict ended(const session_end& how) override {
    does_.ends.push_back(how);
    return does_.on_end(how);
  }
  result<std::string> encode(const outgoing_message& message) const override {
    return std::string(message.payload.substr(0, message.payload.find('|')));
  }
  // Whatever stands behind bars.
  [[nodiscard]] std::vector<std::string> attachments(const outgoing_message& message) const override {
    std::vector<std::string> out;
    for (auto bar = message.payload.find('|'); bar != std::string_view::npos;) {
      const auto next = message.payload.find('|', bar + 1);
      out.emplace_back(
          message.payload.substr(bar + 1, next == std::string_view::npos ? next : next - bar - 1));
      bar = next;
    }
    return out;
  }
  [[nodiscard]] bool acknowledges() const noexcept override { return does_.acknowledges; }

 private:
  script_of_calls& does_;
};

struct wishful_scenario : scenario {
  wishful_scenario() {
    given.protocol = [this] { return std::make_unique<scripted_protocol>(does); };
    given.heartbeat = heartbeat_options::off();
    backend.on_session([this](server_session& session) -> net::awaitable<void> {
      now = &session;
      while (auto next = co_await session.receive()) {
        got.push_back((next->kind == message_kind::binary ? "[" + next->payload + "]" : next->payload));
      }
      if (now == &session) now = nullptr;
    });
  }
  void say(std::string what) {
    net::co_spawn(
        in.executor(), [this, what = std::move(what)]() -> net::awaitable<void> { co_await now->send(what); },
        net::detached);
  }

  script_of_calls does{};
  std::vector<std::string> got{};
  server_session* now = nullptr;
};
