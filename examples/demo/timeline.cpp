// How the timeline looks. One learns what a state_change has for people: state, reason, retry, rule.
#include "timeline.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>

namespace {

constexpr auto bold = "1", dim = "2", red = "31", green = "32", yellow = "33";

const char* colour_of(holdfast::connection_state state) {
  switch (state) {
    case holdfast::connection_state::connected:
      return green;
    case holdfast::connection_state::disconnected:
      return red;
    default:
      return yellow;
  }
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  out.resize(std::max(width, out.size()), ' ');
  return out;
}

// What there is to say beside the state.
std::string details(const holdfast::state_change& change) {
  switch (change.to) {
    case holdfast::connection_state::connecting:
      return "attempt " + std::to_string(change.attempt);
    case holdfast::connection_state::connected:
      return "to " + change.peer + ", session " + std::to_string(change.session);
    default:
      return describe(change.reason);
  }
}

std::string next_step(const holdfast::state_change& change) {
  if (change.retry_in) return "next attempt in " + to_text(*change.retry_in) + "  [" + change.rule + ']';
  return change.final ? "no further attempt" : "";
}

}  // namespace

std::string to_text(holdfast::clock::duration value) {
  const double seconds = std::chrono::duration<double>(value).count();
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), seconds < 0.1 ? "%.2f ms" : "%.2f s",
                seconds < 0.1 ? seconds * 1000 : seconds);
  return text.data();
}

std::string timeline::painted(std::string_view text, const char* colour) const {
  return coloured_ ? "\033[" + std::string(colour) + 'm' + std::string(text) + "\033[0m" : std::string(text);
}

std::string timeline::time_of(holdfast::clock::time_point when) const {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%8.3f  ", std::chrono::duration<double>(when - start_).count());
  return text.data();
}

void timeline::title(std::string_view text) const { std::cout << painted(text, bold) << std::endl; }

void timeline::chapter(std::string_view text) const { std::cout << '\n' << painted(text, bold) << std::endl; }

void timeline::row(const holdfast::state_change& change) const {
  std::cout << painted(time_of(change.time), dim)
            << painted(padded(to_string(change.to), 14), colour_of(change.to)) << details(change)
            << std::endl;
  const auto next = next_step(change);
  if (change.to == holdfast::connection_state::disconnected && !next.empty())
    std::cout << std::string(24, ' ') << painted(next, dim) << std::endl;
}

void timeline::note(std::string_view text) const {
  std::cout << painted(time_of(holdfast::clock::now()), dim) << std::string(14, ' ') << text << std::endl;
}

void timeline::summary(std::string_view name, const std::string& value) const {
  std::cout << "  " << padded(name, 22) << value << std::endl;
}

void timeline::verdict(bool right, std::string_view text) const {
  std::cout << painted(text, right ? green : red) << std::endl;
}
