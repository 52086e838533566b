// The events that a session may have to send again. One learns what makes a resume possible: every event has
// a number, the client says which it has got, and the server admits what it no longer has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// JSON text, shared by all sessions that the event was sent to: only its number differs between them.
using event_data = std::shared_ptr<const std::string>;

struct numbered_event {
  std::uint64_t seq = 0;
  event_data data{};
};

struct event_gap {
  std::uint64_t from = 0, to = 0;  // both are missing
};

class resume_buffer {
 public:
  explicit resume_buffer(std::size_t largest_count) : largest_count_(largest_count) {}

  // Gives the event its number. The oldest ones go when there are too many, or too many bytes of them.
  numbered_event add(event_data data);
  // The client has got all up to and including `seq`.
  void trim(std::uint64_t seq);

  // The number of the newest event; 0 if there was none.
  [[nodiscard]] std::uint64_t last_seq() const { return last_seq_; }
  [[nodiscard]] std::vector<numbered_event> after(std::uint64_t seq) const;
  // What after(seq) cannot give.
  [[nodiscard]] std::optional<event_gap> gap_after(std::uint64_t seq) const;

 private:
  [[nodiscard]] std::uint64_t first_seq() const { return last_seq_ - events_.size() + 1; }
  void drop_oldest();

  std::size_t largest_count_;
  std::deque<event_data> events_;  // numbered without holes, the last one is last_seq_
  std::size_t bytes_ = 0;
  std::uint64_t last_seq_ = 0;
};
