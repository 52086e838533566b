// Listeners across threads and lifetimes: removal that waits, callbacks that block, handles that go away.
#include <malloc.h>

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "scenario.hpp"

BOOST_AUTO_TEST_SUITE(listener_lifetime)

namespace {

using callback = std::function<void(const observed_change&)>;

connection_listener every_change(callback call) { return {.on_state_change = std::move(call)}; }

// A callback that stands still until it is let go, on a thread of its own.
class blocker {
 public:
  blocker() = default;
  blocker(const blocker&) = delete;
  blocker& operator=(const blocker&) = delete;
  ~blocker() { let_go(); }

  // The first call blocks.
  connection_listener callbacks() {
    return every_change([this](const observed_change& change) {
      missed_ += change.missed;
      if (calls_++ != 0) return;
      entered_.set_value();
      gate_.get_future().wait();
      left_ = true;
    });
  }
  listener_options how() { return {.executor = thread_.get_executor()}; }

  bool entered() { return entered_.get_future().wait_for(10s) == std::future_status::ready; }
  void let_go() {
    if (!open_.exchange(true)) gate_.set_value();
  }
  void finish() {
    let_go();
    thread_.join();
  }
  [[nodiscard]] bool left() const { return left_; }
  [[nodiscard]] int calls() const { return calls_; }
  [[nodiscard]] std::uint64_t missed() const { return missed_; }

 private:
  std::promise<void> entered_;
  std::promise<void> gate_;
  std::atomic<bool> open_{false};
  std::atomic<bool> left_{false};
  std::atomic<int> calls_{0};
  std::atomic<std::uint64_t> missed_{0};
  net::thread_pool thread_{1};
};

std::size_t bytes_in_use() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Starts `s`, and adds to its connection a callback that runs `act` when it is connected.
void when_connected(scenario& s, callback act) {
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("acts", {.on_connected = std::move(act)});
  conn.run([&s](error_code ec) { s.run_ended = ec; });
  s.in.run_for(5s);
}

}  // namespace

// covers R19
BOOST_AUTO_TEST_CASE(removing_from_another_thread_waits_for_the_running_callback) {
  blocker slow;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("slow", slow.callbacks(), slow.how());
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_REQUIRE(slow.entered());
  bool left_when_removed = false;
  int calls_when_removed = 0;
  auto removed = std::async(std::launch::async, [&] {
    conn.remove_connection_listener("slow");
    left_when_removed = slow.left();
    calls_when_removed = slow.calls();
  });
  BOOST_TEST((removed.wait_for(20ms) == std::future_status::timeout));
  slow.let_go();
  BOOST_REQUIRE((removed.wait_for(10s) == std::future_status::ready));
  BOOST_TEST(left_when_removed);
  s.in.network()->reset_links();
  s.in.run_for(1min);
  slow.finish();
  BOOST_TEST(slow.calls() == calls_when_removed);  // 2 if the thread was slower than the 20 ms
}

// covers R19, G43
BOOST_AUTO_TEST_CASE(destroying_the_handle_waits_for_a_callback_that_runs_on_another_thread) {
  blocker slow;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("slow", slow.callbacks(), slow.how());
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_REQUIRE(slow.entered());
  auto later = std::async(std::launch::async, [&slow] { slow.let_go(); });
  s.conn.reset();
  BOOST_TEST(slow.left());
  const auto calls = slow.calls();  // it may have been let go before the handle went
  s.in.run_for(1min);
  slow.finish();
  BOOST_TEST(slow.calls() == calls);
}

// covers R20, G45
BOOST_AUTO_TEST_CASE(a_listener_that_blocks_delays_neither_pongs_nor_other_listeners) {
  blocker slow;
  std::vector<std::string> seen;
  std::string answer;
  scenario s;
  s.given.heartbeat = {.ping_interval = 1s, .pong_deadline = 1s};
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("slow", slow.callbacks(), slow.how());
  const recorder other(conn);
  conn.run(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_REQUIRE(slow.entered());
  conn.send("hello", net::detached);
  conn.receive([&answer](error_code, message got) { answer = std::move(got.payload); });
  s.in.run_for(5min);
  BOOST_TEST(other.states() == "connecting connected");  // pings go out and are answered: nothing is lost
  BOOST_TEST(s.backend.sessions() == 1U);
  BOOST_TEST(answer == "hello");
  s.in.network()->reset_links();
  s.in.run_for(10s);
  BOOST_TEST(other.states() == "connecting connected disconnected connecting connected");
  BOOST_TEST(slow.calls() == 1);
  slow.let_go();
  BOOST_TEST(conn.remove_connection_listener("slow"));
  slow.finish();
}

// covers G45
BOOST_AUTO_TEST_CASE(a_slow_listener_is_told_how_many_transitions_it_missed) {
  net::io_context slow;
  std::uint64_t seen = 0;
  std::uint64_t missed = 0;
  std::uint64_t last = 0;
  scenario s;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("slow", every_change([&](const observed_change& change) {
                                 BOOST_TEST(change.sequence == last + change.missed + 1);
                                 last = change.sequence;
                                 missed += change.missed;
                                 ++seen;
                               }),
                               {.executor = slow.get_executor()});
  conn.run(net::detached);
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().sequence == state_ring_size + 11; }, 24h));
  BOOST_TEST(seen == 0U);
  slow.poll();
  BOOST_TEST(seen == state_ring_size);
  BOOST_TEST(missed == 11U);
}

// covers R18
BOOST_AUTO_TEST_CASE(a_callback_may_send) {
  std::string answer;
  delivery outcome_of_send{};
  scenario s;
  when_connected(s, [&](const observed_change&) {
    s.conn->send("from inside", [&](send_result result) { outcome_of_send = result.outcome; });
    s.conn->receive([&](error_code, message got) { answer = std::move(got.payload); });
  });
  BOOST_TEST((outcome_of_send == delivery::written));
  BOOST_TEST(answer == "from inside");
}

// covers R18, R20
BOOST_AUTO_TEST_CASE(a_callback_may_disconnect_and_connect_again) {
  scenario s;
  int left = 3;
  when_connected(s, [&](const observed_change&) {
    if (left-- == 0) return;
    s.conn->disconnect([&](error_code) { s.conn->connect(net::detached); });
  });
  s.in.run_for(1min);
  BOOST_TEST(left == -1);
  BOOST_TEST(s.backend.sessions() == 4U);
  BOOST_TEST((s.conn->status() == connection_state::connected));
  BOOST_TEST(s.in.network()->most_open_links() == 1U);
}

// covers R18
BOOST_AUTO_TEST_CASE(a_callback_may_close) {
  scenario s;
  when_connected(s, [&](const observed_change&) { s.conn->close(net::detached); });
  BOOST_TEST((s.run_ended == error_code{}));
  BOOST_TEST((s.conn->status() == connection_state::disconnected));
  BOOST_TEST(s.in.network()->open_links() == 0U);
}

// covers R18, G43
BOOST_AUTO_TEST_CASE(a_callback_may_destroy_the_handle) {
  int others = 0;
  bool destroyed = false;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("destroys", {.on_connected =
                                                [&](const observed_change&) {
                                                  s.conn.reset();
                                                  destroyed = true;
                                                },
                                            .on_state_change =
                                                [&](const observed_change&) {
                                                  // Part of the same transition, but the handle is gone.
                                                  BOOST_TEST(!destroyed);
                                                }});
  conn.add_connection_listener("other", {.on_connected = [&](const observed_change&) { ++others; }});
  conn.run([&s](error_code ec) { s.run_ended = ec; });
  s.in.run_for(1min);
  BOOST_TEST(destroyed);
  BOOST_TEST(others == 0);
  BOOST_TEST((s.run_ended == error_code(net::error::operation_aborted)));
  BOOST_TEST(s.in.network()->open_links() == 0U);
}

// covers R21
BOOST_AUTO_TEST_CASE(dropping_the_handle_frees_everything_although_callbacks_refer_to_it) {
  for (const auto span :
       {0ms, 1ms, 3ms, 5000ms}) {  // not begun, resolving or connecting, upgrading, connected
    const auto held = std::make_shared<int>(0);
    scenario s;
    s.given.log = [held](log_level, std::string_view) {};  // lives as long as the actor
    auto& conn = s.conn.emplace(s.in.executor(), std::exchange(s.given, {}));
    conn.add_connection_listener("refers", every_change([&conn, held](const observed_change&) {
                                   *held += conn.status() == connection_state::connected;
                                 }));
    conn.add_connection_listener("elsewhere", every_change([&conn, held](const observed_change&) {
                                   *held += conn.status() == connection_state::connected;
                                 }),
                                 {.executor = s.in.executor()});
    conn.next_state([held](error_code, const observed_change&) {});
    conn.receive([held](error_code, const message&) {});
    conn.run([held](error_code) {});
    s.in.run_for(span);
    BOOST_TEST(held.use_count() > 1);
    s.conn.reset();
    s.in.run_for(1min);
    BOOST_TEST_CONTEXT("after " << span.count() << " ms") { BOOST_TEST(held.use_count() == 1); }
  }
}

// covers R18, R21
BOOST_AUTO_TEST_CASE(a_callback_that_holds_the_last_reference_to_the_handle_may_remove_itself,
                     *boost::unit_test::timeout(20)) {
  bool called = false;
  scenario s;
  auto conn = std::make_shared<connection>(s.in.executor(), s.given);
  conn->add_connection_listener("owner", {.on_connected = [conn, &called](const observed_change&) {
                                  called = true;
                                  conn->remove_connection_listener("owner");
                                }});
  conn->run([&s](error_code ec) { s.run_ended = ec; });
  conn.reset();
  s.in.run_for(1min);
  BOOST_TEST(called);
  BOOST_TEST((s.run_ended == error_code(net::error::operation_aborted)));
  BOOST_TEST(s.in.network()->open_links() == 0U);
}

// covers R35
BOOST_AUTO_TEST_CASE(listeners_that_come_and_go_on_executors_of_their_own_do_not_grow_memory) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const auto come_and_go = [&] {
    for (int i = 0; i < 5000; ++i) {
      conn.add_connection_listener("guest", every_change([](const observed_change&) {}),
                                   {.executor = s.in.executor()});
      conn.remove_connection_listener("guest");
    }
    s.in.settle();
    return bytes_in_use();
  };
  const auto before = come_and_go();
  BOOST_TEST(come_and_go() < before + 16 * 1024);
}

// What a callback holds may have a destructor that asks the connection something.
BOOST_AUTO_TEST_CASE(what_a_removed_callback_held_is_destroyed_outside_of_any_lock,
                     *boost::unit_test::timeout(20)) {
  std::uint64_t asked = 0;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::shared_ptr<int> held(new int(0), [&](const int* value) {
    delete value;
    asked = conn.snapshot().sequence;
  });
  conn.add_connection_listener("holds", every_change([held](const observed_change&) {}));
  held.reset();
  conn.remove_connection_listener("holds");
  BOOST_TEST(asked == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
