// Programs that do not receive: they are read for as long as the limits allow, warned when that ends, and
// told the server's reason all the same.
#include <string>

#include "conversation.hpp"
#include "line_protocol.hpp"

BOOST_AUTO_TEST_SUITE(inbound)

namespace {

connection& connect(scenario& s) {
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  return conn;
}

// Sends `events`, then a ping each second; closes with 1011 once `patience` has passed without a byte.
net::awaitable<void> expect_pongs(server_session& session, int events, clock::duration patience) {
  for (int i = 0; i < events; ++i) co_await session.send("event");
  auto last = clock::now();
  auto bytes = session.received_bytes();
  while (!session.ended()) {
    co_await session.send_raw(server_frames().ping("p").bytes());
    co_await session.echo_for(1s);
    if (session.received_bytes() != bytes) last = clock::now();
    bytes = session.received_bytes();
    if (clock::now() - last <= patience) continue;
    co_await session.close(1011, "keepalive ping timeout");
    session.drop();
  }
}

}  // namespace

// covers R66
BOOST_AUTO_TEST_CASE(a_program_that_only_sends_goes_on_answering_pings) {
  scenario s;
  s.backend.on_session([](server_session& session) { return expect_pongs(session, 1000, 5s); });
  auto& conn = connect(s);
  const recorder seen(conn);
  s.in.run_for(10min);
  BOOST_TEST(seen.states() == "");
  BOOST_TEST(s.log_lines.empty());
}

// covers R66
BOOST_AUTO_TEST_CASE(a_program_that_holds_the_server_up_is_warned_once_and_told_the_servers_reason) {
  scenario s;
  s.given.limits.inbound_messages = 10;
  s.backend.on_session([](server_session& session) { return expect_pongs(session, 100, 8s); });
  auto& conn = connect(s);
  const recorder seen(conn);
  BOOST_REQUIRE(s.in.run_until([&] { return !seen.changes().empty(); }, 2min));
  BOOST_TEST(std::ranges::count_if(s.log_lines, [](const std::string& line) {
               return line.find("receive_messages") != std::string::npos;
             }) == 1);
  const auto& why = seen.changes()[0].reason;
  BOOST_TEST((why.error == error::closed_by_peer));
  BOOST_TEST(why.close_code == 1011U);
  BOOST_TEST(why.detail == "keepalive ping timeout");
}

// covers R66
BOOST_AUTO_TEST_CASE(a_program_can_say_that_it_wants_no_messages) {
  scenario s;
  s.given.limits.inbound_messages = 10;
  s.given.receive_messages = false;
  s.backend.on_session([](server_session& session) { return expect_pongs(session, 1000, 5s); });
  auto& conn = connect(s);
  const recorder seen(conn);
  outcome receive;
  conn.receive(receive.handler());
  s.in.run_for(10min);
  BOOST_TEST((receive.ec == net::error::operation_not_supported));
  BOOST_TEST(seen.states() == "");
}

// covers R66
BOOST_AUTO_TEST_CASE(a_busy_sender_hears_why_the_server_has_closed_and_hung_up) {
  scenario s;
  // Closes and hangs up without reading on.
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    co_await session.echo_for(1s);
    co_await session.send_raw(server_frames().close(1012, "restart").bytes());
    session.drop();
  });
  s.given.limits.inbound_messages = 1;
  auto& conn = connect(s);
  const recorder seen(conn);
  while (seen.changes().empty()) {
    conn.send("line", net::detached);
    s.in.run_for(500us);
  }
  BOOST_TEST((seen.changes()[0].reason.error == error::closed_by_peer));
  BOOST_TEST(seen.changes()[0].reason.close_code == 1012U);
}

// covers R69
BOOST_AUTO_TEST_CASE(a_message_larger_than_the_outbound_limit_is_taken_when_nothing_waits) {
  scenario s;
  received_log server;
  s.backend.on_session(server.script());
  s.given.limits.outbound_bytes = 1000;
  s.given.limits.message_bytes = 10'000;
  s.in.network()->conditions = {.window_bytes = 64};
  auto& conn = connect(s);
  outcome large, second, huge;
  conn.send(std::string(5000, 'x'), large.send_handler());
  conn.send("y", second.send_handler());
  conn.send(std::string(10'001, 'z'), huge.send_handler());
  s.in.run_for(1s);
  BOOST_TEST((large.delivered == delivery::written));
  BOOST_TEST((second.ec == error::outbound_full));
  BOOST_TEST((huge.ec == error::message_too_big));
  conn.send("y", second.send_handler());
  s.in.run_for(1s);
  BOOST_TEST((second.delivered == delivery::written));
  BOOST_TEST(server.messages().size() == 2U);
}

// covers R66
BOOST_AUTO_TEST_CASE(with_a_protocol_the_servers_reason_is_told_behind_a_full_inbox_too) {
  line_scenario s;
  s.given.limits.inbound_messages = 10;
  s.serve([](server_session& session) -> net::awaitable<void> {
    co_await session.send("ready");
    for (int i = 0; i < 100; ++i) co_await session.send("event x");
    timer wait(co_await net::this_coro::executor);
    co_await wait.async_wait_until(clock::now() + 8s, net::use_awaitable);
    co_await session.close(1011, "keepalive ping timeout");
    session.drop();
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const recorder seen(conn);
  BOOST_REQUIRE(s.in.run_until([&] { return !seen.changes().empty(); }, 3min));
  const auto& why = seen.changes()[0].reason;
  BOOST_TEST((why.error == error::closed_by_peer));
  BOOST_TEST(why.close_code == 1011U);
}

BOOST_AUTO_TEST_SUITE_END()
