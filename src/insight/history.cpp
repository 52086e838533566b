// Puts records in order: a state lasts until the next one, a stage of a dial ends when its record comes.
module;
#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.insight;

import holdfast;
import :history;

namespace holdfast {
namespace {

namespace json = boost::json;

constexpr double most_value = 1e12;

std::string text_in(const json::object& from, std::string_view name) {
  const auto* found = from.if_contains(name);
  const auto* text = found != nullptr ? found->if_string() : nullptr;
  return text != nullptr ? std::string(text->data(), text->size()) : std::string();
}

double number_in(const json::object& from, std::string_view name) {
  const auto* found = from.if_contains(name);
  if (found == nullptr || !found->is_number()) return 0;
  error_code failed;
  const auto value = found->to_number<double>(failed);
  return failed ? 0 : std::clamp(value, 0.0, most_value);  // a file may say anything
}

bool flag_in(const json::object& from, std::string_view name) {
  const auto* found = from.if_contains(name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

// What a transition says besides its state.
std::string details_of(const json::object& fields) {
  auto out = text_in(fields, "reason");
  const auto add = [&out](const std::string& more) { out += (out.empty() ? "" : ", ") + more; };
  const auto state = text_in(fields, "state");
  if (state == "connecting")
    add("attempt " + std::to_string(static_cast<unsigned long long>(number_in(fields, "attempt"))));
  if (state == "connected" || state == "featureThrottled") {
    add("session " + std::to_string(static_cast<unsigned long long>(number_in(fields, "session"))));
    if (const auto peer = text_in(fields, "peer"); !peer.empty()) add("to " + peer);
  }
  if (flag_in(fields, "resumed")) add("resumed");
  if (fields.contains("gap")) add("with a gap");
  if (flag_in(fields, "unresponsive")) add("unresponsive");
  const auto* features = fields.if_contains("features");
  if (features != nullptr && features->is_array()) {
    for (const auto& each : features->get_array()) {
      if (each.is_object()) add(text_in(each.get_object(), "name") + " throttled");
    }
  }
  if (fields.contains("retry_in"))
    add("next attempt in " + span_text(number_in(fields, "retry_in")) + " [" + text_in(fields, "rule") + ']');
  if (flag_in(fields, "final")) add("no further attempt");
  return out;
}

bool is_usable(std::string_view state) { return state == "connected" || state == "featureThrottled"; }

class historian {
 public:
  historian(clock::time_point begin, clock::time_point end) : begin_(begin) { out_.length = at(end); }

  void take(const log_record& one) {
    now_ = at(one.time);
    if (one.event == "state") {
      state(one.fields);
    } else if (one.event == "dial_step") {
      dial_step(one.fields);
    } else if (one.event == "round_trip") {
      out_.round_trips.push_back({now_, number_in(one.fields, "seconds")});
      out_.pong_deadline = std::max(out_.pong_deadline, number_in(one.fields, "pong_deadline"));
    } else if (one.event == "sample") {
      sample(one.fields);
    } else {
      mark(one);
    }
  }
  history finish() {
    if (!out_.states.empty()) out_.states.back().end = out_.length;
    for (auto& each : out_.waits) each.end = std::min(each.end, out_.length);
    out_.sentence = sentence();
    return std::move(out_);
  }

 private:
  [[nodiscard]] double at(clock::time_point when) const {
    return std::chrono::duration<double>(when - begin_).count();
  }

  void state(const json::object& fields) {
    if (!out_.states.empty()) out_.states.back().end = now_;
    if (!out_.waits.empty()) out_.waits.back().end = std::min(out_.waits.back().end, now_);
    const auto name = text_in(fields, "state");
    const auto text = details_of(fields);
    out_.states.push_back({now_, now_, name, flag_in(fields, "unresponsive"), text});
    out_.rows.push_back({now_, name, text});
    if (fields.contains("retry_in"))
      out_.waits.push_back({now_, now_ + number_in(fields, "retry_in"), text_in(fields, "rule")});
    session_ = static_cast<unsigned long long>(number_in(fields, "session"));
    if (flag_in(fields, "failure")) {
      lost_at_ = now_;
      why_lost_ = text_in(fields, "reason");
    }
  }

  void dial_step(const json::object& fields) {
    const auto took = number_in(fields, "seconds");
    const bool failed = text_in(fields, "outcome") != "ok";
    auto text = text_in(fields, "stage") + ", " + span_text(took);
    if (const auto detail = text_in(fields, "detail"); !detail.empty()) text += ": " + detail;
    out_.dials.push_back({std::max(0.0, now_ - took), now_, text_in(fields, "stage"), failed, text});
  }

  void sample(const json::object& fields) {
    out_.samples.push_back({.at = now_,
                            .waiting = number_in(fields, "waiting_bytes"),
                            .waiting_limit = number_in(fields, "outbound_bytes"),
                            .unread = number_in(fields, "unread_messages"),
                            .unread_limit = number_in(fields, "inbound_messages"),
                            .sent = number_in(fields, "written") + number_in(fields, "acked"),
                            .lost = number_in(fields, "not_sent") + number_in(fields, "in_doubt") +
                                    number_in(fields, "dropped")});
  }

  void mark(const log_record& one) {
    std::string text(one.event);
    std::ranges::replace(text, '_', ' ');
    for (const auto* field : {"name", "detail"}) {
      if (const auto value = text_in(one.fields, field); !value.empty()) text += ": " + value;
    }
    out_.marks.push_back({now_, std::move(text)});
  }

  [[nodiscard]] std::string sentence() const {
    double usable = 0;
    for (const auto& each : out_.states) {
      if (is_usable(each.state)) usable += each.end - each.begin;
    }
    const auto known = out_.states.empty() ? 0 : out_.length - out_.states.front().begin;
    if (known <= 0) return "Nothing has happened yet.";
    std::array<char, 16> share{};
    std::snprintf(share.data(), share.size(), "%.1f %%", 100 * usable / known);
    const bool is_up = is_usable(out_.states.back().state);
    std::string out =
        is_up ? "Connected, session " + std::to_string(session_)
              : "Now " + out_.states.back().state + ", sessions so far: " + std::to_string(session_);
    out += "; usable for " + std::string(share.data()) + " of " + span_text(known);
    if (!lost_at_) return out + "; never lost.";
    return out + "; the last failure " + span_text(out_.length - *lost_at_) +
           " before the end: " + why_lost_ + '.';
  }

  const clock::time_point begin_;
  history out_;
  double now_ = 0;
  unsigned long long session_ = 0;
  std::optional<double> lost_at_{};
  std::string why_lost_{};
};

}  // namespace

std::string span_text(double seconds) {
  std::array<char, 32> text{};
  const auto show = [&text](const char* how, double value) {
    std::snprintf(text.data(), text.size(), how, value);
    return std::string(text.data());
  };
  if (seconds < 0.9995) return show("%.3g ms", seconds * 1000);
  if (seconds < 59.5) return show("%.3g s", seconds);
  const auto whole = std::llround(seconds);
  if (whole < 3'600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  if (whole < 86'400)
    return std::to_string(whole / 3'600) + " h " + std::to_string(whole % 3'600 / 60) + " min";
  return std::to_string(whole / 86'400) + " d " + std::to_string(whole % 86'400 / 3'600) + " h";
}

history read_history(const std::vector<log_record>& records, clock::time_point end) {
  if (records.empty()) return {.sentence = "Nothing has happened yet."};
  historian out(records.front().time, std::max(end, records.back().time));
  for (const auto& each : records) out.take(each);
  return out.finish();
}

}  // namespace holdfast
