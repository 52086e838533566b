// Writes the lines of the log, and holds back those that exceed the budget of their kind.
module;
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

import :journal;

namespace holdfast {
namespace {

constexpr std::chrono::seconds window{1};
constexpr std::array<unsigned, 3> lines_per_window{1, 1, 10};  // indexed by kind

std::string_view what_of(journal::kind of) {
  switch (of) {
    case journal::kind::lost_message:
      return " more messages were lost, and no caller awaits their results";
    case journal::kind::dropped_message:
      return " more messages were dropped, as the program's rules for them say";
    case journal::kind::thrown:
      return " more exceptions were thrown by the program's own functions";
  }
  return " more lines";
}

log_level level_of_sum(journal::kind of) {
  return of == journal::kind::dropped_message ? log_level::debug : log_level::warning;
}

std::string_view name_of(log_level level) {
  switch (level) {
    case log_level::debug:
      return "debug";
    case log_level::info:
      return "info";
    case log_level::warning:
      return "warning";
    case log_level::error:
      return "error";
  }
  return "log";
}

// Writes the line in one piece, so that lines of several threads do not mix. If a program has made std::clog
// throw, there is nowhere left to say so.
void write_to_clog(log_level level, std::string_view line) noexcept {
  try {
    std::string whole = "holdfast: ";
    whole.append(name_of(level)).append(": ").append(line).append("\n");
    std::clog.write(whole.data(), static_cast<std::streamsize>(whole.size())).flush();
  } catch (...) {
    return;
  }
}

}  // namespace

void journal::write(log_level level, std::string_view line) noexcept {
  if (!to_) {
    const bool matters = level == log_level::warning || level == log_level::error;
    if (clog_ && matters) write_to_clog(level, line);
    return;
  }
  try {
    (*to_)(level, line);
  } catch (...) {
    // The log function failed, so its exception can only be reported to std::clog.
    if (clog_) write_to_clog(log_level::error, "options.log threw an exception");
  }
}

void journal::record(const log_record& one) noexcept {
  if (!trace_) return;
  try {
    (*trace_)(one);
  } catch (...) {
    write(kind::thrown, log_level::error, "options.trace threw an exception");
  }
}

void journal::write(kind of, log_level level, std::string_view line, std::uint64_t count) noexcept {
  std::uint64_t held_back = 0;
  {
    auto& kept = needed_floods();
    const std::lock_guard lock(kept.mutex);
    const auto index = static_cast<std::size_t>(of);
    auto& spent = kept.budgets[index];
    const auto now = clock::now();
    if (spent.lines == 0 || now - spent.window_begins >= window) {
      spent.window_begins = now;
      spent.lines = 0;
    }
    if (spent.lines >= lines_per_window[index]) {
      spent.held_back += count;
      return;
    }
    ++spent.lines;
    held_back = std::exchange(spent.held_back, 0);
  }
  if (held_back != 0) write(level_of_sum(of), std::to_string(held_back) + std::string(what_of(of)));
  write(level, line);
}

// If two threads create it at once, the slower one uses what the other has created.
journal::floods& journal::needed_floods() {
  auto* present = floods_.load(std::memory_order_acquire);
  if (present != nullptr) return *present;
  auto made = std::make_unique<floods>();
  if (floods_.compare_exchange_strong(present, made.get(), std::memory_order_acq_rel))
    present = made.release();
  return *present;
}

void journal::sum_up() noexcept {
  for (const auto each : {kind::lost_message, kind::dropped_message, kind::thrown}) sum_up(each);
}

void journal::sum_up(kind of) noexcept {
  std::uint64_t held_back = 0;
  {
    auto* const kept = floods_.load(std::memory_order_acquire);
    if (kept == nullptr) return;
    const std::lock_guard lock(kept->mutex);
    held_back = std::exchange(kept->budgets[static_cast<std::size_t>(of)].held_back, 0);
  }
  if (held_back != 0) write(level_of_sum(of), std::to_string(held_back) + std::string(what_of(of)));
}

}  // namespace holdfast
