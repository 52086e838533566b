// Calls and events of a JSON-RPC server (npm rpc-websockets): two calls at once, and a channel that comes
// back after each loss. Arguments: URL, how many events to wait for.
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <variant>

import holdfast;
import holdfast.channels;

namespace net = boost::asio;
namespace channels = holdfast::channels;

net::awaitable<void> calculate(channels::client& client) {
  using namespace net::experimental::awaitable_operators;
  const boost::json::array numbers{1, 2};
  auto both = client.call("sum", numbers) && client.call("fail", {}, {.timeout = std::chrono::seconds(5)});
  const auto [sum, failure] = co_await std::move(both);
  std::cout << "sum: " << sum.value << std::endl;
  std::cout << "fail: " << to_string(failure.outcome) << ' ' << failure.error.text << std::endl;
}

net::awaitable<void> follow(channels::client& client, int left) {
  auto ticks = client.subscribe("tick");
  while (left > 0) {
    const auto item = co_await ticks.receive();
    if (const auto* const tick = std::get_if<channels::event>(&item)) {
      std::cout << "tick " << tick->data << std::endl;
      --left;
    } else if (std::holds_alternative<channels::lost>(item)) {
      std::cout << "lost" << std::endl;
    } else if (const auto* const back = std::get_if<channels::subscribed>(&item)) {
      std::cout << (back->again ? "subscribed again" : "subscribed") << std::endl;
    } else if (std::holds_alternative<channels::ended>(item)) {
      break;
    }
  }
  client.close();
}

int main(int argc, char* argv[]) try {
  net::io_context io;
  channels::client client(io, {.url = argc > 1 ? argv[1] : "ws://127.0.0.1:4001/"},
                          channels::json_rpc({.channels = channels::json_rpc_channels::by_event}));
  net::co_spawn(io, calculate(client), net::detached);
  net::co_spawn(io, follow(client, argc > 2 ? std::stoi(argv[2]) : 10), net::detached);
  client.run([](holdfast::error_code ec) { std::cout << "over: " << ec.message() << std::endl; });
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
