/// :endpoints — which of several URLs the next attempt goes to, and whether it must wait for it. Pure: time
/// and randomness are passed in. Knows endpoints by their number only: 0 is `options::url`, the primary.
module;
#include <algorithm>
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

export module holdfast.core:endpoints;

import :error;
import :time;
import :state;
import :backoff;

namespace holdfast {

/// In which order endpoints are tried.
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
  bool given_up = false;          ///< it refused us, for good: see `endpoint_rotation`
};

/// How to use several endpoints that offer the same service.
export struct endpoint_options {
  std::vector<std::string> further_urls{};         ///< besides `options::url`, in the order of preference
  endpoint_order order = endpoint_order::ordered;  ///< see there
  std::chrono::milliseconds cool_down{60'000};     ///< after a failure an endpoint rests for so long
  /// Go back to `options::url` with the next attempt after its cool-down. No open session is closed for it.
  bool prefer_primary = false;
  /// Those of the URLs that may be ws:// although another one is wss://: without this the mixture is refused,
  /// so that nothing downgrades by itself. Credentials are not sent to them.
  std::vector<std::string> plaintext_urls{};
  /// A failed attempt is followed at once by one to the next endpoint, see `endpoint_rotation`. False: each
  /// attempt waits for the delay of the retry policy.
  bool next_at_once = true;
  /// Chooses instead of the rule: gets all endpoints, returns the index of one. Any other number, and an
  /// exception, is reported to the log, and the rule chooses. Runs on the connection's strand: it must not
  /// block.
  std::function<std::size_t(std::span<const endpoint_health>)> select{};
};

/// What endpoint_rotation::next() has chosen.
export struct endpoint_choice {
  std::size_t index = 0;  ///< as in `endpoint_health`
  std::string problem{};  ///< what was wrong with the answer of `select`: one line for the log
};

/// The memory between choices. Not thread-safe; a plain value, so copy it to look ahead.
///
/// What counts as a failure: an attempt that failed at any stage, and a session that was shorter than
/// `retry_policy::stable_after` or ended with a refusal. What the program itself ended does not count, nor do
/// credentials that are to be refreshed: the next attempt goes to the same endpoint. An endpoint that has
/// failed rests for `cool_down`, or longer if it asked for that (Retry-After). If all of them rest, the one
/// is chosen whose rest ends first: there is always a choice.
///
/// How this goes together with the retry policy: an attempt that has failed is followed at once by one to
/// the next endpoint (rule "next-endpoint"), as long as there is one that has not failed since the last
/// stable session. So with two endpoints of which one is down, the other one is reached without a wait. When
/// each has failed once, every further attempt waits for the policy's delay. Thus a fleet makes one round
/// through the endpoints, not more, and as spread as the first attempt after its session was. The end of a
/// short session is never followed at once, because the same event may have ended those of the whole fleet.
/// Attempts count towards `attempt_limit`, and the backoff grows, whichever endpoint they went to.
///
/// Refusals (HTTP 404, a fatal close code, …) are counted for each endpoint. One that is final gives up this
/// endpoint alone; only when all are given up is the end final. A stable session at another one, connect(),
/// retry_now(true) and a changed network bring it back. What is final for another reason stays final.
///
/// A server's wish (Retry-After, a go-away with a wait) belongs to its endpoint and outlives everything but
/// the program's own connect() and retry_now(): see allowed_at().
export class endpoint_rotation {
 public:
  /// Begins with nothing known of any endpoint. `count` is at least 1: `options::url` and the further ones.
  endpoint_rotation(std::size_t count, endpoint_options given);
  /// Begins likewise, without a copy of the options.
  endpoint_rotation(std::size_t count, std::shared_ptr<const endpoint_options> given);

  /// Returns the endpoint for the next attempt. Without news about the current one it is the same again.
  endpoint_choice next(clock::time_point now, random_source& random);

  /// Sends the next attempt to endpoint `index`, whatever has happened there, but not before it allows it;
  /// `select` may overrule it.
  void next_is(std::size_t index) { asked_for_ = index; }

  /// Fills in what is known of the endpoint chosen last (`had_stable_session`, `refusals`,
  /// `other_endpoint`), before the policy decides about `record`. `is_refusal`: as the policy judges it,
  /// retry_schedule::is_refusal().
  void fill(attempt_record& record, bool is_refusal, const retry_policy& policy) const;

  /// Remembers what an attempt or session that has ended says about the endpoint chosen last, and returns
  /// what is to be done. `decision` is that of the policy. `record` is as fill() left it.
  retry_decision ended(const attempt_record& record, retry_decision decision, const retry_policy& policy,
                       clock::time_point now);

  /// Notes that endpoint `index` failed, and that it asks to be left alone for `at_least`.
  void failed(std::size_t index, clock::time_point now, clock::duration at_least = {});
  /// Notes that endpoint `index` had a session that was stable: a new round may begin.
  void succeeded(std::size_t index);
  /// Notes that a session was stable which the program has ended, or which went on elsewhere: nothing else
  /// is known of it.
  void was_stable(std::size_t index);
  /// Forgets all failures and refusals, as after a change of the network, or when the program connects anew.
  /// What servers asked for holds.
  void forget_failures();

  /// Returns the earliest moment at which an attempt may begin: `now`, unless each endpoint that could be
  /// chosen has asked to be left alone until later. Then next() chooses the one that allows it.
  [[nodiscard]] clock::time_point allowed_at(clock::time_point now) const;
  /// Returns the moment at which the last of all wishes is over; in the past if nobody asks for anything.
  [[nodiscard]] clock::time_point last_wish_ends() const;
  /// Forgets what servers asked for, because the program itself wants an attempt now.
  void forget_wishes();

  /// Returns the index of the endpoint chosen last.
  [[nodiscard]] std::size_t current() const noexcept { return current_; }
  /// Returns what is known of each endpoint, in the order of their numbers.
  [[nodiscard]] std::vector<endpoint_health> health(clock::time_point now) const;

 private:
  struct entry {
    unsigned failures = 0;
    unsigned refusals = 0;              // in a row
    bool failed_in_this_round = false;  // since the last stable session
    bool had_stable_session = false;
    bool given_up = false;
    clock::time_point cools_until{};
    clock::time_point refused_until{};  // it is not to be asked again before
    clock::time_point not_before{};     // as it asked

    [[nodiscard]] clock::time_point may_be_asked_at() const { return std::max(refused_until, not_before); }
    [[nodiscard]] clock::time_point rests_until() const { return std::max(cools_until, may_be_asked_at()); }
  };
  std::size_t by_rule(clock::time_point now, random_source& random);
  [[nodiscard]] bool may_be_tried(std::size_t index, clock::time_point now) const;
  [[nodiscard]] bool any_is_untried(clock::time_point now) const;
  [[nodiscard]] bool all_are_given_up() const;
  [[nodiscard]] clock::time_point first_to_be_asked() const;
  [[nodiscard]] std::size_t first_to_be_rested(clock::time_point now) const;
  void note_refusal(const attempt_record& record, const retry_decision& decision, const retry_policy& policy,
                    clock::time_point now);
  void note_wish(const attempt_record& record, const retry_decision& decision, const retry_policy& policy,
                 clock::time_point now);
  void shuffle(random_source& random);

  std::shared_ptr<const endpoint_options> given_;
  std::vector<entry> entries_;
  std::vector<std::size_t> sequence_;  // the order of this round; empty for a single endpoint
  std::size_t current_ = 0;
  std::optional<std::size_t> asked_for_{};
  bool begun_ = false;  // there is a current one
};

}  // namespace holdfast
