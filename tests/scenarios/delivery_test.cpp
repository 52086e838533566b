// Nothing is lost, doubled or misreported when several things happen in one instant, or a link dies.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(message_delivery)

namespace {

constexpr int count = 10'000;

net::awaitable<void> count_up(server_session& session) {
  timer pause(co_await net::this_coro::executor);
  for (int i = 0; i < count && !session.ended(); ++i) {
    co_await session.send(std::to_string(i));
    co_await pause.async_wait_until(clock::now() + 1ms, net::use_awaitable);
  }
  co_await session.echo();
}

// Receives with a timer that cancels in the very instants in which messages arrive.
struct impatient_reader {
  impatient_reader(connection& of, const net::any_io_executor& executor) : conn(of), limit(executor) {}

  void receive() {
    limit.async_wait_until(clock::now() + 1ms, [this](error_code ec) {
      if (!ec) signal.emit(net::cancellation_type::terminal);
    });
    conn.receive(net::bind_cancellation_slot(signal.slot(), [this](error_code ec, const message& next) {
      limit.cancel();
      if (ec) {
        ++cancelled;
      } else {
        got.push_back(next.payload);
      }
      if (got.size() < count) receive();
    }));
  }

  connection& conn;
  timer limit;
  net::cancellation_signal signal;
  std::vector<std::string> got;
  int cancelled = 0;
};

}  // namespace

// covers R32
BOOST_AUTO_TEST_CASE(a_message_and_a_timer_ready_in_one_instant_lose_nothing) {
  scenario s;
  s.backend.on_session(count_up);
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  impatient_reader reader(conn, s.in.executor());
  reader.receive();
  s.in.run_for(20s);
  BOOST_REQUIRE(reader.got.size() == std::size_t{count});
  for (int i = 0; i < count; ++i) BOOST_REQUIRE(reader.got[static_cast<std::size_t>(i)] == std::to_string(i));
  BOOST_TEST(reader.cancelled > 0);
}

// covers R32
BOOST_AUTO_TEST_CASE(a_receive_that_is_cancelled_at_every_step_of_an_arrival_loses_nothing) {
  for (int hops = 0; hops < 12; ++hops) {
    scenario s;
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    conn.send("the one", net::detached);
    outcome first;
    std::string got;
    net::cancellation_signal signal;
    conn.receive(net::bind_cancellation_slot(signal.slot(), [&](error_code ec, const message& next) {
      first.handler()(ec);
      got = next.payload;
    }));
    s.in.spawn(
        [](net::cancellation_signal& cancel, clock::time_point when, int steps) -> net::awaitable<void> {
          const auto executor = co_await net::this_coro::executor;
          timer wait(executor);
          co_await wait.async_wait_until(when, net::use_awaitable);
          for (int i = 0; i < steps; ++i) co_await net::post(executor, net::use_awaitable);
          cancel.emit(net::cancellation_type::terminal);
        }(signal, s.in.now() + 2ms, hops));
    s.in.run_for(100ms);
    BOOST_TEST(first.calls == 1);
    if (first.ec) {
      conn.receive([&](error_code, const message& next) { got = next.payload; });
      s.in.settle();
    }
    BOOST_TEST(got == "the one");
  }
}

// covers R39
BOOST_AUTO_TEST_CASE(when_the_link_dies_with_a_full_window_what_did_not_leave_is_not_sent) {
  const std::vector<std::function<void(scenario&)>> deaths{
      [](scenario& s) { s.in.network()->reset_links(); },
      [](scenario& s) { s.in.run_for(31s); },  // of silence
      [](scenario& s) { s.conn->disconnect(net::detached); },
      [](scenario& s) { s.conn->close(net::detached); }};
  for (const auto& die : deaths) {
    scenario s;
    s.backend.on_session(goes_silent());
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    std::vector<outcome> sent(40);
    for (auto& each : sent) conn.send(std::string(10'000, 'x'), each.send_handler());
    s.in.settle();
    die(s);
    s.in.run_for(4s);
    // 64 KiB of window took six of them whole, and a part of the seventh.
    for (std::size_t i = 0; i < sent.size(); ++i) {
      BOOST_TEST(sent[i].calls == 1);
      BOOST_TEST((sent[i].delivered == (i < 6 ? delivery::written : delivery::not_sent)));
      BOOST_TEST(sent[i].ec.failed() == (i >= 6));
    }
  }
}

// covers R33
BOOST_AUTO_TEST_CASE(a_message_that_waits_for_the_socket_ignores_a_total_cancellation) {
  for (const auto type :
       {net::cancellation_type::terminal, net::cancellation_type::partial, net::cancellation_type::all}) {
    scenario s;
    s.backend.on_session(goes_silent());
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    outcome waiting;
    net::cancellation_signal cancel;
    conn.send(std::string(200'000, 'x'), net::detached);  // more than the window takes
    conn.send("behind it", net::bind_cancellation_slot(cancel.slot(), waiting.send_handler()));
    s.in.settle();
    cancel.emit(net::cancellation_type::total);
    s.in.settle();
    BOOST_TEST(waiting.calls == 0);
    cancel.emit(type);
    s.in.settle();
    BOOST_TEST(waiting.calls == 1);
    BOOST_TEST((waiting.delivered == delivery::in_doubt));
    BOOST_TEST(waiting.ec == make_error_code(net::error::operation_aborted));
  }
}

// covers R39
BOOST_AUTO_TEST_CASE(nothing_that_was_not_sent_reaches_the_next_session) {
  scenario s;
  std::vector<std::string> got;
  s.backend.on_session(goes_silent());
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (int i = 0; i < 40; ++i) conn.send(std::string(10'000, 'x'), net::detached);
  s.in.settle();
  s.backend.on_session([&](server_session& session) {
    return [](server_session& from, std::vector<std::string>& into) -> net::awaitable<void> {
      while (auto next = co_await from.receive()) into.push_back(std::move(next->payload));
    }(session, got);
  });
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.send("fresh", net::detached);
  s.in.run_for(1s);
  BOOST_REQUIRE(got.size() == 1U);
  BOOST_TEST(got[0] == "fresh");
}

// covers R39 R40
BOOST_AUTO_TEST_CASE(what_arrived_before_a_loss_can_still_be_received_and_comes_before_the_next_session) {
  scenario s;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    for (int i = 0; i < 5; ++i) co_await session.send("old" + std::to_string(i));
    co_await session.close(1001);
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().reason.close_code == 1001; }, 1s));
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    co_await session.send("new");
    co_await session.echo();
  });
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  std::string got;
  s.in.spawn([](connection& c, std::string& out) -> net::awaitable<void> {
    for (int i = 0; i < 6; ++i) out += (co_await c.receive()).payload + ' ';
  }(conn, got));
  s.in.settle();
  BOOST_TEST(got == "old0 old1 old2 old3 old4 new ");
}

// covers R8 G46
BOOST_AUTO_TEST_CASE(a_paused_reader_still_hears_why_the_server_closed) {
  scenario s;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    for (int i = 0; i < 100; ++i) co_await session.send(std::to_string(i));
    co_await session.close(4001, "enough", 1h);
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(10min);
  std::size_t received = 0;
  s.in.spawn([](connection& c, std::size_t& n) -> net::awaitable<void> {
    for (; n < 100; ++n) BOOST_REQUIRE((co_await c.receive()).payload == std::to_string(n));
  }(conn, received));
  BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::disconnected; }, 1s));
  BOOST_TEST(received == 100U);
  BOOST_TEST(conn.snapshot().reason.close_code == 4001U);
  BOOST_TEST(conn.snapshot().reason.detail == "enough");
}

BOOST_AUTO_TEST_SUITE_END()
