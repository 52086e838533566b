// Keeps records, at most so many of what has happened, and of what was measured.
module;
#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

module holdfast.insight;

import holdfast;
import :timeline;

namespace holdfast {
namespace {

namespace json = boost::json;

// What a picture shows.
constexpr std::array<std::string_view, 8> events{"state",   "dial_step",       "round_trip", "sample",
                                                 "command", "network_changed", "go_away",    "clock_jumped"};

// Of "2026-11-30T07:34:01.250Z", since 1970.
std::optional<clock::time_point> read_time(const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  double second = 0;
  char zone = 0;
  const int found = std::sscanf(text.c_str(), "%4d-%2u-%2uT%2u:%2u:%9lf%c", &year, &month, &day, &hour,
                                &minute, &second, &zone);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  const bool is_time = found == 7 && zone == 'Z' && year >= 1970 && year < 2200 && date.ok() && hour < 24 &&
                       minute < 60 && second >= 0 && second < 61;
  if (!is_time) return std::nullopt;
  const auto whole = std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                     std::chrono::minutes(minute);
  return clock::time_point(std::chrono::duration_cast<clock::duration>(whole) +
                           std::chrono::round<clock::duration>(std::chrono::duration<double>(second)));
}

}  // namespace

struct timeline::implementation {
  explicit implementation(timeline_options given) : how(given) {}

  void keep(log_record one, bool is_present) {
    const std::lock_guard lock(mutex);
    is_live = is_live || is_present;
    end = std::max(end, one.time);
    if (one.event == "sample" || one.event == "round_trip") {
      measured.push_back(std::move(one));
      if (measured.size() > most()) thin_out();
    } else {
      happened.push_back(std::move(one));
      if (happened.size() > most()) forget_first();
    }
  }
  // Of what is measured again and again every other one goes: a long time is shown more coarsely.
  void thin_out() {
    std::deque<log_record> rest;
    for (std::size_t i = measured.size() % 2; i < measured.size(); i += 2)
      rest.push_back(std::move(measured[i]));
    measured = std::move(rest);
  }
  // The state that holds at the new beginning is kept, so that the band of states has no hole.
  void forget_first() {
    has_forgotten = true;
    const auto second = std::next(happened.begin());
    if (happened.front().event == "state" && second->event != "state") {
      happened.front().time = second->time;
      happened.erase(second);
    } else {
      happened.pop_front();
    }
  }
  [[nodiscard]] std::size_t most() const { return std::max<std::size_t>(how.records, 2); }

  const timeline_options how;
  std::mutex mutex;
  std::deque<log_record> happened;
  std::deque<log_record> measured;
  bool has_forgotten = false;  // what happened before the first that is kept
  clock::time_point end{};
  bool is_live = false;  // its times are those of the clock
};

timeline::timeline(timeline_options how) : implementation_(std::make_shared<implementation>(how)) {}

std::function<void(const log_record&)> timeline::recorder() const {
  return [shared = implementation_](const log_record& one) { shared->keep(one, true); };
}

void timeline::add(const log_record& one) { implementation_->keep(one, true); }

void timeline::sample(const connection_stats& said) {
  const auto& limits = implementation_->how.limits;
  const auto& sent = said.messages_sent;
  implementation_->keep({.time = clock::now(),
                         .event = "sample",
                         .fields = {{"waiting_bytes", said.waiting_bytes},
                                    {"outbound_bytes", limits.outbound_bytes},
                                    {"unread_messages", said.unread_messages},
                                    {"inbound_messages", limits.inbound_messages},
                                    {"written", sent.written},
                                    {"acked", sent.acked},
                                    {"not_sent", sent.not_sent},
                                    {"in_doubt", sent.in_doubt},
                                    {"dropped", sent.dropped}}},
                        true);
}

void timeline::add_line(std::string_view line) {
  error_code failed;
  auto read = json::parse(line, failed);
  auto* fields = read.if_object();
  if (failed || fields == nullptr) throw std::invalid_argument("the line is no JSON object");
  const auto text_of = [fields](std::string_view name) {
    const auto* found = fields->if_contains(name);
    const auto* text = found != nullptr ? found->if_string() : nullptr;
    return text != nullptr ? std::string(text->data(), text->size()) : std::string();
  };
  const auto time = read_time(text_of("time"));
  if (!time) throw std::invalid_argument("time: must be such as 2026-01-31T12:00:00.000Z");
  const auto event = text_of("event");
  if (event.empty()) throw std::invalid_argument("event: must be a string");
  const auto known = std::ranges::find(events, event);
  if (known == events.end()) return;
  fields->erase("time");
  fields->erase("event");
  implementation_->keep({.time = *time, .event = *known, .fields = std::move(*fields)}, false);
}

std::vector<log_record> timeline::records() const {
  const std::lock_guard lock(implementation_->mutex);
  const auto& [happened, measured] = std::tie(implementation_->happened, implementation_->measured);
  std::vector<log_record> out;
  std::ranges::merge(happened, measured, std::back_inserter(out), {}, &log_record::time, &log_record::time);
  if (!implementation_->has_forgotten) return out;
  // What was measured in a time whose states are forgotten means nothing.
  const auto begin = happened.front().time;
  std::erase_if(out, [begin](const log_record& one) { return one.time < begin; });
  return out;
}

clock::time_point timeline::end() const {
  const std::lock_guard lock(implementation_->mutex);
  return implementation_->is_live ? clock::now() : implementation_->end;
}

}  // namespace holdfast
