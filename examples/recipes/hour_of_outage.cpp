// A test in virtual time: an hour without a server takes milliseconds. It asks three questions: how often did
// the program dial, how soon was it back, and what became of its messages?
#include <boost/asio.hpp>
#include <chrono>
#include <iostream>
#include <string>

import holdfast;
import holdfast.testing;

namespace net = boost::asio;
using namespace std::chrono_literals;
using namespace holdfast::testing;

bool all_right = true;
void check(bool fact, const std::string& what) {
  std::cout << (fact ? "ok     " : "WRONG  ") << what << '\n';
  all_right = all_right && fact;
}

int main() {
  const auto began = std::chrono::steady_clock::now();
  world world;
  const holdfast::peer_address at{net::ip::make_address("10.0.0.1"), 80};
  const server behind(world, at);
  holdfast::connection conn(world.executor(),
                            {.url = "ws://10.0.0.1/", .network = world.network(), .random_seed = 1});
  conn.run(net::detached);
  world.run_for(1min);
  check(conn.status() == holdfast::connection_state::connected, "connected before the outage");

  // For half an hour no packet arrives; then the machine is up, but not the service.
  world.network()->behave(at, port_behaviour::swallows);
  world.network()->silence_links();
  const auto lost_from = world.now();
  const bool noticed =
      world.run_until([&] { return conn.status() != holdfast::connection_state::connected; }, 1h);
  check(noticed && world.now() - lost_from <= 30s, "noticed within ping_interval + pong_deadline");
  int written = 0;
  int expired = 0;
  for (int minute = 0; minute < 60; ++minute) {
    if (minute == 30) world.network()->behave(at, port_behaviour::refuses);
    conn.send("minute " + std::to_string(minute),
              {.when_offline = holdfast::offline_rule::wait, .time_to_live = 10min + 30s},
              [&](holdfast::send_result sent) { ++(sent.ok() ? written : expired); });
    world.run_for(1min);
  }
  const auto dials = conn.snapshot().attempt - 1;
  check(dials >= 100 && dials <= 240, std::to_string(dials) + " attempts: no storm, and no silence");
  check(expired == 50 && written == 0, "messages of the last ten minutes wait, older ones are given up");

  world.network()->behave(at, port_behaviour::accepts);
  const auto back_from = world.now();
  const bool back =
      world.run_until([&] { return conn.status() == holdfast::connection_state::connected; }, 1h);
  check(back && world.now() - back_from <= 31s, "back within retry.cap");
  world.settle();
  check(written == 10, "and what waited has left");

  const auto took = std::chrono::steady_clock::now() - began;
  std::cout << world.elapsed() / 1min << " minutes in " << took / 1ms << " ms\n";
  return all_right ? 0 : 1;
}
