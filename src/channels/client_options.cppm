/// :client_options — what a client of channels has besides the options of its connection.
module;
#include <chrono>
#include <string_view>

export module holdfast.channels:client_options;

import holdfast.core;
import :channel_token;

namespace holdfast::channels {

/// The throttled feature that is published while calls wait for `client_options::messages_per_second`.
export inline constexpr std::string_view calls_feature = "calls";

/// What a client has besides the options of its connection.
export struct client_options {
  /// How many channels are asked for in a second, at most, with a burst of as many: a client that comes back
  /// wants all of its channels at once, and servers limit messages. Zero: any number. Otherwise from 0.001 to
  /// a million.
  double subscriptions_per_second = 20;
  /// Within which the server has to answer when it is asked for a channel; it is then asked again after a
  /// wait. More than zero, a day at most.
  std::chrono::milliseconds subscription_deadline{10'000};
  /// How many calls, notifications and publications leave in a second on average, with a burst of as many (so
  /// twice as many in the first second), for servers that limit messages; requests for channels have the pace
  /// above. Calls wait for their turn, within their timeout: meanwhile the connection is in the state
  /// feature_throttled, with `calls_feature`. Notifications and publications do not wait: they are refused
  /// with feature_throttled. Zero: any number. Otherwise from 0.001 to a million.
  double messages_per_second = 0;
  /// Gives the tokens of channels that need one. Empty: such channels are refused.
  channel_token_provider channel_tokens{};
};

// Throws std::invalid_argument, with the name of the field.
void check(const client_options& how);

}  // namespace holdfast::channels
