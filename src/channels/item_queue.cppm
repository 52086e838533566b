// :item_queue — what one subscriber has still to receive, and the operations that wait for it. Bounded; its
// owner guards it by a lock.
module;
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

module holdfast.channels:item_queue;

import holdfast.core;
import :subscription_item;

namespace holdfast::channels {

class item_queue {
 public:
  using operation = pending_operation<error_code, item>;
  struct waiting {
    std::uint64_t id;
    operation op;
  };
  using receivers = std::vector<waiting>;

  item_queue(slow_rule rule, std::size_t limit, std::size_t byte_limit)
      : rule_(rule), limit_(limit), byte_limit_(byte_limit) {}

  // The item that waits, or the next to come. After the last one: error::closed.
  void receive(std::uint64_t id, operation op);
  // The item that waits; empty: none does.
  std::optional<item> take();
  void cancel(std::uint64_t id);

  // An event, with the position behind it, that came in a frame of this size. Returns false if that ends the
  // subscription (slow_rule::end).
  bool push(event what, std::string position, std::size_t bytes);
  void push(item what);
  // Whether it is again is for the queue to know: subscribers may share a subscription that is older than
  // they are.
  void push(subscribed how);
  // Nothing follows.
  void end(ended how);
  // Takes the receivers out, to be destroyed without being completed: the context has ended.
  [[nodiscard]] receivers take_receivers() { return std::exchange(receivers_, {}); }

  // The socket must not be read, because no event may be lost.
  [[nodiscard]] bool holds_socket() const noexcept {
    return rule_ == slow_rule::hold_socket && !is_over_ && is_full();
  }
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }
  // Behind the last event that was received.
  [[nodiscard]] const std::string& position() const noexcept { return position_; }
  // `asked`: the program has given the position, so `subscribed` reports whether the events behind it follow.
  void start_at(std::string position, bool asked) {
    position_ = std::move(position);
    asked_for_past_ = asked;
  }

 private:
  struct queued {
    item what;
    std::string position{};  // behind an event
    std::size_t bytes = 0;   // of an event
  };

  [[nodiscard]] bool is_full() const noexcept { return events_ >= limit_ || bytes_ >= byte_limit_; }
  void forget(const queued& one) noexcept {
    --events_;
    bytes_ -= one.bytes;
  }
  item pop();
  void serve();
  void drop_oldest();

  const slow_rule rule_;
  const std::size_t limit_;
  const std::size_t byte_limit_;
  std::deque<queued> items_;
  receivers receivers_;
  std::size_t events_ = 0;     // among items_
  std::size_t bytes_ = 0;      // of them
  std::uint64_t dropped_ = 0;  // since the last overflow was told
  std::string position_{};
  bool asked_for_past_ = false;
  bool was_subscribed_ = false;
  bool is_over_ = false;
};

}  // namespace holdfast::channels
