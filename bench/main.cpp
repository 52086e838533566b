// Runs every workload by both clients, interleaved, and prints the ratios of the medians. Never a verdict of
// pass or fail by exit code: machines differ, ratios wander.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "server.hpp"
#include "workloads.hpp"

namespace {

// Prints as usual, and remembers the rate of each median.
class remembering_reporter final : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const auto& run : runs) {
      if (run.aggregate_name != "median") continue;
      const auto name = run.run_name.function_name;
      rates_[name] = run.counters.at("items_per_second");
      processor_time_[name] = run.cpu_accumulated_time;
    }
  }
  [[nodiscard]] double rate(const std::string& name) const {
    const auto found = rates_.find(name);
    return found == rates_.end() ? 0 : found->second;
  }

  // Of the client's thread, for the same work.
  [[nodiscard]] double processor_time(const std::string& name) const {
    const auto found = processor_time_.find(name);
    return found == processor_time_.end() ? 0 : found->second;
  }

 private:
  std::map<std::string, double> rates_;
  std::map<std::string, double> processor_time_;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words{argv[0], "--benchmark_repetitions=9", "--benchmark_min_time=0.05",
                                 "--benchmark_enable_random_interleaving=true",
                                 "--benchmark_report_aggregates_only=true"};
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  int count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 2;

  const bench::server server;
  bench::use_processor(0);
  bench::register_workloads(server);
  remembering_reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);

  std::printf("\n%-24s %14s %14s %8s %6s %10s\n", "messages a second", "raw Beast", "holdfast", "ratio",
              "bar", "CPU ratio");
  for (const auto& each : bench::workloads()) {
    const auto beast = reporter.rate(each.name + "/beast");
    const auto ours = reporter.rate(each.name + "/holdfast");
    if (beast > 0 && ours > 0) {
      const auto cpu =
          reporter.processor_time(each.name + "/beast") / reporter.processor_time(each.name + "/holdfast");
      std::printf("%-24s %14.0f %14.0f %8.2f %6.2f %10.2f\n", each.name.c_str(), beast, ours, ours / beast,
                  each.bar, cpu);
    }
  }
  return 0;
}
