// The protocol "holdfast.v1": what a frame means at each point of a session, and what outlives a session so
// that the next one can resume it. v1_frames.cpp reads and writes the frames.
module;
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

module holdfast.v1;

import holdfast;
import :v1_frames;
import :v1_state;

namespace holdfast {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t events_per_ack = 32;
// Bounds for the interval that the server asks for: no flood of pings, but one now and then.
constexpr std::chrono::milliseconds shortest_heartbeat = 1s;
constexpr std::chrono::milliseconds longest_heartbeat = 1h;

std::string random_name() {
  std::array<unsigned char, 16> bytes{};
  if (::getentropy(bytes.data(), bytes.size()) != 0)
    throw std::runtime_error("holdfast.v1: the system provides no random bytes");
  std::string out;
  for (const unsigned char byte : bytes) {
    out += "0123456789abcdef"[byte >> 4U];
    out += "0123456789abcdef"[byte & 15U];
  }
  return out;
}

// Returns what is wrong with `frame`, or an empty text.
std::string_view problem_of(const v1_frames::ready& frame, const std::optional<v1_frames::resume>& earlier) {
  if (!frame.resumed) return {};
  if (!earlier) return "ready: resumed must be false, because hello asked for no session";
  if (!frame.gap) {
    return frame.seq > earlier->last_seq ? "ready: seq must not be beyond last_seq of hello without a gap"
                                         : "";
  }
  if (frame.gap->from != earlier->last_seq + 1) return "ready: gap.from must be last_seq of hello plus 1";
  return frame.seq > frame.gap->to ? "ready: seq must not be beyond gap.to" : "";
}

class v1_protocol final : public protocol {
 public:
  explicit v1_protocol(const v1_options& how) : how_(how), client_(random_name()) {}

  void opened(protocol_link& link, const session_facts& session) override {
    phase_ = phase::login;
    link.send(message_kind::text, v1_frames::hello(client_, session.token, earlier_));
  }

  // A frame that the WebSocket itself did not accept would come again if the session were resumed.
  end_verdict ended(const session_end& how) override {
    const auto& why = how.reason.error;
    if (why == error::message_too_big || why == error::invalid_utf8) earlier_.reset();
    return {};
  }

  void received(protocol_link& link, message_view frame) override {
    if (phase_ == phase::over) return;
    if (frame.kind != message_kind::text)
      return broken(link, "frame: must be text, not binary", close_codes::unsupported_data);
    if (frame.payload.size() > how_.frame_bytes)
      return broken(link, "frame: must not be longer than frame_bytes", close_codes::message_too_big,
                    error::message_too_big);
    auto read = v1_frames::parse(frame.payload, how_.depth);
    std::visit([&](auto& each) { take(link, each); }, read);
  }

  // Acknowledges the events received so far, or a quiet server would keep up to 31 of them for ever.
  void heartbeat(protocol_link& link) override {
    if (phase_ != phase::ready) return;
    acknowledge_from(link, 1);
    link.send(message_kind::text, v1_frames::ping(++last_ping_));
  }

  result<std::string> encode(const outgoing_message& given) const override {
    return v1_frames::message(given, how_.depth);
  }
  [[nodiscard]] message_kind encoded_kind(message_kind) const noexcept override { return message_kind::text; }
  [[nodiscard]] bool acknowledges() const noexcept override { return true; }

  // The name of the client is what a server knows our messages by.
  [[nodiscard]] std::string export_state() const override {
    return v1_frames::write_state({.client = client_, .session = earlier_});
  }
  void import_state(std::string_view state) override {
    auto read = v1_frames::read_state(state);
    client_ = std::move(read.client);
    earlier_ = std::move(read.session);
    if (earlier_) stored_ = earlier_->last_seq;
  }
  [[nodiscard]] std::string checkpoint() override { return export_state(); }
  void use_checkpoints() override { stores_ = true; }
  void checkpoint_stored(std::string_view state) override {
    const auto read = v1_frames::read_state(state);
    const bool is_present = read.session && earlier_ && read.session->session == earlier_->session;
    if (is_present) stored_ = std::max(stored_, read.session->last_seq);
  }

 private:
  enum class phase : std::uint8_t { login, ready, over };

  void take(protocol_link& link, v1_frames::ready& frame) {
    if (phase_ == phase::ready) return broken(link, "ready: must not come twice");
    if (const auto problem = problem_of(frame, earlier_); !problem.empty()) return broken(link, problem);
    phase_ = phase::ready;
    resumed_ = frame.resumed;
    const auto last = frame.gap ? frame.gap->to : frame.resumed ? earlier_->last_seq : frame.seq;
    const bool goes_on = frame.resumed && earlier_->session == frame.session;
    earlier_ = {.session = std::move(frame.session), .last_seq = last};
    acknowledged_ = goes_on && stores_ ? std::min(last, stored_) : last;
    if (!goes_on) stored_ = 0;
    // Acknowledged first, so that messages which the server has already are not sent again.
    if (frame.last_id) link.acknowledged(*frame.last_id);
    link.ready({.resumed = frame.resumed, .gap = frame.gap});
    auto interval = frame.heartbeat.value_or(how_.heartbeat);
    if (interval != 0ms) interval = std::clamp(interval, shortest_heartbeat, longest_heartbeat);
    link.heartbeat_every(interval, interval);
  }

  void take(protocol_link& link, const v1_frames::event& frame) {
    if (phase_ != phase::ready) return broken(link, "event: must not come before ready");
    auto& last = earlier_->last_seq;
    if (resumed_ && frame.seq <= last) return;  // a repetition: the server did not know that we have it
    if (frame.seq != last + 1)
      return broken(link, "event: seq must be one more than that of the event before");
    link.deliver(message_kind::text, frame.data);
    last = frame.seq;
    acknowledge_from(link, events_per_ack);
  }

  void take(protocol_link& link, const v1_frames::ack& frame) {
    if (phase_ != phase::ready) return broken(link, "ack: must not come before ready");
    link.acknowledged(frame.id);
  }

  void take(protocol_link& link, const v1_frames::pong& frame) {
    if (phase_ != phase::ready) return broken(link, "pong: must not come before ready");
    if (frame.id == last_ping_ && last_ping_ != 0) link.heartbeat_answered();
  }

  void take(protocol_link& link, v1_frames::throttle& frame) {
    if (phase_ != phase::ready) return broken(link, "throttle: must not come before ready");
    std::vector<throttled_feature> features;
    for (auto& [name, reason, duration] : frame.features) {
      features.push_back({.name = std::move(name), .reason = std::move(reason)});
      if (duration) features.back().until = clock::now() + *duration;
    }
    link.throttle(std::move(features));
  }

  void take(protocol_link& link, v1_frames::go_away& frame) {
    if (phase_ != phase::ready || frame.wait > 0ms) phase_ = phase::over;
    link.go_away(std::move(frame.reason), frame.wait, std::move(frame.endpoint));
  }

  // Keeps the session, because the refusal is not about the session.
  void take(protocol_link& link, v1_frames::refusal& frame) {
    if (phase_ == phase::ready && !frame.fatal) return;
    const auto why = phase_ == phase::login && frame.code == "unauthorized" ? error::unauthorized
                     : frame.fatal                                          ? error::login_refused
                                                                            : error::protocol_failed;
    auto text = std::move(frame.code);
    if (!frame.text.empty()) text += ": " + frame.text;
    phase_ = phase::over;
    link.fail({.error = why, .text = std::move(text), .close_code = close_codes::normal});
  }

  void take(protocol_link&, const v1_frames::unknown&) {}

  void take(protocol_link& link, const v1_frames::malformed& frame) { broken(link, frame.problem); }

  // The next login begins a new session, because the same session would bring the same frame again and again.
  void broken(protocol_link& link, std::string_view problem,
              std::uint16_t close_code = close_codes::protocol_error, error why = error::protocol_failed) {
    phase_ = phase::over;
    earlier_.reset();
    link.fail({.error = why, .text = std::string(problem), .close_code = close_code});
  }

  void acknowledge_from(protocol_link& link, std::uint64_t least) {
    const auto known = stores_ ? std::min(earlier_->last_seq, stored_) : earlier_->last_seq;
    if (known < acknowledged_ + least) return;
    acknowledged_ = known;
    link.send(message_kind::text, v1_frames::client_ack(acknowledged_));
  }

  const v1_options how_;
  std::string client_;  // as long as the connection lives, and the one that goes on with its state
  std::optional<v1_frames::resume> earlier_;  // the earlier session; the present one, once it is ready
  std::uint64_t last_ping_ = 0;               // never restarts, so that no late pong answers another ping
  std::uint64_t acknowledged_ = 0;            // of the events
  std::uint64_t stored_ = 0;                  // the same, in a checkpoint of the present session
  bool stores_ = false;                       // checkpoints are taken
  phase phase_ = phase::over;
  bool resumed_ = false;
};

void check(const v1_options& how) {
  if (how.heartbeat < 0ms || how.heartbeat > 24h)
    throw std::invalid_argument("v1_options.heartbeat: must be from zero to a day");
  if (how.frame_bytes < 1024) throw std::invalid_argument("v1_options.frame_bytes: must be at least 1024");
  if (how.depth < 4 || how.depth > 500)  // Boost.JSON recurses
    throw std::invalid_argument("v1_options.depth: must be from 4 to 500");
}

}  // namespace

protocol_factory v1(v1_options how) {
  check(how);
  return [how] { return std::make_unique<v1_protocol>(how); };
}

}  // namespace holdfast
