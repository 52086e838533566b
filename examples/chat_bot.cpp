// A bot for chat_server: it says some lines and hears those of its partner, through restarts of the server.
// One learns how an application makes up for what a server has forgotten: it tells the other how much it has
// heard, gets the rest again, and passes over what it knows. Exits with 0 when both have heard everything.
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <iostream>
#include <string>
#include <string_view>

import holdfast;
import holdfast.v1;

namespace net = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;

class bot {
 public:
  bot(net::io_context& io, std::string url, std::string name, std::string partner, int count)
      : name_(std::move(name)),
        partner_(std::move(partner)),
        count_(count),
        conn_(io, options_for(std::move(url))) {
    conn_.add_connection_listener("bot", {.on_connected =
                                              [this](const holdfast::observed_change& change) {
                                                if (!change.resumed)
                                                  send({{"op", "join"}, {"room", "r"}, {"name", name_}});
                                              },
                                          .on_state_change =
                                              [](const holdfast::observed_change& change) {
                                                std::cout << describe(change) << std::endl;
                                              }});
    net::co_spawn(io, hear(), net::detached);
    net::co_spawn(io, talk(), net::detached);
    conn_.run(net::detached);
  }
  [[nodiscard]] bool done() const { return heard_ == count_ && partner_has_ == count_; }

 private:
  static holdfast::options options_for(std::string url) {
    holdfast::options given{.url = std::move(url)};
    given.subprotocols = {std::string(holdfast::v1_subprotocol)};
    given.protocol = holdfast::v1();
    return given;
  }

  // What cannot leave now leaves when there is a session again.
  void send(const json::object& what) {
    conn_.send(json::serialize(what), {.when_offline = holdfast::offline_rule::wait}, net::detached);
  }
  void say(const std::string& text) { send({{"op", "say"}, {"room", "r"}, {"text", text}}); }
  void say_from(int first) {
    for (int n = first; n <= said_; ++n) say("line " + std::to_string(n));
  }

  net::awaitable<void> talk() {
    net::steady_timer pause(co_await net::this_coro::executor);
    while (said_ < count_) {
      say("line " + std::to_string(++said_));
      pause.expires_after(50ms);
      co_await pause.async_wait(net::use_awaitable);
    }
    while (!done()) {  // the one who has everything tells the other, who may have missed it
      say("have " + std::to_string(heard_));
      pause.expires_after(500ms);
      co_await pause.async_wait(net::use_awaitable);
    }
    conn_.send(R"({"op":"say","room":"r","text":"have )" + std::to_string(heard_) + "\"}", net::detached);
    pause.expires_after(2s);  // and once more, if the other asks
    co_await pause.async_wait(net::use_awaitable);
    conn_.close();
  }

  net::awaitable<void> hear() {
    for (;;) {
      const auto [ec, next] = co_await conn_.receive(net::as_tuple(net::use_awaitable));
      if (ec) co_return;
      const auto event = json::parse(next.payload).as_object();
      if (event.at("op") != "said" || event.at("name") != json::string_view(partner_)) continue;
      take(event.at("text").as_string());
    }
  }

  void take(std::string_view text) {
    int number = 0;
    std::from_chars(text.data() + 5, text.data() + text.size(), number);
    if (text.starts_with("have ")) {
      partner_has_ = number;
      return say_from(number + 1);
    }
    if (number == heard_ + 1) {
      ++heard_;
      std::cout << "heard " << number << std::endl;
    } else if (number > heard_ + 1) {
      say("have " + std::to_string(heard_));  // something is missing in between
    }
  }

  const std::string name_;
  const std::string partner_;
  const int count_;
  int said_ = 0;
  int heard_ = 0;
  int partner_has_ = 0;
  holdfast::connection conn_;
};

int main(int argc, char* argv[]) try {
  if (argc != 5) {
    std::cerr << "chat_bot URL NAME PARTNER COUNT\n";
    return 2;
  }
  net::io_context io(1);
  const bot one(io, argv[1], argv[2], argv[3], std::stoi(argv[4]));
  io.run_for(2min);
  return one.done() ? 0 : 1;
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
