// Sends text and binary messages of many sizes to an echo server, compressed, and checks that each comes back
// as it was. Usage: compressed_echo URL [WINDOW_BITS]. Its exit status is 0 if all do.
#include <boost/asio.hpp>
#include <cstddef>
#include <exception>
#include <iostream>
#include <random>
#include <string>

import holdfast;

namespace net = boost::asio;
using holdfast::message_kind;

// What a chat says, which repeats itself; or what cannot be made smaller.
std::string some(message_kind kind, std::size_t size) {
  std::string out;
  std::mt19937 random(static_cast<unsigned>(size));
  while (out.size() < size) {
    out += kind == message_kind::text ? "line " + std::to_string(random() % 1000) + " of a conversation; "
                                      : std::string(1, static_cast<char>(random() & 0xFFU));
  }
  return out.substr(0, size);
}

// 1 MiB is what the server takes, and it counts what it receives: what cannot be made smaller becomes larger.
net::awaitable<void> exchange(holdfast::connection& conn, int& echoed, int& wrong) {
  co_await conn.wait_for(holdfast::connection_state::connected);
  for (int round = 0; round < 3; ++round) {
    for (const std::size_t size :
         {0U, 1U, 127U, 128U, 129U, 1000U, 32'767U, 32'768U, 65'535U, 65'536U, 100'000U, 1'000'000U}) {
      for (const auto kind : {message_kind::text, message_kind::binary}) {
        const auto payload = some(kind, size);
        conn.send(payload, {.kind = kind}, net::detached);
        const auto back = co_await conn.receive();
        ++(back.kind == kind && back.payload == payload ? echoed : wrong);
      }
    }
  }
  co_await conn.close();
}

int main(int argc, char* argv[]) try {
  net::io_context io;
  holdfast::options given{.url = argc > 1 ? argv[1] : "",
                          .compression = {.enabled = true, .minimum_bytes = 0}};
  if (argc > 2) {
    given.compression.client_max_window_bits = given.compression.server_max_window_bits = std::stoi(argv[2]);
  }
  holdfast::connection conn(io, given);
  int echoed = 0;
  int wrong = 0;
  net::co_spawn(io, exchange(conn, echoed, wrong), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  conn.add_connection_listener("log", {.on_state_change = [&](const auto& change) {
                                 std::cout << describe(change) << std::endl;
                                 if (change.final) conn.close();
                               }});
  conn.run(net::detached);
  io.run();
  std::cout << "echoed " << echoed << ", wrong " << wrong << ", sessions " << conn.snapshot().session
            << std::endl;
  return wrong == 0 && echoed == 72 ? 0 : 1;
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
