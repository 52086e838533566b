// What the processes of a fleet have done, over all of them, and what must never have happened.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "journal.hpp"

import holdfast;

namespace sim {

class fleet_ledger {
 public:
  explicit fleet_ledger(journal& log) : log_(log) {}

  // A coroutine of the program begins with a lease.
  void begins(const std::string& key, std::uint64_t epoch, const std::string& worker);
  // An event reaches the program.
  void delivered(const std::string& key, std::uint64_t epoch, std::uint64_t event, const std::string& client);
  // The backend has sent one to the client with this name, which logged in for the key.
  void told(const std::string& key, std::uint64_t event, const std::string& client);
  // It begins a session: nothing of earlier ones is owed to it.
  void begins_anew(const std::string& key, const std::string& client) { keys_[key].told[client].clear(); }
  // The backend has processed a message.
  void processed(const std::string& key, std::uint64_t epoch, std::uint64_t number);
  // What became of a message, as its sender was told.
  void settled(const std::string& key, std::uint64_t number, holdfast::delivery outcome);
  // The stream has an event of the key.
  void published(const std::string& key, std::uint64_t event) { published_[key].insert(event); }

  // At the end, when nothing is under way: of a client that is still the key's, nothing is lost.
  void check_events(const std::string& key, const std::string& last_client);
  void check_messages();
  [[nodiscard]] std::uint64_t deliveries() const noexcept { return deliveries_; }
  // When a coroutine has begun last.
  [[nodiscard]] clock::duration last_begun() const noexcept { return last_begun_; }

 private:
  struct key_events {
    std::map<std::string, std::set<std::uint64_t>> told{};  // by client
    std::set<std::uint64_t> delivered{};
    std::uint64_t newest_epoch = 0;  // that an event was delivered in
    std::uint64_t begun_epoch = 0;
    std::uint64_t processed_epoch = 0;
  };
  std::map<std::string, key_events> keys_;
  std::map<std::string, std::map<std::uint64_t, std::size_t>> processed_;
  std::map<std::string, std::map<std::uint64_t, holdfast::delivery>> settled_;
  std::map<std::string, std::set<std::uint64_t>> published_;
  std::uint64_t deliveries_ = 0;
  clock::duration last_begun_{};
  journal& log_;
};

}  // namespace sim
