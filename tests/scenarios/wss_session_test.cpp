// A session over TLS: what goes through it, how it is watched, and how it ends.
#include "faults.hpp"
#include "middlebox.hpp"
#include "secure.hpp"
#include "tls.hpp"

BOOST_AUTO_TEST_SUITE(wss_sessions)

namespace {

const peer_address relay_at{net::ip::make_address("10.0.0.2"), 443};

struct relayed_scenario : wss_scenario {
  relayed_scenario() : relay(in, relay_at, secure_server_at) {
    in.network()->add_name("server", {relay_at.address});
  }
  middlebox relay;
};

// Upgrades who comes, then only listens, and keeps what came and how it ended.
net::awaitable<void> listen_only(world& in, transport accepted, std::shared_ptr<tls_context> context,
                                 std::shared_ptr<heard> into) {
  auto owned = std::make_unique<tls_stream>(std::move(accepted), std::move(context), in.executor());
  auto& tls = *owned;
  transport stream(std::move(owned));
  if (const auto shaken = co_await tls.handshake(); !shaken.ok()) co_return;
  const auto request = co_await read_request(stream);
  const auto answer = upgrade_answer(request);
  co_await write_all(stream, answer);
  co_await read_all(stream, *into);
}

net::awaitable<void> flood(server_session& session, std::size_t count, std::size_t size, std::size_t& sent) {
  for (std::size_t i = 0; i < count && !session.ended(); ++i) {
    co_await session.send(std::to_string(i) + std::string(size, '.'));
    ++sent;
  }
  co_await session.echo();
}

net::awaitable<void> send_each(connection& conn, clock::duration pause, std::size_t size) {
  timer wait(co_await net::this_coro::executor);
  for (;;) {
    const auto sent = co_await conn.send(std::string(size, 'x'));
    if (sent.reason == error::closed) co_return;
    co_await wait.async_wait_until(clock::now() + pause, net::use_awaitable);
  }
}

net::awaitable<void> receive_all(connection& conn, std::size_t& count) {
  for (;;) {
    const auto [ec, next] = co_await conn.receive(net::as_tuple(net::use_awaitable));
    if (ec) co_return;
    ++count;
  }
}

void check_lost(wss_scenario& s, clock::duration soonest) {
  const auto since = s.in.now();
  BOOST_REQUIRE(s.in.run_until([&] { return s.conn->status() == connection_state::disconnected; }, 10min));
  BOOST_CHECK(s.conn->snapshot().reason.error == error::liveness_lost);
  BOOST_TEST((s.conn->snapshot().reason.at == stage::session));
  BOOST_TEST(between(soonest, s.in.now() - since, 31500ms));
  BOOST_TEST(s.reaches(connection_state::connected, 5s));
}

}  // namespace

// covers R28 R29
BOOST_AUTO_TEST_CASE(a_server_that_never_answers_the_close_hears_both_goodbyes_within_close_timeout) {
  for (const bool for_good : {true, false}) {
    wss_scenario s;
    const auto shown = s.authority.issue();
    const auto context = std::make_shared<tls_context>(
        tls_server_options{.certificate_pem = shown.certificate_pem, .key_pem = shown.key_pem});
    const auto got = std::make_shared<heard>();
    s.in.network()->listen(secure_server_at, [&in = s.in, context, got](transport accepted) {
      in.spawn(listen_only(in, std::move(accepted), context, got));
    });
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    outcome stopped;
    const auto asked = s.in.now();
    for_good ? conn.close(stopped.handler()) : conn.disconnect(stopped.handler());
    s.in.run_for(10s);
    BOOST_TEST(stopped.calls == 1);
    BOOST_TEST(!stopped.ec);
    BOOST_TEST(between(s.given.close_timeout, stopped.at - asked, s.given.close_timeout + 100ms));
    BOOST_REQUIRE(got->bytes.size() == 8U);  // a close frame: header, mask, code
    BOOST_TEST(got->bytes[0] == '\x88');
    BOOST_TEST(got->end == net::error::eof);  // close_notify
    BOOST_TEST(s.in.network()->open_links() == 0U);
  }
}

// A record takes 8 s to come, and nothing can be read of it before it is whole.
// covers R25
BOOST_AUTO_TEST_CASE(a_record_that_comes_slowly_is_a_sign_of_life) {
  wss_scenario s;
  s.given.heartbeat = {.ping_interval = 2s, .pong_deadline = 2s};
  s.in.network()->conditions = {.largest_piece_bytes = 200, .bytes_per_second = 2'000};
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    co_await session.send(std::string(16'000, 'x'));
    co_await session.echo();
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const recorder seen(conn);
  std::optional<message> whole;
  conn.receive([&](error_code, message got) { whole = std::move(got); });
  s.in.run_for(20s);
  BOOST_TEST(seen.states() == "");
  BOOST_REQUIRE(whole.has_value());
  BOOST_TEST(whole->payload.size() == 16'000U);
}

// covers R28 R29
BOOST_AUTO_TEST_CASE(nor_can_a_server_that_reads_nothing_hold_us_longer) {
  for (const bool full : {false, true}) {
    wss_scenario s;
    s.backend.on_session(goes_silent());
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    outcome first, second, stopped;
    if (full) {
      conn.send(std::string(300'000, 'x'), first.send_handler());
      conn.send("more", second.send_handler());
      s.in.run_for(1s);
    }
    const auto asked = s.in.now();
    conn.close(stopped.handler());
    s.in.run_for(10s);
    BOOST_TEST(stopped.calls == 1);
    BOOST_TEST(!stopped.ec);
    BOOST_TEST(between(s.given.close_timeout, stopped.at - asked, s.given.close_timeout + 100ms));
    BOOST_TEST(first.calls == (full ? 1 : 0));
    BOOST_TEST(second.calls == (full ? 1 : 0));
    if (full) BOOST_TEST((second.delivered == delivery::not_sent));
    BOOST_TEST(s.in.network()->open_links() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_server_that_answers_the_close_is_left_after_one_round_trip) {
  wss_scenario s;
  s.in.network()->conditions.latency = 50ms;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome stopped;
  const auto asked = s.in.now();
  conn.close(stopped.handler());
  s.in.run_for(10s);
  BOOST_TEST((stopped.at - asked == clock::duration(100ms)));
  BOOST_TEST((s.run_ended == error_code{}));
}

// covers R29
BOOST_AUTO_TEST_CASE(a_line_that_is_cut_before_our_close_is_a_lost_connection) {
  relayed_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1min);
  s.relay.cut();
  s.in.run_for(10ms);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_CHECK(conn.snapshot().reason.error == error::connection_lost);
  BOOST_TEST((conn.snapshot().reason.at == stage::session));
  BOOST_TEST(s.reaches(connection_state::connected));
  BOOST_TEST(echoes(s, "back"));
}

// covers R29
BOOST_AUTO_TEST_CASE(a_line_that_is_cut_after_our_close_is_no_error) {
  for (const bool for_good : {true, false}) {
    relayed_scenario s;
    s.backend.on_session(goes_silent());
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    const recorder seen(conn);
    outcome stopped;
    for_good ? conn.close(stopped.handler()) : conn.disconnect(stopped.handler());
    s.in.run_for(100ms);
    BOOST_TEST(stopped.calls == 0);
    s.relay.cut();
    s.in.run_for(10ms);
    BOOST_TEST(stopped.calls == 1);
    BOOST_TEST(!stopped.ec);
    BOOST_TEST(seen.states() == "disconnected");
    BOOST_CHECK(seen.changes()[0].reason.error == (for_good ? error::closed : error::disconnect_requested));
    if (for_good) BOOST_TEST((s.run_ended == error_code{}));
  }
}

BOOST_AUTO_TEST_CASE(a_server_that_says_goodbye_in_tls_only_has_lost_the_connection) {
  wss_scenario s;
  s.backend.on_session(drops(1s));
  const auto failed = first_failure(s);
  BOOST_CHECK(failed.reason.error == error::connection_lost);
  BOOST_TEST((failed.reason.at == stage::session));
}

BOOST_AUTO_TEST_CASE(a_byte_that_was_changed_on_the_way_ends_the_session_and_reaches_nobody) {
  relayed_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(echoes(s, "hello"));
  s.relay.spoil([](std::string& bytes) { bytes.back() ^= 1; });
  std::size_t received = 0;
  s.in.spawn(receive_all(conn, received));
  conn.send("what comes back is spoilt", net::detached);
  s.in.run_for(100ms);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_CHECK(conn.snapshot().reason.error == error::tls_failed);
  BOOST_TEST((conn.snapshot().reason.at == stage::session));
  BOOST_TEST(received == 0U);
  s.relay.spoil({});
  BOOST_TEST(s.reaches(connection_state::connected));
}

BOOST_AUTO_TEST_CASE(large_messages_go_both_ways_at_once_through_small_windows) {
  for (const std::size_t piece : {64U * 1024U, 700U}) {
    wss_scenario s;
    s.in.network()->conditions = {.window_bytes = 5000, .largest_piece_bytes = piece};
    const auto big = pattern(300'000);
    std::string arrived;
    s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
      co_await session.send(big, message_kind::binary);
      if (auto next = co_await session.receive()) arrived = next->payload;
      co_await session.echo();
    });
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    outcome sent;
    conn.send(big, {.kind = message_kind::binary}, sent.send_handler());
    std::optional<message> got;
    conn.receive([&](error_code, message next) { got = std::move(next); });
    s.in.run_until([&] { return got && !arrived.empty(); }, 1min);
    BOOST_TEST((arrived == big));
    BOOST_TEST((got && got->payload == big));
    BOOST_TEST((sent.delivered == delivery::written && sent.calls == 1));
    for (const std::size_t size : {0U, 1U, 16'384U, 1'000'000U}) BOOST_TEST(echoes(s, pattern(size)));
    BOOST_TEST(conn.snapshot().sequence == 2U);
  }
}

// covers G34 R22
BOOST_AUTO_TEST_CASE(a_silent_peer_is_lost_within_the_promise_idle_or_writing) {
  wss_scenario idle;
  idle.start();
  BOOST_REQUIRE(idle.reaches(connection_state::connected));
  idle.in.run_for(1min);
  idle.in.network()->silence_links();
  check_lost(idle, 9500ms);

  wss_scenario writing;
  writing.start();
  BOOST_REQUIRE(writing.reaches(connection_state::connected));
  writing.in.run_for(1min);
  writing.in.network()->silence_links();
  writing.in.spawn(send_each(*writing.conn, 1ms, 1000));  // until the window is full
  check_lost(writing, 9500ms);
}

BOOST_AUTO_TEST_CASE(a_healthy_idle_session_stays_for_hours) {
  wss_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(5h);
  BOOST_TEST(conn.snapshot().sequence == 2U);
  BOOST_TEST(echoes(s, "still here"));
}

// covers R40
BOOST_AUTO_TEST_CASE(a_paused_reader_stops_the_socket_and_loses_nothing_and_is_not_a_dead_peer) {
  constexpr std::size_t count = 3000;
  constexpr std::size_t size = 1000;
  wss_scenario s;
  std::size_t sent = 0;
  s.backend.on_session([&](server_session& session) { return flood(session, count, size, sent); });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1min);
  const auto taken = sent;
  // The window, what a read brings, what TLS holds on either side, and what the inbox holds.
  BOOST_TEST(taken * size <= 4 * 64 * 1024 + 16 * 1024 + s.given.limits.inbound_messages * size);
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
}

BOOST_AUTO_TEST_SUITE_END()
