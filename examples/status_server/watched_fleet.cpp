#include "watched_fleet.hpp"

#include <chrono>
#include <map>
#include <stdexcept>

namespace net = boost::asio;
namespace json = boost::json;
namespace fleet = holdfast::fleet;
using namespace std::chrono_literals;

namespace {

constexpr auto between_looks = 2s;  // each one reads all entries of the bucket
constexpr std::size_t most_names = 100;

// A key has bytes of any kind, and JSON only text.
std::string readable(const std::string& name) {
  const auto out = holdfast::one_line(name, 100);
  return out.empty() ? std::to_string(name.size()) + " bytes" : out;
}

// The first names, and how many there are.
struct names {
  json::array first{};
  std::size_t count = 0;

  void add(const std::string& name) {
    if (++count <= most_names) first.emplace_back(readable(name));
  }
};

json::object described(const fleet::fleet_status& found) {
  std::map<std::string, names> by_worker;
  for (const auto& each : found.keys) by_worker[each.worker].add(each.key);
  json::array workers;
  for (const auto& each : found.workers) {
    auto& held = by_worker[each.id];
    if (each.capacity == 0 && held.count == 0) continue;  // it has drained, and ended
    workers.push_back({{"id", readable(each.id)},
                       {"capacity", each.capacity},
                       {"draining", each.draining},
                       {"count", held.count},
                       {"keys", std::move(held.first)}});
  }
  auto& nobodys = by_worker[""];
  return {
      {"workers", std::move(workers)}, {"unheld", nobodys.count}, {"unheld_keys", std::move(nobodys.first)}};
}

// Where the name of the fleet begins.
std::size_t name_in(std::string_view where) {
  const auto host = where.find("://");
  const auto slash = where.rfind('/');
  if (host == std::string_view::npos || slash < host + 3)
    throw std::invalid_argument(
        "STATUS_FLEET must be the URL of a NATS server with the fleet's name behind it, such as "
        "nats://127.0.0.1:4222/bots");
  return slash + 1;
}

}  // namespace

watched_fleet::watched_fleet(std::string_view where)
    : watched_fleet(std::string(where.substr(0, name_in(where) - 1)),
                    std::string(where.substr(name_in(where)))) {}

watched_fleet::watched_fleet(std::string server, std::string name)
    : client_(fleet::nats({.servers = {std::move(server)}, .fleet = name, .replicas = 0})),
      status_{{"name", name}, {"said", "the broker was not asked yet"}} {}

net::awaitable<void> watched_fleet::look() {
  for (net::steady_timer pause(co_await net::this_coro::executor);;) {
    const auto found = co_await client_.status();
    if (found) {
      auto news = described(*found);
      news["name"] = status_["name"];
      news["said"] = "";
      status_ = std::move(news);
    } else {
      status_["said"] = found.error().message();  // the workers stay as they were seen last
    }
    pause.expires_after(between_looks);
    co_await pause.async_wait(net::use_awaitable);
  }
}
