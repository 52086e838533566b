// A reader that pauses, and a peer that floods: the socket waits, memory does not grow, nothing is lost.
#include "faults.hpp"
#include "heap.hpp"

BOOST_AUTO_TEST_SUITE(backpressure)

namespace {

net::awaitable<void> receive_all(connection& conn, std::size_t& count) {
  for (;;) {
    const auto [ec, next] = co_await conn.receive(net::as_tuple(net::use_awaitable));
    if (ec) co_return;
    ++count;
  }
}

// Sends numbered messages as fast as they are taken; `sent` is how many were taken whole.
net::awaitable<void> flood(server_session& session, std::size_t count, std::size_t size, std::size_t& sent) {
  for (std::size_t i = 0; i < count && !session.ended(); ++i) {
    co_await session.send(std::to_string(i) + std::string(size, '.'));
    ++sent;
  }
  co_await session.echo();
}

net::awaitable<void> flood_with_pings(server_session& session, std::size_t count) {
  co_await session.fall_silent_for(0s);
  const std::string ping = "\x89\x7d" + std::string(125, 'p');
  std::string many;
  for (int i = 0; i < 500; ++i) many += ping;
  for (std::size_t i = 0; i < count && !session.ended(); i += 500) co_await session.send_raw(many);
  co_await session.fall_silent_for(24h);
}

}  // namespace

// covers R40
BOOST_AUTO_TEST_CASE(a_paused_reader_stops_the_socket_and_loses_nothing_and_is_not_a_dead_peer) {
  constexpr std::size_t count = 5000;
  constexpr std::size_t size = 1000;
  scenario s;
  std::size_t sent = 0;
  s.backend.on_session([&](server_session& session) { return flood(session, count, size, sent); });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1min);
  const auto taken = sent;
  // The window, what one read brings, and what the inbox holds.
  BOOST_TEST(taken * size <= 64 * 1024 + 64 * 1024 + s.given.limits.inbound_messages * size);
  s.in.run_for(1h);
  BOOST_TEST(sent == taken);
  BOOST_TEST((s.conn->status() == connection_state::connected));
  std::vector<std::string> received;
  s.in.spawn([](connection& conn, std::vector<std::string>& out) -> net::awaitable<void> {
    while (out.size() < count) out.push_back((co_await conn.receive()).payload);
  }(*s.conn, received));
  s.in.run_for(1min);
  BOOST_REQUIRE(received.size() == count);
  for (std::size_t i = 0; i < count; ++i) BOOST_REQUIRE(std::stoul(received[i]) == i);
  BOOST_TEST(s.backend.accepted() == 1U);
  BOOST_TEST((s.conn->status() == connection_state::connected));
}

// covers R40
BOOST_AUTO_TEST_CASE(a_reader_paused_by_the_byte_limit_stops_the_socket_too) {
  scenario s;
  s.given.limits.inbound_bytes = 100'000;
  std::size_t sent = 0;
  s.backend.on_session([&](server_session& session) { return flood(session, 500, 20'000, sent); });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1min);
  BOOST_TEST(sent * 20'000 <= 100'000 + 20'000 + 2 * 64 * 1024);
  BOOST_TEST(sent >= 5U);
}

// covers R40
BOOST_AUTO_TEST_CASE(after_a_pause_a_peer_that_is_gone_is_lost_within_the_promise) {
  scenario s;
  std::size_t sent = 0;
  s.backend.on_session([&](server_session& session) { return flood(session, 150, 1000, sent); });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(10min);
  s.in.network()->silence_links();
  std::size_t count = 0;
  s.in.spawn(receive_all(*s.conn, count));
  s.in.settle();
  BOOST_TEST(count > 64U);
  const auto since = s.in.now();
  BOOST_REQUIRE(s.in.run_until([&] { return s.conn->status() == connection_state::disconnected; }, 10min));
  BOOST_TEST(s.conn->snapshot().reason.error == make_error_code(error::liveness_lost));
  BOOST_TEST((s.in.now() - since >= clock::duration(9500ms)));
  BOOST_TEST((s.in.now() - since <= clock::duration(31500ms)));
}

// covers R40
BOOST_AUTO_TEST_CASE(a_ping_under_way_when_the_reader_pauses_is_not_held_against_the_peer) {
  scenario s;
  s.given.limits.inbound_messages = 64;
  s.given.heartbeat.pong_only = true;  // so that the messages do not answer the ping
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    co_await session.fall_silent_for(1s);
    for (int i = 0; i < 200; ++i) co_await session.send(std::string(1000, '.'));
    co_await session.fall_silent_for(24h);
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome ping;
  conn.ping(ping.handler());
  s.in.run_for(10min);
  BOOST_TEST((conn.status() == connection_state::connected));
  BOOST_TEST(ping.calls == 1);  // it has its own deadline, whatever becomes of the session (R65)
  BOOST_TEST((ping.ec == error::timed_out));
  std::size_t count = 0;
  s.in.spawn(receive_all(conn, count));
  BOOST_REQUIRE(s.reaches(connection_state::disconnected, 31500ms));
  BOOST_TEST(count == 200U);
}

// covers R40
BOOST_AUTO_TEST_CASE(who_does_not_listen_hears_of_a_lost_link_with_the_next_ping) {
  scenario s;
  std::size_t sent = 0;
  s.backend.on_session([&](server_session& session) { return flood(session, 5000, 1000, sent); });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(10s);
  s.in.network()->reset_links();
  const auto since = s.in.now();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST((conn.snapshot().reason.error == net::error::connection_reset));
  BOOST_TEST((s.in.now() - since <= clock::duration(s.given.heartbeat.ping_interval)));
}

// covers R28 R40
BOOST_AUTO_TEST_CASE(who_does_not_listen_need_not_wait_for_the_answer_to_its_close_frame) {
  scenario s;
  std::size_t sent = 0;
  s.backend.on_session([&](server_session& session) { return flood(session, 5000, 1000, sent); });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(10s);
  outcome stopped;
  const auto asked = s.in.now();
  conn.disconnect(stopped.handler());
  s.in.run_for(10s);
  BOOST_TEST(stopped.calls == 1);
  BOOST_TEST((stopped.at - asked <= clock::duration(s.given.close_timeout)));  // what is before it is read
  BOOST_TEST(s.in.network()->open_links() == 0U);
}

// covers R40
BOOST_AUTO_TEST_CASE(a_flood_of_pings_from_a_peer_that_does_not_read_does_not_grow_memory) {
  scenario s;
  constexpr std::size_t count = 100'000;  // 12.7 MB
  s.backend.on_session([](server_session& session) { return flood_with_pings(session, count); });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const auto before = heap_in_use();
  s.in.run_for(5s);
  BOOST_TEST(s.backend.accepted() == 1U);
  BOOST_TEST(heap_in_use() < before + 2'000'000);
}

BOOST_AUTO_TEST_SUITE_END()
