// The fate of messages that do not leave: it completes their operations, or goes to the log if there is none.
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
#include <span>
#include <string>
#include <utility>
#include <vector>

module holdfast.core;

import :outbox;

namespace holdfast {
namespace {

// Returns whether the program's own rules have dropped the message, so that it is no loss.
bool is_as_wanted(const send_result& fate) {
  return fate.outcome == delivery::dropped &&
         (fate.reason == error::message_superseded || fate.reason == error::feature_throttled ||
          fate.reason == error::message_discarded);
}

std::string describe(const send_result& fate, std::uint64_t count) {
  std::string out = count == 1 ? "a message was " : std::to_string(count) + " messages were ";
  out += fate.outcome == delivery::not_sent   ? "not sent"
         : fate.outcome == delivery::in_doubt ? "written, but perhaps not received"
                                              : "dropped";
  out += count == 1 ? ", and no caller awaits its result: " : ", and no caller awaits their results: ";
  return out + fate.reason.message();
}

}  // namespace

outbox::section::~section() {
  const auto lost = std::exchange(outbox_.unheard_, {});
  auto& faults = outbox_.faults_;
  const bool threw = std::exchange(faults.threw, false);
  const bool called = std::exchange(faults.called_us, false) && !std::exchange(faults.call_reported, true);
  lock_.unlock();
  auto& log = *outbox_.log_;
  if (called) {
    log.write(log_level::warning,
              "encode() of the protocol called the connection, which it must not do: the call was refused");
  }
  if (threw) {
    log.write(journal::kind::thrown, log_level::error,
              "encode() of the protocol threw an exception, so the message was refused");
  }
  for (const auto& each : lost) {
    const auto text = describe(each.fate, each.count);
    if (is_as_wanted(each.fate)) {
      log.write(journal::kind::dropped_message, log_level::debug, text, each.count);
    } else {
      log.write(journal::kind::lost_message, log_level::warning, text, each.count);
    }
  }
}

void outbox::report(operation& op, send_result result) {
  count(result.outcome);
  if (op) return op.complete(result);
  const auto same = std::ranges::find_if(unheard_, [&](const unheard& each) {
    return each.fate.outcome == result.outcome && each.fate.reason == result.reason;
  });
  if (same != unheard_.end()) {
    ++same->count;
  } else {
    unheard_.push_back({result, 1});
  }
}

void outbox::count(delivery outcome) {
  switch (outcome) {
    case delivery::written:
      counted_.written += 1;
      break;
    case delivery::acked:
      counted_.acked += 1;
      break;
    case delivery::not_sent:
      counted_.not_sent += 1;
      break;
    case delivery::in_doubt:
      counted_.in_doubt += 1;
      break;
    case delivery::dropped:
      counted_.dropped += 1;
      break;
  }
}

// One in 16 is measured.
void outbox::sets_out(std::uint64_t id) {
  constexpr std::uint64_t one_in = 16;
  if (id % one_in != 0) return;
  const measured_message one{id, clock::now()};
  if (leaves_.id == 0) leaves_ = one;
  if (is_confirmed_.id == 0 && acknowledged_) is_confirmed_ = one;
}

void outbox::gives_up(std::uint64_t id) {
  if (leaves_.id == id) leaves_ = {};
  if (is_confirmed_.id == id) is_confirmed_ = {};
}

void outbox::has_come_through(measured_message& one, std::uint64_t id,
                              duration_histogram measured_times::* times) {
  if (id != one.id) return;
  times_->add(times, clock::now() - one.begun);
  one = {};
}

// What has ended is read before what was offered, so that never more have ended.
void outbox::add_to(connection_stats& out) const {
  connection_stats mine{.bytes_sent = counted_.bytes.read(),
                        .messages_sent = {.written = counted_.written.read(),
                                          .acked = counted_.acked.read(),
                                          .not_sent = counted_.not_sent.read(),
                                          .in_doubt = counted_.in_doubt.read(),
                                          .dropped = counted_.dropped.read()},
                        .waiting_bytes = payload_bytes_.read(),
                        .most_waiting_bytes = counted_.most_waiting.read(),
                        .payload_bytes_sent = counted_.payload_bytes.read()};
  mine.messages_sent.offered = counted_.offered.read();
  out += mine;
}

// Called by the program. Frames that are compressed or numbered must leave: the peer would miss them.
std::size_t outbox::discard_waiting() {
  if (refuses_call()) return 0;
  const section lock(*this);
  std::size_t count = waiting_.size();
  drop(waiting_.take_all(), error::message_discarded);
  if (phase_ == phase::no_session || acknowledged_ || buffer_.compresses()) return count;
  const std::size_t leaving = buffer_.inside_message() ? 1 : 0;
  for (auto& each : frames_.all().subspan(leaving)) {
    payload_bytes_ -= each.payload_bytes;
    gives_up(each.id);
    report(each.op, {delivery::dropped, error::message_discarded});
    ++count;
  }
  frames_.truncate(leaving);
  buffer_.drop_messages();
  return count;
}

}  // namespace holdfast
