// Runs all that is measured, interleaved, and prints tables of it.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "idle_memory.hpp"
#include "report.hpp"
#include "server.hpp"
#include "tls_dials.hpp"
#include "two_contexts.hpp"
#include "workloads.hpp"

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

  const bench::idle_memory idle_memory;  // forks, so it is the first
  const bench::servers servers;
  const bench::tls_server tls_server;
  bench::use_processor(0);
  bench::register_workloads(servers);
  bench::register_two_contexts(servers);
  idle_memory.register_all();
  tls_server.register_dials();
  bench::report report;
  benchmark::RunSpecifiedBenchmarks(&report);
  report.print_tables();
  return 0;
}
