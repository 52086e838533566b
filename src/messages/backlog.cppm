// :backlog — messages that wait until they may leave: for a session, or for a feature that is throttled. A
// list with a few ways to take from it; pure: no lock, no clock, and no bound of its own.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core:backlog;

import :completion;
import :message;
import :time;

namespace holdfast {

// A message that is kept whole, because it may have to be sent later, or again.
struct kept_message {
  std::uint64_t operation_id = 0;
  std::uint64_t number = 0;  // under which it was first sent; zero before
  message_kind kind = message_kind::text;
  std::string payload{};
  std::string feature{};
  std::string key{};
  offline_rule rule = offline_rule::wait;
  std::uint64_t written_in = 0;  // the last session in which the peer may have got it; zero: none
  bool held = false;             // it is refused unless a session follows at once
  std::optional<clock::time_point> expires{};
  pending_operation<send_result> op{};
};

class backlog {
 public:
  using list = std::list<kept_message>;

  [[nodiscard]] bool empty() const noexcept { return messages_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return messages_.size(); }

  [[nodiscard]] const list& all() const noexcept { return messages_; }

  void push_back(kept_message one) { messages_.push_back(std::move(one)); }
  // In their order, before all others.
  void push_front(list earlier) { messages_.splice(messages_.begin(), earlier); }

  // All for which `wanted` is true, in their order.
  template <class Predicate>
  list take_if(Predicate wanted) {
    list taken;
    for (auto each = messages_.begin(); each != messages_.end();) {
      const auto next = std::next(each);
      if (wanted(*each)) taken.splice(taken.end(), messages_, each);
      each = next;
    }
    return taken;
  }
  // The first of these, if there is one.
  template <class Predicate>
  list take_first(Predicate wanted) {
    list taken;
    const auto found = std::ranges::find_if(messages_, wanted);
    if (found != messages_.end()) taken.splice(taken.end(), messages_, found);
    return taken;
  }
  list take_all() { return std::exchange(messages_, {}); }

  // The first that has this key, or the first of those that are held. Null: there is none. Empty keys are no
  // keys.
  [[nodiscard]] const kept_message* with_key(std::string_view key, bool only_held) const {
    if (key.empty()) return nullptr;
    const auto found = std::ranges::find_if(
        messages_, [&](const kept_message& each) { return each.key == key && (each.held || !only_held); });
    return found == messages_.end() ? nullptr : &*found;
  }
  // The first moment at which one of them is too old.
  [[nodiscard]] std::optional<clock::time_point> next_expiry() const {
    std::optional<clock::time_point> next;
    for (const auto& each : messages_) {
      if (each.expires && (!next || *each.expires < *next)) next = each.expires;
    }
    return next;
  }

 private:
  list messages_;
};

}  // namespace holdfast
