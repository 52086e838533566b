// Does my bot survive ten minutes without its backend? What it sends arrives once, and it misses nothing of
// what happens meanwhile. With a hundred seeds: whatever the waits between two attempts are.
#include <boost/asio.hpp>
#include <iostream>
#include <string>
#include <vector>

import holdfast;
import holdfast.testing;
import holdfast.v1;

namespace net = boost::asio;
using namespace std::chrono_literals;

// The bot, as it would be anywhere: it reports once a minute, and writes down the news.
net::awaitable<void> bot(holdfast::options given, std::vector<std::string>& news) {
  const auto executor = co_await net::this_coro::executor;
  given.protocol = holdfast::v1();
  given.subprotocols = {std::string(holdfast::v1_subprotocol)};
  holdfast::connection conn(executor, std::move(given));
  conn.set_message_handler([&news](const auto& event) { news.emplace_back(event.payload); });
  conn.run(net::detached);
  holdfast::timer pause(executor);  // not net::steady_timer, which knows real time only
  for (int report = 1;; ++report) {
    conn.send(std::to_string(report), {.when_offline = holdfast::offline_rule::wait}, net::detached);
    co_await pause.async_wait_until(holdfast::clock::now() + 1min, net::use_awaitable);
  }
}

bool survives(std::uint64_t seed) {
  using namespace holdfast::testing;
  std::vector<std::string> news;
  std::vector<std::string> told;
  world world(seed);
  const holdfast::peer_address at{net::ip::make_address("10.0.0.1"), 80};
  server behind(world, at);
  v1_server backend(behind);
  world.spawn(bot({.url = "ws://10.0.0.1/", .network = world.network(), .random_seed = seed}, news));
  world.run_for(5min + 10s);

  world.network()->behave(at, port_behaviour::refuses);
  world.network()->reset_links();
  for (int minute = 1; minute <= 10; ++minute) {
    backend.tell(told.emplace_back("\"news of minute " + std::to_string(minute) + '"'));
    world.run_for(1min);
  }
  const auto before = backend.messages().size();
  world.network()->behave(at, port_behaviour::accepts);
  world.run_for(40s);  // no wait between two attempts is longer than 30 s

  const auto reports = backend.messages();
  bool in_order = true;
  for (std::size_t i = 0; i < reports.size(); ++i)
    in_order = in_order && reports[i].data == std::to_string(i + 1);
  std::cout << "seed " << seed << ": " << before << " reports before the end of the outage, "
            << reports.size() << " after it, " << (in_order ? "in order" : "NOT IN ORDER") << "; "
            << news.size() << " of " << told.size() << " news\n";
  return before == 6 && reports.size() == 16 && in_order && news == told;
}

int main(int argc, char* argv[]) {
  if (argc > 1) return survives(std::stoull(argv[1])) ? 0 : 1;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    if (!survives(seed)) return 1;
  }
}
