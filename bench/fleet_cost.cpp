// One worker of a fleet that holds so many keys, each with a lease of its own, on a NATS server:
//
//   fleet_cost URL FLEET KEYS SECONDS [hold|watch [SHARDS]]
//
// Prints what the renewals of so many seconds have cost, as one line of JSON: renewals, the processor time of
// the process for them, leases lost, the bytes of an entry as it is written, and the bytes of heap of a
// lease. With "watch": what it costs another worker to hear of them, and the bytes of heap of a key it knows.
#include <malloc.h>
#include <sys/resource.h>

#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

import holdfast;
import holdfast.fleet;

namespace {

namespace net = boost::asio;
namespace json = boost::json;
namespace fleet = holdfast::fleet;

double heap_bytes() { return static_cast<double>(::mallinfo2().uordblks); }

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& of) {
    return static_cast<double>(of.tv_sec) + static_cast<double>(of.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

net::awaitable<void> add_keys(fleet::client admin, std::size_t count) {
  for (std::size_t n = 0; n < count; ++n) {
    const auto how = co_await admin.add("tenant-" + std::to_string(n));
    if (!how) throw boost::system::system_error(how.error());
  }
}

// What an entry has in bytes: a holder without a session.
net::awaitable<std::size_t> entry_bytes(std::shared_ptr<fleet::coordinator> broker) {
  const auto found = co_await broker->get("lease.tenant-0");
  co_return found && *found ? (*found)->value.size() : 0;
}

net::awaitable<void> measure(fleet::worker& worker, std::shared_ptr<fleet::coordinator> broker,
                             std::size_t keys, std::chrono::seconds span, net::io_context& io) {
  net::steady_timer pause(io);
  const auto wait = [&](std::chrono::milliseconds time) {
    pause.expires_after(time);
    return pause.async_wait(net::use_awaitable);
  };
  const fleet::client admin(broker);
  co_await wait(std::chrono::seconds(1));
  const auto heap_before = heap_bytes();
  co_await add_keys(admin, keys);
  const auto latest = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (worker.stats().keys != keys) {
    if (std::chrono::steady_clock::now() > latest)
      throw std::runtime_error("the worker does not take all keys");
    co_await wait(std::chrono::milliseconds(20));
  }
  const auto heap = heap_bytes() - heap_before;
  co_await wait(std::chrono::seconds(6));  // takes are over, renewals have begun
  const auto before = worker.stats();
  const auto used = processor_seconds();
  co_await wait(span);
  const auto after = worker.stats();
  const auto seconds = processor_seconds() - used;
  const auto bytes = co_await entry_bytes(broker);
  const json::object result{{"renewals", after.renewals - before.renewals},
                            {"processor_seconds", seconds},
                            {"share_of_a_core", seconds / std::chrono::duration<double>(span).count()},
                            {"lost", after.lost},
                            {"entry_bytes", bytes},
                            {"heap_bytes_per_lease", heap / static_cast<double>(keys)}};
  std::cout << json::serialize(result) << std::endl;
  io.stop();
}

// One that holds hardly anything, and watches what the other one does.
net::awaitable<void> look_on(fleet::worker& worker, std::size_t keys, std::chrono::seconds span,
                             net::io_context& io) {
  net::steady_timer pause(io);
  const auto wait = [&](std::chrono::milliseconds time) {
    pause.expires_after(time);
    return pause.async_wait(net::use_awaitable);
  };
  const auto heap_before = heap_bytes();
  while (worker.stats().known_keys != keys) co_await wait(std::chrono::milliseconds(20));
  const auto heap = heap_bytes() - heap_before;
  co_await wait(std::chrono::seconds(6));
  const auto used = processor_seconds();
  co_await wait(span);
  const json::object result{{"processor_seconds", processor_seconds() - used},
                            {"heap_bytes_per_key", heap / static_cast<double>(keys)}};
  std::cout << json::serialize(result) << std::endl;
  io.stop();
}

}  // namespace

int main(int argc, char* argv[]) try {
  if (argc < 5) throw std::invalid_argument("usage: fleet_cost URL FLEET KEYS SECONDS [hold|watch [SHARDS]]");
  const bool watches = argc > 5 && std::string(argv[5]) == "watch";
  const auto shards = argc > 6 ? std::stoul(argv[6]) : 0;
  net::io_context io(1);
  const auto keys = static_cast<std::size_t>(std::stoul(argv[3]));
  const auto broker = fleet::nats({.servers = {argv[1]}, .fleet = argv[2]});
  fleet::worker worker(io, broker,
                       {.fleet = argv[2],
                        .id = watches ? "onlooker" : "w",
                        .capacity = watches ? 1 : static_cast<std::uint32_t>(keys),
                        .shards = static_cast<std::uint32_t>(shards),
                        .moves_at_once = 64});
  const auto rethrow = [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  };
  net::co_spawn(io, worker.run([](fleet::lease& lease) -> net::awaitable<void> { co_await lease.ended(); }),
                rethrow);
  const std::chrono::seconds span(std::stoi(argv[4]));
  net::co_spawn(io, watches ? look_on(worker, keys, span, io) : measure(worker, broker, keys, span, io),
                rethrow);
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << "fleet_cost: " << wrong.what() << '\n';
  return 1;
}
