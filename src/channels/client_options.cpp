// The check of the options.
module;
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

module holdfast.channels;

import holdfast.core;
import :client_options;

namespace holdfast::channels {
namespace {

void check_pace(double per_second, std::string_view name) {
  if (per_second == 0 || (per_second >= 0.001 && per_second <= 1e6)) return;
  throw std::invalid_argument("client_options." + std::string(name) +
                              ": must be 0, or from 0.001 to a million");
}

}  // namespace

void check(const client_options& how) {
  check_pace(how.subscriptions_per_second, "subscriptions_per_second");
  check_pace(how.messages_per_second, "messages_per_second");
  if (how.subscription_deadline <= std::chrono::milliseconds::zero() ||
      how.subscription_deadline > std::chrono::hours(24))
    throw std::invalid_argument(
        "client_options.subscription_deadline: must be more than zero, a day at most");
}

}  // namespace holdfast::channels
