// Fifty upstreams in one server: a connection for each, all on the server's executor, and one place that
// counts their states. An upstream that fails is retried alone; the others are not disturbed.
#include <boost/asio.hpp>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

import holdfast;
import holdfast.testing;

namespace net = boost::asio;
using namespace std::chrono_literals;

class upstreams {
 public:
  // Each connection runs on a strand of its own, so the threads of a pool serve many of them at once.
  upstreams(const net::any_io_executor& executor, const std::vector<std::string>& urls,
            holdfast::options common)
      : counting_(net::make_strand(executor)) {
    states_[holdfast::connection_state::disconnected] = urls.size();
    for (const auto& url : urls) {
      common.url = url;
      auto& conn = connections_.emplace_back(executor, common);
      conn.add_connection_listener("census",
                                   {.on_state_change = [this](const auto& change) { count(change); }},
                                   {.executor = counting_});
      conn.run([url](holdfast::error_code ec) {
        if (ec) std::clog << url << " is given up: " << ec.message() << '\n';
      });
    }
  }

  // Calls `then` with one line for an operator. Any thread.
  void census(std::function<void(const std::string&)> then) {
    net::post(counting_, [this, then = std::move(then)] {
      std::string line;
      for (const auto& [state, count] : states_) {
        if (count > 0) line += std::to_string(count) + ' ' + std::string(to_string(state)) + ' ';
      }
      then(line);
    });
  }

 private:
  void count(const holdfast::observed_change& change) {
    --states_[change.from];
    ++states_[change.to];
  }

  net::any_io_executor counting_;  // a strand, so the counts need no lock
  std::map<holdfast::connection_state, std::size_t> states_;
  std::deque<holdfast::connection> connections_;  // the last member: no listener runs after its end
};

// The other side: fifty servers. The seventh is away for ten minutes.
int main() {
  using namespace holdfast::testing;
  world world;
  std::deque<server> servers;
  std::vector<std::string> urls;
  for (int n = 1; n <= 50; ++n) {
    const auto address = "10.0.0." + std::to_string(n);
    servers.emplace_back(world, holdfast::peer_address{net::ip::make_address(address), 80});
    urls.push_back("ws://" + address + '/');
  }
  const holdfast::peer_address seventh{net::ip::make_address("10.0.0.7"), 80};
  server_session* there = nullptr;
  servers[6].on_session([&](server_session& session) { return (there = &session)->echo(); });

  upstreams all(world.executor(), urls, {.network = world.network()});
  const auto census = [&] {
    std::string line;
    all.census([&](const std::string& made) { line = made; });
    world.settle();
    std::cout << line << '\n';
    return line;
  };
  world.run_for(1min);
  const auto before = census();
  world.network()->behave(seventh, port_behaviour::refuses);
  there->drop();
  world.run_for(10min);
  const auto meanwhile = census();
  world.network()->behave(seventh, port_behaviour::accepts);
  world.run_for(1min);
  const auto after = census();

  std::size_t sessions = 0;
  for (const auto& each : servers) sessions += each.sessions();
  std::cout << sessions << " sessions in all\n";
  const bool right = before == "50 connected " && meanwhile.ends_with("49 connected ") && after == before;
  return right && sessions == 51 ? 0 : 1;
}
