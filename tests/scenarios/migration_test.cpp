// From one socket to the next without a break: what observers see, and that no message is lost or overtaken.
#include <deque>
#include <string>
#include <vector>

#include "line_protocol.hpp"
#include "received.hpp"

BOOST_AUTO_TEST_SUITE(moving)

namespace {

// Answers each message with a number of its own, and keeps what it gets, over all of its sessions.
struct counting_server {
  explicit counting_server(scenario& s) {
    s.backend.on_session([this](server_session& session) { return answer(session); });
  }
  net::awaitable<void> answer(server_session& session) {
    const auto number = ++sessions;
    while (auto next = co_await session.receive()) {
      got.push_back(std::move(next->payload));
      by.push_back(number);
      co_await session.send(std::to_string(answers++));
    }
  }
  int sessions = 0;
  int answers = 0;
  std::vector<std::string> got{};
  std::vector<int> by{};  // which session got it
};

std::vector<std::string> numbers(std::size_t count) {
  std::vector<std::string> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(std::to_string(i));
  return out;
}

// A message every few milliseconds.
net::awaitable<void> chatter(connection& conn, std::size_t count, std::deque<outcome>& sent) {
  timer pace(co_await net::this_coro::executor);
  for (std::size_t i = 0; i < count; ++i) {
    conn.send(std::to_string(i), sent.emplace_back().send_handler());
    co_await pace.async_wait_until(clock::now() + 3ms, net::deferred);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(credentials_that_a_move_was_refused_with_are_not_shown_again) {
  scenario s;
  std::vector<bool> refused;
  s.given.provider = [&](const credential_request& ask) -> net::awaitable<credentials> {
    refused.push_back(ask.refused);
    co_return credentials{.token = "t"};
  };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.backend.on_upgrade([](const http_head&) { return http_answer{.status = 401}; });
  outcome moved;
  conn.migrate(moved.handler());
  s.in.run_for(1s);
  BOOST_TEST(moved.ec == make_error_code(error::unauthorized));
  s.backend.on_upgrade([](const http_head&) { return std::optional<http_answer>(); });
  s.in.network()->reset_links();
  s.in.run_for(10s);
  BOOST_TEST((conn.status() == connection_state::connected));
  BOOST_TEST((refused == std::vector<bool>{false, false, true}));
}

// covers R45
BOOST_AUTO_TEST_CASE(nothing_but_connected_is_seen_and_no_message_is_lost_or_overtaken) {
  scenario s;
  counting_server at(s);
  auto& conn = s.start();
  recorder seen(conn);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::vector<std::string> received;
  std::deque<outcome> sent;
  net::co_spawn(s.in.executor(), receive_into(conn, received), net::detached);
  net::co_spawn(s.in.executor(), chatter(conn, 100, sent), net::detached);
  s.in.run_for(100ms);
  outcome moved;
  conn.migrate(moved.handler());
  s.in.run_for(10s);
  BOOST_TEST(moved.calls == 1);
  BOOST_TEST(!moved.ec);
  BOOST_TEST((at.got == numbers(100)));
  BOOST_TEST((received == numbers(100)));
  BOOST_TEST(at.by.front() == 1);
  BOOST_TEST(at.by.back() == 2);
  for (const auto& each : sent) BOOST_TEST((each.calls == 1 && each.delivered == delivery::written));
  BOOST_TEST(seen.states() == "connected connected");
  BOOST_TEST(seen.changes().back().session == 2u);
  BOOST_TEST(s.in.network()->most_open_links() == 2u);
  BOOST_TEST(s.in.network()->open_links() == 1u);
}

// covers R45
BOOST_AUTO_TEST_CASE(what_the_old_socket_has_been_given_leaves_by_it_before_it_is_closed) {
  scenario s;
  int sessions = 0;
  std::string got;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    const auto number = ++sessions;
    if (number == 1) co_await session.stop_reading_for(2s);
    while (auto next = co_await session.receive()) got += std::to_string(number) + next->payload.front();
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::deque<outcome> sent(6);
  const auto send = [&](std::size_t i) {
    conn.send(std::string(60'000, static_cast<char>('a' + i)), sent[i].send_handler());
  };
  for (std::size_t i = 0; i < 4; ++i) send(i);  // more than the link holds
  s.in.run_for(100ms);
  outcome moved;
  conn.migrate(moved.handler());
  s.in.run_for(100ms);
  for (std::size_t i = 4; i < 6; ++i) send(i);
  s.in.run_for(10s);
  BOOST_TEST(!moved.ec);
  BOOST_TEST(got == "1a1b1c1d2e2f");
  for (const auto& each : sent) BOOST_TEST((each.calls == 1 && each.delivered == delivery::written));
}

// covers R45
BOOST_AUTO_TEST_CASE(a_program_that_reads_slowly_gets_all_that_was_sent_over_the_old_socket) {
  scenario s;
  s.given.limits.inbound_messages = 2;
  int sessions = 0;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    const bool first = ++sessions == 1;
    for (int i = 0; i < 50; ++i) co_await session.send(std::to_string(first ? i : 50 + i));
    while (const auto next = co_await session.receive()) {
    }
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  outcome moved;
  conn.migrate(moved.handler());
  s.in.run_for(1min);
  BOOST_TEST(moved.calls == 0);  // the old socket has more for us
  std::vector<std::string> received;
  net::co_spawn(s.in.executor(), receive_into(conn, received), net::detached);
  s.in.run_for(10s);
  BOOST_TEST(moved.calls == 1);
  BOOST_TEST(!moved.ec);
  BOOST_TEST((received == numbers(100)));
}

BOOST_AUTO_TEST_CASE(where_no_socket_can_be_opened_the_session_goes_on) {
  scenario s;
  counting_server at(s);
  auto& conn = s.start();
  recorder seen(conn);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.backend.on_upgrade([](const http_head&) { return http_answer{.status = 503}; });
  outcome moved;
  conn.migrate(moved.handler());
  s.in.run_for(1min);
  BOOST_TEST(moved.calls == 1);
  BOOST_TEST(moved.ec == make_error_code(error::upgrade_refused));
  conn.send("still here", net::detached);
  s.in.run_for(1s);
  BOOST_TEST((at.got == std::vector<std::string>{"still here"}));
  BOOST_TEST(at.sessions == 1);
  BOOST_TEST(seen.states() == "connected");
  BOOST_TEST(s.in.network()->open_links() == 1u);
  BOOST_TEST((!s.log_lines.empty() &&
              s.log_lines.back().find("the session stays on its present one") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_stage_that_hangs_ends_the_move_at_its_deadline) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.backend.never_upgrade();
  outcome moved;
  const auto begun = clock::now();
  conn.migrate(moved.handler());
  s.in.run_for(1min);
  BOOST_TEST(moved.calls == 1);
  BOOST_TEST(moved.ec == make_error_code(error::timed_out));
  BOOST_TEST((moved.at - begun <= 10'100ms));
  BOOST_TEST((conn.status() == connection_state::connected));
}

BOOST_AUTO_TEST_CASE(without_a_session_there_is_nothing_to_move_and_two_moves_are_one) {
  scenario s;
  counting_server at(s);
  auto& conn = s.start();
  outcome early, first, second, late;
  conn.migrate(early.handler());
  s.in.settle();
  BOOST_TEST(early.ec == make_error_code(error::no_connection));
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.migrate(first.handler());
  conn.migrate(second.handler());
  s.in.run_for(10s);
  BOOST_TEST(first.calls == 1);
  BOOST_TEST(second.calls == 1);
  BOOST_TEST(!second.ec);
  BOOST_TEST(at.sessions == 0 + static_cast<int>(conn.snapshot().session));
  BOOST_TEST(conn.snapshot().session == 2u);
  conn.close(net::detached);
  conn.migrate(late.handler());
  s.in.run_for(10s);
  BOOST_TEST(late.calls == 1);
  BOOST_TEST(late.ec == make_error_code(error::closed));
}

BOOST_AUTO_TEST_CASE(who_gives_up_waiting_does_not_stop_the_move) {
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  net::cancellation_signal stop;
  outcome moved;
  conn.migrate(net::bind_cancellation_slot(stop.slot(), moved.handler()));
  s.in.settle();
  stop.emit(net::cancellation_type::terminal);
  s.in.run_for(10s);
  BOOST_TEST(moved.calls == 1);
  BOOST_TEST(moved.ec == make_error_code(net::error::operation_aborted));
  BOOST_TEST(conn.snapshot().session == 2u);
}

// covers R28
BOOST_AUTO_TEST_CASE(a_peer_that_does_not_answer_the_close_frame_delays_the_move_for_the_close_timeout) {
  scenario s;
  int sessions = 0;
  std::vector<std::string> got;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    if (++sessions == 1) co_return co_await session.fall_silent_for(1min);
    while (auto next = co_await session.receive()) got.push_back(std::move(next->payload));
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome moved, sent;
  const auto begun = clock::now();
  conn.migrate(moved.handler());
  s.in.run_for(1s);
  conn.send("waits for the move", sent.send_handler());
  s.in.run_for(1s);
  BOOST_TEST(sent.calls == 0);
  s.in.run_for(10s);
  BOOST_TEST(!moved.ec);
  BOOST_TEST((moved.at - begun >= s.given.close_timeout && moved.at - begun <= 3'100ms));
  BOOST_TEST((sent.delivered == delivery::written));
  BOOST_TEST((got == std::vector<std::string>{"waits for the move"}));
}

BOOST_AUTO_TEST_SUITE_END()
