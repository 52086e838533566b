// What is kept in short, and what makes a transition too rich for that.
module;
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

module holdfast.core;

import :kept_change;

namespace holdfast {
namespace {

// With these, the short form would lose something.
bool is_rich(const state_change& given) {
  const auto& why = given.reason;
  const bool has_reason = why.error || why.at != stage::none || why.http_status != 0 || why.close_code != 0 ||
                          !why.detail.empty() || !why.peer.empty();
  return has_reason || given.retry_in || !given.rule.empty() || given.final || given.gap ||
         given.unresponsive || !given.features.empty() || !given.subprotocol.empty() ||
         !given.headers.empty();
}

std::string text_of(const std::shared_ptr<const std::string>& kept) { return kept ? *kept : std::string(); }

}  // namespace

kept_change::kept_change(state_change given, const kept_change* before)
    : sequence_(given.sequence),
      session_(given.session),
      time_(given.time),
      attempt_(given.attempt),
      from_(given.from),
      to_(given.to),
      flapping_(given.flapping),
      resumed_(given.resumed) {
  if (is_rich(given)) {
    whole_ = std::make_unique<const state_change>(std::move(given));
  } else {
    origin_ = share(std::move(given.origin), before != nullptr ? before->origin_ : nullptr);
    peer_ = share(std::move(given.peer), before != nullptr ? before->peer_ : nullptr);
  }
}

kept_change::shared_text kept_change::share(std::string text, const shared_text& before) {
  if (text.empty()) return nullptr;
  if (before && *before == text) return before;
  return std::make_shared<const std::string>(std::move(text));
}

state_change kept_change::restored() const {
  if (whole_) return *whole_;
  return {.sequence = sequence_,
          .from = from_,
          .to = to_,
          .time = time_,
          .attempt = attempt_,
          .session = session_,
          .flapping = flapping_,
          .resumed = resumed_,
          .origin = text_of(origin_),
          .peer = text_of(peer_)};
}

}  // namespace holdfast
