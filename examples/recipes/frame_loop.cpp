// A program with a frame loop of its own, such as a game. Each frame polls the io_context, so every callback
// runs between two frames, on the thread that draws: no lock, no second thread, no coroutine.
#include <boost/asio.hpp>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <utility>

import holdfast;
import holdfast.testing;

namespace net = boost::asio;
using namespace std::chrono_literals;

class game {
 public:
  game(net::io_context& io, holdfast::options given) : io_(io), conn_(io, std::move(given)) {
    conn_.add_connection_listener(
        "game", {.on_state_change = [this](const auto& change) { banner_ = to_string(change.to); }});
    conn_.set_message_handler([this](const auto& got) { score_ = std::stoi(std::string(got.payload)); });
    conn_.run([this](holdfast::error_code ec) {
      if (ec) std::cout << "given up: " << ec.message() << '\n';
      over_ = true;
    });
  }
  [[nodiscard]] int score() const { return score_; }

  // Returns when run() has completed. Four points close the window.
  void play() {
    for (bool closing = false; !over_;) {
      io_.poll();  // runs what is ready, and never waits
      draw();
      if (score_ == 4 && !closing) {
        closing = true;
        conn_.close();  // the loop goes on until run() has completed
      }
      wait_for_vertical_sync();
    }
  }

 private:
  void draw() {
    const auto picture = banner_ + ", score " + std::to_string(score_);
    if (picture != shown_) std::cout << picture << '\n';
    shown_ = picture;
  }
  static void wait_for_vertical_sync() { std::this_thread::sleep_for(1ms); }

  net::io_context& io_;
  std::string banner_ = "disconnected";
  std::string shown_{};
  int score_ = 0;
  bool over_ = false;
  holdfast::connection conn_;  // the last member: it is destroyed first, and no callback runs after that
};

// The other side sends two points, drops the connection, and sends two more.
int main() {
  net::io_context io(1);
  const auto work = net::make_work_guard(io);  // without it, a poll() with nothing to do stops `io` for good
  holdfast::testing::server server(io.get_executor());
  const holdfast::testing::loopback_port port(io.get_executor(), server);
  int points = 0;
  server.on_session([&](holdfast::testing::server_session& session) -> net::awaitable<void> {
    net::steady_timer pause(io);
    for (int n = 0; n < 2; ++n) {
      pause.expires_after(10ms);
      co_await pause.async_wait(net::use_awaitable);
      co_await session.send(std::to_string(++points));
    }
    if (points == 4) co_await session.receive();  // until the client closes
  });

  game played(io, {.url = port.url(), .retry = {.base = 20ms}});
  played.play();
  return played.score() == 4 && server.sessions() == 2 ? 0 : 1;
}
