#include "report.hpp"

#include <cstdio>
#include <utility>

#include "workloads.hpp"

namespace bench {

void report::ReportRuns(const std::vector<Run>& runs) {
  ConsoleReporter::ReportRuns(runs);
  for (const auto& run : runs) {
    const auto& name = run.run_name.function_name;
    if (run.counters.contains("heap_KiB")) idle_[name] = run.counters;
    if (run.aggregate_name != "median") continue;
    if (const auto found = run.counters.find("wire_bytes"); found != run.counters.end())
      wire_bytes_[name] = found->second;
    if (const auto found = run.counters.find("CPU_ns"); found != run.counters.end())
      nanoseconds_[name] = found->second;
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
  print_idle();
  print_tls_dials();
  print_two_contexts();
}

void report::print_rates() const {
  bool begun = false;
  for (const auto& each : workloads()) {
    const auto beast = rate(each.name + "/beast");
    if (beast == 0) continue;
    if (!std::exchange(begun, true))
      std::printf("\n%-26s %-9s %14s %8s %6s %10s\n", "a second", "by", "messages", "ratio", "bar",
                  "CPU ratio");
    std::printf("%-26s %-9s %14.0f", each.name.c_str(), "raw Beast", beast);
    print_wire_bytes(each.name + "/beast");
    for (const auto& who : each.clients) {
      const auto name = each.name + "/" + who.name;
      if (who.name == "beast" || rate(name) == 0) continue;
      const auto cpu = value(processor_time_, each.name + "/beast") / value(processor_time_, name);
      std::printf("%-26s %-9s %14.0f %8.2f %6.2f %10.2f", "", who.name.c_str(), rate(name),
                  rate(name) / beast, who.bar, cpu);
      print_wire_bytes(name);
    }
  }
}

void report::print_wire_bytes(const std::string& name) const {
  const auto bytes = value(wire_bytes_, name);
  bytes == 0 ? std::printf("\n") : std::printf("   %.0f bytes each on the wire\n", bytes);
}

void report::print_idle() const {
  bool begun = false;
  for (const auto& [name, counters] : idle_) {
    if (!std::exchange(begun, true))
      std::printf("\n%-34s %8s %10s %10s %10s %10s\n", "idle connections, each", "of", "KiB heap", "KiB RSS",
                  "CPU ms", "opened/s");
    const auto each = [&counters](const char* what) { return counters.at(what).value; };
    std::printf("%-34s %8.0f %10.2f %10.2f %10.3f %10.0f\n", name.c_str(), each("connections"),
                each("heap_KiB"), each("RSS_KiB"), each("CPU_ms"), each("opened_a_second"));
  }
}

void report::print_tls_dials() const {
  const auto full = rate("wss_dial/full");
  const auto resumed = rate("wss_dial/resumed");
  if (full == 0 || resumed == 0) return;
  std::printf("\n%-24s %14s %14s %8s %6s\n", "a second", "full", "resumed", "ratio", "saved");
  std::printf("%-24s %14.0f %14.0f %8.2f %5.0f%%\n", "wss_dial", full, resumed, resumed / full,
              100 * (1 - full / resumed));
}

void report::print_two_contexts() const {
  for (const auto* work : {"ping_pong", "receive_flood"}) {
    const auto name = std::string("two_contexts/") + work;
    const auto alone = value(nanoseconds_, name + "/one");
    const auto beside = value(nanoseconds_, name + "/two");
    if (alone == 0 || beside == 0) continue;
    std::printf(
        "\n%s: processor time for a message, one context alone %.0f ns, two with a thread each %.0f ns: "
        "%.2f\n",
        name.c_str(), alone, beside, beside / alone);
  }
}

}  // namespace bench
