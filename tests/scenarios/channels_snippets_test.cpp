// The functions that docs/channels.md shows: compiled, and run where they need no server on the Internet.
#include <iostream>
#include <string>
#include <utility>

#include "channel_scenario.hpp"

BOOST_AUTO_TEST_SUITE(channels_snippets)

namespace {

// clang-format off
net::awaitable<void> live(channels::client& client) {
  const boost::json::object whom{{"id", 7}};
  const auto user = co_await client.call("getUser", whom, {.timeout = std::chrono::seconds(5), .idempotent = true});
  if (user.ok()) std::cout << user.value << std::endl;
  auto news = client.subscribe("room-17");
  for (;;) {
    const auto item = co_await news.receive();
    if (const auto* const got = std::get_if<channels::event>(&item)) std::cout << got->data << std::endl;
    if (std::holds_alternative<channels::ended>(item)) break;
  }
}

net::awaitable<void> upload(channels::client& client, std::string picture) {
  const boost::json::array arguments{"cat.png", channels::attachment(0)};
  const channels::call_options how{.attachments = {std::move(picture)}};
  const auto stored = co_await client.call("upload", arguments, how);
  if (stored.ok()) std::cout << stored.value.at(0) << std::endl;
}

[[maybe_unused]] net::awaitable<channels::channel_token> token_of(channels::channel_token_request wanted) {
  holdfast::http_request request{.url = "https://example.com/auth/" + wanted.channel};
  request.headers = {{"X-Session", wanted.session}};
  const auto answer = co_await holdfast::http_fetch(std::move(request), {});
  if (answer.status == 403) throw holdfast::permanent_failure("not for us");
  co_return channels::channel_token{.token = answer.body};
}
// clang-format on

}  // namespace

BOOST_AUTO_TEST_CASE(a_call_and_a_subscription_in_one_coroutine) {
  channel_scenario s;
  auto& client = s.start_client();
  bool over = false;
  net::co_spawn(s.in.executor(), live(client), [&](const std::exception_ptr& thrown) { over = !thrown; });
  BOOST_REQUIRE(s.connects());
  s.in.run_for(6s);  // nobody answers getUser
  s.publish("room-17", 1);
  BOOST_TEST(!over);
  client.close();
  s.in.run_for(5s);
  BOOST_TEST(over);
}

BOOST_AUTO_TEST_CASE(a_call_with_an_attachment_ends_also_where_there_are_none) {
  channel_scenario s;
  auto& client = s.start_client();
  bool over = false;
  net::co_spawn(s.in.executor(), upload(client, "bytes"),
                [&](const std::exception_ptr& thrown) { over = !thrown; });
  BOOST_REQUIRE(s.connects());
  BOOST_TEST(over);
  BOOST_TEST(s.count("upload") == 0U);
  call_end end;
  client.call("upload", channels::attachment(0), {}, end.handler());
  client.publish("room", channels::attachment(0), {.attachments = {"bytes"}}, net::detached);
  s.in.run_for(1s);
  BOOST_TEST(!end.is(channels::call_outcome::not_sent));  // to JSON-RPC it is data as any other
  BOOST_TEST(s.count("upload") == 1U);
  BOOST_TEST(s.log_lines.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
