// The verdict has hysteresis, so that it does not flutter: it is set when the first bound is reached, and
// cleared when all values have been below half of their bounds for calm_for.
module;
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :congestion;

namespace holdfast {
namespace {

using namespace std::chrono_literals;

constexpr auto look_interval = 100ms;
constexpr auto ping_interval = 1s;  // while congested

}  // namespace

void congestion::pinged(std::uint64_t number, clock::time_point now) {
  if (!ping_) ping_ = sent_ping{number, now};
}

void congestion::heard_pong(std::uint64_t number, clock::time_point now) {
  if (!ping_ || number < ping_->number) return;
  round_trip_ = now - ping_->at;
  measured_ = now;
  ping_.reset();
}

// The age of the oldest waiting byte is not known. The mark stands for a byte that is no older: the last one
// that was waiting at an earlier look().
void congestion::follow(const write_progress& at, clock::time_point now) {
  if (mark_ && at.written >= mark_->end) mark_.reset();
  if (!mark_ && at.given > at.written) mark_ = mark{at.given, now};
}

std::string_view congestion::beyond(int share, const write_progress& at, clock::time_point now) const {
  if ((at.given - at.written) * static_cast<std::size_t>(share) >= options_->backlog_bytes)
    return "too many bytes wait to be sent";
  if (mark_ && (now - mark_->at) * share >= options_->send_latency) return "sending takes too long";
  const auto trip = ping_ ? std::max(round_trip_, now - ping_->at) : round_trip_;
  if (trip * share >= options_->round_trip) return "answers to pings take too long";
  return {};
}

bool congestion::look(const write_progress& at, clock::time_point now) {
  follow(at, now);
  if (!congested()) {
    reason_ = beyond(1, at, now);
    calm_since_.reset();
    return congested();
  }
  if (!beyond(2, at, now).empty()) {
    calm_since_.reset();
  } else if (!calm_since_) {
    calm_since_ = now;
  } else if (now - *calm_since_ >= options_->calm_for) {
    reason_ = {};
    return true;
  }
  return false;
}

bool congestion::wants_ping(clock::time_point now) const {
  return congested() && !ping_ && now - measured_ >= ping_interval;
}

clock::time_point congestion::next_look(const write_progress& at, clock::time_point now) const {
  if (congested() || at.given > at.written) return now + look_interval;
  return ping_ ? std::max<clock::time_point>(ping_->at + options_->round_trip, now + look_interval)
               : clock::time_point::max();
}

std::vector<throttled_feature> congestion::added_to(std::vector<throttled_feature> by_server) const {
  if (!congested()) return by_server;
  for (const auto& name : options_->features) {
    if (std::ranges::find(by_server, name, &throttled_feature::name) != by_server.end()) continue;
    by_server.push_back({.name = name, .reason = std::string(reason_)});
  }
  return by_server;
}

}  // namespace holdfast
