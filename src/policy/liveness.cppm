// :liveness — is the peer still there? Timestamps in, "ping now" or "lost" out (R22, R25). Pure: no timer, no
// socket. RFC 6455 section 5.5.2.
module;
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

export module holdfast.core:liveness;

import :time;

namespace holdfast {

/// Whether the peer is still there (RFC 6455 section 5.5.2).
export struct heartbeat_options {
  /// A ping after this long without a sign of life; the first at a random phase. Zero: no heartbeat; then a
  /// silent peer is not noticed.
  milliseconds ping_interval{20'000};
  milliseconds pong_deadline{10'000};  ///< silence after a ping for this long: the peer is lost
  /// The same after a suspend or a changed network; never longer than `pong_deadline`.
  milliseconds probe_deadline{3'000};
  bool pong_only = false;  ///< true: only a pong answers a ping; false: any inbound byte does
  /// Not zero: the deadline of an answer follows the measured round trip: the smoothed one plus four times
  /// its variation (RFC 6298 section 2), at least this and at most `pong_deadline`, which it must not exceed.
  milliseconds least_pong_deadline{0};
  /// Not zero: if the answer to a ping has not come after this long, the state is published again with
  /// `state_change::unresponsive` set. Must be shorter than `pong_deadline` and `probe_deadline`, and than
  /// `least_pong_deadline` unless that is zero. Nothing is published during a login, or while the socket is
  /// not read.
  milliseconds unresponsive_after{0};

  /// Returns the options without a heartbeat: `options{.heartbeat = heartbeat_options::off()}`. No pings
  /// are sent, and no peer is declared lost for silence.
  static heartbeat_options off() { return {.ping_interval = milliseconds::zero()}; }
};

class liveness {
 public:
  enum class verdict : std::uint8_t { fine, ping, lost };

  // `given` must outlive it. `phase`: how much of the first interval counts as passed, so that many clients
  // do not ping in step.
  liveness(const heartbeat_options& given, clock::time_point now, clock::duration phase)
      : options_(&given), idle_since_(now - phase) {}

  void heard_bytes(clock::time_point now) noexcept {
    if (!options_->pong_only) alive(now);
  }
  void heard_pong(clock::time_point now) noexcept { alive(now); }
  // From a ping to its answer (RFC 6298 section 2).
  void measured(clock::duration round_trip) noexcept {
    if (!smoothed_) {
      smoothed_ = round_trip;
      variation_ = round_trip / 2;
      return;
    }
    const auto off = *smoothed_ > round_trip ? *smoothed_ - round_trip : round_trip - *smoothed_;
    variation_ = (3 * variation_ + off) / 4;
    smoothed_ = (7 * *smoothed_ + round_trip) / 8;
  }
  // While we do not read we cannot hear: pings go on (somebody between us may count on them), verdicts stop
  // (R40).
  void pause() noexcept {
    paused_ = true;
    pong_due_.reset();
    late_at_ = clock::time_point::max();
  }
  void resume(clock::time_point now) noexcept {
    paused_ = false;
    alive(now);
  }
  // The ping comes nearer to the peer, behind what it is still receiving: the answer is due that much later
  // (R62).
  void heard_progress(clock::time_point now) noexcept {
    if (!pong_due_) return;
    pong_due_ = now + patience_;
    if (late_at_ > now) late_at_ = late_from(now);
  }
  [[nodiscard]] bool waits_for_answer() const noexcept { return pong_due_.has_value(); }
  [[nodiscard]] bool is_paused() const noexcept { return paused_; }
  // How long the answer to a ping may take now.
  [[nodiscard]] clock::duration patience() const noexcept {
    const clock::duration most = options_->pong_deadline;
    const clock::duration least = options_->least_pong_deadline;
    if (least == clock::duration::zero() || !smoothed_) return most;
    return std::clamp(*smoothed_ + 4 * variation_, least, most);
  }
  [[nodiscard]] bool is_off() const noexcept { return options_->ping_interval == milliseconds::zero(); }
  // A ping was sent for another reason (ping()): it is as good as ours.
  void pinged(clock::time_point now) noexcept {
    idle_since_ = now;
    if (paused_ || pong_due_ || is_off()) return;
    patience_ = patience();
    pong_due_ = now + patience_;
    late_at_ = late_from(now);
  }
  // A ping was sent because there is reason to doubt (R27, R10): its answer is expected sooner. What was due
  // before stays due, so that probing again and again does not put the verdict off.
  void probe(clock::time_point now) noexcept {
    pinged(now);
    patience_ = std::min<clock::duration>(options_->probe_deadline, patience());
    if (pong_due_) pong_due_ = std::min<clock::time_point>(*pong_due_, now + patience_);
  }

  [[nodiscard]] verdict judge(clock::time_point now) const noexcept {
    if (pong_due_) return now >= *pong_due_ ? verdict::lost : verdict::fine;
    return !is_off() && now >= idle_since_ + options_->ping_interval ? verdict::ping : verdict::fine;
  }
  // The answer has not come in the time in which one expects it.
  [[nodiscard]] bool is_late(clock::time_point now) const noexcept { return pong_due_ && now >= late_at_; }
  // When judge() or is_late() may next say something else. A pong can come at any moment, and the next ping
  // is due one interval after it, which may be before the deadline of this one.
  // `lateness`: as far as it is of interest that the answer is late.
  [[nodiscard]] clock::time_point next_look(clock::time_point now, bool lateness) const noexcept {
    if (is_off()) return clock::time_point::max();
    if (pong_due_) {
      const auto due = lateness ? std::min(*pong_due_, late_at_) : *pong_due_;
      return std::min<clock::time_point>(due, now + options_->ping_interval);
    }
    return idle_since_ + options_->ping_interval;
  }

 private:
  void alive(clock::time_point now) noexcept {
    idle_since_ = now;
    pong_due_.reset();
    late_at_ = clock::time_point::max();
  }
  [[nodiscard]] clock::time_point late_from(clock::time_point now) const noexcept {
    const auto after = options_->unresponsive_after;
    return after == milliseconds::zero() ? clock::time_point::max() : now + clock::duration(after);
  }

  const heartbeat_options* options_;
  clock::time_point idle_since_;
  std::optional<clock::time_point> pong_due_{};
  clock::duration patience_{};  // with the answer that is due
  clock::time_point late_at_ = clock::time_point::max();
  std::optional<clock::duration> smoothed_{};  // round trip; empty: none was measured yet
  clock::duration variation_{};
  bool paused_ = false;
};

}  // namespace holdfast
