// Sends one message through whoever holds a tenant's connection now: fleet_sender NATS_URL TENANT TEXT
#include <boost/asio.hpp>
#include <exception>
#include <iostream>
#include <string>

import holdfast;
import holdfast.fleet;

namespace net = boost::asio;
namespace fleet = holdfast::fleet;

int main(int argc, char* argv[]) try {
  if (argc != 4) throw std::invalid_argument("usage: fleet_sender NATS_URL TENANT TEXT");
  net::io_context io(1);
  const fleet::client bots(fleet::nats({.servers = {argv[1]}, .fleet = "bots", .replicas = 0}));
  bool ok = false;
  const auto done = [&](const std::exception_ptr& thrown, holdfast::send_result how) {
    if (thrown) std::rethrow_exception(thrown);
    ok = how.ok();
    std::cout << to_string(how.outcome) << (how.reason ? ": " + how.reason.message() : "") << '\n';
  };
  net::co_spawn(io, bots.send(argv[2], argv[3]), done);
  io.run();
  return ok ? 0 : 1;
} catch (const std::exception& wrong) {
  std::cerr << "fleet_sender: " << wrong.what() << '\n';
  return 1;
}
