// A hostile server of channels: its frames, one a line, for the dialect that the first byte chooses. A line
// "+" is another session; "#" begins a binary frame. Each line is a name and a parameter of the program, too.
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "require.hpp"

import holdfast;
import holdfast.channels;

namespace {

using namespace fuzzed;
namespace channels = holdfast::channels;
namespace json = boost::json;

bool is_json(std::string_view text) {
  boost::system::error_code failed;
  json::parse_options how;
  how.max_depth = 500;
  const auto read = json::parse(text, failed, {}, how);
  return !failed;
}

// A packet of Socket.IO has digits in front of its JSON, if it has that.
bool is_frame(std::string_view text) {
  const auto begin = text.find_first_not_of("0123456789-");
  return is_json(text) || begin == std::string_view::npos || is_json(text.substr(begin));
}

// What Socket.IO counts with is written back as it came, leading zeros and all.
bool is_id(std::string_view text) {
  return is_json(text) || text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Checks what a dialect reports of one frame.
class watched_events final : public channels::dialect_events {
 public:
  void send(std::string_view frame) override { require(is_frame(frame), "what is sent is JSON"); }
  void ready(bool) override { ++ready_; }
  [[nodiscard]] bool is_channel(std::uint64_t id) const override { return id % 2 != 0; }
  [[nodiscard]] bool is_channel(std::string_view alias) const override { return alias.size() % 2 != 0; }
  void reply(std::uint64_t, json::value, std::vector<std::string>) override {}
  void refuse(std::uint64_t, channels::call_error, bool) override {}
  void subscribed(channels::channel_reference, channels::subscribed) override {}
  void publish(channels::channel_reference, channels::event, std::string_view, std::size_t) override {}
  void unsubscribed(channels::channel_reference, std::optional<channels::call_error>, bool) override {}
  void call(std::string_view id, std::string_view method, json::value, std::vector<std::string>) override {
    require(is_id(id), "the id of a call is JSON, or a number");
    require(holdfast::is_valid_utf8(method), "the method is UTF-8");
    if (!id.empty()) asked_.emplace_back(id);
  }
  void heartbeat_every(holdfast::clock::duration) override {}
  void heartbeat_answered() override {}
  void expect_within(holdfast::clock::duration) override {}
  void go_away(std::string, holdfast::clock::duration) override {}
  void fail(holdfast::protocol_failure why) override {
    require(why.error || !why.text.empty(), "a failure says what is wrong");
  }

  void before_session() { ready_ = 0; }
  void after_frame() { require(ready_ <= 1, "ready once in a session"); }
  std::vector<std::string> take_calls() { return std::exchange(asked_, {}); }

 private:
  int ready_ = 0;
  std::vector<std::string> asked_{};
};

channels::dialect_factory dialect_of(unsigned choice) {
  switch (choice % 8) {
    case 0:
      return channels::json_rpc();
    case 1:
      return channels::json_rpc({.channels = channels::json_rpc_channels::by_alias});
    case 2:
      return channels::json_rpc({.channels = channels::json_rpc_channels::by_event});
    case 3:
      return channels::ocpp();
    case 4:
      return channels::graphql_ws({.token_field = "token"});
    case 5:
      return channels::action_cable();
    case 6:
      return channels::socket_io({.token_field = "token"});
    default:
      return channels::pusher();
  }
}

class client {
 public:
  explicit client(unsigned choice) : spoken_(dialect_of(choice)()) { open(); }

  void take(std::string_view line) {
    if (line == "+") return open();
    const bool binary = line.starts_with('#');
    spoken_->received({.kind = binary ? holdfast::message_kind::binary : holdfast::message_kind::text,
                       .payload = binary ? line.substr(1) : line},
                      events_);
    events_.after_frame();
    for (const auto& each : events_.take_calls()) {
      const channels::call_error none{.code = "none", .text = std::string(line)};
      check(spoken_->answer(each, {1, 2}, nullptr));
      if (holdfast::is_valid_utf8(line)) check(spoken_->answer(each, {}, &none));
    }
    ask(line);
  }

 private:
  void open() {
    events_.before_session();
    spoken_->opened({.number = ++sessions_, .token = "secret"}, events_);
  }
  void ask(std::string_view line) {
    if (!holdfast::is_valid_utf8(line)) return;
    const json::value params = json::array{json::value(json::string_view(line))};
    check(spoken_->call(++ids_, line, params));
    check(spoken_->subscribe(++ids_, {.name = line, .params = params}));
    check(spoken_->unsubscribe(ids_, {.name = line, .params = params, .alias = line}));
    check(spoken_->publish({.name = line, .params = params}, line,
                           json::object{{"x", json::string_view(line)}}));
    const auto said = spoken_->read_reply(line, params);
    require(said.alias.empty() || is_json(said.alias), "an alias is JSON");
  }
  static void check(const holdfast::result<std::string>& made) {
    if (made && !made->empty()) require(is_frame(*made), "what is sent is JSON");
  }

  const std::unique_ptr<channels::dialect> spoken_;
  watched_events events_{};
  std::uint64_t sessions_ = 0;
  std::uint64_t ids_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  client fuzzed_client(data[0]);
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    fuzzed_client.take(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return 0;
}
