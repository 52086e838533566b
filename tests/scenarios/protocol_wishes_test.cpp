// What a protocol may ask of its session besides frames: to be woken, to hear from the server in time, to
// stop reading; and what it makes of the end of a session.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "wishful.hpp"

BOOST_AUTO_TEST_SUITE(protocol_wishes)

BOOST_AUTO_TEST_CASE(a_protocol_is_woken_at_the_time_that_it_has_named) {
  wishful_scenario s;
  std::vector<clock::duration> woken;
  clock::time_point asked;
  s.does.on_message = [&](protocol_link& link, message_view) {
    asked = clock::now();
    link.wake_at(asked + 7s);
  };
  s.does.on_wake = [&](protocol_link& link) {
    woken.push_back(clock::now() - asked);
    if (woken.size() == 1) link.wake_at(clock::now() + 5s);
  };
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1min);  // the login's deadline, which arms a timer of its own, is over
  BOOST_TEST(woken.empty());
  s.say("now");
  s.in.run_for(1min);
  BOOST_TEST((woken == std::vector<clock::duration>{7s, 12s}));
}

BOOST_AUTO_TEST_CASE(what_wakes_a_protocol_may_be_called_from_anywhere_and_after_the_end) {
  wishful_scenario s;
  std::function<void()> wake;
  int woken = 0;
  s.does.on_open = [&](protocol_link& link) {
    wake = link.waker();
    link.ready({});
  };
  s.does.on_wake = [&](protocol_link& link) {
    ++woken;
    link.send(message_kind::text, "woken");
  };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  wake();
  wake();
  s.in.run_for(1s);
  BOOST_TEST(woken >= 1);
  BOOST_TEST(woken <= 2);
  BOOST_TEST(s.got.size() == static_cast<std::size_t>(woken));
  conn.disconnect();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  s.in.run_for(1s);
  const int before = woken;
  wake();
  s.in.run_for(1min);
  BOOST_TEST(woken == before);
}

BOOST_AUTO_TEST_CASE(a_server_that_sends_no_ping_in_time_is_lost) {
  wishful_scenario s;
  s.does.on_open = [](protocol_link& link) {
    link.expect_within(20s);
    link.ready({});
  };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (int i = 0; i < 10; ++i) {
    s.in.run_for(15s);
    s.say("ping");
  }
  BOOST_TEST(conn.snapshot().session == 1U);
  BOOST_TEST(s.in.run_until([&] { return conn.status() != connection_state::connected; }, 21s));
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::liveness_lost));
}

// A part of a message is a sign of life: a large one may take longer than the silence that is allowed.
BOOST_AUTO_TEST_CASE(a_large_message_under_way_is_no_silence) {
  wishful_scenario s;
  std::size_t received = 0;
  s.does.on_open = [](protocol_link& link) {
    link.expect_within(20s);
    link.ready({});
  };
  s.does.on_message = [&](protocol_link&, message_view frame) { received = frame.payload.size(); };
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    byte_queue out;
    encode_frame(out, peer_role::server, opcode::binary, std::string(100'000, 'x'));
    timer pause(co_await net::this_coro::executor);
    for (std::string_view rest = out.view(); !rest.empty();
         rest.remove_prefix(std::min<std::size_t>(rest.size(), 10'000))) {
      co_await session.send_raw(rest.substr(0, 10'000));
      co_await pause.async_wait_until(clock::now() + 10s, net::use_awaitable);
    }
    co_await session.echo();
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(115s);
  BOOST_TEST(received == 100'000U);
  BOOST_TEST(conn.snapshot().session == 1U);
}

// covers R40
BOOST_AUTO_TEST_CASE(a_protocol_that_stops_reading_holds_the_server_back_and_loses_nothing) {
  wishful_scenario s;
  std::vector<std::string> taken;
  std::function<void()> wake;
  bool reads_on = false;
  s.does.on_open = [&](protocol_link& link) {
    wake = link.waker();
    link.expect_within(20s);
    link.ready({});
  };
  s.does.on_message = [&](protocol_link& link, message_view frame) {
    taken.emplace_back(frame.payload);
    if (taken.size() == 3) link.read(false);
  };
  s.does.on_wake = [&](protocol_link& link) {
    if (reads_on) link.read(true);
  };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (int i = 0; i < 10; ++i) s.say(std::to_string(i));
  s.in.run_for(10min);  // no verdict meanwhile, although it is silent for longer than it may be
  BOOST_TEST(taken.size() == 3U);
  BOOST_TEST(conn.snapshot().session == 1U);
  BOOST_TEST(std::ranges::any_of(s.log_lines, [](const std::string& line) {
    return line.find("the protocol has stopped reading") != std::string::npos;
  }));
  reads_on = true;
  wake();
  s.in.run_for(1s);
  BOOST_TEST(taken.size() == 10U);
  s.in.run_for(15s);  // what was read before the pause does not count against it
  BOOST_TEST(conn.snapshot().session == 1U);
  BOOST_TEST((conn.status() == connection_state::connected));
  BOOST_TEST(s.in.run_until([&] { return conn.status() != connection_state::connected; }, 25s));
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::liveness_lost));
}

BOOST_AUTO_TEST_CASE(a_server_that_asks_for_answers_and_reads_none_does_not_fill_the_memory) {
  wishful_scenario s;
  s.given.limits.outbound_bytes = 100'000;
  std::size_t answered = 0;
  s.does.on_message = [&](protocol_link& link, message_view) {
    ++answered;
    link.send(message_kind::text, std::string(1'000, 'a'));
  };
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    for (int i = 0; i < 5'000; ++i) co_await session.send("ask");
    co_await session.stop_reading_for(10min);
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().reason.error.failed(); }, 1min));
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::outbound_full));
  BOOST_TEST(answered < 5'000U);
}

BOOST_AUTO_TEST_CASE(a_connection_closes_although_its_protocol_does_not_read) {
  wishful_scenario s;
  s.does.on_open = [](protocol_link& link) {
    link.read(false);
    link.ready({});
  };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.say("nobody takes it");
  s.in.run_for(1s);
  conn.close();
  BOOST_TEST(s.in.run_until([&] { return conn.status() == connection_state::disconnected; },
                            s.given.close_timeout + 1s));
}

// covers R54
BOOST_AUTO_TEST_CASE(a_protocol_says_what_its_servers_close_codes_mean) {
  struct way {
    const char* what;
    end_verdict verdict;
    bool is_final;
    std::string rule;
    clock::duration least{};
  };
  const std::vector<way> ways{
      {"as the code", {}, false, "flapping", 0s},
      {"a refusal", {.error = error::login_refused}, true, "login-refused", 0s},
      {"not so soon", {.retry_after = 60s}, false, "flapping+retry-after", 60s},
  };
  for (const auto& each : ways) {
    BOOST_TEST_CONTEXT(each.what) {
      wishful_scenario s;
      s.does.on_end = [&](const session_end&) { return each.verdict; };
      s.backend.on_session([](server_session& session) { return session.close(4001, "unknown key"); });
      auto& conn = s.start();
      BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().reason.error.failed(); }, 5s));
      const auto last = conn.snapshot();
      BOOST_TEST(last.final == each.is_final);
      BOOST_TEST(last.rule == each.rule);
      BOOST_TEST(last.reason.close_code == 4001U);
      BOOST_TEST(last.reason.detail == "unknown key");
      if (!each.is_final) BOOST_TEST(last.retry_in.value().count() >= each.least.count());
      BOOST_REQUIRE(s.does.ends.size() == 1U);
      BOOST_TEST(s.does.ends[0].number == 1U);
      BOOST_TEST(s.does.ends[0].was_ready);
      BOOST_TEST(s.does.ends[0].reason.close_code == 4001U);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_end_that_means_unauthorized_leads_to_other_credentials) {
  wishful_scenario s;
  std::vector<bool> asked;
  s.given.provider = [&asked](credential_request request) -> net::awaitable<credentials> {
    asked.push_back(request.refused);
    co_return credentials{.token = "token"};
  };
  s.does.on_end = [](const session_end&) { return end_verdict{.error = error::unauthorized}; };
  s.backend.on_session([&s](server_session& session) -> net::awaitable<void> {
    if (s.backend.sessions() == 1U) co_return co_await session.close(4009, "expired");
    co_await session.echo();
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().session == 2U; }, 5s));
  BOOST_TEST((asked == std::vector<bool>{false, true}));
}

BOOST_AUTO_TEST_CASE(what_the_program_has_ended_is_no_affair_of_the_verdict) {
  wishful_scenario s;
  s.does.on_end = [](const session_end&) {
    return end_verdict{.error = error::login_refused, .retry_after = 1h};
  };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.disconnect();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::disconnect_requested));
  conn.connect();
  BOOST_TEST(s.reaches(connection_state::connected));
}

BOOST_AUTO_TEST_CASE(a_protocol_learns_that_another_session_follows_without_a_break) {
  wishful_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.migrate(net::detached);
  s.in.run_for(5s);
  BOOST_TEST(conn.snapshot().session == 2U);
  BOOST_REQUIRE(s.does.ends.size() == 1U);
  BOOST_TEST(s.does.ends[0].moved);
}

BOOST_AUTO_TEST_SUITE_END()
