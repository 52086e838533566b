#include "two_contexts.hpp"

#include <benchmark/benchmark.h>

#include <barrier>
#include <cstddef>
#include <ctime>
#include <exception>
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

// Several threads, each with a context and a processor of its own, that measure at the same time.
class contestants {
 public:
  contestants(const workload& what, const target& to, std::size_t threads)
      : what_(what),
        to_(to),
        start_(static_cast<std::ptrdiff_t>(threads)),
        costs_(threads),
        failures_(threads) {
    std::vector<std::jthread> running;
    for (std::size_t i = 0; i < threads; ++i) running.emplace_back([this, i] { run(i); });
  }

  // The processor's time for one message, on average.
  [[nodiscard]] double nanoseconds() const {
    return std::accumulate(costs_.begin(), costs_.end(), 0.0) / static_cast<double>(costs_.size());
  }
  // Empty: all is well.
  [[nodiscard]] std::string failure() const {
    for (const auto& each : failures_) {
      if (!each.empty()) return each;
    }
    return {};
  }

 private:
  void run(std::size_t index) {
    use_processor(static_cast<unsigned>(index));
    bool waited = false;
    try {
      const auto client = make_holdfast_client(to_, way::awaited);
      what_.run(*client, what_.count);  // warm
      waited = true;
      start_.arrive_and_wait();
      const auto before = thread_nanoseconds();
      what_.run(*client, what_.count);
      costs_[index] = (thread_nanoseconds() - before) / static_cast<double>(what_.count);
    } catch (const std::exception& e) {
      failures_[index] = e.what();
      if (!waited) start_.arrive_and_drop();
    }
  }

  const workload& what_;
  const target& to_;
  std::barrier<> start_;
  std::vector<double> costs_;
  std::vector<std::string> failures_;
};

void measure(benchmark::State& state, const workload& what, const target& to, std::size_t threads) {
  if (std::thread::hardware_concurrency() < threads)
    return state.SkipWithError("there are not enough processors");
  for (auto _ : state) {
    const contestants all(what, to, threads);
    if (!all.failure().empty()) return state.SkipWithError(all.failure().c_str());
    state.counters["CPU_ns"] = all.nanoseconds();
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
