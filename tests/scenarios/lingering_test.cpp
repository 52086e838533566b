// After both close frames the session lingers until the server ends the TCP connection: what may still be
// sent and received then.
#include <array>
#include <string>
#include <vector>

#include "conversation.hpp"
#include "received.hpp"

BOOST_AUTO_TEST_SUITE(lingering)

namespace {

// Says these bytes after the upgrade, and others when something has come; the client has to hang up.
net::awaitable<void> keep_socket(transport link, std::string first, std::string answer,
                                 clock::duration after) {
  const bool welcomed = co_await welcome(link);
  if (!welcomed) co_return;
  co_await write_all(link, first);
  std::array<char, 256> place{};
  for (;;) {
    error_code ec;
    const auto count = link.read_some(place, ec);
    if (count != 0 && after != clock::duration::zero()) {
      timer pause(co_await net::this_coro::executor);
      co_await pause.async_wait_until(clock::now() + after, net::as_tuple(net::use_awaitable));
    }
    if (count != 0) co_await write_all(link, answer);
    if (ec == net::error::eof) co_return;
    if (would_block(ec)) co_await link.async_wait(readiness::readable, net::as_tuple(net::use_awaitable));
  }
}

void serve(scenario& s, const std::string& first, const std::string& answer, clock::duration after = {}) {
  s.in.network()->listen(server_at, [&s, first, answer, after](transport stream) {
    s.in.spawn(keep_socket(std::move(stream), first, answer, after));
  });
}

}  // namespace

// covers R61
BOOST_AUTO_TEST_CASE(the_server_is_given_a_moment_to_end_the_tcp_connection_first) {
  scenario s;
  serve(s, "", server_frames().close(1000).bytes());
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const auto begin = clock::now();
  conn.close();
  BOOST_REQUIRE(s.in.run_until([&] { return s.run_ended.has_value(); }, 5s));
  BOOST_TEST((clock::now() - begin >= 400ms));
  BOOST_TEST((clock::now() - begin <= 600ms));
}

// covers R61, R71
BOOST_AUTO_TEST_CASE(what_is_sent_while_the_servers_close_is_answered_is_told_why_it_did_not_leave) {
  scenario s;
  serve(s, server_frames().close(1001, "bye").bytes(), "");
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(100ms);
  BOOST_TEST((conn.status() == connection_state::connected));
  outcome at_once;
  outcome waits;
  conn.send("now or never", at_once.send_handler());
  conn.send("later", {.when_offline = offline_rule::wait}, waits.send_handler());
  s.in.run_for(100ms);
  BOOST_TEST(at_once.calls == 0);
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  s.in.settle();
  BOOST_TEST((at_once.delivered == delivery::not_sent));
  BOOST_TEST((at_once.ec == error::closed_by_peer));
  BOOST_TEST(waits.calls == 0);
  received_log server;
  s.backend.on_session(server.script());
  s.in.network()->listen(server_at, [&](transport stream) { s.backend.accept(std::move(stream)); });
  BOOST_REQUIRE(s.in.run_until([&] { return waits.calls != 0; }, 60s));
  s.in.run_for(100ms);
  BOOST_TEST((server.messages() == std::vector<std::string>{"later"}));
}

// covers R61, R64
BOOST_AUTO_TEST_CASE(behind_a_message_that_was_dropped_no_other_is_handed_out) {
  scenario s;
  s.given.limits.inbound_messages = 1;
  const auto first = server_frames().text("0").text("1").text("2").bytes();
  serve(s, first, server_frames().text("3").close(1000).bytes(), 100ms);
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(100ms);
  conn.close();
  s.in.run_for(50ms);  // "1" and "2" are dropped
  std::vector<std::string> got;
  s.in.spawn(receive_into(conn, got));
  s.in.run_for(2s);
  BOOST_TEST((got == std::vector<std::string>{"0"}));
  BOOST_TEST(mentions(s, "3 messages were dropped at the end of the session"));
}

BOOST_AUTO_TEST_SUITE_END()
