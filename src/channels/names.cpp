// The names of what ends calls and subscriptions.
module;
#include <string_view>

module holdfast.channels;

namespace holdfast::channels {

std::string_view to_string(call_outcome outcome) noexcept {
  switch (outcome) {
    case call_outcome::answered:
      return "answered";
    case call_outcome::refused:
      return "refused";
    case call_outcome::not_sent:
      return "not_sent";
    case call_outcome::in_doubt:
      return "in_doubt";
  }
  return "unknown";
}

std::string_view to_string(subscription_end why) noexcept {
  switch (why) {
    case subscription_end::refused:
      return "refused";
    case subscription_end::completed:
      return "completed";
    case subscription_end::too_slow:
      return "too_slow";
    case subscription_end::unsubscribed:
      return "unsubscribed";
    case subscription_end::closed:
      return "closed";
  }
  return "unknown";
}

std::string_view to_string(subscription_state state) noexcept {
  switch (state) {
    case subscription_state::subscribing:
      return "subscribing";
    case subscription_state::subscribed:
      return "subscribed";
    case subscription_state::unsubscribed:
      return "unsubscribed";
  }
  return "unknown";
}

}  // namespace holdfast::channels
