// What links of the simulated network can do to a connection: lose requests to connect, be slow, narrow and
// uneven, fall silent one way, and break after any byte.
#include "received.hpp"

BOOST_AUTO_TEST_SUITE(links)

namespace {

struct flood {
  explicit flood(scenario& s, int count, std::size_t size) {
    s.backend.on_session([count, size](server_session& session) -> net::awaitable<void> {
      for (int n = 0; n < count; ++n) {
        auto text = std::to_string(n) + ':';
        text.resize(size, '.');
        co_await session.send(text);
      }
      co_await session.echo();
    });
  }
};

// Both ends of a link, and nothing else.
struct bare_link {
  explicit bare_link(link_conditions how) {
    in.network()->conditions = how;
    in.network()->listen(server_at, [this](transport accepted) { server.emplace(std::move(accepted)); });
    in.spawn([](bare_link& self) -> net::awaitable<void> {
      self.client.emplace(*co_await self.in.network()->connect(server_at));
    }(*this));
    in.run_until([this] { return client && server; }, 1min);
  }
  static std::size_t write(transport& to, std::size_t count) {
    error_code ec;
    return to.write_some(std::string(count, 'x'), ec);
  }
  // Empty is told apart by a number that no test expects.
  [[nodiscard]] std::size_t unconfirmed() const { return client->unconfirmed_bytes().value_or(999'999); }

  world in;
  std::optional<transport> client{}, server{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(jitter_delays_messages_and_never_reorders_them) {
  scenario s;
  s.in.network()->conditions.jitter = 200ms;
  flood from(s, 100, 100);
  auto& conn = s.start();
  std::vector<std::string> all;
  s.in.spawn(receive_into(conn, all));
  BOOST_REQUIRE(s.in.run_until([&] { return all.size() == 100; }, 1min));
  BOOST_TEST(s.in.elapsed() > 150ms);  // all are sent at once: without jitter it is 10 ms
  for (std::size_t n = 0; n < all.size(); ++n)
    BOOST_TEST(all[n].substr(0, all[n].find(':')) == std::to_string(n));
  conn.close(net::detached);
  s.in.run_for(1min);
}

BOOST_AUTO_TEST_CASE(a_narrow_link_carries_what_it_can) {
  scenario s;
  s.in.network()->conditions.bytes_per_second = 1'000;
  flood from(s, 100, 200);  // twenty seconds of it, and the client's pings fit in between
  auto& conn = s.start();
  std::vector<std::string> all;
  s.in.spawn(receive_into(conn, all));
  s.in.run_for(10s);
  BOOST_TEST(all.size() > 30U);
  BOOST_TEST(all.size() < 50U);
  s.in.run_for(15s);
  BOOST_TEST(all.size() == 100U);
  BOOST_TEST(conn.snapshot().session == 1U);
  conn.close(net::detached);
  s.in.run_for(1min);
}

BOOST_AUTO_TEST_CASE(a_request_to_connect_that_is_lost_is_sent_again_by_tcp) {
  bool any_late = false;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    scenario s(seed);
    s.in.network()->conditions.syn_loss = 0.3;
    s.given.deadlines.attempt = s.given.deadlines.connect = 10min;
    s.start();
    BOOST_TEST(s.reaches(connection_state::connected, 3min));
    BOOST_TEST(s.conn->snapshot().attempt == 1U);
    const auto took = s.in.elapsed();
    any_late = any_late || took > 900ms;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(took).count();
    BOOST_TEST((seconds & (seconds + 1)) == 0);  // 0, 1, 3, 7, …: each wait is twice the one before
  }
  BOOST_TEST(any_late);
}

// covers R30
BOOST_AUTO_TEST_CASE(a_network_that_loses_every_request_ends_at_the_deadline_or_by_tcp) {
  for (const bool waits_long : {false, true}) {
    scenario s;
    s.in.network()->conditions.syn_loss = 1;
    if (waits_long) s.given.deadlines.attempt = s.given.deadlines.connect = 10min;
    auto& conn = s.start();
    recorder seen(conn);
    s.in.run_for(waits_long ? 128s : 11s);
    BOOST_REQUIRE(!seen.changes().empty());
    const auto& first = seen.changes().front();
    BOOST_TEST((first.reason.at == stage::connect));
    BOOST_TEST((first.reason.error == (waits_long ? net::error::make_error_code(net::error::timed_out)
                                                  : make_error_code(error::timed_out))));
  }
}

// covers R22
BOOST_AUTO_TEST_CASE(silence_one_way_is_found_as_soon_as_silence_both_ways) {
  for (const auto which : {silenced::both_ways, silenced::to_server, silenced::to_client}) {
    scenario s;
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    recorder seen(conn);
    s.in.network()->silence_links(which);
    s.in.run_for(s.given.heartbeat.ping_interval + s.given.heartbeat.pong_deadline);
    BOOST_REQUIRE(!seen.changes().empty());
    BOOST_TEST((seen.changes().front().reason.error == error::liveness_lost));
    BOOST_TEST(s.reaches(connection_state::connected));
  }
}

// A server that can still be heard, and hears nothing: its words are signs of life, unless only pongs count.
// covers R25
BOOST_AUTO_TEST_CASE(who_is_heard_and_does_not_hear_is_alive_unless_only_pongs_count) {
  for (const bool pong_only : {false, true}) {
    scenario s;
    s.given.heartbeat.pong_only = pong_only;
    s.backend.on_session([](server_session& session) -> net::awaitable<void> {
      timer pause(co_await net::this_coro::executor);
      while (!session.ended()) {
        co_await session.send("news");
        co_await pause.async_wait_until(clock::now() + 1s, net::use_awaitable);
      }
    });
    auto& conn = s.start();
    std::vector<std::string> all;
    s.in.spawn(receive_into(conn, all));
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.network()->silence_links(silenced::to_server);
    s.in.run_for(5min);
    BOOST_TEST((conn.snapshot().session == 1U) == !pong_only);
    conn.close(net::detached);
    s.in.run_for(1min);
  }
}

// covers G37
BOOST_AUTO_TEST_CASE(a_server_that_closes_each_socket_as_soon_as_it_is_open_is_left_alone_more_and_more) {
  scenario s;
  s.backend.close_at_once();
  auto& conn = s.start();
  recorder seen(conn);
  s.in.run_for(1min);
  BOOST_TEST(s.backend.accepted() <= 10U);
  BOOST_TEST(s.backend.sessions() == 0U);
  BOOST_REQUIRE(!seen.changes().empty());
  BOOST_TEST(describe(seen.changes().front().reason) == "upgrade: connection lost");
  s.backend.close_at_once(false);
  BOOST_TEST(s.reaches(connection_state::connected, 1min));
}

// covers G5
BOOST_AUTO_TEST_CASE(a_link_may_break_after_any_byte) {
  std::size_t broken_sessions = 0;
  for (std::size_t limit = 1; limit <= 500; ++limit) {
    scenario s(limit);
    s.in.network()->conditions.reset_after_bytes = limit;
    auto& conn = s.start();
    outcome sent;
    conn.send("a message that goes there and back", {.when_offline = offline_rule::wait},
              sent.send_handler());
    s.in.run_for(40s);  // with pings, so that each limit is reached
    const auto before = conn.snapshot();
    s.in.network()->conditions = {};
    s.in.network()->reset_links();
    s.in.run_for(1s);
    BOOST_TEST(s.reaches(connection_state::connected, 1min), "after " << limit << " bytes");
    s.in.run_for(1s);
    BOOST_TEST(sent.calls == 1, "after " << limit << " bytes");
    broken_sessions += before.session != 0 ? 1U : 0U;
  }
  BOOST_TEST(broken_sessions > 50U);   // limits behind the upgrade
  BOOST_TEST(broken_sessions < 450U);  // and within it
}

// covers R62
BOOST_AUTO_TEST_CASE(bytes_are_unconfirmed_until_they_arrive_at_the_peers_host) {
  bare_link link({.latency = 100ms, .bytes_per_second = 1'000});
  BOOST_REQUIRE((link.client && link.server));
  BOOST_TEST(link.unconfirmed() == 0U);
  for (int n = 0; n < 3; ++n) BOOST_TEST(bare_link::write(*link.client, 500) == 500U);
  BOOST_TEST(link.unconfirmed() == 1'500U);
  link.in.run_for(550ms);
  BOOST_TEST(link.unconfirmed() == 1'500U);  // the last byte of the first 500 is still under way
  link.in.run_for(100ms);
  BOOST_TEST(link.unconfirmed() == 1'000U);
  link.in.run_for(500ms);
  BOOST_TEST(link.unconfirmed() == 500U);
  link.in.run_for(10s);
  BOOST_TEST(link.unconfirmed() == 0U);  // although nobody has read a byte
  BOOST_TEST((link.server->unconfirmed_bytes() == 0U));
  link.client->close();
  BOOST_TEST(!link.client->unconfirmed_bytes().has_value());
}

// covers R62
BOOST_AUTO_TEST_CASE(a_window_that_is_full_of_unread_bytes_has_been_confirmed) {
  bare_link link({.latency = 10ms, .window_bytes = 1'000});
  BOOST_REQUIRE((link.client && link.server));
  BOOST_TEST(bare_link::write(*link.client, 5'000) == 1'000U);
  BOOST_TEST(link.unconfirmed() == 1'000U);
  link.in.run_for(1s);
  BOOST_TEST(link.unconfirmed() == 0U);
  BOOST_TEST(bare_link::write(*link.client, 5'000) == 0U);
}

// One way loses the bytes, the other one loses what confirms them: the writer sees the same.
// covers R62
BOOST_AUTO_TEST_CASE(on_a_link_that_fell_silent_nothing_more_is_confirmed) {
  for (const auto which : {silenced::both_ways, silenced::to_server, silenced::to_client}) {
    bare_link link({.latency = 100ms});
    BOOST_REQUIRE((link.client && link.server));
    bare_link::write(*link.client, 300);
    link.in.run_for(1s);
    BOOST_TEST(link.unconfirmed() == 0U);
    link.in.network()->silence_links(which);
    for (std::size_t n = 1; n <= 3; ++n) {
      BOOST_TEST(bare_link::write(*link.client, 200) == 200U);
      link.in.run_for(1min);
      BOOST_TEST(link.unconfirmed() == 200 * n);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
