#include "fleet_ledger.hpp"

namespace sim {

using holdfast::delivery;

void fleet_ledger::begins(const std::string& key, std::uint64_t epoch, const std::string& worker) {
  log_.note(worker, " begins with ", key, ", epoch ", epoch);
  last_begun_ = log_.elapsed();
  auto& one = keys_[key];
  if (epoch < one.begun_epoch) log_.violated(key, " begins with epoch ", epoch, " after ", one.begun_epoch);
  one.begun_epoch = epoch;
}

void fleet_ledger::delivered(const std::string& key, std::uint64_t epoch, std::uint64_t event,
                             const std::string& client) {
  ++deliveries_;
  auto& one = keys_[key];
  if (epoch < one.newest_epoch)
    log_.violated("event ", event, " of ", key, " reaches the holder of epoch ", epoch,
                  " after one of epoch ", one.newest_epoch);
  one.newest_epoch = epoch;
  one.delivered.insert(event);
  if (!client.empty() && !one.told[client].contains(event))
    log_.violated("event ", event, " of ", key, " was never sent to ", client);
}

void fleet_ledger::told(const std::string& key, std::uint64_t event, const std::string& client) {
  keys_[key].told[client].insert(event);
}

void fleet_ledger::processed(const std::string& key, std::uint64_t epoch, std::uint64_t number) {
  auto& one = keys_[key];
  if (epoch < one.processed_epoch)
    log_.violated("the backend processes a message of ", key, " of epoch ", epoch, " after one of epoch ",
                  one.processed_epoch);
  one.processed_epoch = epoch;
  if (++processed_[key][number] > 1) log_.violated("message ", number, " of ", key, " is processed twice");
}

void fleet_ledger::settled(const std::string& key, std::uint64_t number, delivery outcome) {
  if (!settled_[key].emplace(number, outcome).second)
    log_.violated("message ", number, " of ", key, " has two fates");
}

void fleet_ledger::check_events(const std::string& key, const std::string& last_client) {
  auto& one = keys_[key];
  for (const auto event : one.told[last_client]) {
    if (!one.delivered.contains(event)) log_.violated("event ", event, " of ", key, " has reached no holder");
    if (!published_[key].contains(event))
      log_.violated("event ", event, " of ", key, " is not in the stream");
  }
}

void fleet_ledger::check_messages() {
  for (const auto& [key, all] : settled_) {
    for (const auto& [number, outcome] : all) {
      const bool is_there = processed_[key].contains(number);
      if (outcome == delivery::acked && !is_there) log_.violated("message ", number, " of ", key, " is lost");
      if (outcome == delivery::dropped && is_there)
        log_.violated("message ", number, " of ", key, " was dropped and is there");
    }
  }
}

}  // namespace sim
