// A dialect of a program's own: what the four of the library do not use. Sessions that are resumed,
// positions, and a heartbeat.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "channel_scenario.hpp"

BOOST_AUTO_TEST_SUITE(own_dialects)

namespace {

using lines = std::vector<std::string>;

// Words: the server says "new", "resumed", "ok <id>", "beaten", "<channel>@<position>".
class word_dialect final : public channels::dialect {
 public:
  void opened(const session_facts&, channels::dialect_events& events) override { events.send("hello"); }
  void received(message_view frame, channels::dialect_events& events) override {
    const auto text = frame.payload;
    if (text == "new" || text == "resumed") {
      events.heartbeat_every(30s);
      return events.ready(text == "resumed");
    }
    if (text == "beaten") return events.heartbeat_answered();
    if (text.starts_with("ok ")) return events.reply(std::stoull(std::string(text.substr(3))), {}, {});
    const auto at = text.find('@');
    events.publish({.alias = text.substr(0, at)}, {.data = 1}, text.substr(at + 1));
  }
  result<std::string> call(std::uint64_t, std::string_view, const json::value&) const override {
    return make_error_code(error::message_invalid);
  }
  result<std::string> subscribe(std::uint64_t id, const channels::channel_request& channel) override {
    return "sub " + std::to_string(id) + ' ' + std::string(channel.name) + ' ' +
           std::string(channel.position);
  }
  result<std::string> unsubscribe(std::uint64_t, const channels::channel_request& channel) override {
    return "unsub " + std::string(channel.name);
  }
  std::string heartbeat() override { return "beat"; }
};

struct word_scenario : scenario {
  word_scenario() {
    backend.on_session([this](server_session& session) -> net::awaitable<void> {
      now = &session;
      co_await session.send(greeting);
      while (auto next = co_await session.receive()) {
        got.push_back(next->payload);
        if (got.back().starts_with("sub ")) co_await session.send("ok " + got.back().substr(4, 1));
        if (got.back() == "beat" && answers) co_await session.send("beaten");
      }
      if (now == &session) now = nullptr;
    });
    client.emplace(in.executor(), given, [] { return std::make_unique<word_dialect>(); });
    client->run(net::detached);
  }
  bool opens(std::uint64_t session) {
    return in.run_until(
        [&] {
          const auto last = client->connection().snapshot();
          return last.session == session && last.to == connection_state::connected;
        },
        1min);
  }
  void say(std::string what) {
    net::co_spawn(
        in.executor(), [this, what = std::move(what)]() -> net::awaitable<void> { co_await now->send(what); },
        net::detached);
    in.run_for(1s);
  }

  std::string greeting = "new";
  bool answers = true;
  lines got{};
  server_session* now = nullptr;
  std::optional<channels::client> client{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_resumed_session_is_not_asked_again_and_reports_that_nothing_was_missed) {
  word_scenario s;
  subscriber news(s.client->subscribe("news"));
  BOOST_REQUIRE(s.opens(1));
  s.in.run_for(1s);
  s.say("news@7");
  s.greeting = "resumed";
  s.now->drop();
  BOOST_REQUIRE(s.opens(2));
  s.in.run_for(1s);
  BOOST_TEST(s.client->connection().snapshot().resumed);
  s.say("news@8");
  BOOST_TEST((news.got == lines{"subscribed", "event 1", "lost", "subscribed again recovered", "event 1"}));
  BOOST_TEST(std::ranges::count(s.got, "sub 1 news ") == 1);
  news.on.unsubscribe();
  s.in.run_for(1s);
  BOOST_TEST(s.got.back() == "unsub news");
}

BOOST_AUTO_TEST_CASE(a_new_session_is_asked_from_the_last_position) {
  word_scenario s;
  subscriber news(s.client->subscribe("news", {.position = "5"}));
  BOOST_REQUIRE(s.opens(1));
  s.in.run_for(1s);
  BOOST_TEST(s.got.back() == "sub 1 news 5");
  s.say("news@7");
  BOOST_TEST(news.on.position() == "7");
  s.now->drop();
  BOOST_REQUIRE(s.opens(2));
  s.in.run_for(1s);
  BOOST_TEST(s.got.back() == "sub 2 news 7");
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_answer_the_heartbeat_is_lost) {
  word_scenario s;
  BOOST_REQUIRE(s.opens(1));
  s.in.run_for(2min);
  BOOST_TEST(s.client->connection().snapshot().session == 1U);
  BOOST_TEST(std::ranges::count(s.got, "beat") == 3);
  s.answers = false;
  BOOST_TEST(s.in.run_until(
      [&] { return s.client->connection().snapshot().reason.error == make_error_code(error::liveness_lost); },
      2min));
}

BOOST_AUTO_TEST_CASE(channels_that_nobody_asks_for_are_there_at_once) {
  channel_scenario s;
  s.speaks.channels = channels::json_rpc_channels::by_method;
  auto& client = s.start_client({.subscriptions_per_second = 1});
  std::vector<std::unique_ptr<subscriber>> all;
  all.reserve(100);
  for (int i = 0; i < 100; ++i)
    all.push_back(std::make_unique<subscriber>(client.subscribe("c" + std::to_string(i))));
  BOOST_REQUIRE(s.connects());
  s.say(R"({"jsonrpc":"2.0","method":"c99","params":1})");
  BOOST_TEST((all.back()->got == lines{"subscribed", "event 1"}));
  BOOST_TEST(s.asked.empty());
}

BOOST_AUTO_TEST_SUITE_END()
