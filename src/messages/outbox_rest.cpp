// What one outbox leaves to another, perhaps of another process.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
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

void outbox::retire_for_another(error_code refusal) {
  if (is_encoding()) {
    return net::post(where_->strand,
                     [self = shared_from_this(), refusal] { self->retire_for_another(refusal); });
  }
  const section lock(*this);
  refusal_ = refusal;
  keeps_rest_ = true;
  if (next_ == next_session::none) next_ = next_session::some_day;  // for take_back()
}

// Those that were written come first: they have their numbers. The others get theirs now, so that a message
// counts once even if two successors send it; not those that are given up at some time, or for a newer one,
// or that wait for their feature.
outbox::rest outbox::take_rest() {
  const section lock(*this);
  rest out;
  out.messages.splice(out.messages.end(), unconfirmed_);
  out.messages.splice(out.messages.end(), waiting_.take_all());
  for (auto& each : out.messages) {
    payload_bytes_ -= each.payload.size();
    gives_up(each.operation_id);
    auto op = std::exchange(each.op, {});
    const bool may_be_given_up = each.expires || !each.key.empty() || !each.feature.empty();
    if (acknowledged_ && each.number == 0 && !may_be_given_up) each.number = ++last_number_;
    const auto outcome = each.written_in != 0 ? delivery::in_doubt : delivery::not_sent;
    count(outcome);
    if (op) op.complete({outcome, error::handed_over, each.written_in});
  }
  out.last_number = last_number_;
  return out;
}

void outbox::restore(rest given) {
  const section lock(*this);
  last_number_ = given.last_number;
  std::list<kept_message> waiting;
  while (!given.messages.empty()) {
    auto& one = given.messages.front();
    one.operation_id = ++last_id_;
    counted_.offered += 1;
    payload_bytes_ += one.payload.size();
    auto& to = one.number != 0 && acknowledged_ ? unconfirmed_ : waiting;
    to.splice(to.end(), given.messages, given.messages.begin());
  }
  const bool age = std::ranges::any_of(waiting, [](const auto& each) { return each.expires.has_value(); });
  counted_.most_waiting.raise(payload_bytes_.read());
  waiting_.push_front(std::move(waiting));
  if (age) net::post(where_->strand, [self = shared_from_this()] { self->arm_expiry(); });
}

}  // namespace holdfast
