// Each bug has a process of its own: it may crash, or never come to an end.
#include "mutants.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#ifdef HOLDFAST_PLANTED_BUGS
#include "planted_bugs.hpp"
#endif

namespace sim {

#ifdef HOLDFAST_PLANTED_BUGS

namespace planted = holdfast::planted;

namespace {

constexpr unsigned patience_seconds = 120;  // of one world; then it hangs
constexpr std::uint64_t sound_seeds = 200;  // worlds without a bug

// What the first world showed that showed anything; empty: none.
std::string explore_until_found(exploration what, std::uint64_t first, std::uint64_t seeds) {
  for (std::uint64_t n = 0; n < seeds; ++n) {
    what.seed = first + n;
    alarm(patience_seconds);
    const auto found = explore(what);
    if (!found.violation.empty()) return "world " + std::to_string(n + 1) + ": " + found.violation;
  }
  return {};
}

// Bugs of the channels are looked for in their own worlds; without a bug both have to be sound.
std::string explore_for(planted::bug one, exploration base, std::uint64_t first, std::uint64_t seeds) {
  const bool is_any = one == planted::bug::none;
  const auto name = planted::names[static_cast<std::size_t>(one)];
  if (is_any && base.fleet) return explore_until_found(base, first, seeds);
  base.channels = name.starts_with("channel_");
  base.fleet = name.starts_with("fleet_");
  auto found = explore_until_found(base, first, seeds);
  if (!is_any || !found.empty()) return found;
  base.channels = true;
  found = explore_until_found(base, first, seeds);
  if (!found.empty()) return found;
  base.fleet = true;
  return explore_until_found(base, first, seeds);
}

[[noreturn]] void live_with(planted::bug one, const exploration& base, std::uint64_t first,
                            std::uint64_t seeds, int answer) {
  planted::active = one;
  const auto found = explore_for(one, base, first, seeds);
  const bool told = write(answer, found.data(), found.size()) == static_cast<ssize_t>(found.size());
  std::_Exit(told ? 0 : 1);
}

std::string read_all(int from) {
  std::string out;
  std::array<char, 512> place{};
  for (ssize_t count = 0; (count = read(from, place.data(), place.size())) > 0;) {
    out.append(place.data(), static_cast<std::size_t>(count));
  }
  return out;
}

// The same in a process of its own; also what became of that.
std::string look_for(planted::bug one, const exploration& base, std::uint64_t first, std::uint64_t seeds) {
  std::array<int, 2> channel{};
  if (pipe(channel.data()) != 0) throw std::runtime_error("cannot make a pipe");
  std::fflush(stdout);
  const auto child = fork();
  if (child < 0) throw std::runtime_error("cannot make a process");
  if (child == 0) {
    close(channel[0]);
    live_with(one, base, first, seeds, channel[1]);
  }
  close(channel[1]);
  auto found = read_all(channel[0]);
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "a world without an end";
  if (WIFSIGNALED(status)) return "a crash, signal " + std::to_string(WTERMSIG(status));
  return found;
}

}  // namespace

bool find_planted_bugs(const exploration& base, std::uint64_t first, std::uint64_t seeds) {
  const auto sound = look_for(planted::bug::none, base, first, std::min(seeds, sound_seeds));
  if (!sound.empty()) {
    std::printf("without a planted bug, %s\n", sound.c_str());
    return false;
  }
  std::size_t count = 0;
  std::size_t all = 0;
  for (std::size_t i = 1; i < planted::names.size(); ++i) {
    if (base.fleet && !planted::names[i].starts_with("fleet_")) continue;
    ++all;
    const auto began = std::chrono::steady_clock::now();
    const auto found = look_for(static_cast<planted::bug>(i), base, first, seeds);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (!found.empty()) ++count;
    std::printf("%-28s %s  (%.1f s)\n", std::string(planted::names[i]).c_str(),
                found.empty() ? "NOT FOUND" : found.c_str(), took.count());
  }
  std::printf("%zu of %zu planted bugs found\n", count, all);
  return count == all;
}

#else

bool find_planted_bugs(const exploration&, std::uint64_t, std::uint64_t) {
  throw std::runtime_error("this build has no planted bugs: use ./dev sim --mutants");
}

#endif

}  // namespace sim
