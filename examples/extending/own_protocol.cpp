// desk_protocol.hpp meets what servers do: a refused token, a lost acknowledgement, a busy feature, a deploy,
// a process that hangs. Each order is accepted once, and each event arrives once.
#include <algorithm>
#include <boost/asio.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "desk_protocol.hpp"

import holdfast;
import holdfast.testing;

namespace net = boost::asio;
using namespace std::chrono_literals;
using namespace holdfast::testing;

// The other side, for one client.
class order_desk {
 public:
  explicit order_desk(server& behind) {
    behind.on_session([this](server_session& session) { return serve(session); });
  }
  std::shared_ptr<server_session> present;
  bool drops_next_ack = false;
  bool hangs = false;

 private:
  net::awaitable<void> serve(server_session& session) {
    std::size_t sent = 0;
    while (const auto frame = co_await session.receive()) {
      const auto [word, values] = split(frame->payload);
      const auto [first, second] = split(values);
      if (hangs) continue;
      if (word == "login" && first == "stale") {
        co_await session.send("denied");
        continue;
      }
      if (word == "login") {
        present = session.shared_from_this();
        sent = number(second);
        co_await session.send("welcome " + std::to_string(last_order_) + (sent == 0 ? " new" : " resumed"));
      } else if (word == "order") {
        if (number(first) > last_order_) events_.push_back(std::string(second) + " is ready");
        last_order_ = std::max(last_order_, number(first));
        if (std::exchange(drops_next_ack, false)) co_return;  // closes the socket
        co_await session.send("ack " + std::string(first));
      } else if (word == "beat") {
        co_await session.send("beaten");
      }
      for (; sent < events_.size(); ++sent)
        co_await session.send("event " + std::to_string(sent + 1) + ' ' + events_[sent]);
    }
  }
  std::vector<std::string> events_;  // kept for a client that is away
  std::uint64_t last_order_ = 0;
};

int main() {
  world world;
  server behind(world, {net::ip::make_address("10.0.0.1"), 80});
  order_desk desk(behind);
  std::string token = "stale";
  holdfast::options given{.url = "ws://10.0.0.1/", .network = world.network(), .random_seed = 1};
  given.protocol = [] { return std::make_unique<desk_protocol>(); };
  given.provider = [&token](holdfast::credential_request request) -> net::awaitable<holdfast::credentials> {
    if (request.refused) token = "fresh";
    co_return holdfast::credentials{.token = token};
  };
  holdfast::connection conn(world.executor(), given);
  std::string got, fates;
  conn.set_message_handler([&](const holdfast::message_view& event) { got.append(event.payload) += ", "; });
  const auto note = [&](const holdfast::send_result& sent) { fates.append(to_string(sent.outcome)) += ' '; };
  const auto after = [&](holdfast::clock::duration span) {
    world.run_for(span);
    std::cout << describe(conn.snapshot()) << (conn.snapshot().resumed ? ", resumed\n" : "\n");
  };

  conn.run(net::detached);
  after(1min);  // session 1 is denied, session 2 has the fresh token
  desk.drops_next_ack = true;
  conn.send("tea", note);
  after(1min);  // session 3: its welcome acknowledges the order
  world.spawn(desk.present->send("pause chat 30"));
  after(1s);
  conn.send("hello", {.feature = "chat"}, note);  // refused by the connection
  conn.send("cake", note);
  after(1min);
  world.spawn(desk.present->send("leave 0"));
  after(1min);        // session 4, without a break
  desk.hangs = true;  // answers only the pings of the WebSocket
  const bool noticed =
      world.run_until([&] { return conn.snapshot().reason.error == holdfast::error::liveness_lost; }, 31s);
  desk.hangs = false;
  after(1min);  // session 5

  std::cout << got << fates << '\n';
  const bool right = noticed && got == "tea is ready, cake is ready, " && fates == "acked not_sent acked ";
  return right && conn.snapshot().session == 5 && behind.sessions() == 5 ? 0 : 1;
}
