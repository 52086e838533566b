// One byte that no text begins with, then each part with its length in front of it. Never leaves the process.
module;
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.channels;

import :attached_frame;

namespace holdfast::channels {
namespace {

constexpr char mark = '\0';

void append(std::string& out, std::string_view part) {
  std::array<char, sizeof(std::size_t)> length{};
  const auto size = part.size();
  std::memcpy(length.data(), &size, length.size());
  out.append(length.data(), length.size()).append(part);
}

std::string_view take(std::string_view& from) noexcept {
  std::size_t size = 0;
  std::memcpy(&size, from.data(), sizeof size);
  const auto part = from.substr(sizeof size, size);
  from.remove_prefix(sizeof size + size);
  return part;
}

}  // namespace

std::string with_attachments(std::string frame, std::span<const std::string> attachments) {
  if (attachments.empty()) return frame;
  std::string out(1, mark);
  append(out, frame);
  for (const auto& each : attachments) append(out, each);
  return out;
}

bool has_attachments(std::string_view joined) noexcept { return joined.starts_with(mark); }

bool is_whole(std::string_view joined) noexcept {
  if (!has_attachments(joined)) return true;
  joined.remove_prefix(1);
  if (joined.empty()) return false;
  while (joined.size() >= sizeof(std::size_t)) {
    std::size_t size = 0;
    std::memcpy(&size, joined.data(), sizeof size);
    joined.remove_prefix(sizeof size);
    if (size > joined.size()) return false;
    joined.remove_prefix(size);
  }
  return joined.empty();
}

std::string_view text_of(std::string_view joined) noexcept {
  if (!has_attachments(joined)) return joined;
  joined.remove_prefix(1);
  return take(joined);
}

std::vector<std::string> attachments_of(std::string_view joined) {
  std::vector<std::string> out;
  if (!has_attachments(joined)) return out;
  joined.remove_prefix(1);
  take(joined);
  while (!joined.empty()) out.emplace_back(take(joined));
  return out;
}

}  // namespace holdfast::channels
