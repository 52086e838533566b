// Stopping, in every state and at every moment.
#include "faults.hpp"
#include "heap.hpp"

BOOST_AUTO_TEST_SUITE(stopping)

namespace {

struct obstacle {
  const char* name;
  std::function<void(scenario&)> begin;
  clock::duration after;  // then it is in the midst of it
  connection_state state = connection_state::connecting;
};

std::vector<obstacle> obstacles() {
  return {{"DNS hangs", [](scenario& s) { s.in.network()->break_name("server", {}); }, 1s},
          {"the connect is black-holed",
           [](scenario& s) { s.in.network()->behave(server_at, port_behaviour::swallows); }, 1s},
          {"the upgrade is never answered", [](scenario& s) { s.backend.never_upgrade(); }, 1s},
          {"backoff", [](scenario& s) { s.in.network()->behave(server_at, port_behaviour::refuses); }, 100ms,
           connection_state::disconnected}};
}

// A resolver that is blocked, as getaddrinfo can be: no cancellation ends it, and it answers at last.
class blocked_resolver : public network {
 public:
  explicit blocked_resolver(std::shared_ptr<simulated_network> rest) : rest_(std::move(rest)) {}
  net::awaitable<result<std::vector<peer_address>>> resolve(std::string, std::uint16_t port) override {
    co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
    timer blocked(co_await net::this_coro::executor);
    co_await blocked.async_wait_until(clock::now() + 60s, net::as_tuple(net::use_awaitable));
    co_return std::vector<peer_address>{{server_at.address, port}};
  }
  net::awaitable<result<transport>> connect(peer_address peer) override { return rest_->connect(peer); }

 private:
  std::shared_ptr<simulated_network> rest_;
};

// Runs `act` at `when`, `hops` handlers after what else happens in that instant.
net::awaitable<void> inject(clock::time_point when, int hops, std::function<void()> act) {
  const auto executor = co_await net::this_coro::executor;
  timer wait(executor);
  co_await wait.async_wait_until(when, net::use_awaitable);
  for (int i = 0; i < hops; ++i) co_await net::post(executor, net::use_awaitable);
  act();
}

}  // namespace

// covers G6
BOOST_AUTO_TEST_CASE(disconnect_while_connected_is_one_disconnected_and_no_retry) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(20s);
  recorder seen(conn);
  outcome stopped;
  conn.disconnect(stopped.handler());
  s.in.run_for(10 * s.given.retry.cap);
  BOOST_TEST(stopped.calls == 1);
  BOOST_TEST(!stopped.ec);
  BOOST_TEST(seen.trace() == "disconnected[disconnect was requested; final]");
  BOOST_TEST(s.backend.accepted() == 1U);
  BOOST_TEST(s.in.network()->open_links() == 0U);
  BOOST_TEST(!s.run_ended.has_value());
}

// covers G7
BOOST_AUTO_TEST_CASE(disconnect_cancels_any_stage_of_an_attempt_at_once) {
  for (const auto& each : obstacles()) {
    BOOST_TEST_CONTEXT(each.name) {
      scenario s;
      each.begin(s);
      auto& conn = s.start();
      s.in.run_for(each.after);
      BOOST_REQUIRE((conn.status() == each.state));
      recorder seen(conn);
      outcome stopped;
      const auto asked = s.in.now();
      conn.disconnect(stopped.handler());
      s.in.settle();
      BOOST_TEST(stopped.calls == 1);
      BOOST_TEST(!stopped.ec);
      BOOST_TEST((stopped.at == asked));
      BOOST_TEST(s.in.network()->open_links() == 0U);
      s.in.run_for(10 * s.given.retry.cap);
      BOOST_TEST(seen.states() == "disconnected");
      BOOST_TEST(seen.changes().back().final);
      BOOST_TEST(seen.changes().back().reason.error == make_error_code(error::disconnect_requested));
      BOOST_TEST(s.backend.open_sessions() == 0U);
    }
  }
}

// covers G10 R34
BOOST_AUTO_TEST_CASE(close_ends_any_stage_of_an_attempt_at_once) {
  for (const auto& each : obstacles()) {
    BOOST_TEST_CONTEXT(each.name) {
      scenario s;
      each.begin(s);
      auto& conn = s.start();
      s.in.run_for(each.after);
      outcome stopped;
      conn.close(stopped.handler());
      s.in.settle();
      BOOST_TEST(stopped.calls == 1);
      BOOST_TEST(!stopped.ec);
      BOOST_TEST((s.run_ended == error_code{}));
      BOOST_TEST(conn.snapshot().final);
      const auto last = conn.snapshot().sequence;
      s.in.run_for(10min);
      BOOST_TEST(conn.snapshot().sequence == last);
      BOOST_TEST(s.in.network()->open_links() == 0U);
    }
  }
}

// covers G11
BOOST_AUTO_TEST_CASE(nothing_of_user_a_reaches_user_b_who_comes_right_after) {
  scenario s;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    timer pause(co_await net::this_coro::executor);
    while (!session.ended()) {
      co_await session.send(session.request().path);
      co_await pause.async_wait_until(clock::now() + 1ms, net::use_awaitable);
    }
  });
  s.given.url = "ws://server/a";
  auto& a = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(10ms);
  a.close(net::detached);
  s.given.url = "ws://server/b";
  connection b(s.in.executor(), s.given);
  b.run(net::detached);
  std::size_t count = 0;
  s.in.spawn([](connection& from, std::size_t& received) -> net::awaitable<void> {
    for (; received < 1000; ++received) BOOST_REQUIRE((co_await from.receive()).payload == "/b");
  }(b, count));
  s.in.run_for(5s);
  BOOST_TEST(count == 1000U);
  BOOST_TEST(s.in.network()->open_links() == 1U);
  BOOST_TEST(s.backend.open_sessions() == 1U);
}

// covers R28
BOOST_AUTO_TEST_CASE(a_peer_that_never_answers_the_close_cannot_hold_us_longer_than_close_timeout) {
  const std::vector<server::script> scripts{
      goes_silent(), [](server_session& session) { return talk_without_listening(session, 1ms); }};
  for (const auto& script : scripts) {
    for (const bool for_good : {true, false}) {
      scenario s;
      s.backend.on_session(script);
      auto& conn = s.start();
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      s.in.run_for(5ms);
      std::size_t received = 0;
      s.in.spawn([](connection& from, std::size_t& count) -> net::awaitable<void> {
        for (;;) {
          const auto [ec, next] = co_await from.receive(net::as_tuple(net::use_awaitable));
          if (ec) co_return;
          ++count;
        }
      }(conn, received));
      outcome stopped;
      const auto asked = s.in.now();
      for_good ? conn.close(stopped.handler()) : conn.disconnect(stopped.handler());
      s.in.run_for(10s);
      BOOST_TEST(stopped.calls == 1);
      BOOST_TEST(!stopped.ec);
      BOOST_TEST((stopped.at - asked >= clock::duration(s.given.close_timeout)));
      BOOST_TEST((stopped.at - asked <= s.given.close_timeout + 100ms));
      BOOST_TEST(s.in.network()->open_links() == 0U);
    }
  }
}

// covers R28
BOOST_AUTO_TEST_CASE(nor_can_a_peer_whose_window_is_full) {
  scenario s;
  s.backend.on_session(goes_silent());
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome first, second, stopped;
  conn.send(std::string(200'000, 'x'), first.send_handler());
  conn.send("more", second.send_handler());
  s.in.run_for(1s);
  const auto asked = s.in.now();
  conn.disconnect(stopped.handler());
  s.in.run_for(10s);
  BOOST_TEST(stopped.calls == 1);
  BOOST_TEST((stopped.at - asked <= s.given.close_timeout + 100ms));
  BOOST_TEST((first.delivered == delivery::not_sent && first.calls == 1));
  BOOST_TEST((second.delivered == delivery::not_sent && second.calls == 1));
}

// covers R30
BOOST_AUTO_TEST_CASE(a_resolver_that_cannot_be_cancelled_holds_up_nobody) {
  for (const bool destroyed : {false, true}) {
    scenario s;
    s.given.network = std::make_shared<blocked_resolver>(s.in.network());
    auto& conn = s.start();
    s.in.run_for(1s);
    outcome stopped;
    const auto asked = s.in.now();
    conn.close(stopped.handler());
    s.in.run_for(99ms);
    BOOST_TEST(stopped.calls == 1);
    BOOST_TEST((stopped.at - asked < clock::duration(100ms)));
    BOOST_TEST((s.run_ended == error_code{}));
    if (destroyed) s.conn.reset();
    s.in.run_for(5min);  // the late answer comes and touches nothing
    BOOST_TEST(s.backend.accepted() == 0U);
  }
}

// covers R30
BOOST_AUTO_TEST_CASE(a_blocked_resolver_ends_the_attempt_at_its_deadline) {
  scenario s;
  s.given.network = std::make_shared<blocked_resolver>(s.in.network());
  auto& conn = s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::disconnected; }, 1min));
  BOOST_TEST((s.in.elapsed() == clock::duration(s.given.deadlines.resolve)));
  s.in.run_for(10min);
  BOOST_TEST(s.backend.accepted() == 0U);
}

// covers R31 G10
BOOST_AUTO_TEST_CASE(a_stop_at_any_moment_ends_it_completely) {
  enum class way { close, disconnect, cancel, destroy };
  for (const auto how : {way::close, way::disconnect, way::cancel, way::destroy}) {
    for (int step = 0; step <= 80; ++step) {
      for (int hops = 0; hops < 8; ++hops) {
        // Resolved at 3 ms, connected at 7, open from 11 to 23, resolved again at 30, open again at 38.
        scenario s;
        s.in.network()->add_name("server", {server_at.address}, 3ms);
        s.in.network()->conditions.latency = 2ms;
        s.backend.on_session(drops(12ms));
        s.given.retry.decide = [](const attempt_record&, const retry_decision&) {
          return retry_decision{4ms, "test"};
        };
        s.conn.emplace(s.in.executor(), s.given);
        recorder seen(*s.conn);
        net::cancellation_signal signal;
        outcome stopped, ran;
        s.conn->run(net::bind_cancellation_slot(signal.slot(), ran.handler()));
        s.in.spawn(inject(s.in.now() + step * 500us, hops, [&] {
          if (how == way::close) s.conn->close(stopped.handler());
          if (how == way::disconnect) s.conn->disconnect(stopped.handler());
          if (how == way::cancel) signal.emit(net::cancellation_type::terminal);
          if (how == way::destroy) s.conn.reset();
        }));
        s.in.run_for(4s);
        BOOST_TEST_CONTEXT("way " << static_cast<int>(how) << " at " << step * 500 << " us, " << hops
                                  << " hops") {
          const bool answers = how == way::close || how == way::disconnect;
          BOOST_TEST(stopped.calls == (answers ? 1 : 0));
          BOOST_TEST(!stopped.ec);
          BOOST_TEST(ran.calls == (how == way::disconnect ? 0 : 1));
          if (how == way::cancel || how == way::destroy)
            BOOST_TEST((ran.ec == net::error::operation_aborted));
          if (how == way::close) BOOST_TEST(!ran.ec);
          BOOST_TEST(s.in.network()->open_links() == 0U);
          BOOST_TEST(s.in.network()->most_open_links() <= 1U);
          for (const auto& change : seen.changes()) {
            if (change.to == connection_state::disconnected) BOOST_TEST(change.reason.error.failed());
          }
          if (s.conn && !seen.changes().empty()) BOOST_TEST(seen.changes().back().final);
          const auto dials = s.in.network()->connect_count();
          s.in.run_for(1min);
          BOOST_TEST(s.in.network()->connect_count() == dials);
        }
      }
    }
  }
}

// covers R34
BOOST_AUTO_TEST_CASE(a_second_run_is_refused_while_it_runs_and_after_close) {
  scenario s;
  auto& conn = s.start();
  outcome second, third;
  conn.run(second.handler());
  s.in.settle();
  BOOST_TEST(second.ec == make_error_code(error::already_running));
  BOOST_TEST(s.reaches(connection_state::connected));
  conn.close(net::detached);
  s.in.run_for(5s);
  conn.run(third.handler());
  s.in.settle();
  BOOST_TEST(third.calls == 1);
  BOOST_TEST(third.ec == make_error_code(error::closed));
  BOOST_TEST(second.calls == 1);
}

// covers R26
BOOST_AUTO_TEST_CASE(the_server_hears_a_close_frame) {
  struct row {
    std::function<void(connection&)> stop;
    std::uint16_t code;
  };
  const std::vector<row> rows{{[](connection& c) { c.disconnect(net::detached); }, std::uint16_t{1000}},
                              {[](connection& c) { c.close(net::detached); }, std::uint16_t{1000}},
                              {[](connection& c) { c.enter_background(); }, std::uint16_t{1001}}};
  for (const auto& each : rows) {
    scenario s;
    std::shared_ptr<server_session> at_server;
    s.backend.on_session([&](server_session& session) {
      at_server = session.shared_from_this();
      return session.echo();
    });
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    each.stop(conn);
    s.in.run_for(1s);
    BOOST_TEST(at_server->close_code() == each.code);
    BOOST_TEST((conn.status() == connection_state::disconnected));
  }
}

// covers R35
BOOST_AUTO_TEST_CASE(a_thousand_reconnects_do_not_grow_memory) {
  scenario s;
  s.given.retry.decide = [](const attempt_record&, const retry_decision&) {
    return retry_decision{0ms, "test"};
  };
  auto& conn = s.start();
  std::size_t after_a_hundred = 0;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    BOOST_REQUIRE(conn.snapshot().session == i);
    outcome sent;
    conn.send("hello", sent.send_handler());
    s.in.settle();
    BOOST_REQUIRE((sent.delivered == delivery::written));
    s.in.network()->reset_links();
    s.in.settle();
    if (i == 100) after_a_hundred = heap_in_use();
  }
  BOOST_TEST(heap_in_use() < after_a_hundred + 64 * 1024);
  BOOST_TEST(s.in.network()->most_open_links() == 1U);
}

// covers R42
BOOST_AUTO_TEST_CASE(whatever_is_asked_in_whatever_order_there_is_one_link_at_most) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    scenario s(seed);
    auto& conn = s.start();
    for (int i = 0; i < 300; ++i) {
      switch (s.in.random()() >> 32U & 7U) {
        case 0:
          conn.disconnect(net::detached);
          break;
        case 1:
          conn.network_changed();
          break;
        case 2:
          conn.enter_background();
          break;
        case 3:
          conn.enter_foreground();
          break;
        case 4:
          conn.retry_now();
          break;
        case 5:
          s.in.network()->reset_links();
          break;
        default:
          conn.connect(net::detached);
      }
      s.in.run_for(std::chrono::microseconds(s.in.random()() >> 32U & 2047U));
    }
    BOOST_TEST(s.in.network()->most_open_links() == 1U);
    BOOST_TEST(s.backend.open_sessions() <= 2U);  // one whose end has not arrived yet
    conn.enter_foreground();
    outcome connected;
    conn.connect(connected.handler());
    s.in.run_for(1min);
    BOOST_TEST(connected.calls == 1);
    BOOST_TEST(!connected.ec);
    BOOST_TEST((conn.status() == connection_state::connected));
    BOOST_TEST(s.backend.open_sessions() == 1U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
