// The smallest program: these two lines at the top are all that a user of the library needs.
#include <boost/asio.hpp>

import holdfast;

int main(int argc, char* argv[]) {
  boost::asio::io_context io;
  holdfast::connection conn(
      io, {.url = argc > 1 ? argv[1] : "ws://127.0.0.1:8080/", .retry = {.attempt_limit = 3}});
  conn.connect([&](holdfast::error_code, const auto&) { conn.close(); });
  conn.run(boost::asio::detached);
  io.run();
  return conn.snapshot().session == 1 ? 0 : 1;  // it had a session
}
