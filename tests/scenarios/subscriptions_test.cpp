// Subscriptions: they come back by themselves, tell what happened to them, and hold up nobody who has not
// asked for it.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "channel_scenario.hpp"

BOOST_AUTO_TEST_SUITE(subscriptions)

namespace {
using lines = std::vector<std::string>;
}  // namespace

BOOST_AUTO_TEST_CASE(a_subscription_comes_back_after_a_loss) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber news(client.subscribe("news"));
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  s.publish("news", 1);
  BOOST_TEST((news.on.state() == channels::subscription_state::subscribed));
  s.now->drop();
  s.in.run_for(100ms);
  BOOST_TEST((news.on.state() == channels::subscription_state::subscribing));
  BOOST_REQUIRE(s.connects_again(2));
  s.in.run_for(1s);
  s.publish("news", 2);
  BOOST_TEST((news.got == lines{"subscribed", "event 1", "lost", "subscribed again", "event 2"}));
  BOOST_TEST(s.count("rpc.on") == 2U);
}

BOOST_AUTO_TEST_CASE(events_of_other_channels_are_nobodys) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber news(client.subscribe("news"));
  BOOST_REQUIRE(s.connects());
  s.publish("sport", 1);
  BOOST_TEST((news.got == lines{"subscribed"}));
}

BOOST_AUTO_TEST_CASE(two_subscribers_of_a_channel_share_one_subscription) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  auto first = std::make_unique<subscriber>(client.subscribe("news"));
  s.in.run_for(1s);
  subscriber second(client.subscribe("news"));
  s.in.run_for(1s);
  s.publish("news", 1);
  BOOST_TEST((first->got == lines{"subscribed", "event 1"}));
  BOOST_TEST((second.got == lines{"subscribed", "event 1"}));
  BOOST_TEST(s.count("rpc.on") == 1U);
  first.reset();
  s.in.run_for(1s);
  BOOST_TEST(s.count("rpc.off") == 0U);
  s.publish("news", 2);
  BOOST_TEST(second.got.back() == "event 2");
  second.on.unsubscribe();
  s.in.run_for(1s);
  BOOST_TEST(s.count("rpc.off") == 1U);
  BOOST_TEST(second.got.back() == "ended unsubscribed");
  BOOST_TEST(second.end == make_error_code(error::closed));
}

BOOST_AUTO_TEST_CASE(a_refused_subscription_ends_with_the_servers_words) {
  channel_scenario s;
  auto& client = s.start_client();
  channels::subscription closed = client.subscribe("closed");
  std::vector<channels::item> got;
  BOOST_REQUIRE(s.connects());
  closed.receive([&](error_code, channels::item what) { got.push_back(std::move(what)); });
  s.in.run_for(1s);
  BOOST_REQUIRE(got.size() == 1U);
  const auto* const end = std::get_if<channels::ended>(&got.front());
  BOOST_REQUIRE(end != nullptr);
  BOOST_TEST((end->why == channels::subscription_end::refused));
  BOOST_TEST(end->error.text == "closed to you");
  BOOST_TEST(end->error.code == "-32001");
  s.now->drop();
  BOOST_REQUIRE(s.connects_again(2));
  s.in.run_for(1min);
  BOOST_TEST(s.count("rpc.on") == 1U);  // it is not asked for again
}

BOOST_AUTO_TEST_CASE(a_channel_that_has_worked_is_not_given_up_for_one_refusal) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber news(client.subscribe("news"));
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  s.closed = "news";  // while the server is replaced
  s.now->drop();
  BOOST_REQUIRE(s.connects_again(2));
  s.in.run_for(2s);
  s.closed = "closed";
  s.in.run_for(1min);
  BOOST_TEST((news.got == lines{"subscribed", "lost", "subscribed again"}));
  s.closed = "news";
  s.now->drop();
  BOOST_REQUIRE(s.connects_again(3));
  s.in.run_for(5min);
  BOOST_TEST(news.got.back() == "ended refused");
  BOOST_TEST(s.count("rpc.on") <= 9U);
}

// The pace is used up when the first of them are due again.
BOOST_AUTO_TEST_CASE(a_hundred_channels_that_are_refused_for_now_all_come_back) {
  channel_scenario s;
  bool refuses = false;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    s.now = &session;
    while (auto next = co_await session.receive()) {
      s.asked.push_back(json::parse(next->payload));
      s.closed = refuses ? std::string(s.asked.back().at("params").at(0).as_string()) : std::string();
      if (const auto reply = s.answer(s.asked.back()); !reply.empty()) co_await session.send(reply);
    }
  });
  auto& client = s.start_client();
  std::vector<std::unique_ptr<subscriber>> all;
  for (int i = 0; i < 100; ++i)
    all.push_back(std::make_unique<subscriber>(client.subscribe("c" + std::to_string(i))));
  BOOST_REQUIRE(s.connects());
  s.in.run_for(10s);
  refuses = true;
  s.now->drop();
  BOOST_REQUIRE(s.connects_again(2));
  s.in.run_for(5s);
  refuses = false;
  s.in.run_for(2min);
  for (const auto& each : all) BOOST_TEST((each->got == lines{"subscribed", "lost", "subscribed again"}));
}

BOOST_AUTO_TEST_CASE(a_channel_that_was_left_and_is_wanted_again_is_asked_for_behind_its_farewell) {
  channel_scenario s;
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  auto first = std::make_unique<subscriber>(client.subscribe("news"));
  s.in.run_for(1s);
  first.reset();
  subscriber second(client.subscribe("news"));
  s.in.run_for(1s);
  s.publish("news", 1);
  BOOST_TEST((second.got == lines{"subscribed", "event 1"}));
  lines methods;
  for (const auto& each : s.asked) methods.push_back(channel_scenario::method_of(each));
  BOOST_TEST((methods == lines{"rpc.on", "rpc.off", "rpc.on"}));
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_answer_is_asked_again_after_a_wait) {
  channel_scenario s;
  s.closed = {};
  int asked = 0;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    s.now = &session;
    while (auto next = co_await session.receive()) {
      s.asked.push_back(json::parse(next->payload));
      if (channel_scenario::method_of(s.asked.back()) == "rpc.on" && ++asked < 3) continue;
      if (const auto reply = s.answer(s.asked.back()); !reply.empty()) co_await session.send(reply);
    }
  });
  auto& client = s.start_client({.subscription_deadline = 5s});
  subscriber news(client.subscribe("news"));
  BOOST_REQUIRE(s.connects());
  s.in.run_for(4s);
  BOOST_TEST(s.count("rpc.on") == 1U);
  s.in.run_for(1min);
  BOOST_TEST(s.count("rpc.on") == 3U);
  BOOST_TEST(s.count("rpc.off") == 2U);
  BOOST_TEST((news.got == lines{"subscribed"}));
}

BOOST_AUTO_TEST_CASE(a_channel_that_was_left_before_its_alias_was_known_is_unsubscribed_when_it_is) {
  channel_scenario s;
  s.speaks = {.channels = channels::json_rpc_channels::by_alias};
  auto& client = s.start_client();
  BOOST_REQUIRE(s.connects());
  {
    const auto left = client.subscribe("news");
    s.in.run_for(1s);
  }
  s.in.run_for(1s);
  BOOST_REQUIRE(s.asked.size() == 1U);
  const auto id = s.asked[0].at("id").to_number<std::uint64_t>();
  s.say(json::serialize(json::object{{"jsonrpc", "2.0"}, {"id", id}, {"result", "0xa"}}));
  BOOST_REQUIRE(s.asked.size() == 2U);
  BOOST_TEST(s.asked[1].at("method").as_string() == "unsubscribe");
  BOOST_TEST(s.asked[1].at("params").at(0).as_string() == "0xa");
}

BOOST_AUTO_TEST_CASE(a_name_that_is_not_utf8_ends_its_subscription_and_nothing_else) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber bad(client.subscribe("b\xFF"));
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  BOOST_TEST((bad.got == lines{"ended refused"}));
  BOOST_TEST((client.connection().status() == connection_state::connected));
}

BOOST_AUTO_TEST_CASE(channels_are_asked_for_at_a_pace_the_important_ones_first) {
  channel_scenario s;
  auto& client = s.start_client({.subscriptions_per_second = 10});
  std::vector<channels::subscription> all;
  for (int i = 0; i < 50; ++i) {
    all.push_back(client.subscribe("c" + std::to_string(i), {.important = i == 49}));
  }
  BOOST_REQUIRE(s.connects());
  s.in.run_for(50ms);
  const auto burst = s.count("rpc.on");
  BOOST_TEST(burst >= 10U);
  BOOST_TEST(burst <= 12U);
  BOOST_TEST(s.asked.front().at("params").at(0).as_string() == "c49");
  s.in.run_for(2s);
  BOOST_TEST(s.count("rpc.on") <= burst + 21U);
  BOOST_TEST(s.count("rpc.on") >= burst + 19U);
  s.in.run_for(10s);
  BOOST_TEST(s.count("rpc.on") == 50U);
}

BOOST_AUTO_TEST_CASE(a_subscriber_that_may_lose_nothing_holds_the_socket) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber slow(client.subscribe("news", {.limit = 3}), 1);
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  for (int i = 0; i < 10; ++i) s.publish("news", i);
  call_end blocked;
  client.call("echo", {{"x", 1}}, {.timeout = 10min}, blocked.handler());
  s.in.run_for(10s);
  BOOST_TEST(blocked.count == 0);  // its answer stands behind the events
  BOOST_TEST((client.connection().status() == connection_state::connected));
  slow.take(100);
  s.in.run_for(1s);
  BOOST_TEST((slow.got == lines{"subscribed", "event 0", "event 1", "event 2", "event 3", "event 4",
                                "event 5", "event 6", "event 7", "event 8", "event 9"}));
  BOOST_TEST(blocked.count == 1);
}

BOOST_AUTO_TEST_CASE(a_subscriber_that_wants_the_newest_learns_how_many_it_has_missed) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber slow(client.subscribe("news", {.when_slow = channels::slow_rule::drop_oldest, .limit = 3}), 1);
  subscriber quick(client.subscribe("news"));
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  for (int i = 0; i < 10; ++i) s.publish("news", i);
  slow.take(100);
  s.in.run_for(1s);
  BOOST_TEST((slow.got == lines{"subscribed", "overflow 7", "event 7", "event 8", "event 9"}));
  BOOST_TEST(quick.got.size() == 11U);
}

BOOST_AUTO_TEST_CASE(a_subscriber_may_be_ended_for_its_slowness_and_others_go_on) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber slow(client.subscribe("news", {.when_slow = channels::slow_rule::end, .limit = 3}), 1);
  subscriber quick(client.subscribe("news"));
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  for (int i = 0; i < 10; ++i) s.publish("news", i);
  slow.take(100);
  s.in.run_for(1s);
  BOOST_TEST((slow.got == lines{"subscribed", "event 0", "event 1", "event 2", "ended too_slow"}));
  BOOST_TEST(quick.got.size() == 11U);
  BOOST_TEST(s.count("rpc.off") == 0U);
}

BOOST_AUTO_TEST_CASE(a_loss_in_the_middle_of_a_flood_keeps_the_order) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber slow(client.subscribe("news"), 1);
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  s.publish("news", 1);
  s.publish("news", 2);
  s.now->drop();
  BOOST_REQUIRE(s.connects_again(2));
  s.in.run_for(1s);
  s.publish("news", 3);
  slow.take(100);
  s.in.run_for(1s);
  BOOST_TEST((slow.got == lines{"subscribed", "event 1", "event 2", "lost", "subscribed again", "event 3"}));
}

BOOST_AUTO_TEST_CASE(closing_ends_all_subscriptions) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber news(client.subscribe("news"));
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  client.close();
  s.in.run_for(5s);
  BOOST_TEST(news.got.back() == "ended closed");
  BOOST_TEST(news.end == make_error_code(error::closed));
  subscriber late(client.subscribe("late"));
  s.in.run_for(1s);
  BOOST_TEST((late.got == lines{"ended closed"}));
}

BOOST_AUTO_TEST_CASE(a_subscription_outlives_its_client) {
  channel_scenario s;
  auto& client = s.start_client();
  subscriber news(client.subscribe("news"));
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  s.client.reset();
  s.in.run_for(1s);
  BOOST_TEST(news.got.back() == "ended closed");
  news.on.unsubscribe();
}

BOOST_AUTO_TEST_CASE(receive_can_be_cancelled_and_loses_nothing) {
  channel_scenario s;
  auto& client = s.start_client();
  auto news = client.subscribe("news");
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  lines got;
  error_code cancelled;
  news.receive([&](error_code, const channels::item& what) { got.push_back(describe_item(what)); });
  s.in.run_for(1s);
  net::cancellation_signal stop;
  news.receive(net::bind_cancellation_slot(stop.slot(),
                                           [&](error_code ec, const channels::item&) { cancelled = ec; }));
  stop.emit(net::cancellation_type::total);
  s.in.run_for(1s);
  BOOST_TEST(cancelled == make_error_code(net::error::operation_aborted));
  s.publish("news", 1);
  news.receive([&](error_code, const channels::item& what) { got.push_back(describe_item(what)); });
  s.in.run_for(1s);
  BOOST_TEST((got == lines{"subscribed", "event 1"}));
}

BOOST_AUTO_TEST_CASE(a_coroutine_receives_what_waits_without_starving_others) {
  channel_scenario s;
  auto& client = s.start_client();
  auto news = client.subscribe("news", {.limit = 500});
  BOOST_REQUIRE(s.connects());
  s.in.run_for(1s);
  for (int i = 0; i < 200; ++i) s.publish("news", i);
  std::vector<int> order;
  bool turned = false;
  std::size_t before_turn = 0;
  net::co_spawn(
      s.in.executor(),
      [&]() -> net::awaitable<void> {
        net::post(s.in.executor(), [&] {
          turned = true;
          before_turn = order.size();
        });
        for (;;) {
          const auto next = co_await news.receive();
          const auto* const got = std::get_if<channels::event>(&next);
          if (got == nullptr) continue;
          order.push_back(got->data.to_number<int>());
          if (order.size() == 200U) co_return;
        }
      },
      net::detached);
  s.in.run_for(1s);
  BOOST_TEST(order.size() == 200U);
  BOOST_TEST(std::ranges::is_sorted(order));
  BOOST_TEST(turned);
  BOOST_TEST(before_turn < 100U);
}

BOOST_AUTO_TEST_SUITE_END()
