// Credentials that expire. All connections share one token_source: it fetches a token when an attempt needs a
// new one, and once more when a server has refused the present one.
#include <boost/asio.hpp>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

import holdfast;
import holdfast.testing;

namespace net = boost::asio;
using namespace std::chrono_literals;

// The other side issues tokens that live for an hour, and can revoke them.
class token_service {
 public:
  net::awaitable<holdfast::credentials> issue() {
    holdfast::timer slow(co_await net::this_coro::executor);
    co_await slow.async_wait_until(holdfast::clock::now() + 200ms, net::use_awaitable);
    expires_at_ = holdfast::clock::now() + 1h;
    co_return holdfast::credentials{.token = "token-" + std::to_string(++issued), .expires_at = expires_at_};
  }
  [[nodiscard]] bool accepts(std::string_view authorization) const {
    return authorization == "Bearer token-" + std::to_string(issued) && holdfast::clock::now() < expires_at_;
  }
  void revoke() { expires_at_ = holdfast::clock::now(); }
  int issued = 0;

 private:
  holdfast::clock::time_point expires_at_{};
};

int main() {
  using namespace holdfast::testing;
  world world;
  token_service service;
  server behind(world, {net::ip::make_address("10.0.0.1"), 80});
  std::size_t refused = 0;
  behind.on_upgrade([&](const holdfast::http_head& request) -> std::optional<http_answer> {
    if (service.accepts(request.header("Authorization"))) return {};
    ++refused;
    return http_answer{.status = 401};
  });

  // The recipe.
  const holdfast::token_source tokens(world.executor(), [&] { return service.issue(); });
  const holdfast::options given{.url = "ws://10.0.0.1/",
                                .provider = tokens.as_provider(),
                                .network = world.network(),
                                .random_seed = 1};  // both reconnect at the same moment
  holdfast::connection news(world.executor(), given);
  holdfast::connection chat(world.executor(), given);
  news.run(net::detached);
  chat.run(net::detached);

  bool right = true;
  const auto after = [&](holdfast::clock::duration span, const std::string& what, int issued,
                         std::size_t refusals) {
    world.run_for(span);
    const bool connected =
        news.status() == holdfast::connection_state::connected && chat.status() == news.status();
    std::cout << what << ": " << (connected ? "both connected, " : "NOT CONNECTED, ") << service.issued
              << " tokens, " << refused << " refusals\n";
    right = right && connected && service.issued == issued && refused == refusals;
  };
  after(1min, "both have connected", 1, 0);
  world.network()->reset_links();
  after(1min, "a reconnect within the hour", 1, 0);
  after(2h, "an open session needs no new token", 1, 0);
  world.network()->reset_links();
  after(1min, "a reconnect after the hour", 2, 0);
  service.revoke();
  world.network()->reset_links();
  after(1min, "a reconnect after a revocation", 3, 2);
  after(58min + 45s, "the token is about to expire", 3, 2);
  // Some servers end a session together with its token: move to a socket that has the next token.
  news.migrate(net::detached);
  after(1min, "news has moved", 4, 2);
  return right ? 0 : 1;
}
