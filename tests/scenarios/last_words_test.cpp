// The end of a session loses nothing that was said before it: what the program has sent leaves before our
// close frame, and what the server has sent reaches the program before the server's counts.
#include <string>
#include <vector>

#include "conversation.hpp"

BOOST_AUTO_TEST_SUITE(last_words)

namespace {

connection& connect(scenario& s) {
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  return conn;
}

// Answers the first message.
net::awaitable<void> answer_one(connection& conn, std::vector<std::string>& events) {
  const auto got = co_await conn.receive();
  events.push_back("got " + got.payload);
  const auto sent = co_await conn.send("answer");
  events.push_back("answer " + std::string(to_string(sent.outcome)));
}

}  // namespace

// covers R61
BOOST_AUTO_TEST_CASE(messages_accepted_before_close_arrive_before_the_close_frame) {
  scenario s;
  received_log server;
  watched_session session(s.backend, server.script());
  s.in.network()->conditions = {.window_bytes = 64};  // most of it waits in the outbox
  auto& conn = connect(s);
  std::vector<outcome> sent(90);
  for (auto& each : sent) conn.send("a message that is longer than nothing", each.send_handler());
  conn.close();
  s.in.run_for(3s);
  BOOST_TEST(server.messages().size() == 90U);
  BOOST_TEST(session.latest->close_code() == 1000U);
  for (const auto& each : sent) BOOST_TEST((each.delivered == delivery::written));
  BOOST_TEST(s.run_ended.has_value());
}

// covers R61
BOOST_AUTO_TEST_CASE(messages_accepted_before_disconnect_arrive_and_later_ones_are_refused) {
  scenario s;
  received_log server;
  s.backend.on_session(server.script());
  s.in.network()->conditions = {.window_bytes = 64};
  auto& conn = connect(s);
  for (int i = 0; i < 20; ++i) conn.send("a message that is longer than nothing", net::detached);
  conn.disconnect();
  s.in.settle();
  outcome late;
  conn.send("late", late.send_handler());
  s.in.run_for(3s);
  BOOST_TEST(server.messages().size() == 20U);
  BOOST_TEST((late.ec == error::no_connection));
  BOOST_TEST((conn.status() == connection_state::disconnected));
}

// covers R61
BOOST_AUTO_TEST_CASE(a_slow_server_does_not_hold_close_up_for_longer_than_its_timeout) {
  scenario s;
  s.in.network()->conditions = {.window_bytes = 64, .bytes_per_second = 100};
  auto& conn = connect(s);
  std::vector<outcome> sent(90);
  for (auto& each : sent) conn.send(std::string(100, 'x'), each.send_handler());
  const auto begin = clock::now();
  conn.close();
  BOOST_REQUIRE(s.in.run_until([&] { return s.run_ended.has_value(); }, 10s));
  BOOST_TEST((clock::now() - begin <= s.given.close_timeout + 100ms));
  BOOST_TEST((sent.front().delivered == delivery::written));
  BOOST_TEST((sent.back().delivered == delivery::not_sent));
  for (const auto& each : sent) BOOST_TEST(each.calls == 1);
}

// covers R61
BOOST_AUTO_TEST_CASE(close_tells_the_server_a_code_of_the_programs_own) {
  scenario s;
  watched_session session(s.backend, [](server_session& of) { return of.echo(); });
  auto& conn = connect(s);
  conn.close({.code = 4321, .text = "bye"});
  s.in.run_for(1s);
  BOOST_TEST(session.latest->close_code() == 4321U);
  BOOST_CHECK_THROW(conn.close({.code = 1006}), std::invalid_argument);
  BOOST_CHECK_THROW(conn.disconnect({.code = 1002}), std::invalid_argument);
  BOOST_CHECK_THROW(conn.close({.text = std::string(124, 'x')}), std::invalid_argument);
  BOOST_CHECK_THROW(conn.close({.text = "\xff"}), std::invalid_argument);
}

// covers R61
BOOST_AUTO_TEST_CASE(what_waits_can_be_thrown_away_and_is_told_so) {
  scenario s;
  received_log server;
  s.backend.on_session(server.script());
  s.in.network()->conditions = {.window_bytes = 64, .bytes_per_second = 1000};
  auto& conn = connect(s);
  std::vector<outcome> sent(20);
  for (auto& each : sent) conn.send(std::string(100, 'x'), each.send_handler());
  s.in.run_for(10ms);
  const auto thrown_away = conn.discard_waiting();
  BOOST_TEST(thrown_away == 19U);  // one has begun to leave
  s.in.run_for(5s);
  BOOST_TEST((sent.front().delivered == delivery::written));
  for (std::size_t i = 1; i < sent.size(); ++i) {
    BOOST_TEST((sent[i].delivered == delivery::dropped));
    BOOST_TEST((sent[i].ec == error::message_discarded));
  }
  outcome next;
  conn.send("next", next.send_handler());
  s.in.run_for(1s);
  BOOST_TEST((next.delivered == delivery::written));
  BOOST_REQUIRE(server.messages().size() == 2U);
  BOOST_TEST(server.messages().back() == "next");
}

// covers R64
BOOST_AUTO_TEST_CASE(messages_that_come_with_a_close_frame_can_be_answered_before_it_counts) {
  scenario s;
  received_log server;
  const auto bytes = server_frames().text("question").close(1001, "bye").bytes();
  s.backend.on_session([&](server_session& session) { return say_raw(session, bytes, &server); });
  s.given.retry = retry_policy::once();
  std::vector<std::string> events;
  s.conn.emplace(s.in.executor(), s.given);
  s.conn->add_connection_listener(
      "end", {.on_disconnected = [&](const observed_change& change) {
        events.push_back("disconnected " + std::to_string(change.reason.close_code));
      }});
  s.in.spawn(answer_one(*s.conn, events));
  s.conn->run([](error_code) {});
  s.in.run_for(2s);
  BOOST_TEST((events == std::vector<std::string>{"got question", "answer written", "disconnected 1001"}));
  BOOST_TEST((server.messages() == std::vector<std::string>{"answer"}));
}

// covers R64
BOOST_AUTO_TEST_CASE(each_of_several_receivers_can_answer_before_the_close_frame_counts) {
  scenario s;
  received_log server;
  const auto bytes = server_frames().text("1").text("2").text("3").close(1001, "bye").bytes();
  s.backend.on_session([&](server_session& session) { return say_raw(session, bytes, &server); });
  s.given.retry = retry_policy::once();
  s.conn.emplace(s.in.executor(), s.given);
  std::vector<outcome> sent(3);
  for (auto& each : sent) {
    s.conn->receive(
        [&](error_code, const message& got) { s.conn->send("re " + got.payload, each.send_handler()); });
  }
  s.conn->run([](error_code) {});
  s.in.run_for(2s);
  for (const auto& each : sent) BOOST_TEST((each.delivered == delivery::written));
  BOOST_TEST((server.messages() == std::vector<std::string>{"re 1", "re 2", "re 3"}));
}

// covers R64
BOOST_AUTO_TEST_CASE(messages_that_come_with_a_violation_can_be_answered_before_it_counts) {
  scenario s;
  received_log server;
  const auto bytes = server_frames().text("question").bytes() + std::string("\xf1\x00", 2);  // reserved bits
  watched_session session(s.backend, [&](server_session& of) { return say_raw(of, bytes, &server); });
  s.given.retry = retry_policy::once();
  std::vector<std::string> events;
  s.conn.emplace(s.in.executor(), s.given);
  s.in.spawn(answer_one(*s.conn, events));
  s.conn->run([&](error_code ec) { s.run_ended = ec; });
  s.in.run_for(2s);
  BOOST_TEST((events == std::vector<std::string>{"got question", "answer written"}));
  BOOST_TEST((server.messages() == std::vector<std::string>{"answer"}));
  BOOST_TEST(session.latest->close_code() == 1002U);
  BOOST_TEST((s.run_ended == make_error_code(error::protocol_violation)));
}

// covers R64
BOOST_AUTO_TEST_CASE(messages_before_the_end_of_the_stream_can_be_received_after_it) {
  scenario s;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    for (int i = 0; i < 5; ++i) co_await session.send(std::to_string(i));
  });
  s.given.retry = retry_policy::once();
  auto& conn = s.start();
  s.in.run_for(2s);
  BOOST_TEST((s.run_ended == make_error_code(error::connection_lost)));
  std::string got;
  for (int i = 0; i < 5; ++i) {
    conn.receive([&](error_code ec, const message& m) { got += ec ? "!" : m.payload; });
    s.in.settle();
  }
  BOOST_TEST(got == "01234");
}

BOOST_AUTO_TEST_SUITE_END()
