// The events of a dialect, written down one line for each call, and a dialect on them.
#pragma once

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast;
import holdfast.channels;

namespace dialect_test {

namespace json = boost::json;
namespace channels = holdfast::channels;
using lines = std::vector<std::string>;

class recorded_events final : public channels::dialect_events {
 public:
  void send(std::string_view frame) override { note("send", frame); }
  void ready(bool resumed) override { note("ready", resumed ? "resumed" : "new"); }
  [[nodiscard]] bool is_channel(std::uint64_t id) const override { return channel_ids.contains(id); }
  [[nodiscard]] bool is_channel(std::string_view alias) const override {
    return channel_names.contains(alias);
  }
  void reply(std::uint64_t id, json::value value, lines attachments) override {
    note("reply", std::to_string(id) + ' ' + json::serialize(value) + text_of(attachments));
  }
  void refuse(std::uint64_t id, channels::call_error why, bool permanent) override {
    note(permanent ? "refuse" : "refuse for now", std::to_string(id) + ' ' + text_of(why));
  }
  void subscribed(channels::channel_reference to, channels::subscribed how) override {
    note("subscribed", text_of(to) + (how.recovered ? " recovered" : ""));
  }
  void publish(channels::channel_reference to, channels::event what, std::string_view position,
               std::size_t /*size*/) override {
    auto line = text_of(to) + ' ' + (what.name.empty() ? "" : what.name + ' ') + json::serialize(what.data);
    line += text_of(what.attachments);
    if (!what.sender.empty()) line.append(" by ").append(what.sender);
    if (!position.empty()) line.append(" at ").append(position);
    note("publish", line);
  }
  void unsubscribed(channels::channel_reference to, std::optional<channels::call_error> why,
                    bool will_return) override {
    note(will_return ? "lost" : "unsubscribed", text_of(to) + (why ? ' ' + text_of(*why) : ""));
  }
  void call(std::string_view id, std::string_view method, json::value params, lines attachments) override {
    auto line = id.empty() ? "- " : std::string(id) + ' ';
    note("call",
         line.append(method).append(" ").append(json::serialize(params)).append(text_of(attachments)));
  }
  void heartbeat_every(holdfast::clock::duration interval) override {
    note("heartbeat_every", std::to_string(interval / std::chrono::milliseconds(1)) + "ms");
  }
  void heartbeat_answered() override { note("heartbeat_answered", ""); }
  void expect_within(holdfast::clock::duration silence) override {
    note("expect_within", std::to_string(silence / std::chrono::milliseconds(1)) + "ms");
  }
  void go_away(std::string reason, holdfast::clock::duration wait) override {
    note("go_away", reason + ' ' + std::to_string(wait / std::chrono::milliseconds(1)) + "ms");
  }
  void fail(holdfast::protocol_failure why) override {
    note("fail", why.text);
    failure = std::move(why);
  }

  lines calls{};
  std::optional<holdfast::protocol_failure> failure{};
  std::set<std::uint64_t> channel_ids{};
  std::set<std::string, std::less<>> channel_names{};

 private:
  static std::string text_of(channels::channel_reference to) {
    return to.id != 0 ? std::to_string(to.id) : std::string(to.alias);
  }
  static std::string text_of(const lines& attachments) {
    std::string out;
    for (const auto& each : attachments) out += " [" + each + ']';
    return out;
  }
  static std::string text_of(const channels::call_error& why) {
    return '"' + why.code + "\" \"" + why.text + '"' +
           (why.data.is_null() ? "" : ' ' + json::serialize(why.data));
  }
  void note(std::string call, std::string_view what) {
    if (!what.empty()) call.append(" ").append(what);
    calls.push_back(std::move(call));
  }
};

struct dialect_dialogue {
  explicit dialect_dialogue(const channels::dialect_factory& speaks) : spoken(speaks()) {}

  // What the dialect finds in a frame of the server.
  lines hears(std::string_view frame, holdfast::message_kind kind = holdfast::message_kind::text) {
    spoken->received({.kind = kind, .payload = frame}, events);
    return std::exchange(events.calls, {});
  }
  lines opens(std::string token = {}) {
    spoken->opened({.number = 1, .token = std::move(token)}, events);
    return std::exchange(events.calls, {});
  }
  [[nodiscard]] std::string calls(std::uint64_t id, std::string_view method,
                                  const json::value& params = {}) const {
    const auto made = spoken->call(id, method, params);
    return made ? *made : "refused: " + made.error().message();
  }
  std::string subscribes(std::uint64_t id, std::string_view name, const json::value& params = {}) {
    const auto made = spoken->subscribe(id, {.name = name, .params = params});
    return made ? *made : "refused: " + made.error().message();
  }
  std::string unsubscribes(std::uint64_t id, std::string_view name, std::string_view alias = {}) {
    const json::value none;
    const auto made = spoken->unsubscribe(id, {.name = name, .params = none, .alias = alias});
    return made ? *made : "refused: " + made.error().message();
  }
  [[nodiscard]] std::string answers(std::string_view id, const json::value& value) const {
    return spoken->answer(id, value, nullptr).value();
  }
  [[nodiscard]] std::string refuses(std::string_view id, const channels::call_error& why) const {
    return spoken->answer(id, {}, &why).value();
  }
  // What the end of a session with this close code means.
  holdfast::end_verdict ends_with(int code) {
    return spoken->ended({.number = 1, .reason = {.close_code = static_cast<std::uint16_t>(code)}});
  }

  std::unique_ptr<channels::dialect> spoken;
  recorded_events events{};
};

}  // namespace dialect_test
