// A protocol_link that writes down what a protocol asks of it, one line for each call, and a protocol on it.
#pragma once

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast;
import holdfast.v1;

namespace v1_test {

using namespace std::string_literals;
using namespace std::chrono_literals;
inline const auto per_element = boost::test_tools::per_element();

class recorded_link final : public holdfast::protocol_link {
 public:
  void send(holdfast::message_kind kind, std::string_view payload) override {
    note(kind == holdfast::message_kind::text ? "send" : "send binary", payload);
  }
  void ready(holdfast::login_result result) override {
    auto line = result.resumed ? "resumed"s : "new"s;
    if (result.gap) line += " gap " + std::to_string(result.gap->from) + "-" + std::to_string(result.gap->to);
    note("ready", line);
  }
  void deliver(holdfast::message_kind kind, std::string_view payload) override {
    note(kind == holdfast::message_kind::text ? "deliver" : "deliver binary", payload);
  }
  void acknowledged(std::uint64_t last) override { note("acknowledged", std::to_string(last)); }
  void acknowledged_one(std::uint64_t number) override { note("acknowledged_one", std::to_string(number)); }
  void expect_within(holdfast::clock::duration silence) override {
    note("expect_within", std::to_string(silence / 1ms) + "ms");
  }
  void read(bool wanted) override { note("read", wanted ? "on" : "off"); }
  void wake_at(holdfast::clock::time_point) override { note("wake_at", ""); }
  [[nodiscard]] std::function<void()> waker() override {
    return [] {};
  }
  void throttle(std::vector<holdfast::throttled_feature> features) override {
    std::string line;
    for (const auto& each : features) {
      line += (line.empty() ? "" : ", ") + each.name + "=" + each.reason;
      if (each.until)
        line += " " +
                std::to_string(
                    std::chrono::round<std::chrono::seconds>(*each.until - holdfast::clock::now()).count()) +
                "s";
    }
    note("throttle", line);
  }
  void heartbeat_every(holdfast::clock::duration interval, holdfast::clock::duration first) override {
    note("heartbeat_every", std::to_string(interval / 1ms) + "ms" + (first == interval ? "" : " but first"));
  }
  void heartbeat_answered() override { note("heartbeat_answered", ""); }
  void fail(holdfast::protocol_failure why) override {
    failure = why;
    note("fail", std::to_string(why.close_code) + " " + why.text);
  }
  void go_away(std::string reason, holdfast::clock::duration wait, std::string endpoint) override {
    note("go_away", std::to_string(wait / 1ms) + "ms" + (reason.empty() ? "" : " " + reason) +
                        (endpoint.empty() ? "" : " to " + endpoint));
  }

  std::vector<std::string> calls{};
  std::optional<holdfast::protocol_failure> failure{};

 private:
  void note(std::string call, std::string_view what) {
    if (!what.empty()) call += ' ' + std::string(what);
    calls.push_back(std::move(call));
  }
};

// One connection's protocol, and the server's side of it as the test plays it.
struct dialogue {
  explicit dialogue(holdfast::v1_options how = {}) : spoken(holdfast::v1(how)()) {}

  void open(std::string token = {}) {
    spoken->opened(link, {.number = 1, .subprotocol = "holdfast.v1", .token = std::move(token)});
  }
  // Open and logged in; what was called until then is forgotten.
  void log_in(std::string_view ready = R"({"type":"ready","session":"s1","resumed":false,"seq":0})") {
    open();
    from_server(ready);
    link.calls.clear();
  }
  void from_server(std::string_view frame) {
    spoken->received(link, {.kind = holdfast::message_kind::text, .payload = frame});
  }
  void event(std::uint64_t seq) {
    from_server(R"({"type":"event","seq":)" + std::to_string(seq) + R"(,"data":)" + std::to_string(seq) +
                "}");
  }
  std::vector<std::string> calls() { return std::exchange(link.calls, {}); }

  std::unique_ptr<holdfast::protocol> spoken;
  recorded_link link{};
};

inline std::string ready(const std::string& more) {
  return R"({"type":"ready","session":"s2",)" + more + "}";
}

// The value of "client" in a hello.
inline std::string client_of(const std::string& hello) {
  constexpr std::string_view begin = R"(send {"type":"hello","version":1,"client":")";
  BOOST_REQUIRE(hello.starts_with(begin));
  return hello.substr(begin.size(), hello.find('"', begin.size()) - begin.size());
}

// What follows "client".
inline std::string rest_of(const std::string& hello) {
  return hello.substr(hello.find(client_of(hello)) + client_of(hello).size() + 1);
}

using lines = std::vector<std::string>;

}  // namespace v1_test
