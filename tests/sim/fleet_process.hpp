// One process of a fleet in a world: a machine, a worker, and the program that it runs for each key; and the
// chat server as that machine reaches it.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "fleet_ledger.hpp"
#include "fleet_plan.hpp"

import holdfast;
import holdfast.fleet;
import holdfast.testing;
import holdfast.v1;

namespace sim {

namespace fleet = holdfast::fleet;
namespace net = boost::asio;

// What all processes share.
struct fleet_stage {
  holdfast::testing::world& world;
  holdfast::testing::simulated_broker& broker;
  holdfast::testing::v1_server& backend;
  journal& log;
  fleet_ledger& ledger;
  const fleet_plan& plan;
  std::map<std::string, std::uint64_t> last_message{};  // by key
  std::map<std::string, std::string> clients{};         // names by which the backend knows keys
};

class fleet_process {
 public:
  // A process that is no worker yet.
  fleet_process(fleet_stage& on, std::string id, double rate, std::uint64_t number);
  ~fleet_process() { machine_.kill(); }

  void run();
  // Whether it acts for the key at this moment.
  [[nodiscard]] bool acts_for(const std::string& key) const;
  // The worker could serve: it runs, and reaches the broker and the backend.
  [[nodiscard]] bool is_well() const;
  [[nodiscard]] bool is_dead() const noexcept { return dead_; }
  [[nodiscard]] bool has_ended() const noexcept { return ended_; }
  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] std::size_t held() const { return worker_ ? worker_->held_keys().size() : 0; }
  // Each program sends a message.
  void send_messages();

  void freeze() { machine_.freeze(); }
  void suspend() { machine_.suspend(); }
  void go_on() { machine_.go_on(); }
  void kill();
  void drain() {
    draining_ = true;
    if (worker_) worker_->drain();
  }
  void cut_from_broker(bool cut);
  void cut_from_server(bool cut);
  void hold_up(bool held);

 private:
  struct holding {
    fleet::lease* lease;
    holdfast::connection* conn;
  };
  void begin();
  net::awaitable<void> hold(fleet::lease& lease);
  [[nodiscard]] holdfast::options options_for(const std::string& key, std::uint64_t epoch);
  void send_one(const std::string& key, const holding& with);

  fleet_stage& stage_;
  const std::string id_;
  const std::uint64_t number_;
  const holdfast::peer_address place_{net::ip::make_address("10.0.0.1"), 80};
  holdfast::testing::machine machine_;
  std::shared_ptr<fleet::coordinator> coordinator_;  // shared with the worker
  std::optional<holdfast::testing::server> server_;
  // Shared with coroutines: those of a killed process end with the world.
  std::shared_ptr<std::map<std::string, holding>> holdings_ =
      std::make_shared<std::map<std::string, holding>>();
  std::optional<fleet::worker> worker_;
  bool cut_from_broker_ = false;
  bool cut_from_server_ = false;
  int held_up_ = 0;  // how often
  bool draining_ = false;
  bool dead_ = false;
  bool ended_ = false;
};

}  // namespace sim
