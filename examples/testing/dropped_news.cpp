// Does my program notice which news it has missed? The backend publishes while the program is away: the first
// time it keeps the news for those who come back, the second time it does not.
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <iostream>
#include <string>
#include <variant>

import holdfast;
import holdfast.channels;
import holdfast.testing;

namespace net = boost::asio;
namespace channels = holdfast::channels;
using namespace std::chrono_literals;
using namespace holdfast::testing;

// What is tested: it writes down each piece of news, and what it has missed. It knows no dialect.
net::awaitable<void> read_news(channels::client& client, std::string& page) {
  auto news = client.subscribe("news");
  for (;;) {
    const auto item = co_await news.receive();
    if (const auto* const event = std::get_if<channels::event>(&item)) {
      page += std::string(event->data.as_string()) + ' ';
    } else if (const auto* const back = std::get_if<channels::subscribed>(&item)) {
      if (back->again && !back->recovered)
        page += "(" + std::to_string(back->missed.value_or(0)) + " missed) ";
    } else if (std::holds_alternative<channels::ended>(item)) {
      break;
    }
  }
}

int main() {
  std::string page;
  world world;
  server server(world, {net::ip::make_address("10.0.0.1"), 80});
  channel_server backend(server);
  channels::client client(world.executor(), {.url = "ws://10.0.0.1/", .network = world.network()},
                          channel_server::dialect());
  client.run(net::detached);
  net::co_spawn(world.executor(), read_news(client, page), net::detached);
  world.run_for(1s);
  for (const auto* const kept : {"kept", "lost"}) {
    backend.retain(std::string(kept) == "kept" ? 100 : 0);
    backend.publish("news", kept);
    world.run_for(1s);
    backend.drop();
    world.run_for(1ms);
    backend.publish("news", "meanwhile");
    world.run_for(1min);
  }
  std::cout << page << '\n';
  return page == "kept meanwhile lost (1 missed) " ? 0 : 1;
}
