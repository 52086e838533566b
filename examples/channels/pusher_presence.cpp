// Who is in a room of a Pusher server, and says hello to it. Arguments: URL with the app's key, URL of the
// authorizer, room, user, how many things to tell.
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <iostream>
#include <string>
#include <variant>

import holdfast;
import holdfast.channels;

namespace net = boost::asio;
namespace json = boost::json;
namespace channels = holdfast::channels;

void tell(const channels::event& what) {
  if (what.name == "pusher:member_added") {
    std::cout << "added: " << what.data.at("user_id").as_string() << std::endl;
  } else if (what.name == "pusher:member_removed") {
    std::cout << "removed: " << what.data.at("user_id").as_string() << std::endl;
  } else {
    std::cout << what.name << ": " << what.data << std::endl;
  }
}

net::awaitable<void> watch(channels::client& client, std::string channel, int left) {
  auto room = client.subscribe(channel);
  for (; left > 0; --left) {
    const auto item = co_await room.receive();
    if (const auto* const event = std::get_if<channels::event>(&item)) {
      tell(*event);
    } else if (const auto* const in = std::get_if<channels::subscribed>(&item)) {
      std::cout << (in->again ? "again here: " : "here: ") << in->data << std::endl;
      const json::object hello{{"from", "holdfast"}};
      room.publish(hello, {.event_name = "client-hello"}, net::detached);
    } else if (const auto* const lost = std::get_if<channels::lost>(&item)) {
      std::cout << "lost: " << lost->reason.message() << std::endl;
    } else if (const auto* const end = std::get_if<channels::ended>(&item)) {
      std::cout << "ended: " << to_string(end->why) << ' ' << end->error.text << std::endl;
      break;
    }
  }
  client.close();
}

int main(int argc, char* argv[]) try {
  net::io_context io;
  const std::string user = argc > 4 ? argv[4] : "holdfast";
  const auto authorizer = channels::pusher_authorizer(
      {.url = argc > 2 ? argv[2] : "http://127.0.0.1:6001/auth", .headers = {{"X-User", user}}});
  channels::client client(io, {.url = argc > 1 ? argv[1] : "ws://127.0.0.1:6001/app/key"}, channels::pusher(),
                          {.channel_tokens = authorizer});
  net::co_spawn(io, watch(client, argc > 3 ? argv[3] : "presence-room", argc > 5 ? std::stoi(argv[5]) : 10),
                net::detached);
  client.run([](holdfast::error_code ec) { std::cout << "over: " << ec.message() << std::endl; });
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
