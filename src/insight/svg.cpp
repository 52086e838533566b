// Draws the lanes of a timeline, one below the other, on one axis of time.
module;
#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.insight;

import holdfast;
import :history;
import :markup;
import :timeline;

namespace holdfast {
namespace {

constexpr double width = 1000;
constexpr double left = 92;  // of it, for the names of the lanes
constexpr double right = 14;
constexpr double gap = 12;  // between two lanes

// Colours are said twice, for light and for dark surroundings; texts take that of what is around.
constexpr std::string_view style = R"(<style>
.tl{font:12px system-ui,sans-serif;--ink:#1c2733;--soft:#66727f;--line:#d5dbe1;--connected:#2e9e5b;
--connecting:#e0a100;--disconnected:#d64545;--featureThrottled:#7a5cc9;--provider:#8e6bbf;--resolve:#4a90d9;
--connect:#1e9e9c;--proxy:#b58b2a;--tls:#d0588f;--upgrade:#6f9f2b;--login:#5a6acf;--sent:#4a90d9;--lost:#d64545}
@media (prefers-color-scheme:dark){.tl{--ink:#e6ebf0;--soft:#9aa7b4;--line:#39434e;--connected:#46bf78;
--connecting:#f0bd3a;--disconnected:#f06a6a;--featureThrottled:#a58cf0;--provider:#b397e0;--resolve:#6fb1f5;
--connect:#45c9c6;--proxy:#d6ad4e;--tls:#f08ab8;--upgrade:#9ccc55;--login:#8795f0;--sent:#6fb1f5;--lost:#f06a6a}}
.tl text{fill:var(--ink)}.tl .soft{fill:var(--soft)}.tl .big{font-size:15px;font-weight:600}
.tl .axis{stroke:var(--line);fill:none}.tl .limit{stroke:var(--lost);stroke-dasharray:4 3;fill:none}
.tl .wait{fill:none;stroke:var(--soft);stroke-dasharray:2 2}.tl .late{fill:var(--ink);opacity:.35}
.tl .curve{stroke:var(--sent);fill:none;stroke-width:1.5}.tl .failed{stroke:var(--disconnected);stroke-width:2}
.tl .dot{fill:var(--sent)}.tl .mark{fill:var(--soft)}
</style>)";

// Names may come from a file.
std::string coloured(std::string_view name) {
  const bool is_word = std::ranges::all_of(
      name, [](char each) { return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z'); });
  return "style=\"fill:var(--" + std::string(is_word ? name : "soft") + ",var(--soft))\"";
}

class picture {
 public:
  explicit picture(const history& of) : of_(of), scale_((width - left - right) / std::max(of.length, 1e-9)) {}

  // With the sentence above it.
  std::string draw_alone() {
    const auto second = of_.sentence.find("; the last failure");
    text(left, 18, "big", of_.sentence.substr(0, second));
    below_ = 34;
    if (second != std::string::npos) {
      text(left, 38, {}, of_.sentence.substr(second + 2));
      below_ = 52;
    }
    return draw();
  }
  std::string draw() {
    draw_states();
    draw_dials();
    draw_round_trips();
    draw_queues();
    draw_messages();
    draw_marks();
    draw_axis();
    draw_legend();
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"tl\" viewBox=\"0 0 " + number_text(width) +
           ' ' + number_text(below_) + "\" role=\"img\" aria-label=\"" + escaped(of_.sentence) + "\">\n" +
           std::string(style) + '\n' + out_ + "</svg>\n";
  }

 private:
  [[nodiscard]] double x(double at) const {
    return left + std::clamp(at, 0.0, std::max(of_.length, 0.0)) * scale_;
  }
  void text(double at, double y, std::string_view kind, std::string_view what, std::string_view anchor = {}) {
    out_ += "<text x=\"" + number_text(at) + "\" y=\"" + number_text(y) + '"';
    if (!kind.empty()) out_.append(" class=\"").append(kind).append("\"");
    if (!anchor.empty()) out_.append(" text-anchor=\"").append(anchor).append("\"");
    out_ += '>' + escaped(what) + "</text>\n";
  }
  void box(double from, double to, double y, double height, const std::string& look, std::string_view tip) {
    const auto begin = x(from);
    const auto wide = std::max(x(to) - begin, 1.0);
    out_ += "<rect x=\"" + number_text(begin) + "\" y=\"" + number_text(y) + "\" width=\"" +
            number_text(wide) + "\" height=\"" + number_text(height) + "\" " + look;
    out_ += tip.empty() ? "/>\n" : "><title>" + escaped(tip) + "</title></rect>\n";
  }
  void line(double x1, double y1, double x2, double y2, std::string_view kind) {
    out_ += "<path class=\"" + std::string(kind) + "\" d=\"M" + number_text(x1) + ' ' + number_text(y1) +
            'L' + number_text(x2) + ' ' + number_text(y2) + "\"/>\n";
  }
  // Begins the next lane; returns its upper edge.
  double lane(std::string_view name, double height) {
    const auto top = below_;
    text(left - 8, top + std::min(height, 24.0) / 2 + 4, "soft", name, "end");
    below_ += height + gap;
    return top;
  }

  void draw_states() {
    const auto top = lane("state", 26);
    for (const auto& each : of_.states) {
      const auto tip = each.state + " at " + span_text(each.begin) + ", for " +
                       span_text(each.end - each.begin) + (each.text.empty() ? "" : ": " + each.text);
      box(each.begin, each.end, top, 26, coloured(each.state), tip);
      if (each.unresponsive) box(each.begin, each.end, top + 18, 8, "class=\"late\"", tip);
    }
  }

  void draw_dials() {
    if (of_.dials.empty() && of_.waits.empty()) return;
    const auto top = lane("dials", 22);
    for (const auto& each : of_.waits)
      box(each.begin, each.end, top + 7, 8, "class=\"wait\"",
          "waits " + span_text(each.end - each.begin) + " [" + each.rule + ']');
    for (const auto& each : of_.dials) {
      box(each.begin, each.end, top, 22, coloured(each.stage), each.text);
      if (!each.failed) continue;
      const auto at = x(each.end);
      line(at - 4, top + 7, at + 4, top + 15, "failed");
      line(at - 4, top + 15, at + 4, top + 7, "failed");
    }
  }

  // Logarithmic, from a tenth of a millisecond.
  void draw_round_trips() {
    if (of_.round_trips.empty()) return;
    constexpr double height = 64;
    constexpr double least = 1e-4;
    const auto top = lane("round trip", height);
    double most = std::max(of_.pong_deadline, least * 10);
    for (const auto& each : of_.round_trips) most = std::max(most, each.seconds);
    const auto y = [&](double seconds) {
      return top + height - height * std::log(std::max(seconds, least) / least) / std::log(most / least);
    };
    for (double tick = 1e-3; tick < most; tick *= 10) {
      line(left, y(tick), width - right, y(tick), "axis");
      text(left + 4, y(tick) - 2, "soft", span_text(tick));
    }
    if (of_.pong_deadline > 0) {
      line(left, y(of_.pong_deadline), width - right, y(of_.pong_deadline), "limit");
      text(width - right, y(of_.pong_deadline) + 12, "soft", "pong deadline " + span_text(of_.pong_deadline),
           "end");
    }
    for (const auto& each : of_.round_trips)
      out_ += "<circle class=\"dot\" cx=\"" + number_text(x(each.at)) + "\" cy=\"" +
              number_text(y(each.seconds)) + "\" r=\"2.5\"><title>" + span_text(each.seconds) + " at " +
              span_text(each.at) + "</title></circle>\n";
  }

  void draw_queues() {
    if (of_.samples.size() < 2) return;
    draw_queue("to be sent", "bytes", &history::numbers::waiting, &history::numbers::waiting_limit);
    draw_queue("unread", "messages", &history::numbers::unread, &history::numbers::unread_limit);
  }
  void draw_queue(std::string_view name, std::string_view unit, double history::numbers::* of,
                  double history::numbers::* limit) {
    constexpr double height = 34;
    double most = 0;
    double bound = 0;
    for (const auto& each : of_.samples) {
      most = std::max(most, each.*of);
      bound = std::max(bound, each.*limit);
    }
    if (most == 0) return;
    const auto top = lane(name, height);
    // The limit is drawn where the queue comes near it.
    const bool is_near = bound > 0 && most * 4 >= bound;
    const auto full = std::max(is_near ? std::max(bound, most) : most, 1.0);
    std::string path;
    for (const auto& each : of_.samples) {
      const auto y = top + height - height * each.*of / full;
      path += path.empty() ? "M" + number_text(x(each.at)) + ' ' + number_text(y)
                           : "H" + number_text(x(each.at)) + 'V' + number_text(y);
    }
    line(left, top + height, width - right, top + height, "axis");
    out_ += "<path class=\"curve\" d=\"" + path + "\"/>\n";
    if (is_near)
      line(left, top + height - height * bound / full, width - right, top + height - height * bound / full,
           "limit");
    text(width - right, top + 10, "soft",
         "most " + number_text(most) + (bound > 0 ? " of " + number_text(bound) + ' ' : " ") +
             std::string(unit),
         "end");
  }

  // Those of each time between two samples.
  void draw_messages() {
    if (of_.samples.size() < 2) return;
    constexpr double height = 34;
    double most = 0;
    const auto more = [&](std::size_t i, double history::numbers::* of) {
      return std::max(0.0, of_.samples[i].*of - of_.samples[i - 1].*of);
    };
    for (std::size_t i = 1; i < of_.samples.size(); ++i)
      most = std::max(most, more(i, &history::numbers::sent) + more(i, &history::numbers::lost));
    if (most == 0) return;
    const auto top = lane("messages", height);
    line(left, top + height, width - right, top + height, "axis");
    for (std::size_t i = 1; i < of_.samples.size(); ++i) {
      const auto sent = more(i, &history::numbers::sent);
      const auto lost = more(i, &history::numbers::lost);
      if (sent + lost == 0) continue;
      const auto tip =
          number_text(sent) + " sent, " + number_text(lost) + " not, until " + span_text(of_.samples[i].at);
      const auto tall = height * sent / most;
      const auto tall_lost = height * lost / most;
      const auto from = of_.samples[i - 1].at;
      const auto to = of_.samples[i].at;
      if (sent > 0) box(from, to, top + height - tall, tall, coloured("sent"), tip);
      if (lost > 0) box(from, to, top + height - tall - tall_lost, tall_lost, coloured("lost"), tip);
    }
  }

  void draw_marks() {
    if (of_.marks.empty()) return;
    const auto top = lane("events", 16);
    for (const auto& each : of_.marks) {
      const auto at = x(each.at);
      out_ += "<path class=\"mark\" d=\"M" + number_text(at) + ' ' + number_text(top) +
              "l5 8l-5 8l-5-8z\"><title>" + escaped(each.text) + " at " + span_text(each.at) +
              "</title></path>\n";
    }
  }

  // About eight ticks, at round numbers.
  void draw_axis() {
    constexpr std::array<double, 22> steps{1e-3, 1e-2,  0.1,   0.2,   0.5,    1,     2,    5,
                                           10,   30,    60,    300,   600,    900,   1800, 3600,
                                           7200, 14400, 43200, 86400, 172800, 604800};
    const auto fitting = std::ranges::lower_bound(steps, of_.length / 9);
    const auto step = fitting == steps.end() ? std::ceil(of_.length / 9 / 604800) * 604800 : *fitting;
    const auto top = below_ - gap / 2;
    line(left, top, width - right, top, "axis");
    for (int i = 0; i * step <= of_.length && i < 20; ++i) {
      line(x(i * step), top, x(i * step), top + 5, "axis");
      text(x(i * step), top + 18, "soft", i == 0 ? "0" : span_text(i * step), "middle");
    }
    below_ = top + 34;
  }

  void draw_legend() {
    double at = left;
    for (const std::string_view each :
         {"connected", "featureThrottled", "connecting", "disconnected", "provider", "resolve", "connect",
          "proxy", "tls", "upgrade", "login"}) {
      const auto is_used =
          std::ranges::any_of(of_.states, [&](const auto& one) { return one.state == each; }) ||
          std::ranges::any_of(of_.dials, [&](const auto& one) { return one.stage == each; });
      if (!is_used) continue;
      out_ += "<rect x=\"" + number_text(at) + "\" y=\"" + number_text(below_ - 9) +
              "\" width=\"10\" height=\"10\" " + coloured(each) + "/>\n";
      text(at + 14, below_, "soft", each);
      at += 32 + 6.4 * static_cast<double>(each.size());
    }
    below_ += 12;
  }

  const history& of_;
  const double scale_;
  std::string out_;
  double below_ = 6;
};

}  // namespace

std::string to_svg(const timeline& of) {
  const auto drawn = read_history(of.records(), of.end());
  return picture(drawn).draw_alone();
}

std::string draw_lanes(const history& of) { return picture(of).draw(); }

}  // namespace holdfast
