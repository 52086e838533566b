// Compiled with macros of Asio that the library is compiled without, and that make no other Asio.
#include <boost/asio.hpp>
#include <string>

import holdfast;

namespace net = boost::asio;

// Returns 0 if the one attempt, to a port where nobody listens, has failed as it should.
extern "C" int dial_nobody() {
  net::io_context io;
  std::string url = "ws://127.0.0.1:";
  {
    const net::ip::tcp::acceptor gone_at_once(io, {net::ip::make_address("127.0.0.1"), 0});
    url += std::to_string(gone_at_once.local_endpoint().port());
  }
  holdfast::connection conn(io, {.url = url, .retry = holdfast::retry_policy::once()});
  holdfast::error_code ended;
  bool told = false;
  auto states = conn.watch();
  net::co_spawn(
      io,
      [&]() -> net::awaitable<void> {
        while (!told) {
          const auto change = co_await states.next_state();
          told = change.final;
        }
      },
      net::detached);
  conn.run([&](holdfast::error_code ec) { ended = ec; });
  io.run();
  return told && ended == net::error::connection_refused ? 0 : 1;
}
