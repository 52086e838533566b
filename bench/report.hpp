// Prints what Google Benchmark measures as usual, remembers it, and compares it in tables. Never a verdict
// of pass or fail: machines differ, ratios wander.
#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <vector>

namespace bench {

class report final : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override;
  // Tables of what was not filtered out.
  void print_tables() const;

 private:
  void print_rates() const;
  void print_wire_bytes(const std::string& name) const;
  void print_idle() const;
  void print_two_contexts() const;
  void print_tls_dials() const;
  // 0: was not measured, or failed.
  [[nodiscard]] double rate(const std::string& name) const { return value(rates_, name); }
  static double value(const std::map<std::string, double>& from, const std::string& name);

  std::map<std::string, double> rates_;           // items a second, the median
  std::map<std::string, double> processor_time_;  // of the client's thread, for the same work
  std::map<std::string, double> wire_bytes_;      // of one message, where it is compressed
  std::map<std::string, benchmark::UserCounters> idle_;
  std::map<std::string, double> nanoseconds_;  // of processor time for one message, see two_contexts.hpp
};

}  // namespace bench
