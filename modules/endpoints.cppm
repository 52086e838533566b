/// :endpoints — which of several URLs the next attempt goes to, and whether it must wait for it. Pure: time
/// and randomness are passed in. Knows endpoints by their number only: 0 is `options::url`, the primary.
module;
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

export module holdfast:endpoints;

import :error;
import :time;
import :state;
import :backoff;

namespace holdfast {

export enum class endpoint_order : std::uint8_t {
  ordered,   ///< as they are listed; stays with the one that works
  shuffled,  ///< each connection in a random order of its own, which spreads a fleet; stays with what works
};

/// What is known of one endpoint, for `endpoint_options::select`.
export struct endpoint_health {
  std::size_t index = 0;          ///< 0: `options::url`; n: `further_urls[n - 1]`
  bool current = false;           ///< the one that the last attempt went to
  unsigned failures = 0;          ///< in a row; 0 if it works, or was not tried
  clock::duration cooling_for{};  ///< it should rest for so long still; zero: it may be tried
};

/// How to use several endpoints that offer the same service.
export struct endpoint_options {
  std::vector<std::string> further_urls{};  ///< besides `options::url`, in the order of preference
  endpoint_order order = endpoint_order::ordered;
  std::chrono::milliseconds cool_down{60'000};  ///< after a failure an endpoint rests for so long
  /// Go back to `options::url` with the next attempt after its cool-down. No open session is closed for it.
  bool prefer_primary = false;
  /// A failed attempt is followed at once by one to the next endpoint, see `endpoint_rotation`. False: each
  /// attempt waits for the delay of the retry policy.
  bool next_at_once = true;
  /// Chooses instead of the rule: gets all endpoints, returns the index of one. Any other number, and an
  /// exception, is reported to the log, and the rule chooses. Runs on the connection's strand: it must not
  /// block.
  std::function<std::size_t(std::span<const endpoint_health>)> select{};
};

export struct endpoint_choice {
  std::size_t index = 0;
  std::string problem{};  ///< what was wrong with the answer of `select`: one line for the log
};

/// The memory between choices. Not thread-safe; a plain value, so copy it to look ahead.
///
/// What counts as a failure: an attempt that failed at any stage, and a session shorter than
/// `retry_policy::stable_after`. What the program itself ended does not count, nor do credentials that are to
/// be refreshed: the next attempt goes to the same endpoint. An endpoint that has failed rests for
/// `cool_down`, or longer if it asked for that (Retry-After). If all of them rest, the one is chosen whose
/// rest ends first: there is always a choice.
///
/// How this goes together with the retry policy: an attempt that has failed is followed at once by one to
/// the next endpoint (rule "next-endpoint"), as long as there is one that has not failed since the last
/// stable session. So with two endpoints of which one is down, the other one is reached without a wait. When
/// each has failed once, every further attempt waits for the policy's delay. Thus a fleet makes one round
/// through the endpoints, not more, and as spread as the first attempt after its session was. The end of a
/// short session is never followed at once, because the same event may have ended those of the whole fleet.
/// What is final by the policy (HTTP 404, …) stays final: another endpoint does not cure a wrong
/// request. Attempts count towards `attempt_limit`, and the backoff grows, whichever endpoint they went to.
export class endpoint_rotation {
 public:
  /// `count` is at least 1: `options::url` and the further ones.
  endpoint_rotation(std::size_t count, endpoint_options given);
  /// The same without a copy.
  endpoint_rotation(std::size_t count, std::shared_ptr<const endpoint_options> given);

  /// The endpoint for the next attempt. Without news about the current one it is the same again.
  endpoint_choice next(clock::time_point now, random_source& random);

  /// The next attempt is to go to endpoint `index`, whatever has happened there; `select` may overrule it.
  void next_is(std::size_t index) { asked_for_ = index; }

  /// The attempt, or the session, that `record` tells of has ended, and the policy has made its `decision`.
  /// Remembers what this says about the endpoint chosen last, and returns what is to be done.
  retry_decision ended(const attempt_record& record, retry_decision decision, clock::duration stable_after,
                       clock::time_point now);

  /// Endpoint `index` failed; it asks to be left alone for `at_least`.
  void failed(std::size_t index, clock::time_point now, clock::duration at_least = {});
  /// Endpoint `index` had a session that was stable: a new round may begin.
  void succeeded(std::size_t index);
  /// Forgets all failures, as after a change of the network, or when the program connects anew.
  void forget_failures();

  /// The endpoint chosen last.
  [[nodiscard]] std::size_t current() const noexcept { return current_; }
  [[nodiscard]] std::vector<endpoint_health> health(clock::time_point now) const;

 private:
  struct entry {
    unsigned failures = 0;
    bool failed_in_this_round = false;  // since the last stable session
    clock::time_point rests_until{};
    clock::time_point not_before{};  // as it asked
  };
  std::size_t by_rule(clock::time_point now, random_source& random);
  [[nodiscard]] bool may_be_tried(std::size_t index, clock::time_point now) const;
  [[nodiscard]] bool any_is_untried(clock::time_point now) const;
  [[nodiscard]] std::size_t first_to_be_rested(clock::time_point now) const;
  void shuffle(random_source& random);

  std::shared_ptr<const endpoint_options> given_;
  std::vector<entry> entries_;
  std::vector<std::size_t> sequence_;  // in which they are tried
  std::size_t current_ = 0;
  std::optional<std::size_t> asked_for_{};
  bool begun_ = false;  // there is a current one
};

}  // namespace holdfast
