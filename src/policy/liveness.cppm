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
  // While we do not read we cannot hear: pings go on (somebody between us may count on them), verdicts stop
  // (R40).
  void pause() noexcept {
    paused_ = true;
    pong_due_.reset();
  }
  void resume(clock::time_point now) noexcept {
    paused_ = false;
    alive(now);
  }
  // The ping comes nearer to the peer, behind what it is still receiving: the answer is due that much later
  // (R62).
  void heard_progress(clock::time_point now) noexcept {
    if (pong_due_) pong_due_ = now + patience_;
  }
  [[nodiscard]] bool waits_for_answer() const noexcept { return pong_due_.has_value(); }
  [[nodiscard]] bool is_off() const noexcept { return options_->ping_interval == milliseconds::zero(); }
  // A ping was sent for another reason (ping()): it is as good as ours.
  void pinged(clock::time_point now) noexcept {
    idle_since_ = now;
    if (paused_ || pong_due_ || is_off()) return;
    patience_ = options_->pong_deadline;
    pong_due_ = now + patience_;
  }
  // A ping was sent because there is reason to doubt (R27, R10): its answer is expected sooner. What was due
  // before stays due, so that probing again and again does not put the verdict off.
  void probe(clock::time_point now) noexcept {
    pinged(now);
    patience_ = std::min(options_->probe_deadline, options_->pong_deadline);
    if (pong_due_) pong_due_ = std::min<clock::time_point>(*pong_due_, now + patience_);
  }

  [[nodiscard]] verdict judge(clock::time_point now) const noexcept {
    if (pong_due_) return now >= *pong_due_ ? verdict::lost : verdict::fine;
    return !is_off() && now >= idle_since_ + options_->ping_interval ? verdict::ping : verdict::fine;
  }
  // When judge() may next say something else. A pong can come at any moment, and the next ping is due one
  // interval after it, which may be before the deadline of this one.
  [[nodiscard]] clock::time_point next_look(clock::time_point now) const noexcept {
    if (is_off()) return clock::time_point::max();
    if (pong_due_) return std::min<clock::time_point>(*pong_due_, now + options_->ping_interval);
    return idle_since_ + options_->ping_interval;
  }

 private:
  void alive(clock::time_point now) noexcept {
    idle_since_ = now;
    pong_due_.reset();
  }

  const heartbeat_options* options_;
  clock::time_point idle_since_;
  std::optional<clock::time_point> pong_due_{};
  clock::duration patience_{};  // with the answer that is due
  bool paused_ = false;
};

}  // namespace holdfast
