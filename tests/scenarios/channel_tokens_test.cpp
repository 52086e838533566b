// Channels that need a token: the program's provider is asked before the server is.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "channel_scenario.hpp"

BOOST_AUTO_TEST_SUITE(channel_tokens)

namespace {

using lines = std::vector<std::string>;

// Subscribes by "sub <id> <channel> <token>", which the server answers with "ok <id>".
class token_dialect final : public channels::dialect {
 public:
  void opened(const session_facts& session, channels::dialect_events& events) override {
    name_ = "session " + std::to_string(session.number);
    events.ready(false);
  }
  void received(message_view frame, channels::dialect_events& events) override {
    if (frame.payload.starts_with("ev "))
      return events.publish({.alias = frame.payload.substr(3)}, {.data = 1}, {});
    events.reply(std::stoull(std::string(frame.payload.substr(3))), {}, {});
  }
  result<std::string> call(std::uint64_t, std::string_view, const json::value&) const override {
    return make_error_code(error::message_invalid);
  }
  [[nodiscard]] bool needs_token(std::string_view name) const override { return name != "open"; }
  [[nodiscard]] std::string session_name() const override { return name_; }
  result<std::string> subscribe(std::uint64_t id, const channels::channel_request& channel) override {
    return "sub " + std::to_string(id) + ' ' + std::string(channel.name) + ' ' + std::string(channel.token);
  }
  result<std::string> unsubscribe(std::uint64_t, const channels::channel_request& channel) override {
    return "unsub " + std::string(channel.name);
  }

 private:
  std::string name_;
};

struct token_scenario : scenario {
  token_scenario() {
    backend.on_session([this](server_session& session) -> net::awaitable<void> {
      now = &session;
      while (auto next = co_await session.receive()) {
        got.push_back(next->payload);
        const std::string_view text = got.back();
        if (text.starts_with("sub "))
          co_await session.send("ok " + got.back().substr(4, text.find(' ', 4) - 4));
      }
      if (now == &session) now = nullptr;
    });
    how.channel_tokens = [this](channels::channel_token_request wanted) {
      return give(this, std::move(wanted));
    };
  }
  void start() {
    client.emplace(in.executor(), given, [] { return std::make_unique<token_dialect>(); }, how);
    client->run(net::detached);
    in.run_for(1s);
  }
  static net::awaitable<channels::channel_token> give(token_scenario* self,
                                                      channels::channel_token_request wanted) {
    self->asked.push_back(wanted.channel + " in " + wanted.session);
    if (self->takes != clock::duration::zero()) {
      timer pause(co_await net::this_coro::executor);
      error_code ec;
      co_await pause.async_wait_until(clock::now() + self->takes,
                                      net::redirect_error(net::use_awaitable, ec));
      if (ec) {
        ++self->cancelled;
        throw boost::system::system_error(ec);
      }
    }
    if (self->refuses) throw permanent_failure("not for you");
    if (self->fails-- > 0) throw std::runtime_error("the secret of the provider");
    co_return channels::channel_token{.token = "let-me-in"};
  }

  channels::client_options how{};
  clock::duration takes{};
  bool refuses = false;
  int fails = 0;
  int cancelled = 0;
  lines asked{};
  lines got{};
  server_session* now = nullptr;
  std::optional<channels::client> client{};
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_server_is_asked_with_the_token_and_each_session_needs_another_one) {
  token_scenario s;
  s.takes = 2s;
  s.start();
  const subscriber here(s.client->subscribe("room"));
  const subscriber open(s.client->subscribe("open"));
  s.in.run_for(1s);
  BOOST_TEST((s.got == lines{"sub 2 open "}));
  s.in.run_for(2s);
  BOOST_TEST((s.got == lines{"sub 2 open ", "sub 1 room let-me-in"}));
  BOOST_TEST((here.got == lines{"subscribed"}));
  BOOST_TEST((s.asked == lines{"room in session 1"}));
  s.now->drop();
  s.in.run_for(30s);
  BOOST_TEST((s.asked == lines{"room in session 1", "room in session 2"}));
  BOOST_TEST((here.got == lines{"subscribed", "lost", "subscribed again"}));
}

BOOST_AUTO_TEST_CASE(a_provider_that_gives_up_ends_the_subscription) {
  token_scenario s;
  s.refuses = true;
  s.start();
  auto room = s.client->subscribe("room");
  s.in.run_for(1s);
  channels::item last;
  room.receive([&](error_code, const channels::item& got) { last = got; });
  s.in.settle();
  const auto& end = std::get<channels::ended>(last);
  BOOST_TEST((end.why == channels::subscription_end::refused));
  BOOST_TEST(end.error.text.ends_with("not for you"));
  BOOST_TEST(s.got.empty());
}

BOOST_AUTO_TEST_CASE(a_channel_that_has_worked_is_asked_for_four_times_more) {
  token_scenario s;
  s.start();
  const subscriber here(s.client->subscribe("room"));
  s.in.run_for(1s);
  s.refuses = true;
  s.now->drop();
  s.in.run_for(2min);
  BOOST_TEST((here.got == lines{"subscribed", "lost", "ended refused"}));
  BOOST_TEST(s.asked.size() == 6U);  // the first, and five that were refused
}

BOOST_AUTO_TEST_CASE(after_another_failure_the_channel_is_asked_for_again) {
  token_scenario s;
  s.fails = 3;
  s.start();
  const subscriber here(s.client->subscribe("room"));
  s.in.run_for(500ms);
  BOOST_TEST(s.asked.size() == 1U);  // and not at once again
  s.in.run_for(1min);
  BOOST_TEST(s.asked.size() == 4U);
  BOOST_TEST((here.got == lines{"subscribed"}));
  BOOST_REQUIRE(!s.log_lines.empty());
  BOOST_TEST(s.log_lines.front().starts_with("the provider of channel tokens threw"));
}

BOOST_AUTO_TEST_CASE(a_provider_that_hangs_is_cancelled_and_asked_again) {
  token_scenario s;
  s.takes = 1h;
  s.start();
  const subscriber here(s.client->subscribe("room"));
  s.in.run_for(s.how.subscription_deadline + 1s);
  BOOST_TEST(s.cancelled == 1);
  s.takes = 0s;
  s.in.run_for(30s);
  BOOST_TEST((here.got == lines{"subscribed"}));
  BOOST_TEST((s.got.size() == 1U));
}

BOOST_AUTO_TEST_CASE(leaving_or_losing_the_session_cancels_the_request) {
  token_scenario s;
  s.takes = 5s;
  s.start();
  {
    const auto room = s.client->subscribe("room");
    s.in.run_for(1s);
  }
  s.in.run_for(1s);
  BOOST_TEST(s.cancelled == 1);
  BOOST_TEST(s.got.empty());  // also no farewell: it was never there
  BOOST_TEST(s.log_lines.empty());
  const subscriber here(s.client->subscribe("room"));
  s.in.run_for(1s);
  s.now->drop();
  s.in.run_for(1s);
  BOOST_TEST(s.cancelled == 2);
  s.in.run_for(30s);
  BOOST_TEST((here.got == lines{"subscribed"}));
  BOOST_TEST(s.got.size() == 1U);
}

BOOST_AUTO_TEST_CASE(without_a_provider_such_a_channel_is_refused) {
  token_scenario s;
  s.how.channel_tokens = {};
  s.start();
  const subscriber here(s.client->subscribe("room"));
  s.in.run_for(1s);
  BOOST_TEST((here.got == lines{"ended refused"}));
  BOOST_TEST(s.got.empty());
}

BOOST_AUTO_TEST_CASE(an_event_of_the_subscription_before_confirms_nothing) {
  token_scenario s;
  s.takes = 5s;
  s.start();
  const subscriber here(s.client->subscribe("room"));
  s.in.run_for(1s);
  net::co_spawn(s.in.executor(), s.now->send("ev room"), net::detached);
  s.in.run_for(1s);
  BOOST_TEST(here.got.empty());  // the server has not been asked yet
  s.in.run_for(10s);
  BOOST_TEST((here.got == lines{"subscribed"}));
}

BOOST_AUTO_TEST_CASE(a_client_may_go_while_its_provider_works) {
  token_scenario s;
  s.takes = 5s;
  s.start();
  {
    const auto room = s.client->subscribe("room");
    s.in.run_for(1s);
    s.client.reset();
  }
  s.in.run_for(1s);
  BOOST_TEST(s.cancelled == 1);
}

BOOST_AUTO_TEST_SUITE_END()
