// What happens in a world of a fleet, drawn from its seed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace sim {

enum class fleet_act : std::uint8_t {
  freeze,         // a worker, for a span
  suspend,        // its machine
  cut_broker,     // from the broker
  cut_server,     // from the chat server
  kill,           // and started again after the span
  drain,          // the same
  stop_broker,    // for a span
  join,           // one more worker
  add_key,        // one more
  remove_key,     // the last one
  change_value,   // of a key
  hold_up,        // what a worker and the broker tell each other, for a span
  freeze_broker,  // the same, of all
};

struct fleet_event {
  std::chrono::milliseconds at{};
  fleet_act what{};
  std::size_t worker = 0;
  std::chrono::milliseconds span{};
};

struct fleet_plan {
  std::uint64_t seed = 1;
  std::size_t workers = 3;
  std::size_t keys = 3;
  std::uint32_t shards = 0;
  std::vector<double> rates{};  // of the workers' clocks; further ones are right
  double slow = 0;              // of the broker, as in broker_conditions
  double lost = 0;
  double stale = 0;
  std::chrono::milliseconds latency{1};
  std::chrono::seconds faults_end{100};
  std::vector<fleet_event> events{};
};

fleet_plan make_fleet_plan(std::uint64_t seed);
std::string describe(const fleet_plan& what);
std::string describe(const fleet_event& what);

}  // namespace sim
