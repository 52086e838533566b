/// :subscription_item — what a subscription yields, in order: events, and what happened to the subscription
/// between them. Values only.
module;
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

export module holdfast.channels:subscription_item;

import holdfast.core;
import :call;

namespace holdfast::channels {

/// The server has published something.
export struct event {
  std::string name{};                      ///< of the event, where the protocol has names for them
  json::value data{};                      ///< what was published
  std::vector<std::string> attachments{};  ///< binary, where the protocol has them: see `attachment`
  std::string sender{};  ///< who has published it, where the protocol says so: Pusher's presence channels
};

/// The server has accepted the subscription: for the first time, or again after a loss.
export struct subscribed {
  bool again = false;      ///< there was a loss before
  bool recovered = false;  ///< nothing was missed: the events since the loss follow, each once
  /// How many events were missed, if the server knows. Empty and not recovered: perhaps some.
  std::optional<std::uint64_t> missed{};
  /// What the server has said with it, such as who is there; null: nothing, or the subscription was there
  /// before this subscriber.
  json::value data{};
};

/// The subscription is not served now, and comes back by itself.
export struct lost {
  error_code reason{};  ///< why: that of the session's end, or of the server's
};

/// The program took no events for so long that the oldest were dropped (slow_rule::drop_oldest).
export struct overflow {
  std::uint64_t dropped = 0;  ///< how many, right before the next event
};

/// Why a subscription has ended for good.
export enum class subscription_end : std::uint8_t {
  refused,       ///< by the server, for good: see `error`
  completed,     ///< by the server, because nothing more will come
  too_slow,      ///< by slow_rule::end
  unsubscribed,  ///< by the program
  closed,        ///< the connection has ended: see `reason`
};

/// Returns the name as it is written in code: "too_slow".
export std::string_view to_string(subscription_end why) noexcept;

/// The subscription has ended: nothing follows.
export struct ended {
  subscription_end why = subscription_end::completed;  ///< which of the fields below count
  call_error error{};                                  ///< refused: what the server said
  error_code reason{};                                 ///< closed: why
};

/// What subscription::receive() completes with.
export using item = std::variant<event, subscribed, lost, overflow, ended>;

/// What happens when the program does not take the events of a subscription (subscribe_options::limit).
export enum class slow_rule : std::uint8_t {
  hold_socket,  ///< nothing is lost: the socket is not read, which holds up all subscriptions and calls
  drop_oldest,  ///< the oldest events are dropped; `overflow` tells how many
  end,          ///< the subscription ends as too_slow
};

/// How a channel is subscribed to.
export struct subscribe_options {
  json::value params{};    ///< what the server wants to know besides the name
  std::string position{};  ///< the events behind it are wanted, as subscription::position() gave it; empty:
                           ///< from now on
  bool important = false;  ///< subscribed to again before others
  slow_rule when_slow = slow_rule::hold_socket;  ///< at the limit
  std::size_t limit = 1'000;                     ///< events that may wait to be received; at least 1
  std::size_t limit_bytes = 1 << 20;  ///< of the frames that brought them; one event is accepted in any case
};

/// Where a subscription stands.
export enum class subscription_state : std::uint8_t {
  subscribing,   ///< asked for, or waiting for a session to be asked for in
  subscribed,    ///< the server sends events
  unsubscribed,  ///< over
};

/// Returns the name as it is written in code: "subscribing".
export std::string_view to_string(subscription_state state) noexcept;

}  // namespace holdfast::channels
