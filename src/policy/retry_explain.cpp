// Explains what a retry policy would do if the same failure came again and again: the bounds of each wait,
// also as text.
module;
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

module holdfast.core;

namespace holdfast {
namespace {

// Counts as an endpoint does: a stable session begins a new row.
void count_refusals(attempt_record& record, bool is_refusal, bool stable) {
  const unsigned before = stable || !is_refusal ? 0U : record.refusals;
  record.refusals = before + (is_refusal ? 1U : 0U);
  record.had_stable_session = record.had_stable_session || stable;
}

}  // namespace

std::vector<schedule_entry> explain(const retry_policy& policy, const attempt_record& failure,
                                    unsigned count) {
  retry_schedule schedule{policy};
  random_source random{1};
  std::vector<schedule_entry> entries;
  auto record = failure;
  for (unsigned n = 1; n <= count; ++n) {
    record.attempt = n;
    const bool stable = policy.is_stable(record.session_length);
    const bool is_given = n == 1 && failure.refusals != 0;
    if (!is_given) count_refusals(record, schedule.is_refusal(record), stable);
    if (stable || record.after_network_change) schedule.reset();
    const auto found = schedule.judge(record, stable);
    const auto decision = schedule.decide(record, random);
    if (!decision.retry_in) {
      entries.push_back({n, clock::duration(-1), clock::duration(-1), decision.rule});
      break;
    }
    record.credentials_fresh = decision.refresh;
    if (policy.decide || !found.wait) {
      entries.push_back({n, *decision.retry_in, *decision.retry_in, decision.rule});
      continue;
    }
    const auto [low, high] = *found.wait;
    const bool has_floor = record.retry_after && !found.refusal;
    const auto floor = has_floor ? wish_of(record, policy) : clock::duration{};
    entries.push_back({n, std::max(low, floor),
                       std::max<clock::duration>(high, has_floor ? floor + policy.base : floor),
                       decision.rule});
  }
  return entries;
}

std::string describe(const std::vector<schedule_entry>& schedule) {
  std::string out;
  for (const auto& entry : schedule) {
    std::array<char, 96> line{};
    if (entry.latest < clock::duration::zero()) {
      std::snprintf(line.data(), line.size(), "after attempt %u: stop", entry.attempt);
    } else {
      std::snprintf(line.data(), line.size(), "after attempt %u: %.2f s to %.2f s", entry.attempt,
                    std::chrono::duration<double>(entry.earliest).count(),
                    std::chrono::duration<double>(entry.latest).count());
    }
    out.append(line.data()).append("  [").append(entry.rule).append("]\n");
  }
  return out;
}

}  // namespace holdfast
