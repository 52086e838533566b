// Which events are kept, and which are missing.
#include "resume_buffer.hpp"

#include <utility>

namespace {

// Less than what may wait for a socket (see peer.cpp): what is kept can always be sent at once.
constexpr std::size_t largest_bytes = 8U << 20U;
constexpr std::size_t event_overhead_bytes = 64;

}  // namespace

numbered_event resume_buffer::add(event_data data) {
  bytes_ += data->size() + event_overhead_bytes;
  events_.push_back(data);
  ++last_seq_;
  while (events_.size() > largest_count_ || bytes_ > largest_bytes) drop_oldest();
  return {last_seq_, std::move(data)};
}

void resume_buffer::trim(std::uint64_t seq) {
  while (!events_.empty() && first_seq() <= seq) drop_oldest();
}

std::vector<numbered_event> resume_buffer::after(std::uint64_t seq) const {
  std::vector<numbered_event> out;
  auto number = first_seq();
  for (const auto& each : events_) {
    if (number > seq) out.push_back({number, each});
    ++number;
  }
  return out;
}

std::optional<event_gap> resume_buffer::gap_after(std::uint64_t seq) const {
  if (seq + 1 >= first_seq()) return {};
  return event_gap{seq + 1, first_seq() - 1};
}

void resume_buffer::drop_oldest() {
  bytes_ -= events_.front()->size() + event_overhead_bytes;
  events_.pop_front();
}
