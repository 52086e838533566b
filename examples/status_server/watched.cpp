#include "watched.hpp"

#include <chrono>

namespace net = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr auto shown = 5min;  // in the small band of states

holdfast::options traced(const std::string& url, const holdfast::timeline& by) {
  holdfast::options given{.url = url};
  given.heartbeat.unresponsive_after = 2s;
  given.trace = by.recorder();
  return given;
}

net::awaitable<void> read(holdfast::connection& conn) {
  for (;;) co_await conn.receive();
}

double seconds(holdfast::clock::duration value) { return std::chrono::duration<double>(value).count(); }

}  // namespace

watched_connections::entry::entry(net::io_context& io, const std::string& url)
    : conn(io, traced(url, history)) {
  conn.add_connection_listener("band", {.on_state_change = [this](const auto& change) { remember(change); }});
}

void watched_connections::entry::remember(const holdfast::state_change& change) {
  recent.emplace_back(change.time, change.to);
  while (recent.size() > 1 && change.time - recent[1].first > shown) recent.pop_front();
}

// [how many seconds ago it began, its name] of each.
json::array watched_connections::band_of(const recent_states& states) {
  json::array out;
  const auto now = holdfast::clock::now();
  for (const auto& [since, state] : states)
    out.push_back(json::array{seconds(now - since), to_string(state)});
  return out;
}

void watched_connections::add(const std::string& url) {
  auto& conn = all_.emplace_back(io_, url).conn;
  conn.run(net::detached);
  net::co_spawn(io_, read(conn), net::detached);
}

json::array watched_connections::status() const {
  json::array out;
  for (const auto& [recent, history, conn] : all_) {
    const auto last = conn.snapshot();
    const auto numbers = conn.stats();
    auto one = to_json(numbers);
    one["id"] = out.size();
    one["origin"] = last.origin;
    one["state"] = to_string(last.to);
    one["for"] = seconds(holdfast::clock::now() - last.time);
    one["unresponsive"] = last.unresponsive;
    one["said"] = describe(last);
    one["connected_share"] = numbers.connected_for / std::chrono::duration<double>(numbers.age);
    one["recent"] = band_of(recent);
    out.push_back(std::move(one));
  }
  return out;
}

std::string watched_connections::timeline_page(std::size_t id) const {
  if (id >= all_.size()) return {};
  const auto& one = all_[id];
  return to_html(one.history, "connection " + std::to_string(id) + ", " + one.conn.snapshot().origin);
}

std::string watched_connections::metrics() const { return to_openmetrics(holdfast::stats_of(io_)); }

net::awaitable<void> watched_connections::sample() {
  for (net::steady_timer pause(io_);;) {
    for (auto& each : all_) each.history.sample(each.conn.stats());
    pause.expires_after(1s);
    co_await pause.async_wait(net::use_awaitable);
  }
}
