// A GraphQL subscription that survives its server: each tick as it comes, and what happened between them.
// Arguments: URL, how many ticks to wait for.
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <iostream>
#include <string>
#include <variant>

import holdfast;
import holdfast.channels;

namespace net = boost::asio;
namespace channels = holdfast::channels;

net::awaitable<void> greet(channels::client& client) {
  const boost::json::object name{{"name", "holdfast"}};
  const auto greeting = co_await client.call("query($name: String!) { hello(name: $name) }", name);
  if (greeting.ok()) {
    std::cout << "answer: " << greeting.value.at("data").at("hello") << std::endl;
  } else {
    std::cout << "no answer: " << to_string(greeting.outcome) << ' ' << greeting.error.text << std::endl;
  }
}

net::awaitable<void> follow(channels::client& client, int left) {
  auto ticks = client.subscribe("subscription { tick }");
  while (left > 0) {
    const auto item = co_await ticks.receive();
    if (const auto* const tick = std::get_if<channels::event>(&item)) {
      std::cout << "tick " << tick->data.at("data").at("tick") << std::endl;
      --left;
    } else if (const auto* const lost = std::get_if<channels::lost>(&item)) {
      std::cout << "lost: " << lost->reason.message() << std::endl;
    } else if (const auto* const back = std::get_if<channels::subscribed>(&item)) {
      std::cout << (back->again ? "subscribed again" : "subscribed") << std::endl;
    } else if (const auto* const end = std::get_if<channels::ended>(&item)) {
      std::cout << "ended: " << to_string(end->why) << ' ' << end->error.text << std::endl;
      break;
    }
  }
  client.close();
}

int main(int argc, char* argv[]) try {
  net::io_context io;
  const channels::graphql_ws_options how{.init =
                                             argc > 3 ? boost::json::parse(argv[3]) : boost::json::value()};
  channels::client client(io, {.url = argc > 1 ? argv[1] : "ws://127.0.0.1:4000/graphql"},
                          channels::graphql_ws(how));
  net::co_spawn(io, greet(client), net::detached);
  net::co_spawn(io, follow(client, argc > 2 ? std::stoi(argv[2]) : 10), net::detached);
  client.run([](holdfast::error_code ec) { std::cout << "over: " << ec.message() << std::endl; });
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
