// The storage behind a batch: one string of bytes and one small entry per message.
module;
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

module holdfast;

namespace holdfast {

constexpr std::size_t keep_bytes = 16 * 1024;  // what an empty batch may keep for the next messages

void message_batch::push_back(message_kind kind, std::string_view payload) {
  entries_.push_back({kind, bytes_.size(), payload.size()});
  bytes_.append(payload);
}

void message_batch::take_back(message_kind kind, std::string payload) {
  if (!empty()) return push_back(kind, payload);
  clear();
  bytes_ = std::move(payload);
  entries_.push_back({kind, 0, bytes_.size()});
}

message message_batch::pop_front() {
  const auto at = entries_[first_++];
  consumed_bytes_ += at.size;
  if (!empty()) {
    message first{at.kind, bytes_.substr(at.offset, at.size)};
    forget_consumed();
    return first;
  }
  message last{at.kind, at.size == bytes_.size() ? std::move(bytes_) : bytes_.substr(at.offset, at.size)};
  clear();
  return last;
}

// A reader that takes one message for each that arrives never empties the batch, and must not make it grow.
void message_batch::forget_consumed() {
  const bool many = first_ >= 64 && first_ * 2 >= entries_.size();
  const bool large = consumed_bytes_ >= keep_bytes && consumed_bytes_ * 2 >= bytes_.size();
  if (!many && !large) return;
  const auto cut = entries_[first_].offset;
  bytes_.erase(0, cut);
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
  for (auto& entry : entries_) entry.offset -= cut;
  first_ = 0;
  consumed_bytes_ = 0;
}

void message_batch::clear() noexcept {
  bytes_.clear();
  entries_.clear();
  if (bytes_.capacity() > keep_bytes) std::string().swap(bytes_);
  first_ = 0;
  consumed_bytes_ = 0;
}

std::string_view to_string(delivery outcome) noexcept {
  switch (outcome) {
    case delivery::written:
      return "written";
    case delivery::acked:
      return "acked";
    case delivery::not_sent:
      return "not_sent";
    case delivery::in_doubt:
      return "in_doubt";
    case delivery::dropped:
      return "dropped";
  }
  return "unknown";
}

}  // namespace holdfast
