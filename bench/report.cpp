#include "report.hpp"

#include <cstdio>
#include <utility>

#include "idle_memory.hpp"
#include "workloads.hpp"

namespace bench {

void report::ReportRuns(const std::vector<Run>& runs) {
  ConsoleReporter::ReportRuns(runs);
  for (const auto& run : runs) {
    const auto& name = run.run_name.function_name;
    if (const auto found = run.counters.find("heap_bytes"); found != run.counters.end()) {
      heap_bytes_[name] = found->second;
      idle_count_ = run.counters.at("connections");
    }
    if (run.aggregate_name != "median") continue;
    const auto found = run.counters.find("items_per_second");
    if (found == run.counters.end()) continue;
    rates_[name] = found->second;
    processor_time_[name] = run.cpu_accumulated_time;
  }
}

double report::value(const std::map<std::string, double>& from, const std::string& name) {
  const auto found = from.find(name);
  return found == from.end() ? 0 : found->second;
}

void report::print_tables() const {
  print_rates();
  print_idle_memory();
  print_tls_dials();
}

void report::print_rates() const {
  bool begun = false;
  for (const auto& each : workloads()) {
    const auto beast = rate(each.name + "/beast");
    if (beast == 0) continue;
    if (!std::exchange(begun, true))
      std::printf("\n%-26s %-9s %14s %8s %6s %10s\n", "a second", "by", "messages", "ratio", "bar",
                  "CPU ratio");
    std::printf("%-26s %-9s %14.0f\n", each.name.c_str(), "raw Beast", beast);
    for (const auto& who : each.clients) {
      const auto name = each.name + "/" + who.name;
      if (who.name == "beast" || rate(name) == 0) continue;
      const auto cpu = value(processor_time_, each.name + "/beast") / value(processor_time_, name);
      std::printf("%-26s %-9s %14.0f %8.2f %6.2f %10.2f\n", "", who.name.c_str(), rate(name),
                  rate(name) / beast, who.bar, cpu);
    }
  }
}

void report::print_idle_memory() const {
  const auto beast = value(heap_bytes_, "idle_memory/beast") / 1024;
  const auto ours = value(heap_bytes_, "idle_memory/holdfast") / 1024;
  if (beast == 0 || ours == 0) return;
  const auto name = "one of " + std::to_string(static_cast<int>(idle_count_)) + ", idle";
  std::printf("\n%-24s %14s %14s %8s %6s\n", "KiB of heap", "raw Beast", "holdfast", "ratio", "bar");
  std::printf("%-24s %14.2f %14.2f %8.2f %6.2f\n", name.c_str(), beast, ours, ours / beast, idle_bar_kib);
}

void report::print_tls_dials() const {
  const auto full = rate("wss_dial/full");
  const auto resumed = rate("wss_dial/resumed");
  if (full == 0 || resumed == 0) return;
  std::printf("\n%-24s %14s %14s %8s %6s\n", "a second", "full", "resumed", "ratio", "saved");
  std::printf("%-24s %14.0f %14.0f %8.2f %5.0f%%\n", "wss_dial", full, resumed, resumed / full,
              100 * (1 - full / resumed));
}

}  // namespace bench
