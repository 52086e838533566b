// A charge point that speaks OCPP 1.6 with its central system: says who it is, sends a heartbeat, and is
// reset by a call of the server. The argument is the URL; its last part is the identity.
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <iostream>
#include <string>

import holdfast;
import holdfast.channels;

namespace net = boost::asio;
namespace json = boost::json;
namespace channels = holdfast::channels;

void print(const char* action, const channels::call_result& result) {
  std::cout << action << ": " << to_string(result.outcome) << ' ';
  if (result.ok()) {
    std::cout << result.value << std::endl;
  } else {
    std::cout << (result.reason ? result.reason.message() : result.error.code) << std::endl;
  }
}

net::awaitable<void> live(channels::client& client) {
  const json::object who{{"chargePointVendor", "holdfast"}, {"chargePointModel", "example"}};
  print("BootNotification", co_await client.call("BootNotification", who));
  print("Heartbeat", co_await client.call("Heartbeat"));
  print("Unheard", co_await client.call("Unheard"));
}

int main(int argc, char* argv[]) try {
  net::io_context io;
  channels::client client(io, {.url = argc > 1 ? argv[1] : "ws://127.0.0.1:4002/CP1"}, channels::ocpp());
  client.set_call_handler([&client](channels::incoming_call call) {
    std::cout << "the server calls " << call.method() << ' ' << call.params() << std::endl;
    if (call.method() != "Reset") return call.refuse({.code = std::string(channels::method_not_found)});
    call.answer(json::object{{"status", "Accepted"}});
    client.close();
  });
  net::co_spawn(io, live(client), net::detached);
  client.run([](holdfast::error_code ec) { std::cout << "over: " << ec.message() << std::endl; });
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
