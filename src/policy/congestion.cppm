// :congestion — whether a link carries what is asked of it, judged from what the client itself can see: how
// much waits to be written, for how long, and how long an answer takes. Pure: no clock, no timer, no I/O.
module;
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

export module holdfast.core:congestion;

import :state;
import :time;

namespace holdfast {

/// Features that the connection throttles by itself (featureThrottled) while the link does not carry what is
/// asked of it: for what can be left out then, such as typing and presence. As soon as one of the bounds is
/// reached, until all has been below half of its bound for `calm_for`. Meanwhile the round trip is measured
/// each second.
export struct congestion_options {
  std::vector<std::string> features{};    ///< by the names that `send_options::feature` has; empty: never
  std::size_t backlog_bytes = 256 << 10;  ///< of messages that the operating system has not taken yet
  milliseconds send_latency{2'000};       ///< for how long one of them has been waiting
  milliseconds round_trip{2'000};         ///< from a ping to its answer
  milliseconds calm_for{3'000};           ///< see above
};

// How far the writing has come, counted in bytes of messages from the beginning of the session.
struct write_progress {
  std::uint64_t written = 0;
  std::uint64_t given = 0;
};

class congestion {
 public:
  // `given` must outlive it.
  explicit congestion(const congestion_options& given) : options_(&given) {}

  void pinged(std::uint64_t number, clock::time_point now);
  void heard_pong(std::uint64_t number, clock::time_point now);
  // Nothing is read meanwhile, so no answer can be heard.
  void pause() noexcept { ping_.reset(); }

  // True: the verdict is another one than before.
  bool look(const write_progress& at, clock::time_point now);
  [[nodiscard]] bool congested() const noexcept { return !reason_.empty(); }
  // A round trip should be measured, because the last one was too long, or there is reason to think so.
  [[nodiscard]] bool wants_ping(clock::time_point now) const;
  [[nodiscard]] clock::time_point next_look(const write_progress& at, clock::time_point now) const;

  // What is throttled in all, where the server throttles `by_server`.
  [[nodiscard]] std::vector<throttled_feature> added_to(std::vector<throttled_feature> by_server) const;

 private:
  struct sent_ping {
    std::uint64_t number;
    clock::time_point at;
  };
  struct mark {  // a byte, and when it was first seen waiting
    std::uint64_t end;
    clock::time_point at;
  };
  void follow(const write_progress& at, clock::time_point now);
  // What is beyond the `share`th part of its bound; empty: nothing is.
  [[nodiscard]] std::string_view beyond(int share, const write_progress& at, clock::time_point now) const;

  const congestion_options* options_;
  std::optional<sent_ping> ping_{};
  clock::duration round_trip_{};  // the last one
  clock::time_point measured_{};
  std::optional<mark> mark_{};
  std::string_view reason_{};  // empty: it carries
  std::optional<clock::time_point> calm_since_{};
};

}  // namespace holdfast
