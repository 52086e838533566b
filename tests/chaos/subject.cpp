#include "subject.hpp"

#include <boost/asio.hpp>
#include <chrono>
#include <string_view>
#include <utility>

import holdfast;

namespace chaos {
namespace {

using namespace std::chrono_literals;

constexpr auto pace = 20ms;  // between two messages

std::string line_of(const holdfast::state_change& change) {
  std::string line(to_string(change.to));
  if (change.to != holdfast::connection_state::disconnected) return line;
  auto reason = change.reason;
  reason.peer.clear();
  const auto next = change.retry_in ? change.rule : std::string(change.final ? "final" : "waits");
  return line + '[' + describe(reason) + "; " + next + ']';
}

}  // namespace

holdfast::options options_for(std::string url, std::uint64_t seed, std::chrono::seconds ping_interval,
                              const line_sink& say) {
  holdfast::options given{.url = std::move(url)};
  given.random_seed = seed;
  given.watch_network = true;
  given.heartbeat = {.ping_interval = ping_interval, .pong_deadline = 1500ms, .probe_deadline = 1s};
  given.deadlines.attempt = 2500ms;
  given.deadlines.connect = 1500ms;
  given.deadlines.upgrade = 1500ms;
  given.retry.base = 200ms;
  given.retry.cap = 800ms;
  given.retry.first_spread = 200ms;
  given.retry.stable_after = 500ms;
  given.close_timeout = 1s;
  given.log = [say](holdfast::log_level level, std::string_view line) {
    if (level != holdfast::log_level::debug) say("log: " + std::string(line));
  };
  return given;
}

void tell_changes(holdfast::connection& conn, const line_sink& say) {
  conn.add_connection_listener(
      "chaos", {.on_state_change = [say](const holdfast::observed_change& change) { say(line_of(change)); }});
}

net::awaitable<void> exchange(holdfast::connection& conn, std::size_t count, line_sink say) {
  holdfast::timer pause(co_await net::this_coro::executor);
  for (std::size_t i = 0; i < count; ++i) {
    const auto payload = std::to_string(i);
    const auto sent = co_await conn.send(payload);
    if (!sent.ok()) co_return say("not sent: " + sent.reason.message());
    const auto [ec, back] = co_await conn.receive(net::as_tuple(net::deferred));
    if (ec) co_return;
    if (back.payload != payload) co_return say("sent " + payload + ", and received " + back.payload);
    co_await pause.async_wait_until(holdfast::clock::now() + pace, net::use_awaitable);
  }
  say("echoed " + std::to_string(count));
}

}  // namespace chaos
