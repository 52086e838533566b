#include <algorithm>
#include <chrono>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

#include "schedule.hpp"

import holdfast;

namespace tool {

std::string wait_text(const holdfast::schedule_entry& entry) {
  if (entry.latest < holdfast::clock::duration{}) return "never";
  if (entry.latest == holdfast::clock::duration{}) return "at once";
  const auto seconds = [](holdfast::clock::duration value) {
    std::ostringstream out;
    out << std::fixed << std::setprecision(2) << std::chrono::duration<double>(value).count();
    return out.str();
  };
  if (entry.earliest == entry.latest) return seconds(entry.latest) + " s";
  return seconds(entry.earliest) + " to " + seconds(entry.latest) + " s";
}

std::string waits_text(const std::vector<holdfast::schedule_entry>& entries) {
  std::vector<std::string> texts;
  texts.reserve(entries.size());
  for (const auto& each : entries) texts.push_back(wait_text(each));
  if (std::ranges::all_of(texts, [&](const auto& each) { return each == texts.front(); })) texts.resize(1);
  std::string out;
  for (const auto& each : texts) out += (out.empty() ? "" : ", then ") + each;
  return out;
}

}  // namespace tool
