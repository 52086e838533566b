// A coroutine that awaits what can be had at once goes on without a turn of the executor, but not for ever.
#include <string>
#include <vector>

#include "conversation.hpp"

BOOST_AUTO_TEST_SUITE(at_once)

namespace {

// Sends "0", "1", … in one write, then listens.
void say_numbers(scenario& s, int count, received_log& server) {
  server_frames frames;
  for (int i = 0; i < count; ++i) frames.text(std::to_string(i));
  s.backend.on_session([bytes = frames.bytes(), &server](server_session& session) {
    return say_raw(session, bytes, &server);
  });
}

connection& connect(scenario& s) {
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(100ms);
  return conn;
}

// Runs `work` and returns what `done` had become before the executor's next turn.
int done_in_one_turn(scenario& s, net::awaitable<void> work, const int& done) {
  int out = 0;
  s.in.spawn(std::move(work));
  net::post(s.in.executor(), [&] { out = done; });
  s.in.settle();
  return out;
}

net::awaitable<void> receive_numbers(connection& conn, int count, int& received) {
  for (int i = 0; i < count; ++i) {
    const auto next = co_await conn.receive();
    if (next.payload == std::to_string(i)) ++received;
  }
}

net::awaitable<void> send_numbers(connection& conn, int count, int& written) {
  for (int i = 0; i < count; ++i) {
    const auto sent = co_await conn.send(std::to_string(i));
    if (sent.outcome == delivery::written) ++written;
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(messages_that_wait_are_received_in_one_turn) {
  scenario s;
  received_log server;
  say_numbers(s, 10, server);
  auto& conn = connect(s);
  int received = 0;
  BOOST_TEST(done_in_one_turn(s, receive_numbers(conn, 10, received), received) == 10);
}

BOOST_AUTO_TEST_CASE(a_coroutine_that_receives_many_messages_lets_others_have_their_turn) {
  scenario s;
  received_log server;
  say_numbers(s, 1'000, server);
  auto& conn = connect(s);
  int received = 0;
  const int in_one_turn = done_in_one_turn(s, receive_numbers(conn, 1'000, received), received);
  BOOST_TEST(in_one_turn > 1);
  BOOST_TEST(in_one_turn <= 64);
  BOOST_TEST(received == 1'000);
}

BOOST_AUTO_TEST_CASE(a_tuple_a_batch_and_json_are_received_in_one_turn_as_well) {
  scenario s;
  received_log server;
  say_numbers(s, 5, server);
  auto& conn = connect(s);
  int done = 0;
  std::vector<std::string> got;
  const auto receive = [](connection& from, int& count,
                          std::vector<std::string>& all) -> net::awaitable<void> {
    constexpr auto as_tuple = net::as_tuple(net::use_awaitable);
    const auto [ec, one] = co_await from.receive(as_tuple);
    if (!ec) all.push_back(one.payload);
    ++count;
    const auto value = co_await from.receive_json();
    all.push_back(to_text(value.value));
    ++count;
    const auto [failed, other] = co_await from.receive_json(as_tuple);
    if (!failed) all.push_back(to_text(other.value));
    ++count;
    const auto rest = co_await from.receive_batch();
    for (const auto& each : rest) all.emplace_back(each.payload);
    ++count;
  };
  BOOST_TEST(done_in_one_turn(s, receive(conn, done, got), done) == 4);
  BOOST_TEST((got == std::vector<std::string>{"0", "1", "2", "3", "4"}));
}

BOOST_AUTO_TEST_CASE(a_message_that_is_not_json_is_reported_in_one_turn_as_well) {
  scenario s;
  received_log server;
  const auto bytes = server_frames().text("{").text("[").bytes();
  s.backend.on_session([&](server_session& of) { return say_raw(of, bytes, &server); });
  auto& conn = connect(s);
  std::vector<error_code> seen;
  std::string text;
  s.in.spawn([](connection& from, std::vector<error_code>& all, std::string& kept) -> net::awaitable<void> {
    try {
      co_await from.receive_json();
    } catch (const boost::system::system_error& e) {
      all.push_back(e.code());
    }
    const auto [ec, read] = co_await from.receive_json(net::as_tuple(net::use_awaitable));
    all.push_back(ec);
    kept = read.original.payload;
  }(conn, seen, text));
  s.in.settle();
  BOOST_TEST((seen == std::vector<error_code>(2, error::message_not_json)));
  BOOST_TEST(text == "[");
}

// covers R32
BOOST_AUTO_TEST_CASE(a_coroutine_that_was_cancelled_receives_nothing_and_the_message_stays) {
  scenario s;
  received_log server;
  say_numbers(s, 1, server);
  auto& conn = connect(s);
  net::cancellation_signal stop;
  std::optional<error_code> ended;
  const auto wait_and_receive = [](connection& from, std::optional<error_code>& ec) -> net::awaitable<void> {
    timer pause(from.get_executor());
    co_await pause.async_wait_until(clock::now() + 1s, net::as_tuple(net::use_awaitable));
    try {
      co_await from.receive();
      ec.emplace();
    } catch (const boost::system::system_error& e) {
      ec = e.code();
    }
  };
  net::co_spawn(s.in.executor(), wait_and_receive(conn, ended),
                net::bind_cancellation_slot(stop.slot(), net::detached));
  s.in.settle();
  stop.emit(net::cancellation_type::terminal);
  s.in.settle();
  BOOST_REQUIRE(ended.has_value());
  BOOST_TEST(*ended == net::error::operation_aborted);
  int received = 0;
  s.in.spawn(receive_numbers(conn, 1, received));
  s.in.settle();
  BOOST_TEST(received == 1);
}

// covers R64
BOOST_AUTO_TEST_CASE(a_coroutine_answers_each_message_before_the_close_frame_behind_them_counts) {
  scenario s;
  received_log server;
  server_frames frames;
  for (int i = 0; i < 20; ++i) frames.text(std::to_string(i));
  const auto bytes = frames.close(1001, "bye").bytes();
  s.backend.on_session([&](server_session& session) { return say_raw(session, bytes, &server); });
  s.given.retry = retry_policy::once();
  s.conn.emplace(s.in.executor(), s.given);
  int answered = 0;
  s.in.spawn([](connection& conn, int& count) -> net::awaitable<void> {
    for (int i = 0; i < 20; ++i) {
      const auto next = co_await conn.receive();
      conn.send("re " + next.payload, [&count](const send_result& sent) { count += sent.ok() ? 1 : 0; });
    }
  }(*s.conn, answered));
  s.conn->run([](error_code) {});
  s.in.run_for(2s);
  BOOST_TEST(answered == 20);
  BOOST_TEST(server.messages().size() == 20U);
}

BOOST_AUTO_TEST_CASE(refused_messages_let_others_have_their_turn) {
  scenario s;
  s.conn.emplace(s.in.executor(), s.given);
  bool had_turn = false;
  s.in.spawn([](connection& conn, const bool& stop) -> net::awaitable<void> {
    while (!stop) static_cast<void>(co_await conn.send("x"));  // refused: no session is open
  }(*s.conn, had_turn));
  net::post(s.in.executor(), [&] { had_turn = true; });
  s.in.settle();
  BOOST_TEST(had_turn);
}

BOOST_AUTO_TEST_CASE(a_few_messages_in_a_row_leave_in_one_turn_and_many_do_not) {
  scenario s;
  received_log server;
  s.backend.on_session(server.script());
  auto& conn = connect(s);
  int written = 0;
  const int in_one_turn = done_in_one_turn(s, send_numbers(conn, 1'000, written), written);
  s.in.run_for(1min);
  BOOST_TEST(in_one_turn >= 1);
  BOOST_TEST(in_one_turn <= 16);
  BOOST_TEST(written == 1'000);
  BOOST_REQUIRE(server.messages().size() == 1'000U);
  for (int i = 0; i < 1'000; ++i)
    BOOST_TEST(server.messages()[static_cast<std::size_t>(i)] == std::to_string(i));
}

BOOST_AUTO_TEST_CASE(a_message_that_the_socket_takes_in_part_is_awaited) {
  scenario s;
  received_log server;
  s.backend.on_session(server.script());
  s.in.network()->conditions = {.window_bytes = 1'000, .bytes_per_second = 1'000};
  auto& conn = connect(s);
  std::optional<send_result> sent;
  s.in.spawn([](connection& of, std::optional<send_result>& result) -> net::awaitable<void> {
    result = co_await of.send(std::string(5'000, 'x'));
  }(conn, sent));
  s.in.run_for(1s);
  BOOST_TEST(!sent.has_value());
  s.in.run_for(10s);
  BOOST_REQUIRE(sent.has_value());
  BOOST_TEST((sent->outcome == delivery::written));
  BOOST_TEST(server.messages().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_wait_for_a_message_that_was_taken_in_part_can_be_cancelled) {
  scenario s;
  received_log server;
  s.backend.on_session(server.script());
  s.in.network()->conditions = {.window_bytes = 1'000, .bytes_per_second = 1'000};
  auto& conn = connect(s);
  net::cancellation_signal stop;
  std::optional<send_result> sent;
  net::co_spawn(
      s.in.executor(),
      [](connection& of, std::optional<send_result>& result) -> net::awaitable<void> {
        result = co_await of.send(std::string(5'000, 'x'));
      }(conn, sent),
      net::bind_cancellation_slot(stop.slot(), net::detached));
  s.in.run_for(1s);
  stop.emit(net::cancellation_type::terminal);
  s.in.settle();
  BOOST_REQUIRE(sent.has_value());
  BOOST_TEST((sent->outcome == delivery::in_doubt));
  BOOST_TEST(sent->reason == net::error::operation_aborted);
  s.in.run_for(10s);
  BOOST_TEST(server.messages().size() == 1U);  // it leaves all the same
}

BOOST_AUTO_TEST_CASE(a_context_that_ends_meanwhile_destroys_the_coroutine) {
  const auto held = std::make_shared<int>();
  {
    scenario s;
    s.in.network()->conditions = {.window_bytes = 1'000, .bytes_per_second = 1'000};
    auto& conn = connect(s);
    s.in.spawn([](connection& of, std::shared_ptr<int>) -> net::awaitable<void> {
      static_cast<void>(co_await of.send(std::string(5'000, 'x')));
    }(conn, held));
    s.in.run_for(1s);
    BOOST_TEST(held.use_count() == 2);
  }
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(the_end_of_the_session_is_the_fate_of_a_message_that_was_taken_in_part) {
  scenario s;
  s.backend.on_session(goes_silent());
  s.in.network()->conditions = {.window_bytes = 1'000, .bytes_per_second = 1'000};
  auto& conn = connect(s);
  std::optional<send_result> sent;
  s.in.spawn([](connection& of, std::optional<send_result>& result) -> net::awaitable<void> {
    result = co_await of.send(std::string(5'000, 'x'));
  }(conn, sent));
  s.in.run_for(1s);
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_REQUIRE(sent.has_value());
  BOOST_TEST((sent->outcome == delivery::not_sent));
}

// covers R42
BOOST_AUTO_TEST_CASE(a_coroutine_that_had_to_wait_goes_on_where_it_was_spawned) {
  scenario s;
  auto& conn = connect(s);
  const auto strand = net::make_strand(s.in.executor());
  std::vector<bool> there;
  const auto work = [&]() -> net::awaitable<void> {
    co_await conn.receive();
    there.push_back(strand.running_in_this_thread());
    co_await conn.receive_batch();
    there.push_back(strand.running_in_this_thread());
    co_await conn.receive_json();
    there.push_back(strand.running_in_this_thread());
    s.in.network()->conditions.window_bytes = 1'000;
    const auto sent = co_await conn.send(std::string(100'000, 'x'));
    there.push_back(strand.running_in_this_thread() && sent.ok());
  };
  net::co_spawn(strand, work, net::detached);
  for (int i = 0; i < 3; ++i) {
    s.in.run_for(1s);
    conn.send("1", net::detached);
  }
  s.in.run_for(1min);
  BOOST_TEST(there == std::vector<bool>(4, true), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
