// A chat bot for a Socket.IO server: says a line twice a second, hears what is said, and answers the server's
// question. Arguments: URL, how many lines to hear, namespace, token.
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

// Two calls: the answer of a Socket.IO server is an acknowledgement.
net::awaitable<void> ask(channels::client& client) {
  const json::array words{"hello", 1};
  const auto echo = co_await client.call("echo", words);
  if (echo.ok()) std::cout << "echo: " << echo.value << std::endl;
  const channels::call_options with_bytes{.attachments = {"olleh"}};
  const auto reversed = co_await client.call("reverse", channels::attachment(0), with_bytes);
  if (reversed.ok()) std::cout << "reversed: " << reversed.attachments.at(0) << std::endl;
}

net::awaitable<void> talk(channels::client& client) {
  net::steady_timer pause(client.get_executor());
  for (int number = 1;; ++number) {
    client.publish("say", json::string("line " + std::to_string(number)), {}, net::detached);
    pause.expires_after(std::chrono::milliseconds(500));
    co_await pause.async_wait(net::use_awaitable);
  }
}

net::awaitable<void> listen(channels::client& client, int left) {
  auto said = client.subscribe("said");
  while (left > 0) {
    const auto item = co_await said.receive();
    if (const auto* const heard = std::get_if<channels::event>(&item)) {
      std::cout << "said: " << heard->data.at(0) << std::endl;
      --left;
    } else if (const auto* const lost = std::get_if<channels::lost>(&item)) {
      std::cout << "lost: " << lost->reason.message() << std::endl;
    } else if (const auto* const back = std::get_if<channels::subscribed>(&item)) {
      std::cout << (back->recovered ? "recovered"
                    : back->again   ? "subscribed again"
                                    : "subscribed")
                << std::endl;
    } else if (const auto* const end = std::get_if<channels::ended>(&item)) {
      std::cout << "ended: " << to_string(end->why) << std::endl;
      break;
    }
  }
  client.close();
}

int main(int argc, char* argv[]) try {
  net::io_context io;
  const std::string token = argc > 4 ? argv[4] : "";
  const channels::socket_io_options how{
      .name_space = argc > 3 ? argv[3] : "/",
      .auth = token.empty() ? json::value() : json::object{{"token", token}}};
  channels::client client(io, {.url = argc > 1 ? argv[1] : "ws://127.0.0.1:3000"}, channels::socket_io(how));
  client.set_call_handler([](channels::incoming_call call) {
    if (call.method() == "who are you") call.answer("holdfast");
  });
  net::co_spawn(io, ask(client), net::detached);
  net::co_spawn(io, talk(client), net::detached);
  net::co_spawn(io, listen(client, argc > 2 ? std::stoi(argv[2]) : 10), net::detached);
  client.run([&io](holdfast::error_code ec) {
    std::cout << "over: " << ec.message() << std::endl;
    io.stop();
  });
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
