// What bends the retry policy: the server's wishes, limits, the network, the user's own function; and its
// report.
#include <algorithm>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast.core;

using namespace holdfast;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(backoff_rules)

namespace {

attempt_record failed_attempt(unsigned attempt = 1) {
  return {.reason = {.error = error::connection_lost, .at = stage::connect}, .attempt = attempt};
}

attempt_record overloaded(std::optional<clock::duration> retry_after) {
  return {.reason = {.error = error::upgrade_refused, .at = stage::upgrade, .http_status = 503},
          .retry_after = retry_after};
}

attempt_record ended_session(clock::duration length, int close_code = 1006) {
  return {.reason = {.error = error::closed_by_peer,
                     .at = stage::session,
                     .close_code = static_cast<std::uint16_t>(close_code)},
          .session_length = length};
}

retry_decision first_decision(const attempt_record& record, const retry_policy& policy = {},
                              std::uint64_t seed = 1) {
  random_source random{seed};
  return retry_schedule{policy}.decide(record, random);
}

// The first wait of each of `count` schedules with seeds of their own, in order of time.
std::vector<clock::duration> first_waits(const attempt_record& record, std::size_t count) {
  std::vector<clock::duration> waits;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    waits.push_back(first_decision(record, {}, seed * 0x9E3779B97F4A7C15U).retry_in.value());
  }
  std::ranges::sort(waits);
  return waits;
}

// The largest number of waits that fall into any window of `width`, wherever it begins.
std::size_t most_in_a_window(const std::vector<clock::duration>& sorted, clock::duration width) {
  std::size_t most = 0;
  for (auto first = sorted.begin(); first != sorted.end(); ++first) {
    const auto last = std::lower_bound(first, sorted.end(), *first + width);
    most = std::max(most, static_cast<std::size_t>(last - first));
  }
  return most;
}

// Whether explain() bounds what 200 schedules really draw for the same failure again and again.
void check_explained(const retry_policy& policy, const attempt_record& failure) {
  const auto explained = explain(policy, failure, 12);
  BOOST_REQUIRE(!explained.empty());
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    random_source random{seed};
    retry_schedule schedule{policy};
    auto record = failure;
    for (const auto& entry : explained) {
      record.attempt = entry.attempt;
      const auto decision = schedule.decide(record, random);
      if (!decision.retry_in) {
        BOOST_REQUIRE(entry.latest < 0s);
        BOOST_REQUIRE(entry.earliest == entry.latest);
        BOOST_REQUIRE(&entry == &explained.back());
      } else {
        BOOST_REQUIRE(*decision.retry_in >= entry.earliest);
        BOOST_REQUIRE(*decision.retry_in <= entry.latest);
      }
    }
  }
}

}  // namespace

// covers R1, G38
BOOST_AUTO_TEST_CASE(a_thousand_clients_dropped_at_once_do_not_come_back_in_a_burst) {
  const auto waits = first_waits(ended_session(1h), 1000);
  BOOST_TEST(most_in_a_window(waits, 100ms) <= 150U);
}

// covers R1
BOOST_AUTO_TEST_CASE(clients_with_different_seeds_draw_different_waits) {
  for (const auto& record : {failed_attempt(), ended_session(1h), ended_session(1s), overloaded(5s)}) {
    const auto waits = first_waits(record, 1000);
    BOOST_TEST(std::set(waits.begin(), waits.end()).size() == 1000U);
  }
}

BOOST_AUTO_TEST_CASE(the_same_seed_draws_the_same_waits) {
  BOOST_CHECK(first_decision(failed_attempt(), {}, 42).retry_in ==
              first_decision(failed_attempt(), {}, 42).retry_in);
}

// covers R7, G36
BOOST_AUTO_TEST_CASE(retry_after_is_a_floor_with_jitter_on_top) {
  const auto waits = first_waits(overloaded(20s), 1000);
  BOOST_CHECK(waits.front() >= 20s);
  BOOST_CHECK(waits.back() <= 20s + 500ms);
  BOOST_CHECK(waits.back() - waits.front() > 450ms);
  BOOST_TEST(first_decision(overloaded(20s)).rule == "backoff+retry-after");
}

// covers R7
BOOST_AUTO_TEST_CASE(retry_after_counts_only_up_to_its_limit) {
  for (const auto wish : {clock::duration(301s), clock::duration(24h), clock::duration::max()}) {
    const auto wait = first_decision(overloaded(wish)).retry_in.value();
    BOOST_CHECK(wait >= 300s);
    BOOST_CHECK(wait <= 300s + 500ms);
  }
  retry_policy deaf;
  deaf.retry_after_limit = 0ms;
  BOOST_CHECK(first_decision(overloaded(1h), deaf).retry_in.value() <= 500ms);
}

// covers R7
BOOST_AUTO_TEST_CASE(a_longer_wait_of_our_own_outlasts_retry_after) {
  auto record = ended_session(1h, 1013);
  record.retry_after = 1s;
  const auto decision = first_decision(record);
  BOOST_CHECK(decision.retry_in.value() >= 15s);
  BOOST_TEST(decision.rule == "overloaded");
}

BOOST_AUTO_TEST_CASE(a_retry_after_in_the_past_does_no_harm) {
  const auto wait = first_decision(overloaded(-1h)).retry_in.value();
  BOOST_CHECK(wait >= 250ms);
  BOOST_CHECK(wait <= 500ms);
}

BOOST_AUTO_TEST_CASE(retry_after_does_not_soften_a_fatal_answer) {
  auto record = overloaded(5s);
  record.reason.http_status = 404;
  BOOST_TEST(!first_decision(record).retry_in.has_value());
}

// covers R7, G46
BOOST_AUTO_TEST_CASE(a_restart_gets_a_fresh_wait_and_an_overload_the_cap) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const auto restart = first_decision(ended_session(1h, 1012), {}, seed);
    BOOST_REQUIRE(restart.rule == "service-restart");
    BOOST_REQUIRE(restart.retry_in.value() <= 1s);
    for (const auto length : {clock::duration(1s), clock::duration(1h)}) {
      const auto overload = first_decision(ended_session(length, 1013), {}, seed);
      BOOST_REQUIRE(overload.rule == "overloaded");
      BOOST_REQUIRE(overload.retry_in.value() >= 15s);
      BOOST_REQUIRE(overload.retry_in.value() <= 30s);
    }
  }
}

// covers R3
BOOST_AUTO_TEST_CASE(a_server_that_restarts_all_the_time_counts_as_flapping) {
  BOOST_TEST(first_decision(ended_session(1s, 1012)).rule == "flapping");
}

// covers R3
BOOST_AUTO_TEST_CASE(a_server_that_restarts_or_leaves_at_each_login_is_met_with_growing_waits) {
  attempt_record restarts{.reason = {.error = error::closed_by_peer, .at = stage::login, .close_code = 1012}};
  attempt_record leaves{.reason = {.error = error::server_going_away, .at = stage::login}};
  for (const auto& record : {restarts, leaves}) {
    random_source random{1};
    retry_schedule schedule{retry_policy{}};
    clock::duration longest{};
    for (int i = 0; i < 20; ++i) {
      const auto decision = schedule.decide(record, random);
      BOOST_REQUIRE(decision.rule == "backoff");
      BOOST_REQUIRE((decision.retry_in.value() > clock::duration::zero()));
      longest = std::max(longest, *decision.retry_in);
    }
    BOOST_TEST((longest > 10s));
  }
  attempt_record left{.reason = {.error = error::server_going_away, .at = stage::session},
                      .session_length = 1h};
  BOOST_TEST(first_decision(left).rule == "going-away");
  left.session_length = 1s;
  BOOST_TEST(first_decision(left).rule == "flapping");
}

// covers G37
BOOST_AUTO_TEST_CASE(an_attempt_limit_of_3_allows_exactly_3) {
  retry_policy policy;
  policy.attempt_limit = 3;
  random_source random{1};
  retry_schedule schedule{policy};
  BOOST_TEST(schedule.decide(failed_attempt(1), random).retry_in.has_value());
  BOOST_TEST(schedule.decide(failed_attempt(2), random).retry_in.has_value());
  const auto last = schedule.decide(failed_attempt(3), random);
  BOOST_TEST(!last.retry_in.has_value());
  BOOST_TEST(last.rule == "attempt-limit");
}

// covers G37
BOOST_AUTO_TEST_CASE(short_sessions_count_against_the_attempt_limit_and_stable_ones_do_not) {
  retry_policy policy;
  policy.attempt_limit = 1;
  BOOST_TEST(first_decision(ended_session(1s), policy).rule == "attempt-limit");
  BOOST_TEST(first_decision(ended_session(1h), policy).retry_in.has_value());
}

BOOST_AUTO_TEST_CASE(a_fatal_answer_keeps_its_own_rule_at_the_attempt_limit) {
  retry_policy policy;
  policy.attempt_limit = 1;
  BOOST_TEST(first_decision(ended_session(1s, 1002), policy).rule == "fatal-close-code");
}

// covers R4
BOOST_AUTO_TEST_CASE(a_failing_first_connect_is_final_only_if_asked_for) {
  retry_policy policy;
  BOOST_TEST(first_decision(failed_attempt(), policy).retry_in.has_value());
  policy.retry_first_connect = false;
  const auto decision = first_decision(failed_attempt(), policy);
  BOOST_TEST(!decision.retry_in.has_value());
  BOOST_TEST(decision.rule == "first-connect-failed");
}

// covers R4
BOOST_AUTO_TEST_CASE(after_the_first_session_a_final_first_connect_changes_nothing) {
  retry_policy strict;
  strict.retry_first_connect = false;
  for (const auto length : {clock::duration(0s), clock::duration(1h)}) {
    random_source random{7};
    random_source same_random{7};
    retry_schedule schedule{strict};
    retry_schedule usual{{}};
    for (const auto& record :
         {ended_session(length), failed_attempt(), failed_attempt(), ended_session(1s)}) {
      const auto decision = schedule.decide(record, random);
      const auto wanted = usual.decide(record, same_random);
      BOOST_CHECK(decision.retry_in.has_value() && decision.retry_in == wanted.retry_in);
      BOOST_TEST(decision.rule == wanted.rule);
    }
  }
}

// covers R10
BOOST_AUTO_TEST_CASE(a_dial_that_fails_after_a_network_change_waits_the_base_delay) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    random_source random{seed};
    retry_schedule schedule{{}};
    for (int i = 0; i < 10; ++i) schedule.decide(failed_attempt(), random);
    auto changed = failed_attempt();
    changed.after_network_change = true;
    const auto wait = schedule.decide(changed, random).retry_in.value();
    BOOST_REQUIRE(wait >= 250ms);
    BOOST_REQUIRE(wait <= 500ms);
    BOOST_REQUIRE(schedule.decide(failed_attempt(), random).retry_in.value() <= 1s);
  }
}

// covers R6
BOOST_AUTO_TEST_CASE(the_users_function_gets_every_fact_and_what_the_table_says) {
  attempt_record seen;
  retry_decision table;
  retry_policy policy;
  policy.decide = [&](const attempt_record& record, const retry_decision& proposed) {
    seen = record;
    table = proposed;
    return retry_decision{.retry_in = 7s, .rule = "mine"};
  };
  attempt_record given{.reason = {.error = error::upgrade_refused,
                                  .at = stage::upgrade,
                                  .http_status = 404,
                                  .close_code = 4000,
                                  .detail = "gone"},
                       .http_headers = {{"X-Why", "moved"}},
                       .attempt = 5,
                       .session_length = 3s,
                       .retry_after = 9s,
                       .after_network_change = true};
  const auto decision = first_decision(given, policy);
  BOOST_CHECK(decision.retry_in == 7s);
  BOOST_TEST(decision.rule == "mine");
  BOOST_CHECK(seen.reason.error == error::upgrade_refused);
  BOOST_CHECK(seen.reason.at == stage::upgrade);
  BOOST_TEST(seen.reason.http_status == 404U);
  BOOST_TEST(seen.reason.close_code == 4000U);
  BOOST_TEST(seen.reason.detail == "gone");
  BOOST_REQUIRE(seen.http_headers.size() == 1U);
  BOOST_TEST(seen.http_headers[0].first == "X-Why");
  BOOST_TEST(seen.http_headers[0].second == "moved");
  BOOST_TEST(seen.attempt == 5U);
  BOOST_CHECK(seen.session_length == 3s);
  BOOST_CHECK(seen.retry_after == 9s);
  BOOST_TEST(seen.after_network_change);
  BOOST_TEST(!table.retry_in.has_value());
  BOOST_TEST(table.rule == "fatal-http-status");
}

// covers R6, G37
BOOST_AUTO_TEST_CASE(the_users_function_can_stop_and_is_bound_by_the_attempt_limit) {
  retry_policy policy;
  policy.decide = [](const attempt_record&, const retry_decision&) {
    return retry_decision{.rule = "enough"};
  };
  BOOST_TEST(!first_decision(failed_attempt(), policy).retry_in.has_value());
  BOOST_TEST(first_decision(failed_attempt(), policy).rule == "enough");
  policy.decide = [](const attempt_record&, const retry_decision&) {
    return retry_decision{.retry_in = 1s, .rule = "on"};
  };
  policy.attempt_limit = 3;
  BOOST_TEST(first_decision(failed_attempt(2), policy).rule == "on");
  BOOST_TEST(first_decision(failed_attempt(3), policy).rule == "attempt-limit");
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_schedule_looks_ahead_without_moving_it) {
  random_source random{5};
  retry_schedule schedule{{}};
  schedule.decide(failed_attempt(), random);
  auto ahead = schedule;
  auto random_ahead = random;
  std::vector<retry_decision> expected;
  expected.reserve(5);
  for (int i = 0; i < 5; ++i) expected.push_back(ahead.decide(failed_attempt(), random_ahead));
  for (const auto& decision : expected) {
    BOOST_CHECK(schedule.decide(failed_attempt(), random).retry_in == decision.retry_in);
  }
}

BOOST_AUTO_TEST_CASE(explain_bounds_every_wait) {
  for (const auto& failure : {failed_attempt(), ended_session(0s), ended_session(1h), ended_session(1h, 1012),
                              ended_session(1s, 1013), ended_session(1s, 1002), overloaded(std::nullopt),
                              overloaded(0s), overloaded(2s), overloaded(24h)}) {
    check_explained({}, failure);
  }
  retry_policy limited;
  limited.attempt_limit = 3;
  check_explained(limited, failed_attempt());
  BOOST_TEST(explain(limited, failed_attempt(), 10).size() == 3U);
  retry_policy strict;
  strict.retry_first_connect = false;
  check_explained(strict, failed_attempt());
  BOOST_TEST(explain(strict, failed_attempt(), 10).size() == 1U);
}

BOOST_AUTO_TEST_CASE(explain_bounds_every_wait_after_network_changes) {
  for (auto failure : {failed_attempt(), ended_session(1s)}) {
    failure.after_network_change = true;
    check_explained({}, failure);
  }
}

BOOST_AUTO_TEST_CASE(explain_bounds_what_the_users_function_decides) {
  retry_policy policy;
  policy.decide = [](const attempt_record& record, const retry_decision&) {
    return retry_decision{.retry_in = 90s * record.attempt, .rule = "mine"};
  };
  check_explained(policy, failed_attempt());
}

BOOST_AUTO_TEST_CASE(a_schedule_reads_as_one_line_per_attempt) {
  retry_policy policy;
  policy.attempt_limit = 3;
  BOOST_TEST(describe(explain(policy, failed_attempt(), 10)) ==
             "after attempt 1: 0.25 s to 0.50 s  [backoff]\n"
             "after attempt 2: 0.25 s to 1.00 s  [backoff]\n"
             "after attempt 3: stop  [attempt-limit]\n");
  BOOST_TEST(describe(explain({}, ended_session(1h), 1)) ==
             "after attempt 1: 0.00 s to 1.00 s  [after-stable-session]\n");
  BOOST_TEST(describe(std::vector<schedule_entry>{}).empty());
}

BOOST_AUTO_TEST_CASE(a_long_rule_name_keeps_one_line_per_attempt) {
  retry_policy policy;
  policy.rules = {{.name = std::string(300, 'n')}};
  const auto text = describe(explain(policy, failed_attempt(), 3));
  BOOST_TEST(std::ranges::count(text, '\n') == 3);
  BOOST_TEST(text.ends_with('\n'));
}

BOOST_AUTO_TEST_SUITE_END()
