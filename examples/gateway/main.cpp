// How to speak a backend's own protocol: gateway_protocol.hpp is all that it takes. Here it meets a fake
// gateway, which drops it, asks it to reconnect, and forgets its session; the program exits with 0 if every
// event came, once and in order.
#include <boost/asio.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "fake_gateway.hpp"
#include "gateway_protocol.hpp"

namespace net = boost::asio;
using namespace std::chrono_literals;

namespace {

net::awaitable<void> listen(holdfast::connection& conn, std::vector<std::string>& heard) {
  for (;;) {
    const auto event = boost::json::parse((co_await conn.receive()).payload).as_object();
    heard.emplace_back(event.at("d").as_string());
    std::cout << "  event: " << heard.back() << '\n';
  }
}

net::awaitable<void> until_connected(holdfast::connection& conn, std::uint64_t session) {
  auto now = conn.snapshot();
  while (now.session < session || now.to != holdfast::connection_state::connected) {
    now = co_await conn.next_state(now.sequence);
  }
}

net::awaitable<void> story(holdfast::connection& conn, fake_gateway& gateway) {
  co_await until_connected(conn, 1);
  gateway.happen("one");
  const auto sent = co_await conn.send(R"({"say":"hello"})");
  if (!sent.ok()) throw std::runtime_error("send: " + sent.reason.message());
  net::steady_timer pause(co_await net::this_coro::executor, 500ms);
  co_await pause.async_wait(net::use_awaitable);
  gateway.drop();
  gateway.happen("two, while nobody was there");
  co_await until_connected(conn, 2);
  gateway.ask_to_reconnect();
  gateway.happen("three");
  co_await until_connected(conn, 3);
  gateway.invalidate();
  co_await until_connected(conn, 4);
  gateway.happen("four, in a new session");
  pause.expires_after(300ms);
  co_await pause.async_wait(net::use_awaitable);
  co_await conn.close();
}

}  // namespace

int main() {
  net::io_context io(1);
  holdfast::testing::server server(io.get_executor());
  holdfast::testing::loopback_port port(io.get_executor(), server);
  fake_gateway gateway(server);

  holdfast::options given{.url = port.url()};
  given.protocol = [] { return std::make_unique<gateway_protocol>(); };
  given.provider = [](holdfast::credential_request) -> net::awaitable<holdfast::credentials> {
    co_return holdfast::credentials{.token = "bot-token"};
  };
  given.retry.first_spread = 50ms;
  given.retry.base = 50ms;
  holdfast::connection conn(io, given);
  std::vector<std::string> heard;
  conn.add_connection_listener("print", {.on_state_change = [](const holdfast::observed_change& change) {
                                 std::cout << describe(change) << (change.resumed ? " (resumed)" : "")
                                           << '\n';
                               }});
  net::co_spawn(io, listen(conn, heard), net::detached);
  net::co_spawn(io, story(conn, gateway), net::detached);
  conn.run([&](auto) { port.shut(); });
  io.run_for(20s);

  const std::vector<std::string> expected{"one", "two, while nobody was there", "three",
                                          "four, in a new session"};
  const bool right =
      heard == expected && gateway.identified() == 2 && gateway.resumed() == 2 && gateway.heartbeats() > 0;
  std::cout << (right ? "Every event came, once and in order.\n" : "WRONG: events are missing or doubled.\n");
  return right ? 0 : 1;
}
