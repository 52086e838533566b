/// :backoff — when to try again: facts of a failed attempt in, a decision out. Pure: no clock, no I/O, no
/// global randomness. The default policy is a table that a user can edit, or replace by a function.
module;
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

export module holdfast.core:backoff;

import :error;
import :time;
import :state;

namespace holdfast {

/// One seedable source of randomness per actor; eight bytes of state, because there may be many actors
/// (Knuth's MMIX generator). For jitter only: the engine's masks must be unpredictable and come from OpenSSL.
export using random_source =
    std::linear_congruential_engine<std::uint64_t, 6364136223846793005U, 1442695040888963407U, 0U>;

/// Everything a policy may want to know about an attempt that failed or a session that ended.
export struct attempt_record {
  change_reason reason{};                                           ///< why it ended, and at which stage
  std::vector<std::pair<std::string, std::string>> http_headers{};  ///< of the answer to the upgrade
  unsigned attempt = 1;                             ///< attempts since the last stable session
  std::optional<clock::duration> session_length{};  ///< set if the attempt became a session
  std::optional<clock::duration> retry_after{};     ///< what the server asked for
  bool retry_after_unreadable = false;              ///< it asked for something that cannot be read
  bool after_network_change = false;                ///< the attempt was started by network_changed()
  bool may_refresh = false;        ///< there is a credential provider, which can be asked for new credentials
  bool credentials_fresh = false;  ///< the attempt's credentials are new, because the last ones were refused
  bool untried_address = false;  ///< the name has another address, which was not tried since the last session
  bool had_stable_session = false;  ///< there has been a stable session at this endpoint
  unsigned refusals = 0;            ///< in a row at this endpoint, this one included, if it is one
  bool other_endpoint = false;      ///< there is another endpoint, which has not been given up
};

/// How long to wait. Every wait is jittered, so that many clients do not come back in one burst.
export enum class retry_delay : std::uint8_t {
  never,      ///< stop: disconnected is final until connect()
  immediate,  ///< no wait
  fresh,      ///< uniform in 0..first_spread
  step,       ///< uniform in [base/2, ceiling], ceiling = base × factor^step up to cap
  high_step,  ///< uniform in [ceiling/2, ceiling], so that each wait is longer than the one before
  cap,        ///< uniform in [cap/2, cap]
  /// No wait, and the next attempt asks the provider for new credentials. The second time in a row, and
  /// without a provider, it is a refusal, and the rule is called "unauthorized".
  refresh,
  /// Final before the first stable session at this endpoint. After one: as `cap`, and final after
  /// `refusals_before_final` in a row; the rule is then called "NAME (2 of 5)". With several endpoints, final
  /// is this one alone, and the others are tried.
  refusal,
};

/// Returns the name as it is written in code: "high_step".
export std::string_view to_string(retry_delay delay) noexcept;

/// One row of the table. A row matches if all the criteria that it sets match; the first match decides.
export struct retry_rule {
  std::string name{};                        ///< shown in `state_change::rule`
  retry_delay delay = retry_delay::step;     ///< how long to wait if the row matches
  std::optional<stage> at{};                 ///< the stage that failed
  std::vector<error_code> errors{};          ///< any of these
  std::vector<unsigned> http_statuses{};     ///< any of these answers to the upgrade
  std::vector<std::uint16_t> close_codes{};  ///< any of these codes in the peer's close frame
  std::optional<bool> stable{};              ///< the session lasted stable_after (or did not)

  bool operator==(const retry_rule&) const = default;
};

// Appended to the name of a rule whose wait is longer because the server has asked for it.
inline constexpr std::string_view retry_after_suffix = "+retry-after";

/// What follows an attempt or a session.
export struct retry_decision {
  std::optional<clock::duration> retry_in{};  ///< empty: never
  std::string rule{};                         ///< name of the rule that chose it
  bool refresh = false;                       ///< the next attempt asks the provider for new credentials
  /// This endpoint is given up, until connect(), a changed network, or a stable session elsewhere. `retry_in`
  /// is then the wait before the next one is tried; empty, or without a next one: never.
  bool refusal = false;
  /// After a failed attempt, the wait if another endpoint follows: what this one asked for or refused delays
  /// itself alone. Empty: `retry_in`. If `retry_policy::decide` changes `retry_in`, that is for all
  /// endpoints.
  std::optional<clock::duration> elsewhere_in{};
};

/// The default table, told in docs/retry.md: a provider that gives up, refusals, refused credentials,
/// certificates, redirects, proxies, overload, flapping, restarts; the last row matches all.
export std::vector<retry_rule> default_retry_rules();

/// The policy. Edit the table, the numbers, or give `decide` to replace both.
export struct retry_policy {
  std::chrono::milliseconds base{500};             ///< ceiling of the first wait after a failed attempt
  double factor = 2.0;                             ///< by which the ceiling grows: 1 to 100
  std::chrono::milliseconds cap{30'000};           ///< the highest ceiling
  std::chrono::milliseconds first_spread{1'000};   ///< first retry after a stable session: uniform in 0..this
  std::chrono::milliseconds stable_after{10'000};  ///< a session this long resets the step
  std::chrono::milliseconds retry_after_limit{300'000};  ///< a server's Retry-After counts up to this
  std::optional<unsigned> attempt_limit{};  ///< failed attempts in a row before it stops; empty: unlimited
  bool retry_first_connect = true;          ///< false: a failure before the first session is final
  unsigned refusals_before_final = 5;       ///< in a row, at an endpoint that has had a stable session
  std::vector<retry_rule> rules = default_retry_rules();  ///< the table; the first row that matches decides
  /// Decides instead of the table: gets the facts and what the table would do. `attempt_limit` and
  /// `retry_first_connect` still hold. Runs on the connection's strand: it must not block, nor throw.
  std::function<retry_decision(const attempt_record&, const retry_decision&)> decide{};

  /// Returns whether a session of this length was stable; empty: there was no session.
  [[nodiscard]] bool is_stable(const std::optional<clock::duration>& session_length) const noexcept {
    return session_length && *session_length >= stable_after;
  }
  /// Returns the policy that dials once: whatever ends the attempt or its session is final, as "dial-once".
  static retry_policy once();
};

export struct schedule_entry;

// How long the server of `record` wants to be left alone, within the policy's limit; zero: it has not asked.
clock::duration wish_of(const attempt_record& record, const retry_policy& policy);
// What counts for a wish that cannot be read (R52): the longest wait.
clock::duration unreadable_wish(const retry_policy& policy);

/// The memory between decisions: how far the backoff has grown. A plain value; copy it to look ahead.
export class retry_schedule {
 public:
  /// A table that schedules may share.
  using rules = std::shared_ptr<const std::vector<retry_rule>>;

  /// Begins at the smallest step, as before the first attempt.
  explicit retry_schedule(retry_policy policy);
  /// Begins without a copy: the rules are `table`, not those of `policy`.
  retry_schedule(std::shared_ptr<const retry_policy> policy, rules table);
  /// Makes a table that many schedules can share. The default rules are shared by all.
  static rules share(std::vector<retry_rule> table);

  /// Decides what follows `record`, and advances the step.
  retry_decision decide(const attempt_record& record, random_source& random);
  /// Returns whether `record` tells of a refusal: the server would not have us, and new credentials were of
  /// no use or cannot be had. Does not read `record.refusals`, which counts what this returns.
  [[nodiscard]] bool is_refusal(const attempt_record& record) const;
  /// Goes back to the smallest step, as after a stable session.
  void reset() noexcept {
    step_ = 0;
    flapping_ = false;
  }
  /// Notes that there has been a session: a failure from now on is not one of the first connect.
  void session_opened() noexcept { had_session_ = true; }
  /// Returns whether sessions open but end before they are stable.
  [[nodiscard]] bool flapping() const noexcept { return flapping_; }

 private:
  using bounds = std::pair<clock::duration, clock::duration>;
  // What is decided before anything is drawn.
  struct verdict {
    std::optional<bounds> wait{};  // empty: never
    std::string rule{};
    bool refresh = false;
    bool refusal = false;       // see retry_decision
    bool next_address = false;  // then the step does not grow
  };

  [[nodiscard]] const retry_rule* match(const attempt_record& record, bool stable) const;
  [[nodiscard]] verdict judge(const attempt_record& record, bool stable) const;
  [[nodiscard]] verdict judge_refusal(const attempt_record& record, bool stable, verdict out) const;
  [[nodiscard]] verdict bend(const attempt_record& record, verdict found) const;
  [[nodiscard]] retry_decision draw(const attempt_record& record, const verdict& found,
                                    random_source& random) const;
  [[nodiscard]] clock::duration wait_elsewhere(const attempt_record& record, const verdict& found,
                                               clock::duration drawn, random_source& random) const;
  [[nodiscard]] retry_decision decided_by_program(const attempt_record& record, retry_decision usual) const;
  [[nodiscard]] bounds bounds_of(retry_delay delay) const;
  [[nodiscard]] clock::duration ceiling(unsigned step) const;
  friend std::vector<schedule_entry> explain(const retry_policy&, const attempt_record&, unsigned);

  std::shared_ptr<const retry_policy> policy_;
  rules rules_;
  unsigned step_ = 0;
  bool flapping_ = false;
  bool had_session_ = false;
};

/// One line of an explained schedule: the bounds between which the n-th wait is drawn; equal and negative: it
/// stops.
export struct schedule_entry {
  unsigned attempt;          ///< 1 for the first failure
  clock::duration earliest;  ///< the shortest wait
  clock::duration latest;    ///< the longest wait
  std::string rule;          ///< the row that decides
};

/// Returns what `policy` does if the same failure happens `count` times in a row.
export std::vector<schedule_entry> explain(const retry_policy& policy, const attempt_record& failure,
                                           unsigned count);
/// Returns the schedule as text, one line per attempt.
export std::string describe(const std::vector<schedule_entry>& schedule);

}  // namespace holdfast
