// Plays the scenes of scenes.py, which have the same names there, in the simulator, and prints what the
// connection says in each: "scene NAME", then its lines. A scene that is there more than once may go one
// way or another, and so may the real one.
// Usage: chaos_prediction SEED
#include <boost/asio.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "predicted_world.hpp"

import holdfast;
import holdfast.testing;

namespace {

using namespace std::chrono_literals;
using chaos::farewell;
using chaos::predicted_world;
using holdfast::testing::silenced;
namespace net = boost::asio;

void killed(predicted_world& here, farewell how) {
  here.start_client();
  here.settle_in();
  here.server_ends(how);
  here.expect_failed_attempt();
  here.server_refuses(false);
  here.expect("connected");
}

void interrupted(predicted_world& here) {
  here.start_client();
  here.settle_in();
  here.server_closes(1001);
  here.expect_failed_attempt();
  here.server_refuses(false);
  here.expect("connected");
}

void down_at_first(predicted_world& here) {
  here.server_refuses();
  here.start_client();
  here.expect_failed_attempt();
  here.server_refuses(false);
  here.expect("connected");
}

void stopped(predicted_world& here) {
  here.start_client();
  here.settle_in();
  here.server_stops();
  here.expect("disconnected[upgrade");
  here.server_continues();
  here.expect("connected");
}

void stopped_for_a_moment(predicted_world& here) {
  here.start_client();
  here.settle_in();
  here.server_stops_for(500ms);
  here.pause(3s);
  here.send(5);
}

void cut(predicted_world& here, silenced which) {
  here.start_client();
  here.settle_in();
  here.cut(which);
  here.expect_failed_attempt();
  here.mend();
  here.expect("connected");
}

void rejected_by_reset(predicted_world& here) {
  here.start_client();
  here.settle_in();
  here.server_ends(farewell::reset);
  here.expect_failed_attempt();
  here.server_refuses(false);
  here.expect("connected");
}

void rejected_as_unreachable(predicted_world& here) {
  here.start_client();
  here.settle_in();
  here.lose_the_way(net::error::host_unreachable);
  here.expect_failed_attempt();
  here.find_the_way();
  here.expect("connected");
}

void destroyed_here(predicted_world& here) {
  here.start_client();
  here.settle_in();
  here.destroy_socket();
  here.expect("connected");
}

void destroyed_there(predicted_world& here) {
  here.start_client();
  here.settle_in();
  here.reset();
  here.expect("connected");
}

void another_address(predicted_world& here) {
  here.start_client();
  here.settle_in();
  here.change_address();
  here.expect("connected");
}

void link_down(predicted_world& here) {
  here.start_client();
  here.settle_in();
  here.lose_the_way(net::error::network_unreachable);
  here.network_changed();
  here.expect_failed_attempt();
  here.find_the_way();
  here.network_changed();
  here.expect("connected");
}

// TCP sends again what was lost: above it, that is a delay.
void delayed(predicted_world& here) {
  here.delay(150ms);
  here.start_client();
  here.settle_in();
  here.send(5);
  here.pause(3s);
}

struct scene {
  std::string name;
  std::function<void(predicted_world&)> play;
  std::chrono::seconds ping_interval = 1s;
};

// Then only who was told of a change of the network asks whether the peer is still there.
constexpr auto seldom = 600s;

const std::vector<scene>& scenes() {
  static const std::vector<scene> all{
      {"server killed (-9), then started", [](auto& here) { killed(here, farewell::end_of_stream); }},
      {"server killed (-9), then started", [](auto& here) { killed(here, farewell::reset); }},
      {"server interrupted, then started", interrupted},
      {"server started after the client", down_at_first},
      {"server stopped (STOP), then continued", stopped},
      {"server stopped for a moment", stopped_for_a_moment},
      {"black hole both ways", [](auto& here) { cut(here, silenced::both_ways); }},
      {"black hole on the way to the server", [](auto& here) { cut(here, silenced::to_server); }},
      {"black hole on the way back", [](auto& here) { cut(here, silenced::to_client); }},
      {"rejected by a reset", rejected_by_reset},
      {"rejected as unreachable", rejected_as_unreachable},
      {"socket destroyed at the client", destroyed_here},
      {"socket destroyed at the server", destroyed_there},
      {"another address", another_address, seldom},
      {"link down, then up", link_down, seldom},
      {"loss", delayed},
      {"delay", delayed},
  };
  return all;
}

}  // namespace

int main(int argc, char* argv[]) try {
  if (argc != 2) {
    std::cerr << "usage: chaos_prediction SEED\n";
    return 2;
  }
  for (const auto& each : scenes()) {
    predicted_world here(std::stoull(argv[1]), each.ping_interval);
    each.play(here);
    std::cout << "scene " << each.name << '\n';
    for (const auto& line : here.finish()) std::cout << line << '\n';
  }
} catch (const std::exception& wrong) {
  std::cerr << "chaos_prediction: " << wrong.what() << '\n';
  return 2;
}
