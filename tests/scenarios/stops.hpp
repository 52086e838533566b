// Stopping at every moment of an attempt: whatever is under way ends at once, and whatever waits completes
// once.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "scenario.hpp"

enum class stop_way { close, disconnect, cancel, destroy };

namespace stops {

// Runs `act` at `when`, `hops` handlers after what else happens in that instant.
inline net::awaitable<void> inject(clock::time_point when, int hops, std::function<void()> act) {
  const auto executor = co_await net::this_coro::executor;
  timer wait(executor);
  co_await wait.async_wait_until(when, net::use_awaitable);
  for (int i = 0; i < hops; ++i) co_await net::post(executor, net::use_awaitable);
  act();
}

// What a program may be waiting for.
struct waiters {
  explicit waiters(connection& on) {
    on.connect(connected.handler());
    on.wait_for(connection_state::connected, reached.handler());
    on.receive(received.handler());
  }
  outcome connected, reached, received;
};

}  // namespace stops

// Starts the connection of `s` and stops it at `when`. Returns whether an attempt was under way then.
inline bool check_stop(scenario& s, stop_way how, clock::duration when, int hops) {
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  const recorder seen(conn);
  stops::waiters waiting(conn);
  net::cancellation_signal signal;
  outcome stopped, ran;
  bool was_connecting = false;
  conn.run(net::bind_cancellation_slot(signal.slot(), ran.handler()));
  const auto asked = s.in.now() + when;
  s.in.spawn(stops::inject(asked, hops, [&] {
    was_connecting = conn.status() == connection_state::connecting;
    if (how == stop_way::close) conn.close(stopped.handler());
    if (how == stop_way::disconnect) conn.disconnect(stopped.handler());
    if (how == stop_way::cancel) signal.emit(net::cancellation_type::terminal);
    if (how == stop_way::destroy) s.conn.reset();
  }));
  s.in.run_for(when);
  s.in.settle();
  // A command that comes when the session is there, but not yet published, finds it open.
  was_connecting = was_connecting && seen.count(connection_state::connected) == 0;
  const bool answers = how == stop_way::close || how == stop_way::disconnect;
  if (was_connecting) {
    BOOST_TEST(stopped.calls == (answers ? 1 : 0));
    BOOST_TEST(ran.calls == (how == stop_way::disconnect ? 0 : 1));
    BOOST_TEST(s.in.network()->open_links() <= 2U);  // those of a box in the middle, which hears of it later
  }
  s.in.run_for(10s);
  BOOST_TEST(stopped.calls == (answers ? 1 : 0));
  BOOST_TEST(!stopped.ec);
  BOOST_TEST(ran.calls == (how == stop_way::disconnect ? 0 : 1));
  if (was_connecting && answers) BOOST_TEST((stopped.at == asked));
  if (s.conn) BOOST_TEST(s.conn->snapshot().final);
  BOOST_TEST(s.in.network()->open_links() == 0U);
  const auto dials = s.in.network()->connect_count();
  s.in.run_for(1min);
  BOOST_TEST(s.in.network()->connect_count() == dials);
  s.conn.reset();
  s.in.settle();
  for (const auto* each : {&waiting.connected, &waiting.reached, &waiting.received, &ran})
    BOOST_TEST(each->calls == 1);
  return was_connecting;
}
