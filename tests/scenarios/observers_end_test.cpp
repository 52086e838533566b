// How observing ends: the connection is closed or destroyed, or the observer has had enough.
#include <array>
#include <memory>
#include <utility>

#include "observing.hpp"

BOOST_AUTO_TEST_SUITE(observers_end)

// covers R37
BOOST_AUTO_TEST_CASE(closing_wakes_every_waiter_once) {
  std::array<ended_wait, 2> next;
  ended_wait watched;
  ended_wait connected;
  int received = 0;
  error_code receive_ended;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.disconnect(net::detached);
  s.in.run_for(1s);  // so that close() brings no transition of its own
  auto watch = conn.watch();
  take(s, watch);
  for (auto& each : next) conn.next_state(each.handler());
  watch.next_state(watched.handler());
  conn.receive([&](error_code ec, const message&) {
    ++received;
    receive_ended = ec;
  });
  s.in.run_for(1min);
  for (const auto* each : {&next[0], &next[1], &watched}) BOOST_TEST(each->calls == 0);
  conn.close(net::detached);
  conn.connect(connected.handler());
  s.in.run_for(1min);
  for (const auto* each : {&next[0], &next[1], &watched, &connected}) {
    BOOST_TEST(each->calls == 1);
    BOOST_TEST((each->ec == error::closed));
  }
  BOOST_TEST(received == 1);
  BOOST_TEST((receive_ended == error::closed));
}

// covers R37
BOOST_AUTO_TEST_CASE(a_reader_drains_the_ring_and_is_then_told_that_it_is_closed) {
  reading got;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  auto watch = conn.watch();
  take(s, watch);
  drop_after(s, 20s);
  conn.close(net::detached);
  s.in.run_for(1min);
  s.in.spawn(read_to_the_end(watch, got));
  s.in.settle();
  BOOST_TEST(trail(got.seen) == "3:disconnected 4:connecting 5:connected 6:disconnected");
  BOOST_TEST((got.ended == error::closed));
}

// covers R37
BOOST_AUTO_TEST_CASE(a_watch_of_a_closed_connection_yields_the_last_state_and_ends) {
  reading got;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.close(net::detached);
  s.in.run_for(1min);
  s.in.spawn(read_to_the_end(conn.watch(), got));
  s.in.settle();
  BOOST_TEST(trail(got.seen) == "3:disconnected");
  BOOST_TEST((got.ended == error::closed));
}

// covers R37
BOOST_AUTO_TEST_CASE(closing_a_connection_that_never_ran_wakes_every_waiter) {
  ended_wait next;
  ended_wait connected;
  ended_wait later;
  ended_wait watched;
  std::optional<error_code> received;
  std::optional<error_code> closed;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.next_state(next.handler());
  conn.wait_for(connection_state::connected, connected.handler());
  conn.receive([&received](error_code ec, const message&) { received = ec; });
  conn.close([&closed](error_code ec) { closed = ec; });
  s.in.run_for(1min);
  conn.next_state(later.handler());
  auto watch = conn.watch();
  watch.next_state(watched.handler());
  s.in.settle();
  BOOST_TEST((closed == error_code{}));
  for (const auto* each : {&next, &connected, &later, &watched}) {
    BOOST_TEST(each->calls == 1);
    BOOST_TEST((each->ec == error::closed));
  }
  BOOST_TEST((received == error::closed));
}

// covers R37, G43
BOOST_AUTO_TEST_CASE(a_watch_outlives_the_connection) {
  ended_wait pending;
  reading got;
  scenario s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  auto behind = s.conn->watch();
  auto waiting = s.conn->watch();
  take(s, behind);
  drop_after(s, 20s);
  take(s, waiting);
  waiting.next_state(pending.handler());
  s.in.settle();
  s.conn.reset();
  BOOST_TEST(pending.calls == 0);  // a destructor does not call back
  s.in.run_for(1min);
  BOOST_TEST(pending.calls == 1);
  BOOST_TEST((pending.ec == net::error::operation_aborted));
  s.in.spawn(read_to_the_end(behind, got));
  s.in.settle();
  BOOST_REQUIRE(got.seen.size() >= 3U);
  got.seen.resize(3);
  BOOST_TEST(trail(got.seen) == "3:disconnected 4:connecting 5:connected");
  BOOST_TEST((got.ended == net::error::operation_aborted));
}

BOOST_AUTO_TEST_CASE(a_cancelled_wait_loses_nothing) {
  net::cancellation_signal stop;
  ended_wait cancelled;
  ended_wait other;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  auto watch = conn.watch();
  take(s, watch);
  watch.next_state(net::bind_cancellation_slot(stop.slot(), cancelled.handler()));
  conn.next_state(other.handler());
  s.in.run_for(20s);
  stop.emit(net::cancellation_type::terminal);
  s.in.settle();
  BOOST_TEST(cancelled.calls == 1);
  BOOST_TEST((cancelled.ec == net::error::operation_aborted));
  BOOST_TEST(other.calls == 0);
  drop_after(s, 1s);
  BOOST_TEST(trail({take(s, watch), take(s, watch), take(s, watch)}) ==
             "3:disconnected 4:connecting 5:connected");
  BOOST_TEST(other.calls == 1);
  BOOST_TEST(trail({other.change}) == "3:disconnected");
}

BOOST_AUTO_TEST_CASE(a_cancel_that_comes_after_the_transition_does_not_swallow_it) {
  net::cancellation_signal stop;
  ended_wait first;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  auto watch = conn.watch();
  watch.next_state(net::bind_cancellation_slot(stop.slot(), first.handler()));
  stop.emit(net::cancellation_type::terminal);  // it has its value, which is on its way
  s.in.settle();
  BOOST_TEST(first.calls == 1);
  BOOST_TEST(!first.ec);
  BOOST_TEST(trail({first.change}) == "2:connected");
  drop_after(s, 20s);
  BOOST_TEST(take(s, watch).sequence == 3U);
}

BOOST_AUTO_TEST_CASE(a_coroutine_that_is_cancelled_at_a_wait_leaves_its_cursor_where_it_is) {
  net::cancellation_signal stop;
  reading got;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  auto watch = conn.watch();
  take(s, watch);
  // The coroutine reads through the cursor of this watch, not of a copy.
  net::co_spawn(
      s.in.executor(),
      [](state_watch& of, reading& out) -> net::awaitable<void> {
        for (;;) out.seen.push_back(co_await of.next_state());
      }(watch, got),
      net::bind_cancellation_slot(stop.slot(), [&got](const std::exception_ptr& thrown) {
        try {
          if (thrown) std::rethrow_exception(thrown);
        } catch (const boost::system::system_error& e) {
          got.ended = e.code();
        }
      }));
  drop_after(s, 20s);
  stop.emit(net::cancellation_type::terminal);
  s.in.settle();
  BOOST_TEST(trail(got.seen) == "3:disconnected 4:connecting 5:connected");
  BOOST_TEST((got.ended == net::error::operation_aborted));
  drop_after(s, 20s);
  BOOST_TEST(take(s, watch).sequence == 6U);
}

BOOST_AUTO_TEST_CASE(every_wait_honours_a_cancel_that_follows_its_start_at_once) {
  std::array<net::cancellation_signal, 6> stop;
  std::array<std::optional<error_code>, 6> ended;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.network()->silence_links();  // nobody answers the ping, nor the close frame
  auto watch = conn.watch();
  take(s, watch);
  const auto bound = [&](std::size_t i) {
    return net::bind_cancellation_slot(stop[i].slot(),
                                       [&ended, i](error_code ec, const auto&...) { ended[i] = ec; });
  };
  watch.next_state(bound(0));
  conn.next_state(bound(1));
  conn.wait_for(connection_state::feature_throttled, bound(2));
  conn.receive(bound(3));
  conn.ping(bound(4));
  conn.disconnect(bound(5));
  for (auto& each : stop) each.emit(net::cancellation_type::terminal);
  s.in.settle();
  for (std::size_t i = 0; i < ended.size(); ++i) {
    BOOST_TEST_CONTEXT("operation " << i) {
      BOOST_TEST((ended[i] == make_error_code(net::error::operation_aborted)));
    }
  }
}

// covers R34
BOOST_AUTO_TEST_CASE(a_ping_in_the_turn_in_which_the_session_ends_completes) {
  int calls = 0;
  error_code ended;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.network()->silence_links();
  conn.disconnect(net::detached);
  const auto session_ends = s.in.now() + s.given.close_timeout;
  s.in.run_for(1s);
  timer at_the_end(s.in.executor());
  at_the_end.async_wait_until(session_ends, [&](error_code) {
    conn.ping([&](error_code ec, clock::duration) {
      ++calls;
      ended = ec;
    });
  });
  s.in.run_for(1min);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_TEST(calls == 1);
  BOOST_TEST(!!ended);
}

// covers R34
BOOST_AUTO_TEST_CASE(disconnect_completes_although_connect_follows_at_once) {
  for (const auto span : {0ms, 2ms, 5000ms}) {  // resolving or connecting, upgrading, connected
    std::optional<clock::time_point> settled;
    scenario s;
    auto& conn = s.start();
    s.in.run_for(span);
    const auto asked = s.in.now();
    conn.disconnect([&](error_code) { settled = clock::now(); });
    conn.connect(net::detached);
    s.in.run_for(1min);
    BOOST_TEST_CONTEXT("after " << span.count() << " ms") {
      BOOST_TEST(settled.has_value());
      BOOST_TEST((settled && *settled - asked <= s.given.close_timeout));
      BOOST_TEST((conn.status() == connection_state::connected));
      BOOST_TEST(s.in.network()->most_open_links() == 1U);
    }
  }
}

// covers R21
BOOST_AUTO_TEST_CASE(a_world_that_ends_frees_a_connection_that_was_open) {
  const auto held = std::make_shared<int>(0);
  {
    scenario s;
    s.given.log = [held](log_level, std::string_view) {};  // lives as long as the actor
    auto& conn = s.conn.emplace(s.in.executor(), std::exchange(s.given, {}));
    conn.next_state([held](error_code, const observed_change&) {});
    conn.run([held](error_code) {});
    s.in.run_for(5s);
    BOOST_REQUIRE((conn.status() == connection_state::connected));
  }
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
