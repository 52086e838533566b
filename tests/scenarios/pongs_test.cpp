// Pongs of the peer: which of our pings one answers, and what one means that answers none.
#include "../codec.hpp"
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(pongs)

namespace {

// A server that answers of all pings that it finds only the newest, as RFC 6455 section 5.5.3 allows.
net::awaitable<void> answer_the_newest(std::shared_ptr<transport> stream, std::size_t& answers) {
  if (const bool welcomed = co_await welcome(*stream); !welcomed) co_return;
  codec frames(peer_role::server, 1024);
  std::array<char, 4096> place{};
  for (;;) {
    error_code ec;
    const auto count = stream->read_some(place, ec);
    if (ec == net::error::would_block) {
      const auto [failed] =
          co_await stream->async_wait(readiness::readable, net::as_tuple(net::use_awaitable));
      if (failed) co_return;
      continue;
    }
    if (ec) co_return;
    frames.feed({place.data(), count});
    std::string newest;
    for (auto event = frames.next(); event.event == frame_event::ping; event = frames.next())
      newest = event.payload;
    if (newest.empty()) continue;
    frames.write_pong(newest);
    co_await write_all(*stream, std::string(frames.output()));
    frames.consume(frames.output_bytes());
    ++answers;
  }
}

net::awaitable<void> say_each_second(server_session& session, std::string bytes) {
  co_await session.fall_silent_for(0s);
  timer wait(co_await net::this_coro::executor);
  while (!session.ended()) {
    co_await session.send_raw(bytes);
    co_await wait.async_wait_until(clock::now() + 1s, net::use_awaitable);
  }
}

}  // namespace

// covers R22
BOOST_AUTO_TEST_CASE(a_pong_answers_the_pings_before_its_own_too) {
  std::size_t answers = 0;
  scenario s;
  s.given.heartbeat.ping_interval = 24h;  // so that no ping leaves but these
  s.in.network()->listen(server_at, [&](transport stream) {
    s.in.spawn(answer_the_newest(std::make_shared<transport>(std::move(stream)), answers));
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::array<outcome, 3> pings;
  for (auto& each : pings) conn.ping(each.handler());
  s.in.run_for(1s);
  BOOST_TEST(answers == 1U);
  for (const auto& each : pings) {
    BOOST_TEST(each.calls == 1);
    BOOST_TEST(!each.ec);
  }
}

// covers R25
BOOST_AUTO_TEST_CASE(a_pong_that_answers_nothing_is_no_sign_of_life_if_only_pongs_are) {
  using namespace std::string_literals;
  for (const auto& pong : {"\x8a\x00"s, "\x8a\x02hi"s, "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\xff"s}) {
    scenario s;
    s.given.heartbeat.pong_only = true;
    s.backend.on_session([&](server_session& session) { return say_each_second(session, pong); });
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    outcome ping;
    conn.ping(ping.handler());
    const auto asked = s.in.now();
    s.in.run_for(30s);
    BOOST_TEST(ping.calls == 1);
    BOOST_TEST(ping.ec == make_error_code(error::liveness_lost));
    BOOST_TEST((ping.at - asked == clock::duration(s.given.heartbeat.pong_deadline)));
  }
}

BOOST_AUTO_TEST_CASE(a_pong_that_is_repeated_measures_one_round_trip) {
  using namespace std::string_literals;
  scenario s;
  s.given.heartbeat = heartbeat_options::off();
  s.backend.on_session(
      [](server_session& session) { return say_each_second(session, "\x8a\x08\x01\0\0\0\0\0\0\0"s); });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(500ms);
  conn.ping([](error_code, clock::duration) {});
  s.in.run_for(10s);
  const auto measured = stats_of(net::query(s.in.executor(), net::execution::context)).times.round_trips;
  BOOST_TEST(measured.up_to_bounds().back() == 1U);
  BOOST_TEST((measured.sum() < 1s));
}

// covers R25
BOOST_AUTO_TEST_CASE(if_only_pongs_are_signs_of_life_a_peer_that_sends_them_is_kept) {
  scenario s;
  s.given.heartbeat.pong_only = true;
  const watched_session at_server(s.backend, [](server_session& session) { return session.echo(); });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1h);
  BOOST_TEST((conn.status() == connection_state::connected));
  BOOST_TEST(conn.snapshot().session == 1U);
  BOOST_TEST(at_server.latest->ping_count() <= 181U);
}

// covers R65
BOOST_AUTO_TEST_CASE(a_ping_keeps_its_deadline_while_the_session_closes) {
  scenario s;
  s.given.close_timeout = 30s;
  s.given.heartbeat.pong_deadline = 1s;
  s.backend.on_session([](server_session& session) { return be_silent(session, 1ms); });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome pinged;
  const auto begun = clock::now();
  conn.ping(pinged.handler());
  s.in.settle();
  conn.close();
  s.in.run_for(1min);
  BOOST_TEST(pinged.calls == 1);
  BOOST_TEST(!!pinged.ec);
  BOOST_TEST((pinged.at - begun <= 1'100ms));
}

BOOST_AUTO_TEST_SUITE_END()
