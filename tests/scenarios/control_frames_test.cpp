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
  co_await session.fall_silent_for(0s);
  co_await session.send_raw(bytes);
  co_await session.fall_silent_for(24h);
}

// A world in which no ping leaves that the test has not asked for.
struct quiet : scenario {
  explicit quiet(std::uint64_t seed = 1) : scenario(seed) { given.heartbeat.ping_interval = 24h; }
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
    const watched_session at_server(
        s.backend, [](server_session& session) { return say(session, many_pings() + "\x88\x02\x03\xe8"); });
    s.start();
    BOOST_REQUIRE(s.in.run_until([&] { return s.conn->snapshot().retry_in.has_value(); }, 1s));
    s.in.run_for(10ms);
    BOOST_TEST(at_server.latest->close_code() == 1000U);
    BOOST_TEST(at_server.latest->received_bytes() % bytes_of_ours(large) == close_frame);
  }
}

// RFC 6455 section 5.5.1
BOOST_AUTO_TEST_CASE(nothing_follows_our_close_frame) {
  quiet s;
  const watched_session at_server(s.backend, [](server_session& session) { return session.echo(); });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome ping, sent;
  conn.disconnect(net::detached);
  s.in.settle();
  BOOST_REQUIRE((conn.status() == connection_state::connected));  // the answer is still on its way
  conn.ping(ping.handler());
  conn.send("late", sent.send_handler());
  s.in.run_for(1s);
  BOOST_TEST(at_server.latest->close_code() == 1000U);
  BOOST_TEST(at_server.latest->received_bytes() == close_frame);
  BOOST_TEST(ping.ec == make_error_code(error::disconnect_requested));
  BOOST_TEST((sent.delivered == delivery::not_sent));
}

// covers R23
BOOST_AUTO_TEST_CASE(nothing_that_waited_in_a_lost_session_leaves_in_the_next) {
  quiet s;
  s.backend.on_session([](server_session& session) { return say_without_listening(session, many_pings()); });
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
}

BOOST_AUTO_TEST_SUITE_END()
