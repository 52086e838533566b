// Calls: each ends exactly once, with the truth about it, whatever becomes of the connection.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "channel_scenario.hpp"

BOOST_AUTO_TEST_SUITE(calls)

using channels::call_outcome;

BOOST_AUTO_TEST_CASE(a_call_is_answered_or_refused) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  call_end answered, refused;
  client.call("echo", {{"id", 7}}, {}, answered.handler());
  client.call("fail", {}, {}, refused.handler());
  s.in.run_for(1s);
  BOOST_TEST(answered.is(call_outcome::answered));
  BOOST_TEST(answered.result.value.at("id").as_int64() == 7);
  BOOST_TEST(answered.result.ok());
  BOOST_TEST(refused.is(call_outcome::refused));
  BOOST_TEST(refused.result.error.code == "-32000");
  BOOST_TEST(refused.result.error.text == "no such user");
  BOOST_TEST(refused.result.error.data.as_int64() == 7);
}

BOOST_AUTO_TEST_CASE(a_call_waits_for_the_session) {
  channel_scenario s;
  auto& client = s.start_client();
  call_end early;
  client.call("echo", {{"early", true}}, {}, early.handler());
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  BOOST_TEST(early.is(call_outcome::answered));
}

BOOST_AUTO_TEST_CASE(a_thousand_calls_in_flight_get_their_own_answers) {
  channel_scenario s;
  std::vector<std::string> answers;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    while (auto next = co_await session.receive()) {
      answers.push_back(s.answer(json::parse(next->payload)));
      if (answers.size() < 1000U) continue;
      for (auto each = answers.rbegin(); each != answers.rend(); ++each) co_await session.send(*each);
    }
  });
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  std::vector<call_end> ends(1000);
  for (std::size_t i = 0; i < ends.size(); ++i) client.call("echo", json::array{i}, {}, ends[i].handler());
  s.in.run_for(5s);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    BOOST_REQUIRE(ends[i].is(call_outcome::answered));
    BOOST_REQUIRE(ends[i].result.value.at(0).to_number<std::size_t>() == i);
  }
}

BOOST_AUTO_TEST_CASE(a_call_whose_session_ends_before_the_answer_is_in_doubt_and_is_not_sent_again) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  call_end one;
  client.call("mute", {}, {}, one.handler());
  s.in.run_for(1s);
  BOOST_TEST(one.count == 0);
  s.now->drop();
  s.in.run_for(100ms);
  BOOST_TEST(one.is(call_outcome::in_doubt));
  BOOST_TEST(one.result.reason == make_error_code(error::connection_lost));
  BOOST_REQUIRE(s.connects_again(2));
  s.in.run_for(1min);
  BOOST_TEST(s.count("mute") == 1U);
  BOOST_TEST(one.count == 1);
}

BOOST_AUTO_TEST_CASE(an_idempotent_call_is_sent_again_until_it_is_answered) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  call_end one;
  client.call("mute", {{"x", 1}}, {.timeout = 10min, .idempotent = true}, one.handler());
  s.in.run_for(1s);
  s.now->drop();
  BOOST_REQUIRE(s.connects_again(2));
  s.in.run_for(1s);
  BOOST_TEST(s.count("mute") == 2U);
  BOOST_TEST(one.count == 0);
  const auto id = s.asked.back().at("id").to_number<std::uint64_t>();
  s.say(json::serialize(json::object{{"jsonrpc", "2.0"}, {"id", id}, {"result", "late"}}));
  BOOST_TEST(one.is(call_outcome::answered));
}

// It may have been acted on in the first session, whatever becomes of it later.
BOOST_AUTO_TEST_CASE(an_idempotent_call_that_has_left_once_is_in_doubt_and_never_not_sent) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  call_end closed, expired;
  client.call("mute", {}, {.timeout = 10min, .idempotent = true}, closed.handler());
  client.call("mute", {}, {.timeout = 20s, .idempotent = true}, expired.handler());
  s.in.run_for(1s);
  s.backend.close_at_once();
  s.now->drop();
  s.in.run_for(1min);
  BOOST_TEST(expired.is(call_outcome::in_doubt));
  BOOST_TEST(closed.count == 0);
  client.close();
  s.in.run_for(5s);
  BOOST_TEST(closed.is(call_outcome::in_doubt));
}

BOOST_AUTO_TEST_CASE(a_second_run_is_refused_and_harms_nobody) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber news(client.subscribe("news"));
  BOOST_REQUIRE(s.connects());
  outcome second;
  client.run(second.handler());
  s.in.run_for(1s);
  BOOST_TEST(second.ec == make_error_code(error::already_running));
  s.publish("news", 1);
  BOOST_TEST(news.got.back() == "event 1");
}

BOOST_AUTO_TEST_CASE(a_context_that_ends_frees_what_awaits_calls_and_items) {
  const auto alive = std::make_shared<int>();
  {
    auto io = std::make_unique<net::io_context>();
    auto client =
        std::make_shared<channels::client>(*io, options{.url = "ws://127.0.0.1:1/"}, channels::json_rpc());
    net::co_spawn(
        *io,
        [](std::shared_ptr<channels::client> mine, std::shared_ptr<int>) -> net::awaitable<void> {
          auto news = mine->subscribe("news");
          co_await news.receive();
        }(client, alive),
        net::detached);
    net::co_spawn(
        *io,
        [](std::shared_ptr<channels::client> mine, std::shared_ptr<int>) -> net::awaitable<void> {
          (void)co_await mine->call("never");
        }(client, alive),
        net::detached);
    client.reset();
    io->run_for(10ms);
    BOOST_TEST(alive.use_count() == 3);
    io.reset();
  }
  BOOST_TEST(alive.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(a_call_that_nobody_answers_ends_in_time) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  call_end one;
  const auto begun = clock::now();
  client.call("mute", {}, {.timeout = 5s}, one.handler());
  s.in.run_for(1min);
  BOOST_TEST(one.is(call_outcome::in_doubt));
  BOOST_TEST(one.result.reason == make_error_code(error::timed_out));
  BOOST_TEST((one.at - begun == 5s));
  // An answer that comes now is nobody's, and disturbs nobody.
  s.say(R"({"jsonrpc":"2.0","id":1,"result":1})");
  BOOST_TEST((client.connection().status() == connection_state::connected));
}

BOOST_AUTO_TEST_CASE(a_call_without_a_session_is_not_sent_when_its_time_is_over) {
  channel_scenario s;
  s.backend.close_at_once();
  auto& client = s.start_client();
  call_end one;
  const auto begun = clock::now();
  client.call("echo", {}, {.timeout = 5s}, one.handler());
  s.in.run_for(1min);
  BOOST_TEST(one.is(call_outcome::not_sent));
  BOOST_TEST(one.result.reason == make_error_code(error::timed_out));
  BOOST_TEST((one.at - begun >= 5s));
  BOOST_TEST((one.at - begun <= 5s + 200ms));
  s.backend.close_at_once(false);
  BOOST_REQUIRE(s.connects(2min));
  s.in.run_for(1s);
  BOOST_TEST(s.count("echo") == 0U);
}

BOOST_AUTO_TEST_CASE(closing_ends_all_calls) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  call_end written, later;
  client.call("mute", {}, {}, written.handler());
  s.in.run_for(1s);
  client.close();
  s.in.run_for(5s);
  BOOST_TEST(written.is(call_outcome::in_doubt));
  BOOST_TEST(s.run_ended.has_value());
  client.call("echo", {}, {}, later.handler());
  s.in.run_for(1s);
  BOOST_TEST(later.is(call_outcome::not_sent));
  BOOST_TEST(later.result.reason == make_error_code(error::closed));
}

BOOST_AUTO_TEST_CASE(draining_waits_for_the_calls_unsubscribes_and_closes) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber news(client.subscribe("news"));
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  call_end slow, late;
  client.call("mute", {}, {.timeout = 1min}, slow.handler());
  s.in.run_for(1s);
  client.drain();
  client.call("echo", {}, {}, late.handler());
  s.in.run_for(10s);
  BOOST_TEST(late.is(call_outcome::not_sent));
  BOOST_TEST(late.result.reason == make_error_code(error::closed));
  BOOST_TEST(!s.run_ended.has_value());
  BOOST_TEST(s.count("rpc.off") == 0U);
  const auto id = s.asked.back().at("id").to_number<std::uint64_t>();
  s.say(json::serialize(json::object{{"jsonrpc", "2.0"}, {"id", id}, {"result", "at last"}}));
  s.in.run_for(5s);
  BOOST_TEST(slow.is(call_outcome::answered));
  BOOST_TEST(s.count("rpc.off") == 1U);
  BOOST_TEST(s.run_ended.has_value());
  BOOST_TEST(news.got.back() == "ended closed");
}

BOOST_AUTO_TEST_CASE(draining_without_calls_closes_at_once) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  client.drain();
  s.in.run_for(1s);
  BOOST_TEST(s.run_ended.has_value());
}

BOOST_AUTO_TEST_CASE(a_client_that_is_destroyed_ends_its_calls) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  call_end written, fresh;
  client.call("mute", {}, {}, written.handler());
  s.in.run_for(1s);
  client.call("mute", {}, {}, fresh.handler());
  s.client.reset();
  s.in.run_for(1s);
  BOOST_TEST(written.is(call_outcome::in_doubt));
  BOOST_TEST(fresh.count == 1);
  BOOST_TEST(!fresh.result.ok());
}

BOOST_AUTO_TEST_CASE(a_cancelled_call_ends_at_once) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  call_end one;
  net::cancellation_signal stop;
  client.call("mute", {}, {}, net::bind_cancellation_slot(stop.slot(), one.handler()));
  s.in.run_for(1s);
  stop.emit(net::cancellation_type::terminal);
  s.in.run_for(1s);
  BOOST_TEST(one.is(call_outcome::in_doubt));
  BOOST_TEST(one.result.reason == make_error_code(net::error::operation_aborted));
}

BOOST_AUTO_TEST_CASE(a_protocol_that_allows_one_call_in_flight_gets_one_after_the_other) {
  channel_scenario s;
  std::vector<json::value> asked;
  s.given.subprotocols = {"ocpp1.6"};
  s.backend.on_upgrade([](const http_head&) {
    return std::optional(http_answer{.status = 101, .headers = {{"Sec-WebSocket-Protocol", "ocpp1.6"}}});
  });
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    timer pause(co_await net::this_coro::executor);
    while (auto next = co_await session.receive()) {
      asked.push_back(json::parse(next->payload));
      co_await pause.async_wait_until(clock::now() + 1s, net::use_awaitable);
      const json::array answer{3, asked.back().at(1), asked.back().at(3)};
      co_await session.send(json::serialize(answer));
    }
  });
  s.client.emplace(s.in.executor(), s.given, channels::ocpp());
  s.client->run(net::detached);
  BOOST_REQUIRE(s.connects());
  std::vector<call_end> ends(3);
  for (std::size_t i = 0; i < ends.size(); ++i)
    s.client->call("Heartbeat", json::object{{"number", i}}, {}, ends[i].handler());
  s.in.run_for(500ms);
  BOOST_TEST(asked.size() == 1U);
  s.in.run_for(1s);
  BOOST_TEST(asked.size() == 2U);
  s.in.run_for(5s);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    BOOST_REQUIRE(ends[i].is(call_outcome::answered));
    BOOST_TEST(ends[i].result.value.at("number").to_number<std::size_t>() == i);
  }
}

BOOST_AUTO_TEST_CASE(a_call_of_the_server_is_answered_or_refused) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  s.say(R"({"jsonrpc":"2.0","id":"a","method":"sum","params":[1,2]})");
  BOOST_REQUIRE(s.asked.size() == 1U);
  BOOST_TEST(s.asked[0].at("error").at("code").as_int64() == -32601);
  client.set_call_handler([](channels::incoming_call call) {
    if (!call.wants_answer()) return;
    call.answer(call.params().at(0).as_int64() + call.params().at(1).as_int64());
  });
  s.say(R"({"jsonrpc":"2.0","id":"b","method":"sum","params":[1,2]})");
  BOOST_REQUIRE(s.asked.size() == 2U);
  BOOST_TEST(s.asked[1].at("id").as_string() == "b");
  BOOST_TEST(s.asked[1].at("result").as_int64() == 3);
}

// covers R61
BOOST_AUTO_TEST_CASE(an_answer_leaves_before_a_close_behind_it) {
  channel_scenario s;
  auto& client = s.start_client();
  client.set_call_handler([&](channels::incoming_call call) {
    call.answer(7);
    client.close();
  });
  BOOST_REQUIRE(s.connects());
  s.say(R"({"jsonrpc":"2.0","id":"last","method":"stop"})");
  s.in.run_for(5s);
  BOOST_TEST(s.run_ended.has_value());
  BOOST_REQUIRE(s.asked.size() == 1U);
  BOOST_TEST(s.asked[0].at("result").as_int64() == 7);
}

BOOST_AUTO_TEST_CASE(an_answer_to_a_call_of_an_earlier_session_is_dropped) {
  channel_scenario s;
  auto& client = s.start_client();
  std::vector<channels::incoming_call> open;
  client.set_call_handler([&](channels::incoming_call call) { open.push_back(std::move(call)); });
  BOOST_REQUIRE(s.connects());
  s.say(R"({"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]})");
  BOOST_REQUIRE(open.size() == 1U);
  s.now->drop();
  BOOST_REQUIRE(s.connects_again(2));
  open.front().answer(3);
  s.in.run_for(1s);
  BOOST_TEST(s.asked.empty());
}

BOOST_AUTO_TEST_SUITE_END()
