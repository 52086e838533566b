// What netlink_test.py runs in a network of its own. Prints each change of it; for each line of input it
// waits until all that has happened before must have been told, and prints "mark". With the arguments
// "peer ADDRESS" it prints only what concerns a connection to that address. With "connection" the changes are
// heard by a connection to 127.0.0.1 that has failed and waits for an hour.
#include <boost/asio.hpp>
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

import holdfast.core;

namespace net = boost::asio;
using namespace std::chrono_literals;

namespace {

void say(std::string_view line) { std::cout << line << std::endl; }

// One mark per line of input; ends the context when the input ends.
net::awaitable<void> obey(net::io_context& io) {
  net::posix::stream_descriptor input(io, 0);
  net::steady_timer pause(io);
  std::string typed;
  for (;;) {
    const auto [ec, size] = co_await net::async_read_until(input, net::dynamic_buffer(typed), '\n',
                                                           net::as_tuple(net::use_awaitable));
    if (ec) break;
    typed.erase(0, size);
    pause.expires_after(4 * holdfast::change_burst::quiet);
    co_await pause.async_wait(net::use_awaitable);
    say("mark");
  }
  input.release();
  io.stop();
}

holdfast::connection waiting_connection(net::io_context& io) {
  holdfast::options given{.url = "ws://127.0.0.1:1/"};
  given.retry.base = given.retry.cap = 1h;
  given.watch_network = true;
  given.log = [](holdfast::log_level level, std::string_view line) {
    if (level != holdfast::log_level::debug) say(line);
  };
  holdfast::connection conn(io, given);
  conn.add_connection_listener("print", {.on_connecting = [](const auto&) { say("attempt"); }});
  conn.run(net::detached);
  return conn;
}

// Prints where the peer is reached, and then each change that concerns it.
class peer_watch {
 public:
  peer_watch(net::io_context& io, const std::string& peer)
      : peer_(net::ip::make_address(peer)),
        route_(holdfast::find_route(peer_)),
        watcher_(
            io.get_executor(), [this](const holdfast::network_news& news) { hear(news); },
            [](holdfast::log_level, std::string_view line) { say(line); }) {
    if (route_) {
      say("route " + std::to_string(route_->interface_index) + " from " + route_->source.to_string() +
          " by " + route_->gateway.to_string());
    } else {
      say("no route");
    }
  }

 private:
  void hear(const holdfast::network_news& news) {
    const auto now = holdfast::find_route(peer_);
    const auto before = std::exchange(route_, now);
    if (holdfast::concerns(news, before, now)) say("change");
  }

  const net::ip::address peer_;
  std::optional<holdfast::route_to_peer> route_;
  const holdfast::network_watcher watcher_;
};

}  // namespace

int main(int argc, char** argv) {
  net::io_context io(1);
  net::co_spawn(io, obey(io), net::detached);
  if (argc > 1 && std::string_view(argv[1]) == "connection") {
    const auto conn = waiting_connection(io);
    io.run();
  } else if (argc > 2 && std::string_view(argv[1]) == "peer") {
    const peer_watch watch(io, argv[2]);
    say("ready");
    io.run();
  } else {
    const holdfast::network_watcher watcher(
        io.get_executor(), [] { say("change"); },
        [](holdfast::log_level, std::string_view line) { say(line); });
    say("ready");
    io.run();
  }
}
