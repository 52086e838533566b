// The dialect of the worlds of channels: words. It has what the dialects of the library have, together:
// positions, aliases that change with each session, sessions that are resumed, confirmations, refusals for
// good and for now.
//
// The client says: hello TOKEN COUNT, sub ID NAME POSITION, unsub NAME, call ID NUMBER. The server: new
// TOKEN, resumed, ok ID ALIAS RECOVERED MISSED, no ID perm|temp, ev ALIAS NAME NUMBER, end ALIAS again|gone,
// re ID NUMBER, er ID.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast;
import holdfast.channels;

namespace sim {

namespace channels = holdfast::channels;

inline std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  std::istringstream in{std::string(text)};
  for (std::string word; in >> word;) out.push_back(std::move(word));
  return out;
}

class word_dialect final : public channels::dialect {
 public:
  void opened(const holdfast::session_facts&, channels::dialect_events& events) override {
    events.send("hello " + token_ + ' ' + std::to_string(taken_));
  }
  void received(holdfast::message_view frame, channels::dialect_events& events) override {
    const auto words = words_of(frame.payload);
    const auto& what = words.at(0);
    if (what == "new") {
      token_ = words.at(1);
      taken_ = 0;
      return events.ready(false);
    }
    if (what == "resumed") return events.ready(true);
    if (what == "ok") return take_ok(words, events);
    if (what == "no")
      return events.refuse(std::stoull(words.at(1)), {.code = words.at(2)}, words.at(2) == "perm");
    if (what == "re") return events.reply(std::stoull(words.at(1)), std::stoll(words.at(2)), {});
    if (what == "er") return events.refuse(std::stoull(words.at(1)), {.code = "error"}, true);
    ++taken_;
    if (what == "end")
      return events.unsubscribed({.alias = words.at(1)}, std::nullopt, words.at(2) == "again");
    events.publish({.alias = words.at(1)}, {.name = words.at(2), .data = std::stoll(words.at(3))},
                   words.at(3));
  }
  holdfast::result<std::string> call(std::uint64_t id, std::string_view,
                                     const boost::json::value& params) const override {
    return "call " + std::to_string(id) + ' ' + std::to_string(params.as_int64());
  }
  holdfast::result<std::string> subscribe(std::uint64_t id,
                                          const channels::channel_request& channel) override {
    return "sub " + std::to_string(id) + ' ' + std::string(channel.name) + ' ' +
           (channel.position.empty() ? "-" : std::string(channel.position));
  }
  holdfast::result<std::string> unsubscribe(std::uint64_t,
                                            const channels::channel_request& channel) override {
    return "unsub " + std::string(channel.name);
  }
  [[nodiscard]] channels::channel_reply read_reply(std::string_view,
                                                   const boost::json::value& reply) const override {
    const auto words = words_of(reply.as_string());
    channels::channel_reply out{.alias = words.at(2)};
    out.how.recovered = words.at(3) == "1";
    if (words.at(4) != "-") out.how.missed = std::stoull(words.at(4));
    return out;
  }

 private:
  static void take_ok(const std::vector<std::string>& words, channels::dialect_events& events) {
    std::string text;
    for (const auto& each : words) text += each + ' ';
    events.reply(std::stoull(words.at(1)), boost::json::string(text), {});
  }

  std::string token_ = "-";
  std::uint64_t taken_ = 0;  // frames that are sent again when the session is resumed
};

}  // namespace sim
