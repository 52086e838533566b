// How one subscriber gets its items, and what happens if it does not take them.
module;
#include <algorithm>
#include <boost/asio/error.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

module holdfast.channels;

import holdfast.core;
import :item_queue;

namespace holdfast::channels {

void item_queue::receive(std::uint64_t id, operation op) {
  if (!items_.empty() || dropped_ != 0) return op.complete({}, pop());
  if (is_over_) return op.complete(error::closed, {});
  receivers_.push_back({id, std::move(op)});
}

std::optional<item> item_queue::take() {
  if (items_.empty() && dropped_ == 0) return std::nullopt;
  return pop();
}

void item_queue::cancel(std::uint64_t id) {
  const auto found = std::ranges::find(receivers_, id, &waiting::id);
  if (found == receivers_.end()) return;
  auto op = std::move(found->op);
  receivers_.erase(found);
  op.complete(boost::asio::error::operation_aborted, {});
}

bool item_queue::push(event what, std::string position, std::size_t bytes) {
  if (is_over_) return true;
  if (receivers_.empty() && is_full()) {
    if (rule_ == slow_rule::end) {
      end({.why = subscription_end::too_slow});
      return false;
    }
    while (rule_ == slow_rule::drop_oldest && is_full()) drop_oldest();
  }
  ++events_;
  bytes_ += bytes;
  items_.push_back({std::move(what), std::move(position), bytes});
  serve();
  return true;
}

void item_queue::push(item what) {
  if (is_over_) return;
  items_.push_back({std::move(what)});
  serve();
}

void item_queue::push(subscribed how) {
  how.again = std::exchange(was_subscribed_, true);
  // The loss was before this subscriber came.
  if (!how.again && !asked_for_past_) {
    how.recovered = false;
    how.missed.reset();
  }
  push(item(how));
}

void item_queue::end(ended how) {
  if (is_over_) return;
  push(item(std::move(how)));
  is_over_ = true;
  serve();
}

// What happened to the subscription stays: only events are dropped.
void item_queue::drop_oldest() {
  const auto oldest = std::ranges::find_if(
      items_, [](const queued& each) { return std::holds_alternative<event>(each.what); });
  if (!oldest->position.empty()) position_ = std::move(oldest->position);
  forget(*oldest);
  items_.erase(oldest);
  ++dropped_;
}

item item_queue::pop() {
  const bool is_event = !items_.empty() && std::holds_alternative<event>(items_.front().what);
  if (dropped_ != 0 && (items_.empty() || is_event)) return overflow{std::exchange(dropped_, 0)};
  auto first = std::move(items_.front());
  items_.pop_front();
  if (is_event) {
    forget(first);
    if (!first.position.empty()) position_ = std::move(first.position);
  }
  return std::move(first.what);
}

void item_queue::serve() {
  while (!receivers_.empty() && !items_.empty()) {
    auto op = std::move(receivers_.front().op);
    receivers_.erase(receivers_.begin());
    op.complete({}, pop());
  }
  if (!is_over_) return;
  for (auto& each : std::exchange(receivers_, {})) each.op.complete(error::closed, {});
}

}  // namespace holdfast::channels
