// One scene in the simulator: a server, a connection that leads to it, and what befalls them. Its members
// are the words in which scenes are told, here and in scenes.py.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local_network.hpp"
#include "subject.hpp"

import holdfast;
import holdfast.testing;

namespace chaos {

using namespace std::chrono_literals;

// How the kernel of a program that was killed takes leave of its peer; it depends on what was unread.
enum class farewell : std::uint8_t { end_of_stream, reset };

class predicted_world {
 public:
  predicted_world(std::uint64_t seed, std::chrono::seconds ping_interval);

  void start_client();
  // Passes over lines until one begins with `line`. Throws std::runtime_error if none comes.
  void expect(std::string_view line);
  // Connected, and for long enough that the next failure does not count as flapping.
  void settle_in();
  void expect_failed_attempt() { expect("disconnected[connect"); }
  void send(std::size_t count);
  void pause(holdfast::clock::duration span) { in_.run_for(span); }
  // Asks the client to quit, and returns all its lines about states.
  std::vector<std::string> finish();

  void delay(holdfast::clock::duration one_way) { in_.network()->conditions.latency = one_way; }
  void server_refuses(bool refuses = true);
  void server_ends(farewell how);
  void server_closes(std::uint16_t code);
  void server_stops_for(holdfast::clock::duration span);
  // Open sockets fall silent, and new ones get no answer to their upgrade.
  void server_stops();
  void server_continues() { server_.never_upgrade(false); }
  // Nothing arrives any more, one way or both, and nobody gets through.
  void cut(holdfast::testing::silenced which);
  void mend();
  void reset() { in_.network()->reset_links(); }
  // Open sockets fall silent, and new ones fail at once.
  void lose_the_way(holdfast::error_code why);
  void find_the_way() { local_->has_no_way({}); }
  void change_address();
  void network_changed() { conn_->network_changed(); }
  void destroy_socket() { local_->destroy_socket(); }

 private:
  net::awaitable<void> serve(holdfast::testing::server_session& session);
  void say(const std::string& line) { lines_.push_back(line); }

  std::vector<std::string> lines_;
  std::size_t passed_ = 0;  // lines that expect() has seen
  holdfast::testing::world in_;
  holdfast::testing::server server_;
  holdfast::testing::server::script order_;  // that the session will find
  std::shared_ptr<local_network> local_;     // shared with the connection
  holdfast::options given_;
  std::optional<holdfast::connection> conn_;
};

}  // namespace chaos
