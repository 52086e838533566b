// A program of callbacks, without a coroutine of its own: a listener hears of each state, and every
// operation takes a function that is called once with the result. It sends three lines, one after the
// answer to the other, on as many sessions as it takes; then it measures the round-trip time and closes.
#include <boost/asio.hpp>
#include <chrono>
#include <iostream>
#include <string>

import holdfast;

namespace net = boost::asio;

class chat {
 public:
  chat(net::io_context& io, std::string url) : conn_(io, {.url = std::move(url)}) {
    conn_.add_connection_listener(
        "chat", {.on_connected = [this](const auto&) { say_next(); },
                 .on_disconnected = [this](const auto& change) { give_up_if_final(change); },
                 .on_state_change = [](const auto& change) { std::cout << describe(change) << std::endl; }});
    listen();
    conn_.run(net::detached);
  }
  [[nodiscard]] bool complete() const { return answers_ == line_count; }

 private:
  void say_next() {
    if (complete()) return;
    conn_.send("line " + std::to_string(answers_ + 1), [](holdfast::send_result sent) {
      if (!sent.ok()) std::cout << "send: " << sent.reason.message() << std::endl;
    });
  }

  // It will not retry by itself, so neither do we wait for it.
  void give_up_if_final(const holdfast::state_change& change) {
    if (change.final) conn_.close();
  }

  // Goes on over any number of sessions; ends when the connection is closed.
  void listen() {
    conn_.receive([this](holdfast::error_code ec, const holdfast::message& received) {
      if (ec) return;
      std::cout << "received: " << received.payload << std::endl;
      ++answers_;
      if (complete()) {
        measure_and_close();
      } else {
        say_next();
      }
      listen();
    });
  }

  void measure_and_close() {
    conn_.ping([this](holdfast::error_code ec, holdfast::clock::duration round_trip) {
      const std::chrono::duration<double, std::milli> time = round_trip;
      if (!ec) std::cout << "round trip: " << time.count() << " ms" << std::endl;
      conn_.close([](holdfast::error_code) { std::cout << "closed" << std::endl; });
    });
  }

  static constexpr int line_count = 3;
  int answers_ = 0;
  holdfast::connection conn_;
};

int main(int argc, char* argv[]) try {
  net::io_context io;
  const chat program(io, argc > 1 ? argv[1] : "ws://127.0.0.1:8080/");
  io.run();
  return program.complete() ? 0 : 1;
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
