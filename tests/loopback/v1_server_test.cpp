// The backend of holdfast.v1 behind a real port, with threads of its own: the same conversation as in a
// world.
#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "loopback.hpp"

import holdfast.v1;

BOOST_AUTO_TEST_SUITE(v1_over_real_sockets)

namespace {

using texts = std::vector<std::string>;

struct v1_loopback : loopback {
  v1_loopback() {
    given.protocol = v1();
    given.subprotocols = {std::string(v1_subprotocol)};
  }
  v1_server at{backend};
};

net::awaitable<void> receive_into(connection& from, texts& all) {
  for (;;) {
    auto [ec, next] = co_await from.receive(net::as_tuple(net::use_awaitable));
    if (ec) co_return;
    all.push_back(std::move(next.payload));
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(messages_count_once_and_events_go_on_over_dropped_sockets) {
  v1_loopback here;
  connection conn(here.io, here.given);
  conn.run(net::detached);
  texts got;
  net::co_spawn(here.io, receive_into(conn, got), net::detached);
  BOOST_REQUIRE(here.reaches(conn, connection_state::connected));
  texts expected;
  std::size_t acked = 0;
  for (int i = 0; i < 10; ++i) {
    expected.push_back(std::to_string(i));
    if (i % 3 == 1) here.at.drop_before_ack();
    conn.send(expected.back(), {.when_offline = offline_rule::wait},
              [&acked](send_result sent) { acked += sent.outcome == delivery::acked ? 1U : 0U; });
    here.at.tell(expected.back());
    BOOST_REQUIRE(here.run_until([&] { return acked == expected.size(); }));
  }
  BOOST_REQUIRE(here.run_until([&] { return got.size() == expected.size(); }));
  texts said;
  for (const auto& each : here.at.messages()) said.push_back(each.data);
  BOOST_TEST(said == expected);
  BOOST_TEST(got == expected);
  BOOST_TEST(here.at.sessions() == 1U);
  BOOST_TEST(here.at.resumes() == 3U);
  BOOST_TEST(here.at.violations() == texts());
}

// One thread asks for all that the others serve.
BOOST_AUTO_TEST_CASE(every_member_may_be_called_from_any_thread) {
  v1_loopback here;
  connection conn(here.io, here.given);
  std::atomic<int> received{0};
  conn.set_message_handler([&received](const message_view&) { ++received; });
  conn.run(net::detached);
  here.at.on_message([&](const v1_message& one) { here.at.tell(one.data); });
  std::thread first([&] { here.io.run_for(patience); });
  std::thread second([&] { here.io.run_for(patience); });
  const auto until = [](const auto& fact) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!fact() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return fact();
  };
  const bool connected = until([&] { return !here.at.connected().empty(); });
  for (int i = 0; i < 500; ++i) {
    here.at.tell("1");
    conn.send("2", {.when_offline = offline_rule::wait}, net::detached);
    if (i % 50 == 0) here.at.throttle({{.name = "typing", .lasts = 5ms}});
    if (i % 100 == 99) here.at.drop();
  }
  const bool complete = until([&] { return received == 1'000; });
  here.io.stop();
  first.join();
  second.join();
  BOOST_TEST(connected);
  BOOST_TEST(complete);
  BOOST_TEST(received == 1'000);
  BOOST_TEST(here.at.messages().size() == 500U);
  BOOST_TEST(here.at.violations() == texts());
}

BOOST_AUTO_TEST_SUITE_END()
