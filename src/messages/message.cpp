// The storage behind a batch: one string of bytes, one small entry per message, and one mark for each run of
// messages that came together.
module;
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

namespace holdfast {

constexpr std::size_t keep_bytes = 16 * 1024;  // what an empty batch may keep for the next messages
constexpr std::size_t large_bytes = 4096;      // from this size on, a message has a string of its own

// Returns the mark of the message that is about to be pushed.
std::uint32_t message_batch::mark_next() {
  if (entries_.empty()) {
    oldest_mark_ = stamp_;
  } else if ((later_marks_.empty() ? oldest_mark_ : later_marks_.back()) != stamp_) {
    later_marks_.push_back(stamp_);
  }
  return static_cast<std::uint32_t>(later_marks_.size());
}

void message_batch::push_back(message_kind kind, std::string_view payload) {
  if (payload.size() >= large_bytes) return take_back(kind, std::string(payload));
  entries_.push_back({kind, false, mark_next(), bytes_.size(), payload.size()});
  bytes_.append(payload);
  payload_bytes_ += payload.size();
}

void message_batch::take_back(message_kind kind, std::string payload) {
  if (payload.size() < large_bytes) return push_back(kind, std::string_view(payload));
  entries_.push_back({kind, true, mark_next(), large_.size(), payload.size()});
  payload_bytes_ += payload.size();
  large_.push_back(std::move(payload));
}

void message_batch::append(message_batch& other) {
  if (empty()) {
    std::swap(*this, other);
    std::swap(stamp_, other.stamp_);  // each batch keeps its stamp for the messages added later
  } else {
    const auto own = stamp_;
    for (auto i = other.first_; i < other.entries_.size(); ++i) {
      const auto& at = other.entries_[i];
      stamp_ = other.mark_of(at);
      if (at.large) {
        take_back(at.kind, std::move(other.large_[at.offset]));
      } else {
        push_back(at.kind, std::string_view(other.bytes_).substr(at.offset, at.size));
      }
    }
    stamp_ = own;
  }
  other.clear();
}

message message_batch::pop_front() {
  const auto at = entries_[first_++];
  payload_bytes_ -= at.size;
  const auto& mark = mark_of(at);
  message first{at.kind, {}, mark.session, mark.received};
  if (at.large) {
    first.payload = std::move(large_[at.offset]);
  } else {
    first.payload = bytes_.substr(at.offset, at.size);
    consumed_bytes_ += at.size;
  }
  if (empty()) {
    clear();
  } else {
    forget_consumed();
  }
  return first;
}

// If a receiver takes one message for each that arrives, the batch is never empty. It must not grow then.
void message_batch::forget_consumed() {
  const bool many = first_ >= 64 && first_ * 2 >= entries_.size();
  const bool much = consumed_bytes_ >= keep_bytes && consumed_bytes_ * 2 >= bytes_.size();
  if (!many && !much) return;
  bytes_.erase(0, consumed_bytes_);
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
  const auto first_large = std::ranges::find_if(entries_, [](const entry& each) { return each.large; });
  const auto moved_out = first_large == entries_.end() ? large_.size() : first_large->offset;
  large_.erase(large_.begin(), large_.begin() + static_cast<std::ptrdiff_t>(moved_out));
  const auto old_marks = entries_.front().mark;
  if (old_marks != 0) {
    oldest_mark_ = later_marks_[old_marks - 1];
    later_marks_.erase(later_marks_.begin(), later_marks_.begin() + old_marks);
  }
  for (auto& each : entries_) {
    each.offset -= each.large ? moved_out : consumed_bytes_;
    each.mark -= old_marks;
  }
  first_ = 0;
  consumed_bytes_ = 0;
}

void message_batch::clear() noexcept {
  bytes_.clear();
  large_.clear();
  entries_.clear();
  later_marks_.clear();
  if (bytes_.capacity() > keep_bytes) std::string().swap(bytes_);
  first_ = 0;
  payload_bytes_ = 0;
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
