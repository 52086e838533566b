// The functions that docs/channels.md shows, run.
#include <iostream>
#include <string>

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

BOOST_AUTO_TEST_SUITE_END()
