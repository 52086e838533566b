// Those who watch: cursors, waits for a state, snapshots; all of them see one sequence.
#include <array>
#include <cstdint>
#include <future>
#include <limits>
#include <thread>
#include <utility>

#include "observing.hpp"

namespace {

void refuse_until(scenario& s, std::uint64_t sequence) {
  s.in.network()->behave(server_at, port_behaviour::refuses);
  s.in.network()->reset_links();
  BOOST_REQUIRE(s.in.run_until([&] { return s.conn->snapshot().sequence >= sequence; }, 24h));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(observers)

BOOST_AUTO_TEST_CASE(the_first_item_of_a_watch_is_the_current_state_and_each_transition_follows) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  reading got;
  s.in.spawn(read_to_the_end(conn.watch(), got));
  s.in.settle();
  BOOST_TEST(trail(got.seen) == "2:connected");
  drop_after(s, 20s);
  BOOST_TEST(trail(got.seen) == "2:connected 3:disconnected 4:connecting 5:connected");
}

BOOST_AUTO_TEST_CASE(a_watch_from_before_the_first_transition_waits_for_it) {
  ended_wait first;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  auto watch = conn.watch();
  watch.next_state(first.handler());
  s.in.run_for(1min);
  BOOST_TEST(first.calls == 0);
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(first.calls == 1);
  BOOST_TEST(trail({first.change, take(s, watch)}) == "1:connecting 2:connected");
}

// covers R13
BOOST_AUTO_TEST_CASE(a_cursor_three_behind_yields_those_three_in_order) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  auto watch = conn.watch();
  take(s, watch);
  drop_after(s, 20s);
  const std::vector<observed_change> got{take(s, watch), take(s, watch), take(s, watch)};
  BOOST_TEST(trail(got) == "3:disconnected 4:connecting 5:connected");
  for (const auto& each : got) BOOST_TEST(each.missed == 0U);
}

// covers R13
BOOST_AUTO_TEST_CASE(a_cursor_as_far_behind_as_the_ring_is_long_misses_nothing) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  auto watch = conn.watch();
  const auto first = take(s, watch);
  refuse_until(s, first.sequence + state_ring_size);
  for (std::uint64_t i = 1; i <= state_ring_size; ++i) {
    const auto next = take(s, watch);
    BOOST_TEST(next.sequence == first.sequence + i);
    BOOST_TEST(next.missed == 0U);
  }
}

// covers R13
BOOST_AUTO_TEST_CASE(a_cursor_behind_the_ring_is_told_exactly_how_many_it_missed) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  auto watch = conn.watch();
  const auto first = take(s, watch);
  refuse_until(s, first.sequence + state_ring_size + 7);
  const auto next = take(s, watch);
  BOOST_TEST(next.missed == 7U);
  BOOST_TEST(next.sequence == first.sequence + 7 + 1);
  for (std::uint64_t i = 1; i < state_ring_size; ++i) {
    const auto later = take(s, watch);
    BOOST_TEST(later.sequence == next.sequence + i);
    BOOST_TEST(later.missed == 0U);
  }
  BOOST_TEST(next.sequence + state_ring_size - 1 == conn.snapshot().sequence);
}

// covers G44
BOOST_AUTO_TEST_CASE(waiters_cursors_and_callbacks_see_the_same_sequence) {
  std::array<reading, 2> asked;
  std::array<reading, 2> watched;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  const recorder called(conn);
  for (auto& each : asked) s.in.spawn(ask_to_the_end(conn, each));
  for (auto& each : watched) s.in.spawn(read_to_the_end(conn.watch(), each));
  s.in.settle();
  conn.run(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  drop_after(s, 20s);
  drop_after(s, 1s);
  conn.disconnect(net::detached);
  s.in.run_for(1s);
  conn.connect(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.close(net::detached);
  s.in.run_for(10s);
  const auto all = trail(called.changes());
  BOOST_TEST(called.changes().size() == 12U);
  for (const auto& each : asked) {
    BOOST_TEST(trail(each.seen) == all);
    BOOST_TEST((each.ended == error::closed));
  }
  for (const auto& each : watched) {
    BOOST_TEST(trail(each.seen) == all);
    BOOST_TEST((each.ended == error::closed));
  }
}

BOOST_AUTO_TEST_CASE(a_copied_watch_goes_its_own_way) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  auto watch = conn.watch();
  take(s, watch);
  auto copy = watch;
  drop_after(s, 20s);
  BOOST_TEST(take(s, watch).sequence == 3U);
  BOOST_TEST(take(s, watch).sequence == 4U);
  BOOST_TEST(take(s, copy).sequence == 3U);
  BOOST_TEST(take(s, watch).sequence == 5U);
  BOOST_TEST(take(s, copy).sequence == 4U);
}

// covers R13
BOOST_AUTO_TEST_CASE(next_state_after_a_number_yields_each_later_transition_although_it_is_asked_for_late) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const auto known = conn.snapshot().sequence;
  drop_after(s, 20s);
  std::vector<observed_change> got;
  for (auto last = known; last != conn.snapshot().sequence; last = got.back().sequence) {
    got.push_back(take(s, conn, last));
    BOOST_TEST(got.back().missed == 0U);
  }
  BOOST_TEST(trail(got) == "3:disconnected 4:connecting 5:connected");
  BOOST_TEST(trail({take(s, conn, 0)}) == "1:connecting");
}

// covers R13
BOOST_AUTO_TEST_CASE(next_state_after_a_number_that_the_ring_has_lost_says_how_many_are_missing) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const auto known = conn.snapshot().sequence;
  refuse_until(s, known + state_ring_size + 7);
  const auto oldest = take(s, conn, known);
  BOOST_TEST(oldest.missed == 7U);
  BOOST_TEST(oldest.sequence == known + 7 + 1);
  BOOST_TEST(take(s, conn, oldest.sequence).missed == 0U);
}

BOOST_AUTO_TEST_CASE(next_state_after_the_last_number_waits_for_the_next_one_and_ends_with_the_connection) {
  std::array<ended_wait, 3> waits;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.next_state(conn.snapshot().sequence, waits[0].handler());
  conn.next_state(4, waits[1].handler());
  conn.next_state(std::numeric_limits<std::uint64_t>::max(), waits[2].handler());
  s.in.run_for(20s);
  for (const auto& each : waits) BOOST_TEST(each.calls == 0);
  drop_after(s, 1s);
  BOOST_TEST(trail({waits[0].change, waits[1].change}) == "3:disconnected 5:connected");
  conn.close(net::detached);
  s.in.run_for(10s);
  BOOST_TEST(trail({take(s, conn, 5)}) == "6:disconnected");  // what is in the ring can still be read
  ended_wait late;
  conn.next_state(6, late.handler());
  s.in.settle();
  for (const auto* each : {&waits[2], &late}) {
    BOOST_TEST(each->calls == 1);
    BOOST_TEST((each->ec == error::closed));
  }
}

BOOST_AUTO_TEST_CASE(wait_for_the_state_that_is_completes_at_once) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  ended_wait wait;
  conn.wait_for(connection_state::connected, wait.handler());
  BOOST_TEST(wait.calls == 0);  // never from within the call
  s.in.settle();
  BOOST_TEST(wait.calls == 1);
  BOOST_TEST(!wait.ec);
  BOOST_TEST(wait.change.sequence == conn.snapshot().sequence);
}

BOOST_AUTO_TEST_CASE(wait_for_outlasts_failed_attempts) {
  scenario s;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  auto& conn = s.start();
  ended_wait wait;
  conn.wait_for(connection_state::connected, wait.handler());
  s.in.run_for(1min);
  BOOST_TEST(wait.calls == 0);
  s.in.network()->behave(server_at, port_behaviour::accepts);
  BOOST_REQUIRE(s.reaches(connection_state::connected, 1min));
  s.in.settle();
  BOOST_TEST(wait.calls == 1);
  BOOST_TEST(!wait.ec);
  BOOST_TEST((wait.change.to == connection_state::connected));
}

BOOST_AUTO_TEST_CASE(wait_for_fails_in_a_final_state_with_its_reason) {
  scenario s;
  s.backend.on_upgrade([](const http_head&) { return std::optional(http_answer{.status = 404}); });
  auto& conn = s.start();
  ended_wait before;
  conn.wait_for(connection_state::connected, before.handler());
  s.in.run_for(1s);
  ended_wait after;
  conn.wait_for(connection_state::connected, after.handler());
  s.in.settle();
  for (const auto* each : {&before, &after}) {
    BOOST_TEST(each->calls == 1);
    BOOST_TEST((each->ec == error::upgrade_refused));
    BOOST_TEST(each->change.final);
    BOOST_TEST(each->change.reason.http_status == 404U);
  }
}

BOOST_AUTO_TEST_CASE(wait_for_fails_after_disconnect_and_after_close) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  ended_wait throttled;
  conn.wait_for(connection_state::feature_throttled, throttled.handler());
  conn.disconnect(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(throttled.calls == 1);
  BOOST_TEST((throttled.ec == error::disconnect_requested));
  conn.connect(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.close(net::detached);
  s.in.run_for(1s);
  ended_wait connected;
  ended_wait disconnected;
  conn.wait_for(connection_state::connected, connected.handler());
  conn.wait_for(connection_state::disconnected, disconnected.handler());
  s.in.settle();
  BOOST_TEST(connected.calls == 1);
  BOOST_TEST((connected.ec == error::closed));
  BOOST_TEST(disconnected.calls == 1);
  BOOST_TEST(!disconnected.ec);
}

// covers R12
BOOST_AUTO_TEST_CASE(the_status_can_be_read_on_another_thread_while_the_strand_is_busy) {
  static_assert(noexcept(std::declval<const connection&>().status()));
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  std::thread reader;
  std::future_status answered{};
  connection_state status{};
  std::uint64_t sequence = 0;
  conn.add_connection_listener(
      "busy", {.on_connected = [&](const observed_change&) {
        std::promise<void> done;
        auto read = done.get_future();
        reader = std::thread([&conn, &status, &sequence, done = std::move(done)]() mutable {
          status = conn.status();
          sequence = conn.snapshot().sequence;
          done.set_value();
        });
        answered = read.wait_for(10s);  // the one thread of the world stands still here
      }});
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_REQUIRE(reader.joinable());
  reader.join();
  BOOST_TEST((answered == std::future_status::ready));
  BOOST_TEST((status == connection_state::connected));
  BOOST_TEST(sequence == 2U);
}

// covers R14
BOOST_AUTO_TEST_CASE(a_late_listener_sees_the_values_of_its_own_transition) {
  net::io_context later;
  std::vector<observed_change> late;
  scenario s;
  const peer_address second_at{net::ip::make_address("10.0.0.2"), 80};
  const server second(s.in, second_at);
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener(
      "late", {.on_state_change = [&late](const observed_change& change) { late.push_back(change); }},
      {.executor = later.get_executor()});
  const recorder live(conn);
  conn.run(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.network()->add_name("server", {second_at.address});
  drop_after(s, 20s);
  BOOST_TEST(late.empty());
  later.poll();
  BOOST_TEST(trail(late) == "1:connecting 2:connected 3:disconnected 4:connecting 5:connected");
  BOOST_REQUIRE(late.size() == live.changes().size());
  for (std::size_t i = 0; i < late.size(); ++i) {
    BOOST_TEST(late[i].peer == live.changes()[i].peer);
    BOOST_TEST((late[i].time == live.changes()[i].time));
    BOOST_TEST((late[i].retry_in == live.changes()[i].retry_in));
  }
  BOOST_TEST(late[1].peer == "10.0.0.1:80");
  BOOST_TEST((late[2].reason.error == net::error::connection_reset));
  BOOST_TEST(late[2].retry_in.has_value());
  BOOST_TEST(late[4].peer == "10.0.0.2:80");
  BOOST_TEST(!late[4].reason.error);
}

BOOST_AUTO_TEST_CASE(sequence_numbers_have_no_gap_and_the_snapshot_is_the_last_of_them) {
  scenario s;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    co_await session.echo_for(3s);
    co_await session.close(1001);
  });
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  const recorder seen(conn);
  conn.run(net::detached);
  for (int i = 0; i < 600; ++i) {
    if (i == 100) s.in.network()->behave(server_at, port_behaviour::refuses);
    if (i == 300) s.in.network()->behave(server_at, port_behaviour::accepts);
    if (i == 400) conn.disconnect(net::detached);
    if (i == 450) conn.connect(net::detached);
    s.in.run_for(100ms);
    BOOST_REQUIRE(!seen.changes().empty());
    BOOST_TEST(conn.snapshot().sequence == seen.changes().back().sequence);
    BOOST_TEST((conn.snapshot().time == seen.changes().back().time));
    BOOST_TEST((conn.status() == seen.changes().back().to));
  }
  BOOST_TEST(seen.changes().size() > 20U);
  state_change previous;
  for (const auto& each : seen.changes()) {
    BOOST_TEST(each.sequence == previous.sequence + 1);
    BOOST_TEST((each.from == previous.to));
    BOOST_TEST((each.time >= previous.time));
    BOOST_TEST(each.session >= previous.session);
    previous = each;
  }
}

BOOST_AUTO_TEST_SUITE_END()
