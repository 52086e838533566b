// A room of an Action Cable server: what is said in it, also by us, and a line each second. It comes back by
// itself when the server was restarted. Arguments: URL, room, how many lines to hear.
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <iostream>
#include <string>
#include <variant>

import holdfast;
import holdfast.channels;

namespace net = boost::asio;
namespace json = boost::json;
namespace channels = holdfast::channels;

net::awaitable<void> speak(channels::subscription& room) {
  net::steady_timer pause(co_await net::this_coro::executor);
  for (int number = 1;; ++number) {
    room.publish(json::object{{"text", "line " + std::to_string(number)}}, {.event_name = "speak"},
                 net::detached);
    pause.expires_after(std::chrono::milliseconds(200));
    co_await pause.async_wait(net::use_awaitable);
  }
}

net::awaitable<void> listen(channels::client& client, channels::subscription& room, int left) {
  while (left > 0) {
    const auto item = co_await room.receive();
    if (const auto* const heard = std::get_if<channels::event>(&item)) {
      std::cout << "heard: " << heard->data << std::endl;
      --left;
    } else if (const auto* const back = std::get_if<channels::subscribed>(&item)) {
      std::cout << (back->again ? "subscribed again" : "subscribed") << std::endl;
    } else if (const auto* const lost = std::get_if<channels::lost>(&item)) {
      std::cout << "lost: " << lost->reason.message() << std::endl;
    } else if (const auto* const end = std::get_if<channels::ended>(&item)) {
      std::cout << "ended: " << to_string(end->why) << ' '
                << (end->reason ? end->reason.message() : end->error.code) << std::endl;
      break;
    }
  }
  client.close();
}

int main(int argc, char* argv[]) try {
  net::io_context io;
  channels::client client(io, {.url = argc > 1 ? argv[1] : "ws://127.0.0.1:3000/cable?user=me"},
                          channels::action_cable());
  auto room =
      client.subscribe("RoomChannel", {.params = json::object{{"room", argc > 2 ? argv[2] : "lobby"}}});
  net::co_spawn(io, listen(client, room, argc > 3 ? std::stoi(argv[3]) : 10), net::detached);
  net::co_spawn(io, speak(room), net::detached);
  client.run([&io](holdfast::error_code ec) {
    std::cout << "over: " << ec.message() << std::endl;
    io.stop();  // speak() has no end of its own
  });
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
