// The whole of it: a connection that is kept open, one coroutine that follows its states, one that prints
// its messages, until Ctrl-C. Stop the server and start it again while this runs.
#include <boost/asio.hpp>
#include <iostream>

import holdfast;

namespace net = boost::asio;

net::awaitable<void> follow_states(holdfast::connection& conn) {
  auto watch = conn.watch();
  for (;;) {
    const auto change = co_await watch.next_state();
    std::cout << describe(change) << std::endl;
    if (change.to == holdfast::connection_state::connected) conn.send("hello", net::detached);
    if (change.final) conn.close();  // it will not retry by itself: the server said no, or we did
  }
}

net::awaitable<void> print_messages(holdfast::connection& conn) {
  for (;;) std::cout << "received: " + (co_await conn.receive()).payload << std::endl;
}

int main(int argc, char* argv[]) try {
  net::io_context io;
  holdfast::connection conn(io, {.url = argc > 1 ? argv[1] : "ws://127.0.0.1:8080/"});
  net::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto...) { conn.close(); });
  net::co_spawn(io, follow_states(conn), net::detached);
  net::co_spawn(io, print_messages(conn), net::detached);
  conn.run([&](auto) { signals.cancel(); });
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
