// Checks of the options, and the numbers as text.
module;
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

module holdfast.fleet_core;

import :worker_options;

namespace holdfast::fleet {
namespace {

struct metric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::uint64_t value;
};

std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

}  // namespace

void validate(const worker_options& given) {
  using namespace std::chrono_literals;
  if (given.id.empty() || given.id.size() > 128)
    throw option_error("worker_options.id", "must have 1 to 128 bytes");
  if (!is_valid_utf8(given.id)) throw option_error("worker_options.id", "must be UTF-8");
  if (given.fleet.empty() || given.fleet.size() > 128)
    throw option_error("worker_options.fleet", "must have 1 to 128 bytes");
  if (given.capacity < 1 || given.capacity > 10'000'000)
    throw option_error("worker_options.capacity", "must be from 1 to ten million");
  if (given.lease_time < 1s || given.lease_time > 1h)
    throw option_error("worker_options.lease_time", "must be from 1 s to an hour");
  if (given.shards > 1'000'000) throw option_error("worker_options.shards", "must be at most a million");
  if (given.moves_at_once < 1) throw option_error("worker_options.moves_at_once", "must be at least 1");
}

std::string to_openmetrics(const worker_stats& given, std::string_view worker) {
  const std::array metrics = {
      metric{"keys", "gauge", "Keys that this worker holds.", given.keys},
      metric{"shards", "gauge", "Leases that this worker holds.", given.shards},
      metric{"known_keys", "gauge", "Keys of the fleet.", given.known_keys},
      metric{"workers", "gauge", "Workers that are alive, this one included.", given.workers},
      metric{"in_touch", "gauge", "Whether the last call to the broker was answered.",
             given.in_touch ? 1U : 0U},
      metric{"taken", "counter", "Leases taken.", given.taken},
      metric{"handed_over", "counter", "Leases handed over.", given.handed_over},
      metric{"lost", "counter", "Leases lost.", given.lost},
      metric{"renewals", "counter", "Renewals that the broker has taken.", given.renewals},
      metric{"refusals", "counter", "Updates that came too late.", given.refusals},
      metric{"unknown_outcomes", "counter", "Updates that were not answered in time.", given.unknown},
      metric{"requests", "counter", "Messages sent for clients.", given.requests},
  };
  const auto label = "{worker=\"" + quoted(worker) + "\"} ";
  std::string out;
  for (const auto& each : metrics) {
    const auto name = "holdfast_fleet_" + std::string(each.name);
    out.append("# TYPE ").append(name).append(" ").append(each.type);
    out.append("\n# HELP ").append(name).append(" ").append(each.help);
    out.append("\n").append(name).append(each.type == "counter" ? "_total" : "");
    out.append(label).append(std::to_string(each.value)).append("\n");
  }
  return out;
}

}  // namespace holdfast::fleet
