#include "idle_memory.hpp"

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>

#include "idle_clients.hpp"

namespace bench {
namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;
using maker = std::unique_ptr<idle_clients> (*)(net::io_context&, std::uint16_t);

constexpr std::size_t wanted_count = 10'000;
constexpr std::size_t at_a_time = 500;  // fewer than the server's queue holds: none has to knock twice
constexpr auto patience = 30s;          // for all

// False: not within our patience.
bool open(net::io_context& context, idle_clients& clients, std::size_t count) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (std::size_t started = 1; started <= count; ++started) {
    clients.start_one();
    if (started % at_a_time != 0 && started != count) continue;
    while (clients.open_count() != started) {
      if (std::chrono::steady_clock::now() > end) return false;
      context.run_one_for(100ms);
    }
  }
  context.run_for(100ms);  // what a handshake leaves to be done behind it
  return clients.open_count() == count;
}

void measure(benchmark::State& state, maker make, std::uint16_t port, std::size_t count) {
  for (auto _ : state) {
    net::io_context context{1};
    const auto clients = make(context, port);
    const auto before = heap_bytes();
    if (!open(context, *clients, count)) return state.SkipWithError("not all connections were open at once");
    state.counters["heap_bytes"] = (heap_bytes() - before) / static_cast<double>(count);
    state.counters["connections"] = static_cast<double>(count);
  }
}

}  // namespace

double heap_bytes() {
  const auto now = ::mallinfo2();
  return static_cast<double>(now.uordblks + now.hblkhd);
}

void register_idle_memory(const idle_server& against) {
  const auto add = [&against](const char* name, maker make) {
    const auto count = std::min(wanted_count, against.capacity());
    benchmark::RegisterBenchmark(name, [make, count, port = against.port()](
                                           benchmark::State& state) { measure(state, make, port, count); })
        ->Iterations(1)
        ->Repetitions(1)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  };
  add("idle_memory/beast", make_idle_beast);
  add("idle_memory/holdfast", make_idle_holdfast);
}

}  // namespace bench
