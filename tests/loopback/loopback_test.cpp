// The whole way through the kernel: connect, carry, lose, come back, close.

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "loopback.hpp"

BOOST_AUTO_TEST_SUITE(real_sockets)

namespace {

net::awaitable<void> echo_until_told_to_drop(server_session& session) {
  while (auto next = co_await session.receive()) {
    if (next->payload == "drop") co_return session.drop();
    co_await session.send(next->payload, next->kind);
  }
}

// Sends `payload`, and leaves in `answer` what comes back.
net::awaitable<void> round_trip(connection& conn, std::string payload, message_kind kind,
                                std::optional<message>& answer) {
  const auto sent = co_await conn.send(payload, {.kind = kind});
  BOOST_TEST(sent.ok());
  answer = co_await conn.receive();
}

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>((i * 7 + i / 251) & 0xFFU);
  return out;
}

void rethrow(const std::exception_ptr& thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace

BOOST_AUTO_TEST_CASE(text_binary_and_a_large_message_come_back_as_they_were) {
  loopback here;
  here.given.limits.outbound_bytes = 8U << 20U;
  connection conn(here.io, here.given);
  conn.run(net::detached);
  BOOST_REQUIRE(here.reaches(conn, connection_state::connected));
  BOOST_TEST(conn.snapshot().peer == "127.0.0.1:" + std::to_string(here.port.number()));
  const std::vector<std::pair<std::string, message_kind>> payloads{
      {"gr\xC3\xBC\xC3\x9F", message_kind::text},
      {"", message_kind::text},
      {pattern(1000), message_kind::binary},
      {pattern(4U << 20U), message_kind::binary}};
  for (const auto& [payload, kind] : payloads) {
    std::optional<message> answer;
    net::co_spawn(here.io, round_trip(conn, payload, kind, answer), rethrow);
    BOOST_REQUIRE(here.run_until([&] { return answer.has_value(); }));
    BOOST_TEST((answer->kind == kind));
    BOOST_TEST((answer->payload == payload));
  }
}

// covers R40
BOOST_AUTO_TEST_CASE(a_flood_that_nobody_receives_yet_arrives_whole_and_in_order) {
  constexpr int count = 20'000;
  loopback here;
  here.backend.on_session([](server_session& session) -> net::awaitable<void> {
    for (int i = 0; i < count; ++i) co_await session.send(std::to_string(i) + std::string(500, '.'));
    co_await session.echo();
  });
  connection conn(here.io, here.given);
  conn.run(net::detached);
  BOOST_REQUIRE(here.reaches(conn, connection_state::connected));
  std::optional<clock::duration> answered;
  int received = 0;
  bool in_order = true;
  net::co_spawn(
      here.io,
      [](connection& from, int& next, bool& ordered) -> net::awaitable<void> {
        while (next != count) {
          const auto got = co_await from.receive();
          ordered = ordered && got.payload.starts_with(std::to_string(next++) + '.');
        }
      }(conn, received, in_order),
      rethrow);
  BOOST_REQUIRE(here.run_until([&] { return received == count; }));
  conn.ping([&answered](error_code, clock::duration round_trip_time) { answered = round_trip_time; });
  BOOST_REQUIRE(here.run_until([&] { return answered.has_value(); }));
  BOOST_TEST(in_order);
  BOOST_TEST(conn.snapshot().sequence == 2U);
}

// covers G4
BOOST_AUTO_TEST_CASE(a_dropped_session_comes_back) {
  loopback here;
  here.backend.on_session(echo_until_told_to_drop);
  connection conn(here.io, here.given);
  std::string seen;
  conn.add_connection_listener("seen", {.on_state_change = [&seen](const observed_change& change) {
                                 seen += std::string(to_string(change.to)) + ' ';
                               }});
  conn.run(net::detached);
  BOOST_REQUIRE(here.reaches(conn, connection_state::connected));
  conn.send("drop", net::detached);
  BOOST_REQUIRE(here.run_until([&] { return conn.snapshot().sequence >= 5; }));
  BOOST_REQUIRE(here.reaches(conn, connection_state::connected));
  std::optional<message> answer;
  net::co_spawn(here.io, round_trip(conn, "again", message_kind::text, answer), rethrow);
  BOOST_REQUIRE(here.run_until([&] { return answer.has_value(); }));
  BOOST_TEST(answer->payload == "again");
  BOOST_TEST(seen == "connecting connected disconnected connecting connected ");
  BOOST_TEST(here.backend.sessions() == 2U);
}

// covers G5
BOOST_AUTO_TEST_CASE(a_port_that_is_shut_refuses_and_one_that_reopens_is_found_again) {
  loopback here;
  here.backend.on_session(echo_until_told_to_drop);
  connection conn(here.io, here.given);
  int refused = 0;
  conn.add_connection_listener("refused", {.on_connection_error = [&refused](const observed_change& change) {
                                 if (change.reason.error != net::error::connection_refused) return;
                                 ++refused;
                                 BOOST_TEST((change.reason.at == stage::connect));
                                 BOOST_TEST(change.retry_in.has_value());
                               }});
  conn.run(net::detached);
  BOOST_REQUIRE(here.reaches(conn, connection_state::connected));
  here.port.shut();
  conn.send("drop", net::detached);
  BOOST_REQUIRE(here.run_until([&] { return refused >= 3; }));
  here.port.reopen();
  BOOST_REQUIRE(here.reaches(conn, connection_state::connected));
  BOOST_TEST(here.backend.sessions() == 2U);
}

// covers G10
BOOST_AUTO_TEST_CASE(close_completes_and_run_returns) {
  loopback here;
  connection conn(here.io, here.given);
  std::optional<error_code> run_ended;
  std::optional<error_code> closed;
  conn.run([&](error_code ec) { run_ended = ec; });
  BOOST_REQUIRE(here.reaches(conn, connection_state::connected));
  conn.close([&](error_code ec) { closed = ec; });
  BOOST_REQUIRE(here.run_until([&] { return closed && run_ended; }));
  BOOST_TEST(!*closed);
  BOOST_TEST(!*run_ended);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_REQUIRE(here.run_until([&] { return here.backend.open_sessions() == 0; }));
  BOOST_TEST(here.backend.accepted() == 1U);
}

BOOST_AUTO_TEST_CASE(a_program_of_callbacks_needs_no_coroutine) {
  loopback here;
  std::promise<std::string> answer;
  std::promise<delivery> sent;
  std::atomic<bool> called{false};
  connection conn(here.io, here.given);
  conn.add_connection_listener("program", {.on_connected = [&](const observed_change&) {
                                 called = true;
                                 conn.receive([&](error_code ec, message got) {
                                   answer.set_value(ec ? ec.message() : std::move(got.payload));
                                 });
                                 conn.send("hello",
                                           [&](send_result result) { sent.set_value(result.outcome); });
                               }});
  conn.run(net::detached);
  std::thread worker([&here] { here.io.run_for(patience); });
  auto answered = answer.get_future();
  const auto answer_came = answered.wait_for(patience);
  std::future<void> closed = conn.close(net::use_future);
  const auto close_came = closed.wait_for(patience);
  here.io.stop();
  worker.join();
  BOOST_TEST(called.load());
  BOOST_REQUIRE((answer_came == std::future_status::ready));
  BOOST_REQUIRE((close_came == std::future_status::ready));
  BOOST_TEST(answered.get() == "hello");
  BOOST_TEST((sent.get_future().get() == delivery::written));
  BOOST_CHECK_NO_THROW(closed.get());
  BOOST_TEST((conn.status() == connection_state::disconnected));
}

// covers R21
BOOST_AUTO_TEST_CASE(a_context_that_is_destroyed_without_running_on_frees_a_connection_that_was_open) {
  const auto held = std::make_shared<int>(0);
  {
    loopback here;
    here.given.log = [held](log_level, std::string_view) {};  // lives as long as the actor
    here.given.watch_network = true;
    connection conn(here.io, std::exchange(here.given, {}));
    conn.next_state([held](error_code, const observed_change&) {});
    conn.receive([held](error_code, const message&) {});
    conn.run([held](error_code) {});
    BOOST_REQUIRE(here.reaches(conn, connection_state::connected));
  }
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(a_watcher_of_the_network_keeps_nothing_and_nobody_when_it_has_ended) {
  const auto held = std::make_shared<int>(0);
  for (const bool begins : {true, false}) {
    for (const bool runs_on : {true, false}) {
      net::io_context io;
      {
        const network_watcher watcher(io.get_executor(), [held] {});
        if (begins) io.poll();
      }
      if (runs_on) io.run();  // comes to an end
    }
  }
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(a_moved_watcher_replaces_the_other) {
  const auto first = std::make_shared<int>(0);
  const auto second = std::make_shared<int>(0);
  net::io_context io;
  network_watcher watcher(io.get_executor(), [first] {});
  io.poll();
  watcher = network_watcher(io.get_executor(), [second] {});
  io.poll();
  BOOST_TEST(first.use_count() == 1);
  BOOST_TEST(second.use_count() == 2);
}

// The timer and the watcher that connections share are there only while one of them runs.
BOOST_AUTO_TEST_CASE(a_context_has_nothing_left_to_do_when_the_last_run_has_returned) {
  loopback here;
  here.given.watch_network = true;
  connection first(here.io, here.given);
  connection second(here.io, here.given);
  first.run(net::detached);
  second.run(net::detached);
  BOOST_REQUIRE(here.reaches(first, connection_state::connected));
  BOOST_REQUIRE(here.reaches(second, connection_state::connected));
  here.port.shut();
  first.close(net::detached);
  second.close(net::detached);
  BOOST_TEST(here.run_until([&] {
    here.io.restart();
    return here.io.poll() == 0 && here.io.stopped();
  }));
}

BOOST_AUTO_TEST_CASE(a_message_that_could_have_waited_for_an_hour_does_not_keep_the_context) {
  loopback here;
  connection conn(here.io, here.given);
  conn.run(net::detached);
  here.port.shut();
  conn.send("waits", {.when_offline = offline_rule::wait, .time_to_live = 1h}, net::detached);
  here.io.poll();
  conn.close(net::detached);
  BOOST_TEST(here.run_until([&] {
    here.io.restart();
    return here.io.poll() == 0 && here.io.stopped();
  }));
}

BOOST_AUTO_TEST_SUITE_END()
