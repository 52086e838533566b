#include "two_contexts.hpp"

#include <benchmark/benchmark.h>

#include <ctime>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace bench {
namespace {

double thread_nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Of the calling thread for one message.
double cost(const workload& what, const target& to) {
  const auto client = make_holdfast_client(to, way::awaited);
  what.run(*client, what.count);  // warm
  const auto before = thread_nanoseconds();
  what.run(*client, what.count);
  return (thread_nanoseconds() - before) / static_cast<double>(what.count);
}

void measure(benchmark::State& state, const workload& what, const target& to, std::size_t threads) {
  for (auto _ : state) {
    std::vector<double> costs(threads);
    std::vector<std::thread> running;
    for (auto& each : costs) running.emplace_back([&] { each = cost(what, to); });
    for (auto& each : running) each.join();
    state.counters["CPU_ns"] =
        std::accumulate(costs.begin(), costs.end(), 0.0) / static_cast<double>(threads);
  }
}

void add(const workload& what, const std::string& name, const servers& against) {
  for (const std::size_t threads : {1U, 2U}) {
    benchmark::RegisterBenchmark(("two_contexts/" + name + (threads == 1 ? "/one" : "/two")).c_str(),
                                 [&what, &against, threads](benchmark::State& state) {
                                   measure(state, what, against.of(what), threads);
                                 })
        ->Iterations(1)
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace

void register_two_contexts(const servers& against) {
  for (const auto& each : workloads()) {
    if (each.name == "ping_pong_128") add(each, "ping_pong", against);
    if (each.name == "receive_flood_128") add(each, "receive_flood", against);
  }
}

}  // namespace bench
