// A bot that answers commands. One coroutine reads, and each command runs in a coroutine of its own. If the
// session ends before an answer is ready, the answer leaves in the next session.
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

import holdfast;
import holdfast.testing;

namespace net = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;

using command = std::function<net::awaitable<std::string>(std::string argument)>;
using commands = std::map<std::string, command>;

std::string text_of(const json::value& request, std::string_view field) {
  const auto* const object = request.if_object();
  const auto* const value = object != nullptr ? object->if_contains(field) : nullptr;
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

net::awaitable<void> answer(holdfast::connection& conn, std::string to, net::awaitable<std::string> made) {
  std::string text;
  try {
    text = co_await std::move(made);
  } catch (const std::exception& wrong) {
    std::clog << "command failed: " << wrong.what() << '\n';
    text = "sorry, that did not work";  // what() is for the log, not for the room
  }
  const json::value reply = {{"to", to}, {"text", text}};
  const auto sent =
      co_await conn.send_json(reply, {.when_offline = holdfast::offline_rule::wait, .time_to_live = 1min});
  if (!sent.ok()) std::clog << "not answered: " << sent.reason.message() << '\n';
}

net::awaitable<void> read_commands(holdfast::connection& conn, const commands& known) {
  const auto executor = co_await net::this_coro::executor;
  for (;;) {
    const auto [ec, got] = co_await conn.receive_json(net::as_tuple(net::use_awaitable));
    if (ec == holdfast::error::message_not_json) continue;  // only this message is affected
    if (ec) co_return;                                      // the connection has ended
    const auto found = known.find(text_of(got.value, "command"));
    if (found == known.end()) continue;
    auto made = found->second(text_of(got.value, "argument"));  // begins when it is awaited
    net::co_spawn(executor, answer(conn, text_of(got.value, "from"), std::move(made)), net::detached);
  }
}

net::awaitable<std::string> greet(std::string argument) { co_return "hello " + argument; }

net::awaitable<std::string> forecast(std::string argument) {
  if (argument.empty()) throw std::invalid_argument("forecast needs a town");
  holdfast::timer pause(co_await net::this_coro::executor);
  co_await pause.async_wait_until(holdfast::clock::now() + 10s, net::use_awaitable);
  co_return "tomorrow in " + argument + ": rain";
}

// The other side sends four messages, and loses the session while the forecast is being made.
int main() {
  using namespace holdfast::testing;
  world world;
  server chat(world, {net::ip::make_address("10.0.0.1"), 80});
  std::string answers;
  chat.on_session([&](server_session& session) -> net::awaitable<void> {
    if (chat.sessions() == 1) {
      co_await session.send(R"({"from":"ann","command":"forecast","argument":"Turin"})");
      co_await session.send("this is not JSON");
      co_await session.send(R"({"from":"bob","command":"forecast","argument":""})");
      co_await session.send(R"({"from":"cem","command":"greet","argument":"world"})");
    }
    for (;;) {
      const auto next = co_await session.receive();
      if (!next) co_return;
      answers += next->payload + '\n';
    }
  });

  const commands known{{"greet", greet}, {"forecast", forecast}};
  holdfast::connection conn(world.executor(), {.url = "ws://10.0.0.1/", .network = world.network()});
  world.spawn(read_commands(conn, known));
  conn.run(net::detached);
  world.run_for(9s + 900ms);
  world.network()->reset_links();
  world.run_for(1min);
  std::cout << answers;
  const bool right = answers == R"({"to":"bob","text":"sorry, that did not work"}
{"to":"cem","text":"hello world"}
{"to":"ann","text":"tomorrow in Turin: rain"}
)";
  return right ? 0 : 1;
}
