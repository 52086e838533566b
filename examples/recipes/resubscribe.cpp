// A subscription that survives reconnects without a gap and without a duplicate: each session subscribes from
// the last event that was processed, and an event that is not new is dropped.
#include <boost/asio.hpp>
#include <iostream>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

import holdfast;
import holdfast.testing;

namespace net = boost::asio;
using namespace std::chrono_literals;

// The listener and the coroutine share `last_`, so both run on one strand.
class subscription {
 public:
  subscription(const net::any_io_executor& executor, holdfast::options given)
      : strand_(net::make_strand(executor)), conn_(executor, std::move(given)) {
    conn_.add_connection_listener("subscription", {.on_session = [this](const auto&) { subscribe(); }},
                                  {.executor = strand_});
    net::co_spawn(strand_, read(), net::detached);
    conn_.run(net::detached);
  }
  std::vector<int> processed;
  int duplicates = 0;
  int gaps = 0;

 private:
  // Not offline_rule::wait: if this session ends first, the next session sends a request of its own.
  void subscribe() { conn_.send("from " + std::to_string(last_ + 1), net::detached); }

  net::awaitable<void> read() {
    for (;;) {
      const auto [ec, event] = co_await conn_.receive(net::as_tuple(net::use_awaitable));
      if (ec) co_return;
      const int number = std::stoi(event.payload);
      if (number <= last_) {
        ++duplicates;  // was received, but not processed yet, when the new session subscribed
        continue;
      }
      if (number > last_ + 1) ++gaps;  // the server no longer has it: fetch it elsewhere
      co_await work();
      last_ = number;
      processed.push_back(number);
    }
  }

  static net::awaitable<void> work() {
    holdfast::timer pause(co_await net::this_coro::executor);
    co_await pause.async_wait_until(holdfast::clock::now() + 400ms, net::use_awaitable);
  }

  const net::any_io_executor strand_;
  int last_ = 0;
  holdfast::connection conn_;
};

// The other side numbers its events, and keeps all of them.
class feed {
 public:
  explicit feed(holdfast::testing::server& behind) {
    behind.on_session([this](auto& session) { return serve(session); });
  }
  int published = 0;

 private:
  net::awaitable<void> serve(holdfast::testing::server_session& session) const {
    const auto wish = co_await session.receive();
    if (!wish) co_return;
    holdfast::timer pause(co_await net::this_coro::executor);
    for (int next = std::stoi(wish->payload.substr(5)); !session.ended();) {
      for (; next <= published; ++next) co_await session.send(std::to_string(next));
      co_await pause.async_wait_until(holdfast::clock::now() + 20ms, net::use_awaitable);
    }
  }
};

int main() {
  holdfast::testing::world world;
  holdfast::testing::server behind(world, {net::ip::make_address("10.0.0.1"), 80});
  feed feed(behind);
  subscription news(world.executor(),
                    {.url = "ws://10.0.0.1/", .network = world.network(), .random_seed = 1});
  for (int second = 1; second <= 600; ++second) {
    ++feed.published;
    world.run_for(100ms);
    if (second % 20 == 0) world.network()->reset_links();  // in the middle of work()
    world.run_for(900ms);
  }
  world.run_for(1min);
  std::vector<int> each_once(600);
  std::iota(each_once.begin(), each_once.end(), 1);
  std::cout << behind.sessions() << " sessions, " << news.processed.size() << " events, " << news.gaps
            << " gaps, " << news.duplicates << " duplicates dropped\n";
  const bool right = news.processed == each_once && news.gaps == 0 && news.duplicates > 0;
  return right && behind.sessions() == 31 ? 0 : 1;
}
