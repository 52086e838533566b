// The backend of channels that programs test themselves against.
#include <string>
#include <vector>

#include "channel_scenario.hpp"

BOOST_AUTO_TEST_SUITE(channel_servers)

namespace {

using lines = std::vector<std::string>;

struct channel_server_scenario : scenario {
  channel_server_scenario() {
    client.emplace(in.executor(), given, channel_server::dialect());
    client->run(net::detached);
    in.run_for(1s);
  }
  channel_server behind{backend};
  std::optional<channels::client> client{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_client_that_comes_back_receives_what_it_has_missed) {
  channel_server_scenario s;
  const subscriber news(s.client->subscribe("news"));
  s.in.run_for(1s);
  BOOST_TEST(s.behind.subscribers("news") == 1U);
  s.behind.publish("news", 1);
  s.behind.publish("other", 1);
  s.in.run_for(1s);
  s.behind.drop();
  s.in.settle();
  s.behind.publish("news", 2);
  s.in.run_for(30s);
  s.behind.publish("news", 3);
  s.in.run_for(1s);
  BOOST_TEST((news.got ==
              lines{"subscribed", "event 1", "lost", "subscribed again recovered", "event 2", "event 3"}));
  BOOST_TEST(s.behind.clients() == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_no_more_there_is_told_as_missed) {
  channel_server_scenario s;
  s.behind.retain(1);
  auto news = s.client->subscribe("news");
  s.in.run_for(1s);
  s.behind.publish("news", 1);
  s.in.run_for(1s);
  s.behind.drop();
  s.in.settle();
  for (int number = 2; number <= 4; ++number) s.behind.publish("news", number);
  s.in.run_for(30s);
  std::optional<std::uint64_t> missed;
  for (int i = 0; i < 4; ++i) {
    news.receive([&](error_code, const channels::item& what) {
      if (const auto* const told = std::get_if<channels::subscribed>(&what); told != nullptr && told->again)
        missed = told->missed;
    });
    s.in.settle();
  }
  BOOST_TEST((missed == std::optional<std::uint64_t>(3)));
}

BOOST_AUTO_TEST_CASE(calls_are_answered_as_the_test_says) {
  channel_server_scenario s;
  call_end echoed;
  call_end refused;
  call_end unheard;
  s.client->call("any", json::array{7}, {}, echoed.handler());
  s.in.run_for(1s);
  BOOST_TEST((echoed.is(channels::call_outcome::answered)));
  BOOST_TEST((echoed.result.value == json::array{7}));
  s.behind.on_call([](std::string_view method, const json::value&) -> std::optional<channel_server::answer> {
    if (method == "silent") return std::nullopt;
    return channels::call_error{.code = "no", .text = "not you"};
  });
  s.client->call("any", {}, {}, refused.handler());
  s.client->call("silent", {}, {.timeout = 5s}, unheard.handler());
  s.in.run_for(10s);
  BOOST_TEST((refused.is(channels::call_outcome::refused)));
  BOOST_TEST(refused.result.error.text == "not you");
  BOOST_TEST((unheard.is(channels::call_outcome::in_doubt)));
  BOOST_TEST(s.behind.calls() == 3U);
}

BOOST_AUTO_TEST_CASE(channels_are_refused_unanswered_and_ended) {
  channel_server_scenario s;
  s.behind.on_subscribe([](std::string_view channel, const json::value&) {
    return channel == "closed" ? std::optional(channels::call_error{.code = "403"}) : std::nullopt;
  });
  const subscriber closed(s.client->subscribe("closed"));
  const subscriber moved(s.client->subscribe("moved"));
  const subscriber over(s.client->subscribe("over"));
  s.in.run_for(1s);
  s.behind.end("moved", true);
  s.behind.end("over", false);
  s.in.run_for(10s);
  BOOST_TEST((closed.got == lines{"ended refused"}));
  BOOST_TEST((moved.got == lines{"subscribed", "lost", "subscribed again"}));
  BOOST_TEST((over.got == lines{"subscribed", "ended completed"}));
  s.behind.confirm(false);
  const subscriber waiting(s.client->subscribe("waiting"));
  s.in.run_for(1min);
  BOOST_TEST(waiting.got.empty());
  s.behind.confirm(true);
  s.in.run_for(2min);
  BOOST_TEST((waiting.got == lines{"subscribed"}));
}

BOOST_AUTO_TEST_CASE(clients_hear_each_other_and_the_server) {
  channel_server_scenario s;
  std::string heard;
  s.client->set_call_handler([&](channels::incoming_call call) { heard = call.method(); });
  auto room = s.client->subscribe("room");
  s.in.run_for(1s);
  room.publish("hello", {}, net::detached);
  s.behind.notify("restart soon", {});
  s.in.run_for(1s);
  BOOST_TEST(heard == "restart soon");
  std::string got;
  for (int i = 0; i < 2; ++i) {
    room.receive([&](error_code, const channels::item& what) { got = describe_item(what); });
    s.in.settle();
  }
  BOOST_TEST(got == "event \"hello\"");
  room.unsubscribe();
  s.in.run_for(1s);
  BOOST_TEST(s.behind.subscribers("room") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
