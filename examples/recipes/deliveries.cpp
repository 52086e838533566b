// A message with a time limit and a key, and what each delivery result means: whether the program must, may
// or must not send the message again. Each result is provoked once.
#include <boost/asio.hpp>
#include <iostream>
#include <string>
#include <utility>

import holdfast;
import holdfast.testing;
import holdfast.v1;

namespace net = boost::asio;
using namespace std::chrono_literals;
using namespace holdfast::testing;
using holdfast::offline_rule;

const char* what_now(holdfast::delivery outcome) {
  switch (outcome) {
    case holdfast::delivery::acked:
      return "the server has it";
    case holdfast::delivery::written:
      return "the operating system has it; only an answer would prove more";
    case holdfast::delivery::not_sent:
      return "the server cannot have it: safe to send again";
    case holdfast::delivery::in_doubt:
      return "nobody knows: send it again only if twice does no harm";
    case holdfast::delivery::dropped:
      return "given up by a rule of this very message";
  }
  return "";
}

std::string outcomes;

auto report(std::string what) {
  return [what = std::move(what)](const holdfast::send_result& sent) {
    std::cout << what << ": " << to_string(sent.outcome);
    if (sent.reason) std::cout << " (" << sent.reason.message() << ')';
    std::cout << ": " << what_now(sent.outcome) << '\n';
    outcomes += std::string(to_string(sent.outcome)) + ' ';
  };
}

const holdfast::peer_address at{net::ip::make_address("10.0.0.1"), 80};

void without_acknowledgements() {
  world world;
  const server behind(world, at);
  holdfast::connection conn(world.executor(), {.url = "ws://10.0.0.1/", .network = world.network()});
  world.network()->behave(at, port_behaviour::refuses);
  conn.run(net::detached);
  world.run_for(10s);

  conn.send("fire and forget", report("offline, fail"));
  conn.send("order a taxi", {.when_offline = offline_rule::wait, .time_to_live = 30s},
            report("a limit of 30 s"));
  conn.send("at 48.1 N", {.when_offline = offline_rule::wait, .key = "position"}, report("first position"));
  conn.send("at 48.2 N", {.when_offline = offline_rule::wait, .key = "position"}, report("second position"));
  world.run_for(1min);
  world.network()->behave(at, port_behaviour::accepts);
  world.run_for(1min);
  conn.close();
  world.settle();  // until the connection has carried out close()
  conn.send("too late", {.when_offline = offline_rule::wait}, report("after close()"));
  world.run_for(1s);
}

void with_acknowledgements() {
  world world;
  server behind(world, at);
  v1_server backend(behind);
  holdfast::connection conn(world.executor(), {.url = "ws://10.0.0.1/",
                                               .subprotocols = {std::string(holdfast::v1_subprotocol)},
                                               .protocol = holdfast::v1(),
                                               .network = world.network()});
  conn.run(net::detached);
  world.run_for(1s);
  conn.send(R"("pay 5")", report("acknowledged"));
  world.run_for(1s);
  backend.hold_acks();
  conn.send(R"("pay 7")", report("no acknowledgement before close()"));
  world.run_for(1s);
  conn.close();
  world.run_for(10s);
}

int main() {
  without_acknowledgements();
  with_acknowledgements();
  return outcomes == "not_sent dropped dropped written not_sent acked in_doubt " ? 0 : 1;
}
