#include "fleet_plan.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "dice.hpp"

namespace sim {
namespace {

constexpr std::array<std::string_view, 13> act_names = {"freeze",
                                                        "suspend",
                                                        "cut from the broker",
                                                        "cut from the server",
                                                        "kill",
                                                        "drain",
                                                        "stop the broker",
                                                        "join",
                                                        "add a key",
                                                        "remove a key",
                                                        "change a value",
                                                        "hold up what passes to the broker",
                                                        "freeze the broker"};
constexpr std::uint64_t margin = 8;  // percent by which a clock may be wrong

fleet_event draw_event(dice& draws, std::uint64_t workers, std::uint64_t horizon_ms) {
  fleet_event out{.at = draws.milliseconds(0, horizon_ms), .worker = draws.below(workers)};
  const auto kind = draws.below(100);
  const auto put = [&](fleet_act what, std::uint64_t low, std::uint64_t high) {
    out.what = what;
    out.span = draws.milliseconds(low, high);
  };
  if (kind < 22) {
    put(fleet_act::freeze, 200, 45'000);
  } else if (kind < 32) {
    put(fleet_act::suspend, 500, 60'000);
  } else if (kind < 43) {
    put(fleet_act::cut_broker, 500, 40'000);
  } else if (kind < 47) {
    put(fleet_act::hold_up, 500, 40'000);
  } else if (kind < 57) {
    put(fleet_act::cut_server, 500, 40'000);
  } else if (kind < 70) {
    put(fleet_act::kill, 100, 30'000);
  } else if (kind < 80) {
    put(fleet_act::drain, 3'000, 20'000);
  } else if (kind < 85) {
    put(fleet_act::stop_broker, 500, 30'000);
  } else if (kind < 88) {
    put(fleet_act::freeze_broker, 500, 30'000);
  } else if (kind < 91) {
    put(fleet_act::join, 0, 0);
  } else if (kind < 95) {
    put(fleet_act::add_key, 0, 0);
  } else if (kind < 97) {
    put(fleet_act::remove_key, 0, 0);
  } else {
    put(fleet_act::change_value, 0, 0);
  }
  return out;
}

}  // namespace

fleet_plan make_fleet_plan(std::uint64_t seed) {
  dice draws(seed);
  fleet_plan out{.seed = seed, .workers = draws.between(2, 4), .keys = draws.between(1, 5)};
  if (draws.chance(25)) out.shards = static_cast<std::uint32_t>(draws.between(1, 3));
  for (std::size_t n = 0; n < out.workers; ++n) {
    const auto off =
        static_cast<double>(draws.below(2'000 * margin + 1)) / 100'000.0 - static_cast<double>(margin) / 100;
    out.rates.push_back(1 + (draws.chance(70) ? off : 0));
  }
  if (draws.chance(50)) out.slow = static_cast<double>(draws.below(20)) / 100;
  if (draws.chance(50)) out.lost = static_cast<double>(draws.below(10)) / 100;
  if (draws.chance(50)) out.stale = static_cast<double>(draws.below(20)) / 100;
  out.latency = std::chrono::milliseconds(draws.pick({1, 1, 5, 40}));
  const auto horizon = static_cast<std::uint64_t>(std::chrono::milliseconds(out.faults_end).count());
  for (auto count = draws.between(0, 7); count != 0; --count)
    out.events.push_back(draw_event(draws, out.workers, horizon));
  std::ranges::sort(out.events, {}, &fleet_event::at);
  return out;
}

std::string describe(const fleet_event& what) {
  return std::string(act_names[static_cast<std::size_t>(what.what)]) + ", worker " +
         std::to_string(what.worker) + ", for " + std::to_string(what.span.count()) + " ms";
}

std::string describe(const fleet_plan& what) {
  std::string rates;
  for (const auto each : what.rates) rates += ' ' + std::to_string(each);
  return std::to_string(what.workers) + " workers with clocks" + rates + ", " + std::to_string(what.keys) +
         " keys, " + std::to_string(what.shards) + " shards; the broker: latency " +
         std::to_string(what.latency.count()) + " ms, slow " + std::to_string(what.slow) + ", lost " +
         std::to_string(what.lost) + ", stale " + std::to_string(what.stale);
}

}  // namespace sim
