// A bot of many tenants on any number of machines: each tenant's connection is held by exactly one of these
// processes, and goes on in another one when this ends, or dies. docs/fleet.md says how to run it.
//
// fleet_worker ID WEBSOCKET_URL NATS_URL[,NATS_URL] [LEASE_SECONDS [REPLICAS]]
#include <boost/asio.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

import holdfast;
import holdfast.fleet;
import holdfast.v1;

namespace net = boost::asio;
namespace fleet = holdfast::fleet;

namespace {

holdfast::options options_for(const std::string& tenant, const std::string& url) {
  holdfast::options out{
      .url = url, .subprotocols = {std::string(holdfast::v1_subprotocol)}, .protocol = holdfast::v1()};
  out.provider = [tenant](holdfast::credential_request) -> net::awaitable<holdfast::credentials> {
    co_return holdfast::credentials{.token = tenant};  // of your vault
  };
  return out;
}

// The event goes to the stream, whose consumers see it once even if two holders have got it.
net::awaitable<void> store(fleet::lease& lease, std::string event) {
  net::steady_timer pause(co_await net::this_coro::executor);
  for (bool stored = false; !stored;) {
    const auto how = co_await lease.publish(event, event);
    stored = how.has_value();
    if (!stored) pause.expires_after(std::chrono::milliseconds(200));
    if (!stored) co_await pause.async_wait(net::use_awaitable);
  }
}

// For one tenant: the same code as for one connection, and one line more.
net::awaitable<void> serve(fleet::lease& lease, std::string url) {
  holdfast::connection conn(co_await net::this_coro::executor, options_for(lease.key(), url));
  lease.attach(conn);
  conn.run(net::detached);
  for (;;) {
    const auto event = co_await conn.receive();  // ends with the lease
    co_await store(lease, event.payload);
    std::ostringstream answer;
    answer << R"({"key":")" << lease.key() << R"(","epoch":)" << lease.epoch() << R"(,"event":)"
           << event.payload << '}';
    conn.send(answer.str(), {.when_offline = holdfast::offline_rule::wait}, net::detached);
  }
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> out;
  std::istringstream all(list);
  for (std::string each; std::getline(all, each, ',');) out.push_back(each);
  return out;
}

}  // namespace

int main(int argc, char* argv[]) try {
  if (argc < 4)
    throw std::invalid_argument(
        "usage: fleet_worker ID WEBSOCKET_URL NATS_URL[,NATS_URL] [LEASE_SECONDS [REPLICAS]]");
  const auto log = [id = std::string(argv[1])](holdfast::log_level level, std::string_view line) {
    if (level != holdfast::log_level::debug) std::clog << (id + ": " + std::string(line) + '\n');
  };
  net::io_context io(1);
  const auto broker = fleet::nats({.servers = split(argv[3]),
                                   .fleet = "bots",
                                   .replicas = argc > 5 ? std::stoi(argv[5]) : 1,
                                   .log = log});
  fleet::worker worker(io, broker,
                       {.fleet = "bots",
                        .id = argv[1],
                        .lease_time = std::chrono::seconds(argc > 4 ? std::stoi(argv[4]) : 20),
                        .log = log});
  net::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& ec, int) {
    if (!ec) worker.drain();  // hands all tenants over; run() returns then
  });
  const std::string url = argv[2];
  net::co_spawn(io, worker.run([url](fleet::lease& lease) { return serve(lease, url); }),
                [&](const std::exception_ptr& thrown) {
                  signals.cancel();
                  if (thrown) std::rethrow_exception(thrown);
                });
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << "fleet_worker: " << wrong.what() << '\n';
  return 1;
}
