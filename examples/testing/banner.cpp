// Does my UI show the right banner? Callback code, without a coroutine: a listener and a timer. The test is
// the golden sequence of the texts that a user sees.
#include <boost/asio.hpp>
#include <iostream>
#include <optional>
#include <string>

import holdfast;
import holdfast.testing;
import holdfast.v1;

namespace net = boost::asio;
using namespace std::chrono_literals;

class banner {
 public:
  banner(holdfast::connection& conn, const net::any_io_executor& ui) : conn_(conn), tick_(ui) {
    conn.add_connection_listener("banner", {.on_state_change = [this](const auto& to) { follow(to); }},
                                 {.executor = ui});
  }
  ~banner() { conn_.remove_connection_listener("banner"); }
  std::string shown;  // one text on each line

 private:
  void follow(const holdfast::state_change& change) {
    using enum holdfast::connection_state;
    back_at_ = change.retry_at();
    if (back_at_) return count_down();
    if (change.to == feature_throttled) return show("no " + change.features.front().name + " for now");
    show(change.to == connected ? "online" : change.to == connecting ? "connecting" : "offline");
  }
  void count_down(holdfast::error_code stopped = {}) {
    if (stopped || !back_at_) return;
    const auto left = std::chrono::ceil<std::chrono::seconds>(*back_at_ - holdfast::clock::now());
    show("offline, next try in " + std::to_string(left.count()) + " s");
    if (left > 1s) tick_.async_wait_until(*back_at_ - left + 1s, [this](auto ec) { count_down(ec); });
  }
  void show(const std::string& text) {
    if (text != now_) shown += text + '\n';
    now_ = text;
  }

  holdfast::connection& conn_;
  std::string now_;
  std::optional<holdfast::clock::time_point> back_at_;  // it is offline until then
  holdfast::timer tick_;
};

const auto* const golden =
    "connecting\nonline\nno typing for now\nonline\n"
    "offline, next try in 3 s\noffline, next try in 2 s\noffline, next try in 1 s\nconnecting\nonline\n";

int main() {
  using namespace holdfast::testing;
  world world;
  const holdfast::peer_address at{net::ip::make_address("10.0.0.1"), 80};
  server behind(world, at);
  v1_server backend(behind);
  holdfast::options given{.url = "ws://10.0.0.1/", .network = world.network()};
  given.protocol = holdfast::v1();
  given.subprotocols = {std::string(holdfast::v1_subprotocol)};
  // Every wait is the same, so that the texts do not depend on the seed.
  given.retry.decide = [](auto&, auto&) { return holdfast::retry_decision{.retry_in = 3s, .rule = "test"}; };
  holdfast::connection conn(world.executor(), given);
  const banner tested(conn, world.executor());

  conn.run(net::detached);
  world.run_for(1min);
  backend.throttle({{.name = "typing", .lasts = 20s}});
  world.run_for(1min);
  world.network()->behave(at, port_behaviour::refuses);
  backend.drop();
  world.run_for(2s);
  world.network()->behave(at, port_behaviour::accepts);
  world.run_for(1min);

  std::cout << tested.shown;
  return tested.shown == golden ? 0 : 1;
}
