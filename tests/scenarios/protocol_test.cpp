// A protocol over the WebSocket: login before connected, acknowledgements, what a server may ask for.
#include <string>
#include <vector>

#include "line_protocol.hpp"
#include "received.hpp"

BOOST_AUTO_TEST_SUITE(protocols)

// covers G3, R17
BOOST_AUTO_TEST_CASE(connected_is_told_when_the_login_is_done_and_not_before) {
  line_scenario s;
  s.serve([](server_session& session) -> net::awaitable<void> {
    const auto hello = co_await session.receive();
    if (!hello || hello->payload != "hello 1") co_return;
    timer wait(co_await net::this_coro::executor);
    co_await wait.async_wait_until(clock::now() + 3s, net::use_awaitable);
    co_await session.send("ready");
  });
  auto& conn = s.start();
  const recorder seen(conn);
  outcome early, patient;
  s.in.run_for(2s);
  BOOST_TEST((conn.status() == connection_state::connecting));
  BOOST_TEST(s.backend.open_sessions() == 1U);
  conn.send("early", early.send_handler());
  conn.send("patient", {.when_offline = offline_rule::wait}, patient.send_handler());
  s.in.run_for(500ms);
  BOOST_TEST(early.ec == make_error_code(error::no_connection));
  BOOST_TEST(patient.calls == 0);
  BOOST_TEST(s.got.empty());
  BOOST_REQUIRE(s.reaches(connection_state::connected, 3s));
  s.in.run_for(1s);
  BOOST_TEST((s.got == std::vector<std::string>{"m 1 patient"}));
  BOOST_TEST((patient.delivered == delivery::acked));
  BOOST_TEST(seen.count(connection_state::connected) == 1U);
}

// covers R17
BOOST_AUTO_TEST_CASE(a_login_that_fails_is_a_failed_attempt_at_the_stage_login) {
  struct way {
    const char* what;
    server::script script;
    error_code expected;
    std::string text;
    bool is_final;
  };
  const std::vector<way> ways{
      {"refused", says({"refuse"}), error::login_refused, "we do not know you", true},
      {"nonsense", says({"whatever"}), error::protocol_failed, "what is that?", false},
      {"thrown", says({"throw"}), error::protocol_failed, "the protocol threw an exception", false},
      {"never answered", says({}), error::timed_out, "", false},
      {"closed", [](server_session& session) { return session.close(4001, "no"); }, error::closed_by_peer,
       "no", false},
  };
  for (const auto& each : ways) {
    BOOST_TEST_CONTEXT(each.what) {
      line_scenario s;
      s.serve(each.script);
      auto& conn = s.start();
      BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().reason.error.failed(); }, 15s));
      const auto now = conn.snapshot();
      BOOST_TEST(now.reason.error == each.expected);
      BOOST_TEST((now.reason.at == stage::login));
      BOOST_TEST(now.reason.detail == each.text);
      BOOST_TEST(now.final == each.is_final);
      s.in.run_for(1s);
      if (each.is_final) BOOST_TEST(s.backend.open_sessions() == 0U);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_login_that_wants_other_credentials_gets_them_once) {
  line_scenario s;
  std::vector<bool> asked;
  s.given.provider = [&asked](credential_request request) -> net::awaitable<credentials> {
    asked.push_back(request.refused);
    co_return credentials{.token = request.refused ? "new" : "old"};
  };
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    const auto hello = co_await session.receive();
    co_await session.send(hello && hello->payload.ends_with("new") ? "ready" : "unauthorized");
    while (const auto next = co_await session.receive()) {
    }
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected, 2s));
  BOOST_TEST((asked == std::vector<bool>{false, true}));
  BOOST_TEST(conn.snapshot().attempt == 2U);
}

// covers R41
BOOST_AUTO_TEST_CASE(a_token_is_said_to_the_origin_that_it_is_for_and_to_no_other) {
  line_scenario s;
  const peer_address other_at{net::ip::make_address("10.0.0.2"), 80};
  server other(s.in, other_at);
  s.in.network()->add_name("other", {other_at.address});
  std::vector<std::string> told;
  other.on_session([&](server_session& session) -> net::awaitable<void> {
    if (const auto hello = co_await session.receive()) told.push_back(hello->payload);
    co_await session.send("ready");
    co_await session.echo();
  });
  s.given.provider = [](const credential_request&) -> net::awaitable<credentials> {
    co_return credentials{.token = "secret"};
  };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  BOOST_TEST((s.got == std::vector<std::string>{"hello 1secret"}));
  s.backend.on_upgrade([](const http_head&) {
    return std::optional(http_answer{.status = 302, .headers = {{"Location", "ws://other/"}}});
  });
  s.now->drop();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().session == 2U; }, 10s));
  s.in.run_for(1s);
  BOOST_TEST((told == std::vector<std::string>{"hello 2"}));
}

// covers R40
BOOST_AUTO_TEST_CASE(a_program_that_does_not_receive_does_not_lose_the_session_to_its_heartbeat) {
  line_scenario s;
  s.given.limits.inbound_messages = 10;
  s.serve([](server_session& session) -> net::awaitable<void> {
    co_await session.send("ready");
    for (int i = 0; i < 100; ++i) co_await session.send("event x");
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(10min);
  BOOST_TEST(conn.snapshot().session == 1U);
  BOOST_TEST(std::ranges::count(s.got, "beat") > 1);
  std::size_t count = 0;
  std::function<void(error_code, message_batch)> take = [&](error_code ec, const message_batch& batch) {
    count += batch.size();
    if (!ec)
      conn.receive_batch([&](error_code failed, message_batch more) { take(failed, std::move(more)); });
  };
  take({}, {});
  s.in.run_for(10min);
  BOOST_TEST(count == 100U);
  BOOST_TEST(conn.snapshot().session == 1U);
}

BOOST_AUTO_TEST_CASE(a_message_that_the_protocol_cannot_carry_is_refused_alone) {
  line_scenario s;
  auto& conn = s.start();
  outcome offline, online, good;
  conn.send("unsayable", {.when_offline = offline_rule::wait}, offline.send_handler());
  s.in.settle();
  BOOST_REQUIRE((conn.status() == connection_state::connecting));
  BOOST_TEST(offline.calls == 1);  // not when it is too late to say it otherwise
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.send("unsayable", online.send_handler());
  conn.send("good", good.send_handler());
  s.in.run_for(1s);
  for (const auto* each : {&offline, &online}) {
    BOOST_TEST((each->delivered == delivery::not_sent));
    BOOST_TEST(each->ec == make_error_code(error::message_invalid));
  }
  BOOST_TEST((good.delivered == delivery::acked));
  BOOST_TEST((s.got == std::vector<std::string>{"hello 1", "m 1 good"}));
}

// covers R33
BOOST_AUTO_TEST_CASE(a_message_that_waits_for_a_feature_obeys_a_total_cancellation) {
  line_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.say("hold receipts");
  outcome waiting;
  net::cancellation_signal cancel;
  conn.send("withdrawn", {.when_throttled = throttled_rule::wait, .feature = "receipts"},
            net::bind_cancellation_slot(cancel.slot(), waiting.send_handler()));
  s.in.settle();
  BOOST_TEST(waiting.calls == 0);
  cancel.emit(net::cancellation_type::total);
  s.say("free");
  BOOST_TEST(waiting.calls == 1);
  BOOST_TEST((waiting.delivered == delivery::not_sent));
  BOOST_TEST(waiting.ec == make_error_code(net::error::operation_aborted));
  BOOST_TEST((s.got == std::vector<std::string>{"hello 1"}));
}

// covers G40
BOOST_AUTO_TEST_CASE(a_session_that_goes_on_says_so_and_what_is_missing) {
  line_scenario s;
  auto& conn = s.start();
  const recorder seen(conn);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(!conn.snapshot().resumed);
  s.serve(says({"ready resumed"}));
  s.now->drop();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().session == 2U; }, 10s));
  BOOST_TEST(conn.snapshot().resumed);
  BOOST_TEST(!conn.snapshot().gap.has_value());
  s.serve(says({"gap 7", "event after"}));
  s.now->drop();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().session == 3U; }, 60s));
  const auto& last = seen.changes().back();
  BOOST_TEST(last.resumed);
  BOOST_REQUIRE(last.gap.has_value());
  BOOST_TEST(last.gap->from == 3U);
  BOOST_TEST(last.gap->to == 7U);
}

BOOST_AUTO_TEST_CASE(events_of_the_protocol_are_received_as_messages) {
  line_scenario s;
  s.serve(says({"event early", "ready", "event one", "event two"}));
  auto& conn = s.start();
  std::vector<std::string> got;
  net::co_spawn(s.in.executor(), receive_into(conn, got), net::detached);
  s.in.run_for(1s);
  BOOST_TEST((got == std::vector<std::string>{"early", "one", "two"}));
}

// covers R22
BOOST_AUTO_TEST_CASE(a_heartbeat_that_is_not_answered_ends_the_session_within_its_deadline) {
  line_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const auto ready = conn.snapshot().time;
  s.in.run_for(5min + 1s);
  BOOST_TEST(conn.snapshot().session == 1U);
  BOOST_TEST(std::ranges::count(s.got, "beat") == 10);
  s.beats = false;  // pongs still come
  BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::disconnected; }, 5min));
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::liveness_lost));
  const auto lost_after = conn.snapshot().time - ready;
  BOOST_TEST((lost_after == 5min + 30s + s.given.heartbeat.pong_deadline));
}

BOOST_AUTO_TEST_CASE(a_server_that_asks_us_to_leave_is_left_and_not_come_back_to_before_it_wants) {
  line_scenario s;
  auto& conn = s.start();
  const recorder seen(conn);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1min);
  s.say("leave 30");
  const auto now = conn.snapshot();
  BOOST_REQUIRE((now.to == connection_state::disconnected));
  BOOST_TEST(now.reason.error == make_error_code(error::server_going_away));
  BOOST_TEST(now.reason.detail == "restart");
  BOOST_TEST(now.rule == "going-away+retry-after");
  BOOST_TEST((*now.retry_in >= 30s));
  BOOST_TEST((*now.retry_in <= 30s + s.given.retry.base));
  BOOST_REQUIRE(s.reaches(connection_state::connected, 31s));
}

BOOST_AUTO_TEST_CASE(a_disconnect_during_the_login_is_a_disconnect_and_nothing_is_told_as_connected) {
  line_scenario s;
  s.serve(says({}));
  auto& conn = s.start();
  const recorder seen(conn);
  s.in.run_for(2s);
  outcome stopped;
  conn.disconnect(stopped.handler());
  s.in.run_for(5s);
  BOOST_TEST(stopped.calls == 1);
  BOOST_TEST(conn.snapshot().final);
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::disconnect_requested));
  BOOST_TEST(seen.count(connection_state::connected) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
