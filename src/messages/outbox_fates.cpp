// What becomes of messages that do not leave: who is told, and what goes to the log because nobody is.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

module holdfast;

import :outbox;

namespace holdfast {
namespace {

// The program's own rules have dropped it: it is no loss.
bool is_as_wanted(const send_result& fate) {
  return fate.outcome == delivery::dropped &&
         (fate.reason == error::message_superseded || fate.reason == error::feature_throttled ||
          fate.reason == error::message_discarded);
}

std::string describe(const send_result& fate, std::uint64_t count) {
  std::string out = count == 1 ? "a message that nobody awaits was "
                               : std::to_string(count) + " messages that nobody awaits were ";
  out += fate.outcome == delivery::not_sent   ? "not sent: "
         : fate.outcome == delivery::in_doubt ? "written, but perhaps not received: "
                                              : "dropped: ";
  return out + fate.reason.message();
}

}  // namespace

outbox::section::~section() {
  const auto lost = std::exchange(outbox_.unheard_, {});
  lock_.unlock();
  for (const auto& each : lost) {
    const auto level = is_as_wanted(each.fate) ? log_level::debug : log_level::warning;
    outbox_.log_->write(journal::kind::lost_message, level, describe(each.fate, each.count), each.count);
  }
}

void outbox::tell(operation& op, send_result fate) {
  if (op) return op.complete(fate);
  const auto same = std::ranges::find_if(unheard_, [&](const unheard& each) {
    return each.fate.outcome == fate.outcome && each.fate.reason == fate.reason;
  });
  if (same != unheard_.end()) {
    ++same->count;
  } else {
    unheard_.push_back({fate, 1});
  }
}

// By the program. What stands in the middle of the stream of compressed bytes, or of numbers, has to leave.
std::size_t outbox::discard_waiting() {
  const section lock(*this);
  std::size_t count = waiting_.size();
  drop(waiting_.take_all(), error::message_discarded);
  if (stream_ == nullptr || acknowledged_ || encoder_.compresses()) return count;
  const std::size_t begun = inside_message() ? 1 : 0;
  for (auto i = first_frame_ + begun; i < frames_.size(); ++i, ++count) {
    payload_bytes_ -= frames_[i].payload_bytes;
    tell(frames_[i].op, {delivery::dropped, error::message_discarded});
  }
  frames_.resize(std::min(frames_.size(), first_frame_ + begun));
  data_.truncate(begun == 0 || first_frame_ == frames_.size()
                     ? 0
                     : static_cast<std::size_t>(frames_[first_frame_].end - written_));
  if (begun == 0) forget_popped();
  say_last_words();
  return count;
}

}  // namespace holdfast
