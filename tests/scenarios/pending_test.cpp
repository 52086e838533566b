// Operations under way: each completes exactly once, whatever happens to it or to the connection.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(pending)

namespace {

// One of each operation that may have to wait, and what became of it.
struct waiters {
  explicit waiters(connection& conn) : watch(conn.watch()) {
    watch.next_state(current.handler());
    watch.next_state(watched.handler());
    conn.next_state(next.handler());
    conn.wait_for(connection_state::feature_throttled, reach.handler());
    conn.receive(one.handler());
    conn.receive_batch(batch.handler());
    conn.send(std::string(100'000, 'x'), sent.send_handler());  // more than the window holds
    conn.ping(ping.handler());
  }
  [[nodiscard]] std::vector<std::pair<const char*, const outcome*>> all() const {
    return {{"watch", &watched},       {"next_state", &next}, {"wait_for", &reach}, {"receive", &one},
            {"receive_batch", &batch}, {"send", &sent},       {"ping", &ping}};
  }
  state_watch watch;
  outcome current, watched, next, reach, one, batch, sent, ping;
};

struct phase {
  const char* name;
  std::function<void(scenario&)> prepare;
  std::function<void(scenario&)> enter;
  bool busy = true;  // a socket is open, or wanted
};

std::vector<phase> phases() {
  const auto wait = [](clock::duration span) {
    return [=](scenario& s) {
      s.start();
      s.in.run_for(span);
    };
  };
  const auto connect = [](scenario& s) {
    s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.network()->silence_links();
  };
  const auto nothing = [](scenario&) {};
  return {{"never run", nothing, [](scenario& s) { s.conn.emplace(s.in.executor(), s.given); }, false},
          {"manual", [](scenario& s) { s.given.mode = connect_mode::manual; }, wait(1s), false},
          {"run in this turn", nothing, wait(0s)},
          {"resolving", [](scenario& s) { s.in.network()->break_name("server", {}); }, wait(1s)},
          {"connecting", [](scenario& s) { s.in.network()->behave(server_at, port_behaviour::swallows); },
           wait(1s)},
          {"upgrading", [](scenario& s) { s.backend.never_upgrade(); }, wait(1s)},
          {"connected", nothing, connect},
          {"closing", nothing,
           [=](scenario& s) {
             connect(s);
             s.conn->disconnect(net::detached);
             s.in.run_for(1s);
           }},
          {"lost", nothing,
           [=](scenario& s) {
             connect(s);
             s.in.network()->reset_links();
           }},
          {"waiting", [](scenario& s) { s.in.network()->behave(server_at, port_behaviour::refuses); },
           wait(100ms)},
          {"disconnected", nothing,
           [=](scenario& s) {
             connect(s);
             s.conn->disconnect(net::detached);
             s.in.run_for(10s);
           },
           false}};
}

bool is_aborted(const outcome& of) { return of.calls == 1 && of.ec == net::error::operation_aborted; }

}  // namespace

// covers G43 R34
BOOST_AUTO_TEST_CASE(destroying_the_handle_in_any_state_completes_each_operation_once) {
  for (const auto& each : phases()) {
    for (const bool settled : {true, false}) {
      BOOST_TEST_CONTEXT(each.name << (settled ? "" : ", at once")) {
        scenario s;
        each.prepare(s);
        each.enter(s);
        std::size_t heard = 0;
        bool gone = false;
        s.conn->add_connection_listener("late", {.on_state_change = [&](const auto&) {
                                          ++heard;
                                          BOOST_TEST(!gone);
                                        }});
        waiters ops(*s.conn);
        const auto before = s.conn->snapshot().sequence;
        if (settled) s.in.settle();
        const bool moved = s.conn->snapshot().sequence != before;  // something for next_state to tell
        s.conn.reset();
        gone = true;
        s.in.run_for(5min);
        for (const auto& [name, op] : ops.all()) {
          BOOST_TEST(op->calls == 1, name);
          if (op != &ops.next && op != &ops.watched) BOOST_TEST(op->ec.failed(), name);
        }
        BOOST_TEST(ops.next.ec.failed() != moved);
        BOOST_TEST(ops.watched.ec.failed() != moved);
        BOOST_TEST(ops.current.calls == 1);
        BOOST_TEST((ops.sent.delivered == delivery::not_sent));
        if (std::string(each.name) != "never run") BOOST_TEST((s.run_ended == net::error::operation_aborted));
        BOOST_TEST(s.in.network()->open_links() == 0U);
      }
    }
  }
}

// covers G43 R34
BOOST_AUTO_TEST_CASE(destroying_the_handle_aborts_what_waits_for_connect_disconnect_or_close) {
  for (const auto& each : phases()) {
    for (int which = 0; which < 3; ++which) {
      BOOST_TEST_CONTEXT(each.name << ", " << which) {
        scenario s;
        each.prepare(s);
        each.enter(s);
        outcome told;
        const bool was_connected = s.conn->status() == connection_state::connected;
        if (which == 0) s.conn->connect(told.handler());
        if (which == 1) s.conn->disconnect(told.handler());
        if (which == 2) s.conn->close(told.handler());
        s.conn.reset();
        s.in.run_for(5min);
        BOOST_TEST(told.calls == 1);
        const bool nothing_to_wait_for = which == 0 ? was_connected : !each.busy;
        BOOST_TEST((told.ec == net::error::operation_aborted || (!told.ec && nothing_to_wait_for)));
      }
    }
  }
}

// covers G43
BOOST_AUTO_TEST_CASE(what_is_begun_only_after_the_handle_is_gone_completes_too) {
  for (const bool closed_before : {false, true}) {
    scenario s;
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    if (closed_before) conn.close(net::detached);
    s.in.run_for(1s);
    auto send = conn.send("late", net::deferred);
    auto receive = conn.receive(net::deferred);
    auto batch = conn.receive_batch(net::deferred);
    auto next = conn.next_state();
    auto reach = conn.wait_for(connection_state::connected);
    auto ping = conn.ping();
    s.conn.reset();
    s.in.settle();
    outcome sent, received, got, changed, reached, answered;
    std::move(send)(sent.send_handler());
    std::move(receive)(received.handler());
    std::move(batch)(got.handler());
    std::move(next)(changed.handler());
    std::move(reach)(reached.handler());
    std::move(ping)(answered.handler());
    s.in.settle();
    const auto why =
        closed_before ? make_error_code(error::closed) : error_code(net::error::operation_aborted);
    for (const auto* each : {&received, &got, &changed, &reached}) {
      BOOST_TEST(each->calls == 1);
      BOOST_TEST((each->ec == why));
    }
    BOOST_TEST(is_aborted(sent));
    BOOST_TEST(answered.calls == 1);
    BOOST_TEST(answered.ec.failed());
  }
}

// covers G43
BOOST_AUTO_TEST_CASE(destroying_the_handle_closes_the_socket_although_the_peer_does_not_answer) {
  scenario s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.network()->silence_links();
  s.conn.reset();
  s.in.settle();
  BOOST_TEST(s.in.network()->open_links() == 0U);
  BOOST_TEST((s.run_ended == net::error::operation_aborted));
}

// covers R34
BOOST_AUTO_TEST_CASE(closing_in_any_state_completes_each_operation_once) {
  for (const auto& each : phases()) {
    BOOST_TEST_CONTEXT(each.name) {
      scenario s;
      each.prepare(s);
      each.enter(s);
      waiters ops(*s.conn);
      s.in.settle();
      s.conn->close(net::detached);
      s.in.run_for(5min);
      for (const auto& [name, op] : ops.all()) {
        BOOST_TEST(op->calls == 1, name);
        if (name != std::string("next_state") && name != std::string("watch"))
          BOOST_TEST(op->ec.failed(), name);
      }
      if (s.run_ended) BOOST_TEST(!s.run_ended->failed());
      outcome late;
      s.conn->receive(late.handler());
      s.in.settle();
      BOOST_TEST(late.ec == make_error_code(error::closed));
      s.conn->send("late", late.send_handler());
      s.in.settle();
      BOOST_TEST(late.ec == make_error_code(error::closed));
      s.conn->ping(late.handler());
      s.in.settle();
      BOOST_TEST(late.ec == make_error_code(error::closed));
      s.conn->connect(late.handler());
      s.in.settle();
      BOOST_TEST(late.ec == make_error_code(error::closed));
      BOOST_TEST(late.calls == 4);
    }
  }
}

// covers R37
BOOST_AUTO_TEST_CASE(close_without_a_run_wakes_the_waiters_too) {
  scenario s;
  s.conn.emplace(s.in.executor(), s.given);
  waiters ops(*s.conn);
  outcome closed;
  s.conn->close(closed.handler());
  s.in.run_for(1min);
  BOOST_TEST(closed.calls == 1);
  for (const auto& [name, op] : ops.all()) BOOST_TEST(op->calls == 1, name);
  outcome ran;
  s.conn->run(ran.handler());
  s.in.run_for(1min);
  BOOST_TEST(ran.ec == make_error_code(error::closed));
  BOOST_TEST(s.backend.accepted() == 0U);
}

BOOST_AUTO_TEST_CASE(each_operation_honours_its_cancellation_slot) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.network()->silence_links();
  conn.send(std::string(100'000, 'y'), net::detached);  // the window is full
  s.in.settle();
  auto watch = conn.watch();
  watch.next_state(net::detached);
  outcome watched, next, reach, one, batch, sent, ping;
  std::array<net::cancellation_signal, 7> signals;
  const auto with = [&](std::size_t i, auto handler) {
    return net::bind_cancellation_slot(signals[i].slot(), std::move(handler));
  };
  watch.next_state(with(0, watched.handler()));
  conn.next_state(with(1, next.handler()));
  conn.wait_for(connection_state::feature_throttled, with(2, reach.handler()));
  conn.receive(with(3, one.handler()));
  conn.receive_batch(with(4, batch.handler()));
  conn.send("cancel me", with(5, sent.send_handler()));
  conn.ping(with(6, ping.handler()));
  const std::array all{&watched, &next, &reach, &one, &batch, &sent, &ping};
  s.in.settle();
  for (const auto* each : all) BOOST_REQUIRE(each->calls == 0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    signals[i].emit(net::cancellation_type::terminal);
    s.in.settle();
    for (std::size_t k = 0; k < all.size(); ++k) BOOST_TEST(all[k]->calls == (k <= i ? 1 : 0));
    BOOST_TEST(is_aborted(*all[i]));
  }
  BOOST_TEST((sent.delivered == delivery::in_doubt));
  BOOST_TEST((conn.status() == connection_state::connected));
  s.in.run_for(1min);  // and nothing of them comes back when the link is lost
  for (const auto* each : all) BOOST_TEST(each->calls == 1);
}

BOOST_AUTO_TEST_CASE(a_cancelled_connect_or_disconnect_stops_only_the_waiting) {
  scenario s;
  s.given.mode = connect_mode::manual;
  auto& conn = s.start();
  net::cancellation_signal signal;
  outcome connected;
  conn.connect(net::bind_cancellation_slot(signal.slot(), connected.handler()));
  s.in.settle();
  signal.emit(net::cancellation_type::terminal);
  s.in.settle();
  BOOST_TEST(is_aborted(connected));
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.network()->silence_links();  // so that the close takes its time
  outcome stopped;
  conn.disconnect(net::bind_cancellation_slot(signal.slot(), stopped.handler()));
  s.in.run_for(1s);
  BOOST_TEST(stopped.calls == 0);
  signal.emit(net::cancellation_type::terminal);
  s.in.settle();
  BOOST_TEST(is_aborted(stopped));
  s.in.run_for(10s);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_TEST(connected.calls == 1);
  BOOST_TEST(stopped.calls == 1);
}

BOOST_AUTO_TEST_CASE(cancelling_run_closes_as_close_does) {
  for (const bool as_coroutine : {true, false}) {
    scenario s;
    s.conn.emplace(s.in.executor(), s.given);
    net::cancellation_signal signal;
    std::optional<error_code> ended;
    if (as_coroutine) {
      net::co_spawn(s.in.executor(), s.conn->run(),
                    net::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& thrown) {
                      try {
                        if (thrown) std::rethrow_exception(thrown);
                        ended = error_code{};
                      } catch (const boost::system::system_error& e) {
                        ended = e.code();
                      }
                    }));
    } else {
      s.conn->run(net::bind_cancellation_slot(signal.slot(), [&](error_code ec) { ended = ec; }));
    }
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    std::shared_ptr<server_session> at_server;
    s.in.run_for(20s);
    signal.emit(net::cancellation_type::terminal);
    s.in.run_for(s.given.close_timeout);
    BOOST_REQUIRE(ended.has_value());
    BOOST_TEST((*ended == net::error::operation_aborted));
    BOOST_TEST(s.in.network()->open_links() == 0U);
    BOOST_TEST(s.conn->snapshot().final);
    outcome again;
    s.conn->run(again.handler());
    s.in.settle();
    BOOST_TEST(again.calls == 1);
    BOOST_TEST(again.ec.failed());
  }
}

// covers R34
BOOST_AUTO_TEST_CASE(whoever_closes_first_decides_how_run_ends) {
  for (const bool cancelled_first : {true, false}) {
    scenario s;
    s.conn.emplace(s.in.executor(), s.given);
    net::cancellation_signal signal;
    outcome ran;
    s.conn->run(net::bind_cancellation_slot(signal.slot(), ran.handler()));
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.network()->silence_links();  // so that it takes its time
    if (cancelled_first) signal.emit(net::cancellation_type::terminal);
    s.conn->close(net::detached);
    if (!cancelled_first) signal.emit(net::cancellation_type::terminal);
    s.in.run_for(1min);
    BOOST_TEST(ran.calls == 1);
    BOOST_TEST(ran.ec.failed() == cancelled_first);
    const auto why =
        cancelled_first ? error_code(net::error::operation_aborted) : make_error_code(error::closed);
    BOOST_TEST((s.conn->snapshot().reason.error == why));
  }
}

// covers R37
BOOST_AUTO_TEST_CASE(receivers_drain_the_inbox_and_then_hear_that_it_is_closed) {
  scenario s;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    for (int i = 0; i < 10; ++i) co_await session.send(std::to_string(i));
    co_await session.echo();
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  conn.close(net::detached);
  s.in.run_for(5s);
  BOOST_REQUIRE(s.run_ended.has_value());
  std::string received;
  error_code end;
  s.in.spawn([](connection& c, std::string& out, error_code& last) -> net::awaitable<void> {
    while (!last) {
      auto [ec, next] = co_await c.receive(net::as_tuple(net::use_awaitable));
      last = ec;
      out += next.payload;
    }
  }(conn, received, end));
  s.in.settle();
  BOOST_TEST(received == "0123456789");
  BOOST_TEST(end == make_error_code(error::closed));
}

BOOST_AUTO_TEST_SUITE_END()
