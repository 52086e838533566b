// What is printed, and how a finding is made smaller: faults are left out one class after the other, for as
// long as something is still found.
#include "report.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "plan.hpp"

namespace sim {
namespace {

constexpr std::size_t shown_lines = 40;

thread_local std::uint64_t current_seed = 0;  // for the report of a crash, which its own thread gets
thread_local const char* current_kind = "";

extern "C" void tell_crash(int signal) {
  char text[96];
  const auto size = std::snprintf(text, sizeof text, "\ncrashed (signal %d): ./dev sim%s --seed %llu\n",
                                  signal, current_kind, static_cast<unsigned long long>(current_seed));
  if (write(STDERR_FILENO, text, static_cast<std::size_t>(size)) < 0) std::_Exit(3);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void tell_of_crashes() {
  for (const int each : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS}) std::signal(each, tell_crash);
}

// The argument that leads to worlds of this kind.
const char* kind_of(const exploration& what) {
  return what.fleet ? " --fleet" : what.channels ? " --channels" : "";
}

void show_end(const std::vector<std::string>& timeline) {
  const auto hidden = timeline.size() - std::min(timeline.size(), shown_lines);
  for (auto i = hidden; i < timeline.size(); ++i) std::puts(timeline[i].c_str());
}

}  // namespace

std::vector<kept_seed> read_kept(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::vector<kept_seed> out;
  for (std::string text; std::getline(in, text);) {
    if (text.empty() || text.front() == '#') continue;
    kept_seed one{};
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), one.seed);
    if (ec != std::errc{}) throw std::runtime_error(std::string(path).append(": not a seed: ").append(text));
    one.why = text.substr(static_cast<std::size_t>(end - text.data()));
    out.push_back(std::move(one));
  }
  return out;
}

std::string fault_classes() {
  std::string out;
  for (const auto name : fault_names) out.append(out.empty() ? "" : " ").append(name);
  return out;
}

finding report::live(std::uint64_t seed, std::uint64_t without, bool keeps_timeline) const {
  tell_of_crashes();
  current_seed = seed;
  current_kind = kind_of(base_);
  auto what = base_;
  what.seed = seed;
  what.without |= without;
  what.keeps_timeline = keeps_timeline;
  return explore(what);
}

bool report::run(std::uint64_t seed) {
  const auto found = live(seed, 0, false);
  const std::scoped_lock lock(mutex_);
  lived(found.violation.empty());
  if (found.violation.empty()) return true;
  describe(seed, live(seed, 0, true));
  return false;
}

void report::lived(bool well) {
  ++count_;
  if (!well) ++failed_;
  show_progress();
}

bool report::run_kept(std::uint64_t seed) {
  const auto given = base_.without;
  bool all = run(seed);
  base_.without |= ~(bit(first_scene) - 1);
  all = run(seed) && all;
  base_.without |= ~(bit(fault::rough_links) - 1);  // what came after it
  all = run(seed) && all;
  base_.without |= bit(fault::protocol) | bit(fault::moving);
  all = run(seed) && all;
  base_.without = given;
  return all;
}

bool report::run_twice(std::uint64_t seed) {
  const auto one = live(seed, 0, true);
  const auto two = live(seed, 0, true);
  const auto [a, b] = std::ranges::mismatch(one.timeline, two.timeline);
  const bool same = a == one.timeline.end() && b == two.timeline.end();
  const std::scoped_lock lock(mutex_);
  lived(same);
  if (same) return true;
  std::printf("seed %llu is not the same twice:\n  %s\n  %s\n", static_cast<unsigned long long>(seed),
              a == one.timeline.end() ? "(end)" : a->c_str(), b == two.timeline.end() ? "(end)" : b->c_str());
  return false;
}

bool report::replay(std::uint64_t seed) {
  const auto found = live(seed, 0, true);
  lived(found.violation.empty());
  for (const auto& each : found.timeline) std::puts(each.c_str());
  return found.violation.empty();
}

std::uint64_t report::smallest(std::uint64_t seed) const {
  std::uint64_t without = 0;
  for (unsigned one = 0; one < fault_names.size(); ++one) {
    const auto tried = without | std::uint64_t{1} << one;
    if (!live(seed, tried, false).violation.empty()) without = tried;
  }
  return without;
}

void report::describe(std::uint64_t seed, const finding& found) const {
  std::printf("\nseed %llu: %s\n", static_cast<unsigned long long>(seed), found.violation.c_str());
  if (base_.channels || base_.fleet) {  // its worlds have no classes of faults to be left out
    show_end(found.timeline);
    std::printf("  ./dev sim%s --seed %llu\n", kind_of(base_), static_cast<unsigned long long>(seed));
  } else {
    describe_smallest(seed);
  }
  std::fflush(stdout);
}

void report::describe_smallest(std::uint64_t seed) const {
  const auto without = smallest(seed);
  show_end(live(seed, without, true).timeline);
  std::printf("needs:");
  for (unsigned one = 0; one < fault_names.size(); ++one) {
    if ((without >> one & 1U) == 0) std::printf(" %s", std::string(fault_names[one]).c_str());
  }
  std::printf("\n  ./dev sim --seed %llu\n  ./dev sim --seed %llu --without %llu\n",
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(without | base_.without));
}

double report::rate() const {
  return static_cast<double>(count_) /
         std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

void report::show_progress() {
  const auto now = std::chrono::steady_clock::now();
  if (isatty(STDERR_FILENO) == 0 || now - shown_ < std::chrono::milliseconds(200)) return;
  shown_ = now;
  std::fprintf(stderr, "\r%llu worlds, %llu failed, %.0f worlds/s ", static_cast<unsigned long long>(count_),
               static_cast<unsigned long long>(failed_), rate());
}

bool report::finish() {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K");
  std::printf("%llu worlds, %llu failed, %.0f worlds/s\n", static_cast<unsigned long long>(count_),
              static_cast<unsigned long long>(failed_), rate());
  return failed_ == 0;
}

}  // namespace sim
