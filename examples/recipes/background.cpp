// A mobile app in the background and in the foreground. In manual mode the connection closes 30 s after the
// last sign of life. ping() is such a sign, for an app that has a reason to stay, such as music.
#include <boost/asio.hpp>
#include <iostream>
#include <string_view>
#include <utility>

import holdfast;
import holdfast.testing;

namespace net = boost::asio;
using namespace std::chrono_literals;

class app {
 public:
  app(const net::any_io_executor& executor, holdfast::options given)
      : alive_(executor), conn_(executor, in_manual_mode(std::move(given))) {
    conn_.run(net::detached);
    come_to_front();
  }
  // The operating system calls these two.
  void come_to_front() {
    let_go();
    conn_.enter_foreground();
    conn_.connect();  // manual mode: enter_foreground() alone does not connect
  }
  void go_to_back() { conn_.enter_background(); }

  // For music, navigation, an upload: whatever goes on in the background.
  void hold_open(holdfast::error_code stopped = {}) {
    if (stopped) return;
    conn_.ping(net::detached);
    alive_.async_wait_until(holdfast::clock::now() + 20s, [this](auto ec) { hold_open(ec); });
  }
  void let_go() { alive_.cancel(); }
  [[nodiscard]] holdfast::state_change state() const { return conn_.snapshot(); }

 private:
  static holdfast::options in_manual_mode(holdfast::options given) {
    given.mode = holdfast::connect_mode::manual;
    return given;
  }

  holdfast::timer alive_;
  holdfast::connection conn_;
};

int main() {
  using namespace holdfast::testing;
  world world;
  server behind(world, {net::ip::make_address("10.0.0.1"), 80});
  app tested(world.executor(), {.url = "ws://10.0.0.1/", .network = world.network()});
  bool right = true;
  const auto after = [&](holdfast::clock::duration span, std::string_view what, bool connected) {
    world.run_for(span);
    const auto now = tested.state();
    std::cout << what << ": " << describe(now) << '\n';
    right = right && (connected ? now.to == holdfast::connection_state::connected
                                : now.final && now.reason.error == holdfast::error::in_background);
  };

  after(1min, "in front", true);
  tested.go_to_back();
  after(29s, "in the back for 29 s", true);
  after(2s, "in the back for 31 s", false);
  after(1h, "an hour later", false);
  tested.come_to_front();
  after(1s, "in front again", true);
  tested.hold_open();
  tested.go_to_back();
  after(1h, "in the back for an hour, with music", true);
  tested.let_go();
  after(31s, "31 s after the music", false);
  return right && behind.sessions() == 2 ? 0 : 1;
}
