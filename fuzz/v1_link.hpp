// A protocol_link for holdfast.v1 that judges each call by docs/protocol.md: it reads the server's frame
// itself, with Boost.JSON's tree, and knows from the calls so far what may follow.
#pragma once

#include <boost/json.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "require.hpp"

import holdfast;

namespace fuzzed {

namespace json = boost::json;
using namespace std::chrono_literals;

inline std::optional<json::value> read_json(std::string_view text, std::size_t depth) {
  json::parse_options how;
  how.max_depth = depth;
  boost::system::error_code ec;
  auto read = json::parse(json::string_view(text.data(), text.size()), ec, {}, how);
  return ec ? std::nullopt : std::optional(std::move(read));
}

// By text, because a number may be NaN to Boost.JSON ("0e400").
inline bool same(const json::value& one, const json::value& other) {
  return json::serialize(one) == json::serialize(other);
}

// A frame as the tree has it. Of a key that is there twice, the tree has one, and cannot say what is wrong
// with the other.
class frame_tree {
 public:
  frame_tree() = default;
  frame_tree(std::string_view text, std::size_t depth) : tree_(read_json(text, depth)) {}

  [[nodiscard]] bool is_object() const { return tree_ && tree_->is_object(); }
  [[nodiscard]] const json::value* field(std::string_view name) const {
    return is_object() ? tree_->as_object().if_contains(name) : nullptr;
  }
  [[nodiscard]] std::string text(std::string_view name) const {
    const auto* const found = field(name);
    return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
  }
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name) const {
    const auto* const found = field(name);
    if (found == nullptr || !(found->is_int64() || found->is_uint64())) return std::nullopt;
    boost::system::error_code ec;
    const auto value = found->to_number<std::uint64_t>(ec);
    return ec || value > 1ULL << 53U ? std::nullopt : std::optional(value);
  }

 private:
  std::optional<json::value> tree_;
};

class watched_link final : public holdfast::protocol_link {
 public:
  watched_link(std::string token, std::size_t depth) : token_(std::move(token)), depth_(depth) {}

  // Around `protocol::opened`, `received` and `heartbeat`.
  void before_session() { now_ = {}; }
  void after_session() { require(now_.greeted, "opened() says hello"); }
  void before_frame(std::string_view bytes) {
    bytes_ = bytes;
    frame_ = frame_tree(bytes, depth_);
    calls_ = 0;
    last_before_ = known_ ? known_->last : 0;
    was_over_ = now_.over;
    was_ready_ = now_.ready;
  }
  void after_frame();
  void before_heartbeat() { pings_ = 0; }
  void after_heartbeat() const {
    require(pings_ == (now_.ready && !now_.over ? 1U : 0U),
            "a heartbeat is one ping of a session that is ready");
  }

  void send(holdfast::message_kind kind, std::string_view payload) override;
  void ready(holdfast::login_result result) override;
  void deliver(holdfast::message_kind kind, std::string_view payload) override;
  void acknowledged(std::uint64_t last) override;
  void acknowledged_one(std::uint64_t) override {
    require(false, "the protocol acknowledges all up to an id");
  }
  void expect_within(holdfast::clock::duration) override { require(false, "the protocol has a heartbeat"); }
  void read(bool) override { require(false, "the protocol takes what comes"); }
  void wake_at(holdfast::clock::time_point) override { require(false, "the protocol has a heartbeat"); }
  std::function<void()> waker() override {
    return [] {};
  }
  void throttle(std::vector<holdfast::throttled_feature> features) override;
  void heartbeat_every(holdfast::clock::duration interval, holdfast::clock::duration first) override;
  void heartbeat_answered() override;
  void fail(holdfast::protocol_failure why) override;
  void go_away(std::string reason, holdfast::clock::duration wait, std::string endpoint) override;

 private:
  void called() {
    require(!now_.over, "nothing is asked for after the end");
    ++calls_;
  }
  void check_hello(const frame_tree& sent);
  void check_text(std::string_view text, std::size_t most_bytes) const;
  [[nodiscard]] bool names_place(std::string_view text) const;

  const std::string token_;
  const std::size_t depth_;

  std::string_view bytes_;  // the frame that is being read
  frame_tree frame_;
  unsigned calls_ = 0;
  unsigned pings_ = 0;
  std::uint64_t last_before_ = 0;
  bool was_over_ = false;
  bool was_ready_ = false;

  struct session {
    bool greeted = false;
    bool ready = false;
    bool resumed = false;
    bool over = false;
    std::uint64_t acked = 0;  // of the events
  };
  session now_{.over = true};

  struct resumable {
    std::string name;
    std::uint64_t last = 0;
  };
  std::optional<resumable> known_;  // what the next hello has to ask for
  std::string client_;
  std::uint64_t last_ping_ = 0;
};

// What must have been called, whatever else is in the frame.
inline void watched_link::after_frame() {
  if (was_over_) return require(calls_ == 0, "a session that is over asks for nothing");
  if (!frame_.is_object()) return require(now_.over, "what is no JSON object ends the session");
  const auto type = frame_.text("type");
  const bool needs_login = type == "event" || type == "ack" || type == "pong" || type == "throttle";
  if (needs_login && !was_ready_) return require(now_.over, "nothing of that comes before ready");
  if (type == "ready" && was_ready_) return require(now_.over, "ready comes once");
  if (type == "go_away") return require(calls_ == 1, "go_away is told, or refused");
  if (now_.over || type != "event") return;
  const auto seq = frame_.number("seq");
  require(seq.has_value(), "an event without a number ends the session");
  const bool again = now_.resumed && *seq <= last_before_;
  require(again || *seq == last_before_ + 1, "an event out of its order ends the session");
  require(known_->last == (again ? last_before_ : *seq), "an event that is new is delivered, and no other");
  require(known_->last - now_.acked < 32, "32 events are acknowledged");
}

inline void watched_link::send(holdfast::message_kind kind, std::string_view payload) {
  called();
  require(kind == holdfast::message_kind::text, "frames are text");
  const frame_tree sent(payload, depth_);
  const auto type = sent.text("type");
  if (type == "hello") return check_hello(sent);
  require(now_.ready, "only hello is sent before ready");
  if (type == "ack") {
    const auto seq = sent.number("seq");
    require(seq && *seq > now_.acked && *seq == known_->last, "an ack names the last event, and only once");
    now_.acked = *seq;
  } else {
    const auto id = sent.number("id");
    require(type == "ping" && id && *id > last_ping_, "pings have numbers that grow");
    last_ping_ = *id;
    ++pings_;
  }
}

inline void watched_link::check_hello(const frame_tree& sent) {
  require(!now_.greeted && sent.number("version") == 1, "hello is the first frame, once");
  now_.greeted = true;
  const auto client = sent.text("client");
  require(client.size() == 32 && (client_.empty() || client == client_), "the client keeps its name");
  client_ = client;
  require(sent.text("token") == token_, "hello has the token as it was given");
  const auto* const resume = sent.field("resume");
  require((resume != nullptr) == known_.has_value(), "hello resumes what was there, and nothing else");
  if (!known_) return;
  require(resume->at("session").as_string() == known_->name, "the session by the name that the server gave");
  require(resume->at("last_seq").to_number<std::uint64_t>() == known_->last, "from the last event that came");
}

inline void watched_link::ready(holdfast::login_result result) {
  called();
  require(frame_.text("type") == "ready" && !now_.ready, "ready() is for the frame of that name, once");
  require(!result.resumed || known_, "only what was there is resumed");
  require(!result.gap || (result.resumed && result.gap->from == known_->last + 1 &&
                          result.gap->to >= result.gap->from && result.gap->to <= 1ULL << 53U),
          "a gap follows what has come");
  const auto seq = frame_.number("seq");
  require(seq.has_value(), "ready has a number");
  const auto last = result.gap ? result.gap->to : result.resumed ? known_->last : *seq;
  require(!result.resumed || *seq <= last, "no event may be left out without a gap");
  known_ = {.name = frame_.text("session"), .last = last};
  require(!known_->name.empty() && known_->name.size() <= 256, "a session has a name");
  now_ = {.greeted = true, .ready = true, .resumed = result.resumed, .acked = last};
}

inline void watched_link::deliver(holdfast::message_kind kind, std::string_view payload) {
  called();
  require(kind == holdfast::message_kind::text && now_.ready, "events come as text, after ready");
  require(frame_.text("type") == "event", "only events are delivered");
  require(frame_.number("seq") == known_->last + 1, "the numbers of events grow without holes");
  known_->last += 1;
  require(bytes_.find(payload) != std::string_view::npos, "data is what the server wrote");
  const auto data = read_json(payload, depth_);
  const auto* const expected = frame_.field("data");
  require(data && expected != nullptr && same(*data, *expected), "data is the field of that name");
}

inline void watched_link::acknowledged(std::uint64_t last) {
  called();
  const auto type = frame_.text("type");
  require(frame_.number(type == "ready" ? "last_id" : "id") == last, "the number is the frame's");
  require(type == "ready" ? !now_.ready : type == "ack" && now_.ready, "ready and ack acknowledge");
}

inline void watched_link::throttle(std::vector<holdfast::throttled_feature> features) {
  called();
  require(frame_.text("type") == "throttle" && now_.ready, "throttle() is for the frame of that name");
  require(features.size() <= 64, "64 features are enough");
  const auto latest = holdfast::clock::now() + 24h * 365;
  for (const auto& each : features) {
    require(!each.name.empty() && each.name.size() <= 64, "a feature has a name");
    check_text(each.reason, 200);
    require(!each.until || *each.until <= latest, "nothing is longer than a year");
  }
}

inline void watched_link::heartbeat_every(holdfast::clock::duration interval,
                                          holdfast::clock::duration first) {
  called();
  require(frame_.text("type") == "ready" && first == interval, "the heartbeat begins with the session");
  require(interval == 0s || (interval >= 1s && interval <= 1h), "a heartbeat within reason");
}

inline void watched_link::heartbeat_answered() {
  called();
  require(frame_.text("type") == "pong" && last_ping_ != 0 && frame_.number("id") == last_ping_,
          "only a pong of the last ping is an answer");
}

inline void watched_link::fail(holdfast::protocol_failure why) {
  called();
  now_.over = true;
  require(bool(why.error) && !why.text.empty(), "a failure has an error and a text");
  check_text(why.text, 300);
  if (why.close_code == 1000) return require(frame_.text("type") == "error", "the server's own error");
  require(why.close_code == 1002 || why.close_code == 1003 || why.close_code == 1009, "a code of RFC 6455");
  require(names_place(why.text), "what is wrong has a place");
  known_.reset();  // or the same frame would come again
}

inline void watched_link::go_away(std::string reason, holdfast::clock::duration wait, std::string endpoint) {
  called();
  if (!now_.ready || wait > 0s) now_.over = true;
  require(endpoint == frame_.text("endpoint") && endpoint.size() <= 2048, "the endpoint is the frame's");
  require(frame_.text("type") == "go_away", "go_away() is for the frame of that name");
  check_text(reason, 200);
  require(wait >= 0s && wait <= 24h * 365, "nothing is longer than a year");
}

inline void watched_link::check_text(std::string_view text, std::size_t most_bytes) const {
  require(is_one_line(text), "what is for people is one line");
  require(text.size() <= most_bytes && holdfast::is_valid_utf8(text),
          "what is for people is short, and UTF-8");
  const bool own_words = bytes_.find(token_) == std::string_view::npos;
  require(!own_words || text.find(token_) == std::string_view::npos, "nobody is told the token");
}

inline bool watched_link::names_place(std::string_view text) const {
  const auto type = frame_.text("type");
  return text.starts_with("frame: ") || (!type.empty() && text.starts_with(type + ": "));
}

}  // namespace fuzzed
