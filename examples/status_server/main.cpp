// A program with several connections that shows how they are: a live page at /, their timelines, JSON at
// /status, and /metrics for Prometheus. Arguments: the port of 127.0.0.1 to listen on (0: any), then a URL
// for each connection. With STATUS_FLEET=nats://127.0.0.1:4222/bots the page shows the workers of that fleet
// and their keys as well, and /fleet is the same as JSON.
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include "server.hpp"
#ifdef STATUS_SERVER_HAS_FLEET
#include "watched_fleet.hpp"
#endif

int main(int argc, char* argv[]) try {
  boost::asio::io_context io;
  watched_connections all(io);
  status_server server(io, all, static_cast<unsigned short>(argc > 1 ? std::stoi(argv[1]) : 9464));
#ifdef STATUS_SERVER_HAS_FLEET
  std::optional<watched_fleet> fleet;
  if (const char* where = std::getenv("STATUS_FLEET")) {
    fleet.emplace(where);
    server.show_fleet([&fleet]() -> const boost::json::object& { return fleet->status(); });
    boost::asio::co_spawn(io, fleet->look(), boost::asio::detached);
  }
#endif
  for (int i = 2; i < argc; ++i) all.add(argv[i]);
  std::cout << "listening " << server.port() << std::endl;
  boost::asio::co_spawn(io, all.sample(), boost::asio::detached);
  boost::asio::co_spawn(io, server.serve(), boost::asio::detached);
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
