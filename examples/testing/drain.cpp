// Does nobody notice when my server is drained? It asks its clients to leave: without a wait they move to
// another process with no break; with one they come back at the time asked for. Their user types all the
// while.
#include <boost/asio.hpp>
#include <iostream>
#include <string>
#include <vector>

import holdfast;
import holdfast.testing;
import holdfast.v1;

namespace net = boost::asio;
using namespace std::chrono_literals;
using namespace holdfast::testing;

// What the user sees, while a message is sent every 100 ms for 20 s and the server drains after 5 s.
struct observed {
  std::string states{};
  std::string server{};
  bool complete = false;  // every message is there once, in its order
  std::size_t resumes = 0;
  holdfast::clock::duration away{};
};

observed drain(const v1_go_away& how) {
  observed out;
  world world;
  server first(world, {net::ip::make_address("10.0.0.1"), 80});
  server second(world, {net::ip::make_address("10.0.0.2"), 80});
  v1_server backend(first);
  backend.serve(second);  // two processes with one store
  holdfast::options given{.url = "ws://10.0.0.1/", .network = world.network()};
  given.endpoints.further_urls = {"ws://10.0.0.2/"};
  given.protocol = holdfast::v1();
  given.subprotocols = {std::string(holdfast::v1_subprotocol)};
  holdfast::connection conn(world.executor(), given);
  conn.add_connection_listener("user", {.on_state_change = [&](const auto& change) {
                                 out.states += std::string(to_string(change.to)) + ' ';
                                 if (change.retry_in) out.away = *change.retry_in;
                               }});
  conn.run(net::detached);
  for (int n = 0; n < 200; ++n) {
    if (n == 50) backend.go_away(how);
    conn.send(std::to_string(n), {.when_offline = holdfast::offline_rule::wait}, net::detached);
    world.run_for(100ms);
  }
  world.run_for(1min);
  const auto messages = backend.messages();
  out.complete = messages.size() == 200;
  for (std::size_t n = 0; n < messages.size(); ++n)
    out.complete = out.complete && messages[n].data == std::to_string(n);
  out.server = conn.snapshot().origin;
  out.resumes = backend.resumes();
  return out;
}

int main() {
  const auto moved = drain({.reason = "deploy", .endpoint = "ws://10.0.0.2/"});
  const auto came_back = drain({.reason = "restart", .reconnect_in = 30s});
  for (const auto& each : {moved, came_back}) {
    std::cout << each.states << "at " << each.server << ", away for " << each.away / 1s << " s, "
              << (each.complete ? "all messages in order\n" : "MESSAGES MISSING\n");
  }
  const bool both = moved.complete && moved.resumes == 1 && came_back.complete && came_back.resumes == 1;
  return both && moved.states == "connecting connected connected " && moved.server == "ws://10.0.0.2" &&
                 came_back.states == "connecting connected disconnected connecting connected " &&
                 came_back.away >= 30s && came_back.away < 31s
             ? 0
             : 1;
}
