// :upstream — does what we write reach the peer's host? A ping that stands behind a slow upload cannot be
// answered before it has arrived, and until then each byte that the peer's TCP confirms is a sign of life
// (R62). Once it has arrived, confirmations prove no more than that a kernel is alive: a frozen program has
// one. Pure: the caller passes what the stream and the outbox know; the result is whether there was progress.
module;
#include <cstddef>
#include <cstdint>
#include <optional>

module holdfast.core:upstream;

namespace holdfast {

class upstream {
 public:
  // What is known at one moment.
  struct facts {
    std::uint64_t taken = 0;                   // bytes that the stream has taken from us so far
    std::optional<std::size_t> unconfirmed{};  // of these; empty: the stream does not know
    bool question_waits = false;               // the stream has not taken all of our control frames
  };

  // A ping, or another frame that wants an answer, was given to the outbox. Only the oldest counts.
  void asked() noexcept {
    if (stage_ == stage::idle) stage_ = stage::waits;
  }
  // Whether looking again soon may bring news.
  [[nodiscard]] bool watches() const noexcept { return stage_ == stage::waits || stage_ == stage::under_way; }

  // True: since the last look the question has come nearer to the peer.
  bool looked(const facts& now) noexcept {
    if (!watches()) return false;
    const bool moved = last_ && has_moved(*last_, now);
    if (stage_ == stage::waits && !now.question_waits) {
      stage_ = stage::under_way;
      ahead_ = now;
    }
    if (stage_ == stage::under_way && has_arrived(now)) stage_ = stage::arrived;
    last_ = now;
    return moved;
  }

 private:
  enum class stage : std::uint8_t { idle, waits, under_way, arrived };

  // More than control frames: the way of a ping alone is not the way of an upload.
  static constexpr std::size_t least_upload_bytes = 1024;

  // Bytes were confirmed, or, where that cannot be known, taken.
  [[nodiscard]] static bool has_moved(const facts& before, const facts& now) noexcept {
    if (!before.question_waits && before.unconfirmed && *before.unconfirmed < least_upload_bytes)
      return false;
    const auto taken = now.taken - before.taken;
    if (!before.unconfirmed || !now.unconfirmed) return taken != 0;
    return *now.unconfirmed < *before.unconfirmed + taken;
  }
  // All that was unconfirmed when the stream had taken the question is confirmed by now.
  [[nodiscard]] bool has_arrived(const facts& now) const noexcept {
    if (!now.unconfirmed || !ahead_.unconfirmed) return true;
    return *now.unconfirmed <= now.taken - ahead_.taken;
  }

  stage stage_ = stage::idle;
  facts ahead_{};  // when the stream had just taken the question
  std::optional<facts> last_{};
};

}  // namespace holdfast
