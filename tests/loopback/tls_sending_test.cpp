// Over TLS a message is encrypted and written by the thread that sends it, while another one reads. Made to
// be run under ThreadSanitizer too.
#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "loopback.hpp"

BOOST_AUTO_TEST_SUITE(tls_sending)

namespace {

// A server behind wss://, run by the thread of the test; the client has a context of its own.
struct secure_loopback : loopback {
  secure_loopback() {
    const auto shown = authority.issue({.ip = "127.0.0.1"});
    backend.use_tls({.certificate_pem = shown.certificate_pem, .key_pem = shown.key_pem});
    given.url = port.url();
    given.tls.ca_pem = authority.certificate_pem();
    given.heartbeat.ping_interval = 1h;
  }
  test_authority authority;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_leaves_although_nobody_runs_the_context_of_its_connection) {
  secure_loopback here;
  std::vector<std::string> got;
  here.backend.on_session([&got](server_session& session) -> net::awaitable<void> {
    while (const auto next = co_await session.receive()) got.push_back(next->payload);
  });
  net::io_context client;
  connection conn(client, here.given);
  conn.run(net::detached);
  BOOST_REQUIRE(here.run_until([&] {
    client.poll();
    return conn.status() == connection_state::connected;
  }));
  client.poll();
  conn.send("alone", net::detached);
  BOOST_TEST(here.run_until([&] { return !got.empty(); }));
  BOOST_TEST(got == std::vector<std::string>{"alone"}, boost::test_tools::per_element());
}

// Each of its own numbers, and with the answers under way the other direction as well.
BOOST_AUTO_TEST_CASE(messages_of_four_threads_all_arrive_each_in_its_order) {
  constexpr int each_sends = 500;
  secure_loopback here;
  here.given.limits.outbound_messages = 4 * each_sends;
  std::array<int, 4> last{};
  int wrong = 0;
  std::atomic<int> received{0};
  here.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    while (const auto next = co_await session.receive()) {
      const auto who = static_cast<std::size_t>(next->payload.front() - 'a');
      const int number = std::stoi(next->payload.substr(1));
      if (number != ++last.at(who)) ++wrong;
      co_await session.send(next->payload);
    }
  });
  net::io_context client{2};
  connection conn(client, here.given);
  conn.run(net::detached);
  conn.set_message_handler([&received](const message_view&) { ++received; });
  std::vector<std::thread> runners;
  runners.reserve(2);
  for (int i = 0; i < 2; ++i) runners.emplace_back([&client] { client.run(); });
  BOOST_CHECK(here.reaches(conn, connection_state::connected));
  std::atomic<int> written{0};
  std::vector<std::thread> senders;
  for (char who = 'a'; who <= 'd'; ++who) {
    senders.emplace_back([&conn, &written, who] {
      for (int number = 1; number <= each_sends; ++number) {
        conn.send(who + std::to_string(number),
                  [&written](send_result sent) { written += sent.ok() ? 1 : 0; });
      }
    });
  }
  BOOST_TEST(here.run_until([&] { return received == 4 * each_sends && written == 4 * each_sends; }));
  for (auto& each : senders) each.join();
  conn.set_message_handler({});
  conn.close();
  here.run_until([&] { return client.stopped(); });
  for (auto& each : runners) each.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(conn.snapshot().session == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
