// Ping, pong and close frames of ours: which of them leave, in which session, and what may follow them.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(control_frames)

namespace {

// Ours are masked: two bytes, four of the mask, and the payload (RFC 6455 section 5.2).
constexpr std::size_t bytes_of_ours(std::size_t payload) { return 6 + payload; }
constexpr std::size_t large = 125;
constexpr std::size_t small = 50;
constexpr std::size_t close_frame = bytes_of_ours(2);

std::string ping_of(std::size_t size) {
  return "\x89" + std::string(1, static_cast<char>(size)) + std::string(size, 'p');
}

// More pings at once than pongs are kept for, and a smaller one last.
std::string many_pings() {
  std::string out;
  for (int i = 0; i < 40; ++i) out += ping_of(large);
  return out + ping_of(small);
}

net::awaitable<void> say(server_session& session, std::string bytes) {
  co_await session.send_raw(bytes);
  co_await session.echo();
}
net::awaitable<void> say_without_listening(server_session& session, std::string bytes) {
  co_await session.fall_silent_for(500ms);
  co_await session.send_raw(bytes);
  co_await session.fall_silent_for(24h);
}

// Says `bytes`, and counts what comes until the client hangs up. Answers nothing, not even a close frame.
net::awaitable<void> say_and_count(std::shared_ptr<transport> stream, std::string bytes, std::size_t& got) {
  if (const bool welcomed = co_await welcome(*stream); !welcomed) co_return;
  if (const auto failed = co_await write_all(*stream, bytes)) co_return;
  std::array<char, 4096> place{};
  for (;;) {
    error_code ec;
    got += stream->read_some(place, ec);
    if (ec == net::error::would_block) {
      const auto [failed] =
          co_await stream->async_wait(readiness::readable, net::as_tuple(net::use_awaitable));
      ec = failed;
    }
    if (ec) co_return;
  }
}

// A world in which no ping leaves that the test has not asked for.
struct quiet : scenario {
  explicit quiet(std::uint64_t seed = 1) : scenario(seed) { given.heartbeat.ping_interval = 24h; }
  // From now on a peer says `bytes` and counts what it gets.
  void count_answers_to(const std::string& bytes) {
    in.network()->listen(server_at, [this, bytes](transport stream) {
      in.spawn(say_and_count(std::make_shared<transport>(std::move(stream)), bytes, got));
    });
  }
  std::size_t got = 0;
};

}  // namespace

// RFC 6455 section 5.5.3 lets us skip pings, but not the newest.
BOOST_AUTO_TEST_CASE(of_many_pings_at_once_the_newest_is_answered) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    quiet s(seed);
    const watched_session at_server(s.backend,
                                    [](server_session& session) { return say(session, many_pings()); });
    s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.run_for(1s);
    const auto got = at_server.latest->received_bytes();
    BOOST_TEST(got > bytes_of_ours(large));
    BOOST_TEST(got % bytes_of_ours(large) == bytes_of_ours(small));
    BOOST_TEST((s.conn->status() == connection_state::connected));
  }
}

// RFC 6455 section 5.5.1
BOOST_AUTO_TEST_CASE(no_pong_follows_the_answer_to_a_close_frame) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    quiet s(seed);
    s.count_answers_to(many_pings() + "\x88\x02\x03\xe8");
    s.start();
    BOOST_REQUIRE(s.in.run_until([&] { return s.conn->snapshot().retry_in.has_value(); }, 1s));
    s.in.run_for(10ms);
    BOOST_TEST(s.conn->snapshot().reason.error == make_error_code(error::closed_by_peer));
    BOOST_TEST(s.got % bytes_of_ours(large) == bytes_of_ours(small) + close_frame);  // the newest, then ours
  }
}

// RFC 6455 section 5.5.1
BOOST_AUTO_TEST_CASE(nothing_follows_our_close_frame) {
  quiet s;
  s.count_answers_to({});
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome ping, sent;
  conn.disconnect(net::detached);
  s.in.settle();
  BOOST_REQUIRE((conn.status() == connection_state::connected));  // the peer has not answered
  conn.ping(ping.handler());
  conn.send("late", sent.send_handler());
  s.in.run_for(1min);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_TEST(s.got == close_frame);
  BOOST_TEST(ping.ec == make_error_code(error::disconnect_requested));
  BOOST_TEST((sent.delivered == delivery::not_sent));
}

// covers R23
BOOST_AUTO_TEST_CASE(nothing_that_waited_in_a_lost_session_leaves_in_the_next) {
  quiet s;
  s.backend.on_session([](server_session& session) { return say_without_listening(session, many_pings()); });
  s.given.limits.outbound_bytes = 250'000;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.send(std::string(200'000, 'x'), net::detached);  // the window is full: no pong can leave
  conn.ping(net::detached);
  s.in.run_for(1s);
  const watched_session next(s.backend, [](server_session& session) { return session.echo(); });
  s.in.network()->reset_links();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().session == 2; }, 10s));
  s.in.run_for(1s);
  BOOST_TEST((conn.status() == connection_state::connected));
  BOOST_TEST(next.latest->received_bytes() == 0U);
  outcome sent;  // nor does it count any more
  conn.send(std::string(200'000, 'x'), sent.send_handler());
  s.in.run_for(1s);
  BOOST_TEST((sent.delivered == delivery::written));
}

// RFC 6455 section 5.4: only between the frames of a message, and ours have one.
BOOST_AUTO_TEST_CASE(a_ping_waits_for_the_end_of_the_message_that_has_begun_in_every_session) {
  quiet s;
  s.in.network()->conditions.latency = 100ms;
  auto& conn = s.start();
  for (std::uint64_t session = 1; session <= 2; ++session) {
    BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().session == session; }, 10s));
    outcome sent, ping;
    conn.send(std::string(300'000, 'x'), sent.send_handler());
    s.in.settle();
    BOOST_REQUIRE(sent.calls == 0);  // the window is full
    conn.ping(ping.handler());
    s.in.run_for(5s);
    BOOST_TEST((sent.delivered == delivery::written));
    BOOST_TEST(ping.calls == 1);
    BOOST_TEST(!ping.ec);
    BOOST_TEST((conn.status() == connection_state::connected));
    s.in.network()->reset_links();
  }
}

BOOST_AUTO_TEST_SUITE_END()
