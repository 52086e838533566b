// The retry policy: which row of the table decides, between which bounds a wait is drawn, and how it grows.
#include <algorithm>
#include <array>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../sanitized.hpp"

import holdfast.core;

using namespace holdfast;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(backoff)

namespace {

attempt_record failed_attempt(unsigned attempt = 1) {
  return {.reason = {.error = error::connection_lost, .at = stage::connect}, .attempt = attempt};
}

attempt_record refused_upgrade(unsigned status) {
  return {.reason = {.error = error::upgrade_refused, .at = stage::upgrade, .http_status = status}};
}

attempt_record ended_session(clock::duration length, int close_code = 1006) {
  return {.reason = {.error = error::closed_by_peer,
                     .at = stage::session,
                     .close_code = static_cast<std::uint16_t>(close_code)},
          .session_length = length};
}

// The first decision of a new schedule.
retry_decision first_decision(const attempt_record& record, const retry_policy& policy = {},
                              std::uint64_t seed = 1) {
  random_source random{seed};
  return retry_schedule{policy}.decide(record, random);
}

struct range {
  clock::duration least = clock::duration::max();
  clock::duration most = clock::duration::min();
};

// Extremes of the wait after the last of `before` + `record`, over many seeds.
range waits_after(const std::vector<attempt_record>& before, const attempt_record& record,
                  const retry_policy& policy = {}) {
  range seen;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    random_source random{seed * 7919};
    retry_schedule schedule{policy};
    for (const auto& earlier : before) schedule.decide(earlier, random);
    const auto wait = schedule.decide(record, random).retry_in.value();
    seen = {std::min(seen.least, wait), std::max(seen.most, wait)};
  }
  return seen;
}

// All draws lie in [low, high], and they use nearly all of it.
void check_spread_over(const range& seen, clock::duration low, clock::duration high) {
  const auto slack = (high - low) / 20;
  BOOST_TEST_CONTEXT("waits from " << seen.least.count() << " to " << seen.most.count() << " ns") {
    BOOST_CHECK(seen.least >= low && seen.least <= low + slack);
    BOOST_CHECK(seen.most <= high && seen.most >= high - slack);
  }
}

retry_policy only(retry_delay delay) {
  retry_policy policy;
  policy.rules = {{.name = "only", .delay = delay}};
  return policy;
}

std::string rule_for(const attempt_record& record, const retry_policy& policy = {}) {
  return first_decision(record, policy).rule;
}

}  // namespace

// covers R8, G46
BOOST_AUTO_TEST_CASE(any_close_that_we_did_not_ask_for_is_retried) {
  for (const int code : {0, 1000, 1001, 1005, 1006, 1008, 1011, 1014, 3000, 4000, 4999}) {
    BOOST_TEST_CONTEXT("close code " << code) {
      const auto after_stable = first_decision(ended_session(1h, code));
      BOOST_TEST(after_stable.retry_in.has_value());
      BOOST_TEST(after_stable.rule == "after-stable-session");
      const auto after_short = first_decision(ended_session(1s, code));
      BOOST_TEST(after_short.retry_in.has_value());
      BOOST_TEST(after_short.rule == "flapping");
    }
  }
}

// covers R8, G46, R54
BOOST_AUTO_TEST_CASE(a_close_code_that_would_come_again_is_fatal_unless_the_session_was_stable) {
  for (const int code : {1002, 1003, 1007, 1009, 1010}) {
    const auto after_short = first_decision(ended_session(1s, code));
    BOOST_TEST(!after_short.retry_in.has_value());
    BOOST_TEST(after_short.rule == "fatal-close-code");
    const auto after_stable = first_decision(ended_session(1h, code));
    BOOST_CHECK(after_stable.retry_in.value() >= 15s);
    BOOST_TEST(after_stable.rule == "fatal-close-code (1 of 5)");
  }
}

// covers R8
BOOST_AUTO_TEST_CASE(the_fatal_table_is_the_users_to_edit) {
  retry_policy policy;
  std::erase_if(policy.rules, [](const retry_rule& rule) { return rule.name == "fatal-close-code"; });
  policy.rules.insert(policy.rules.begin(),
                      {.name = "kicked", .delay = retry_delay::never, .close_codes = {4001}});
  BOOST_TEST(first_decision(ended_session(1h, 1002), policy).retry_in.has_value());
  BOOST_TEST(!first_decision(ended_session(1h, 4001), policy).retry_in.has_value());
  BOOST_TEST(rule_for(ended_session(1h, 4001), policy) == "kicked");
}

// covers G31
BOOST_AUTO_TEST_CASE(a_refusal_that_would_come_again_is_fatal) {
  for (const unsigned status : {400U, 404U, 405U, 410U, 426U}) {
    BOOST_TEST(!first_decision(refused_upgrade(status)).retry_in.has_value());
    BOOST_TEST(rule_for(refused_upgrade(status)) == "fatal-http-status");
  }
  for (const unsigned status : {401U, 403U}) {
    BOOST_TEST(!first_decision(refused_upgrade(status)).retry_in.has_value());
    BOOST_TEST(rule_for(refused_upgrade(status)) == "unauthorized");
  }
  for (const unsigned status : {200U, 302U, 408U, 429U, 500U, 502U, 503U, 504U}) {
    BOOST_TEST(first_decision(refused_upgrade(status)).retry_in.has_value());
    BOOST_TEST(rule_for(refused_upgrade(status)) == "backoff");
  }
}

BOOST_AUTO_TEST_CASE(every_failing_stage_is_retried) {
  for (const auto at : {stage::none, stage::provider, stage::resolve, stage::connect, stage::proxy,
                        stage::tls, stage::upgrade, stage::login}) {
    auto record = failed_attempt();
    record.reason.at = at;
    BOOST_TEST(first_decision(record).retry_in.has_value());
    BOOST_TEST(rule_for(record) == "backoff");
  }
}

BOOST_AUTO_TEST_CASE(a_rule_matches_only_if_all_its_criteria_do) {
  retry_policy policy;
  policy.rules = {{.name = "picky",
                   .at = stage::session,
                   .errors = {error::closed_by_peer, error::liveness_lost},
                   .close_codes = {4000, 4001},
                   .stable = true},
                  {.name = "status", .http_statuses = {500, 503}},
                  {.name = "rest"}};
  BOOST_TEST(rule_for(ended_session(1h, 4001), policy) == "picky");
  BOOST_TEST(rule_for(ended_session(1s, 4001), policy) == "rest");
  BOOST_TEST(rule_for(ended_session(1h, 4002), policy) == "rest");
  auto record = ended_session(1h, 4000);
  record.reason.at = stage::login;
  BOOST_TEST(rule_for(record, policy) == "rest");
  record = ended_session(1h, 4000);
  record.reason.error = error::connection_lost;
  BOOST_TEST(rule_for(record, policy) == "rest");
  record.reason.error = error::liveness_lost;
  BOOST_TEST(rule_for(record, policy) == "picky");
  record.session_length.reset();
  BOOST_TEST(rule_for(record, policy) == "rest");
  BOOST_TEST(rule_for(refused_upgrade(503), policy) == "status");
}

BOOST_AUTO_TEST_CASE(without_a_matching_rule_it_stops_and_says_so) {
  retry_policy policy;
  policy.rules = {{.name = "sessions", .stable = true}};
  BOOST_TEST(!first_decision(failed_attempt(), policy).retry_in.has_value());
  BOOST_TEST(rule_for(failed_attempt(), policy) == "no-rule-matches");
}

BOOST_AUTO_TEST_CASE(each_kind_of_delay_is_drawn_between_its_bounds) {
  BOOST_TEST(!first_decision(failed_attempt(), only(retry_delay::never)).retry_in.has_value());
  BOOST_CHECK(first_decision(failed_attempt(), only(retry_delay::immediate)).retry_in == 0s);
  check_spread_over(waits_after({}, failed_attempt(), only(retry_delay::fresh)), 0s, 1s);
  check_spread_over(waits_after({}, failed_attempt(), only(retry_delay::step)), 250ms, 500ms);
  check_spread_over(waits_after({}, failed_attempt(), only(retry_delay::high_step)), 500ms, 1s);
  check_spread_over(waits_after({}, failed_attempt(), only(retry_delay::cap)), 15s, 30s);
  check_spread_over(waits_after({}, ended_session(1h), only(retry_delay::refusal)), 15s, 30s);
}

BOOST_AUTO_TEST_CASE(delays_have_names) {
  const std::array names = {to_string(retry_delay::never),     to_string(retry_delay::immediate),
                            to_string(retry_delay::fresh),     to_string(retry_delay::step),
                            to_string(retry_delay::high_step), to_string(retry_delay::cap),
                            to_string(retry_delay::refresh),   to_string(retry_delay::refusal)};
  const std::array<std::string_view, 8> wanted = {"never",     "immediate", "fresh",   "step",
                                                  "high_step", "cap",       "refresh", "refusal"};
  BOOST_TEST(names == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(failed_attempts_grow_the_ceiling_up_to_the_cap) {
  std::vector<attempt_record> before;
  for (const auto ceiling : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 30000ms, 30000ms}) {
    check_spread_over(waits_after(before, failed_attempt()), 250ms, ceiling);
    before.push_back(failed_attempt());
  }
}

BOOST_AUTO_TEST_CASE(the_numbers_are_the_users_to_choose) {
  retry_policy policy;
  policy.base = 100ms;
  policy.factor = 3.0;
  policy.cap = 1s;
  std::vector<attempt_record> before;
  for (const auto ceiling : {100ms, 300ms, 900ms, 1000ms}) {
    check_spread_over(waits_after(before, failed_attempt(), policy), 50ms, ceiling);
    before.push_back(failed_attempt());
  }
  policy.factor = 1.0;
  check_spread_over(waits_after(before, failed_attempt(), policy), 50ms, 100ms);
  policy.first_spread = 5s;
  check_spread_over(waits_after({}, ended_session(1h), policy), 0s, 5s);
}

BOOST_AUTO_TEST_CASE(a_million_failures_do_not_overflow_the_wait) {
  retry_policy policy;
  policy.factor = 100.0;
  retry_schedule schedule{policy};
  random_source random{3};
  auto record = failed_attempt();
  record.attempt = std::numeric_limits<unsigned>::max();
  for (int i = 0; i < (is_sanitized ? 100'000 : 1'000'000); ++i) {
    const auto wait = schedule.decide(record, random).retry_in.value();
    if (wait < 250ms || wait > 30s) BOOST_FAIL("waits " << wait.count() << " ns after failure " << i);
  }
}

// covers R2
BOOST_AUTO_TEST_CASE(a_short_session_makes_the_next_wait_longer) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    random_source random{seed};
    retry_schedule schedule{{}};
    auto last = schedule.decide(failed_attempt(), random).retry_in.value();
    while (last < 15s) {
      const auto next = schedule.decide(ended_session(0ms), random).retry_in.value();
      BOOST_REQUIRE(next > last);
      last = next;
    }
  }
}

// covers R2
BOOST_AUTO_TEST_CASE(the_step_is_reset_only_by_a_session_that_lasted_stable_after) {
  const std::vector before(5, failed_attempt());
  auto with = [&](clock::duration length) {
    auto records = before;
    records.push_back(ended_session(length));
    return records;
  };
  check_spread_over(waits_after(with(10s), failed_attempt()), 250ms, 500ms);
  check_spread_over(waits_after(with(10s - 1ns), failed_attempt()), 250ms, 30s);
  check_spread_over(waits_after(before, ended_session(10s)), 0s, 1s);
  check_spread_over(waits_after(before, ended_session(10s - 1ns)), 15s, 30s);
}

BOOST_AUTO_TEST_CASE(reset_forgets_the_growth_and_the_flapping) {
  random_source random{1};
  retry_schedule schedule{{}};
  for (int i = 0; i < 6; ++i) schedule.decide(ended_session(1s), random);
  BOOST_TEST(schedule.flapping());
  schedule.reset();
  BOOST_TEST(!schedule.flapping());
  BOOST_CHECK(schedule.decide(failed_attempt(), random).retry_in.value() <= 500ms);
}

// covers R3, G41
BOOST_AUTO_TEST_CASE(an_accept_then_close_server_sees_at_most_8_dials_in_the_first_minute) {
  const auto dials_in_a_minute = [](clock::duration session, int code, std::uint64_t seed) {
    random_source random{seed};
    retry_schedule schedule{{}};
    unsigned dials = 0;
    for (clock::duration now{}; now <= 60s; ++dials) {
      now += session + schedule.decide(ended_session(session, code), random).retry_in.value();
      BOOST_REQUIRE(schedule.flapping());
    }
    return dials;
  };
  for (const int code : {1000, 1006, 1008, 1011, 1012, 1013}) {
    unsigned most = 0;
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
      most = std::max({most, dials_in_a_minute(0s, code, seed), dials_in_a_minute(1s, code, seed)});
    }
    BOOST_TEST_CONTEXT("close code " << code) { BOOST_TEST(most <= 8U); }
  }
}

// covers R3
BOOST_AUTO_TEST_CASE(flapping_ends_with_a_stable_session_or_an_attempt_without_one) {
  random_source random{1};
  retry_schedule schedule{{}};
  BOOST_TEST(!schedule.flapping());
  schedule.decide(ended_session(1s), random);
  BOOST_TEST(schedule.flapping());
  schedule.decide(ended_session(1h), random);
  BOOST_TEST(!schedule.flapping());
  schedule.decide(ended_session(1s), random);
  schedule.decide(failed_attempt(), random);
  BOOST_TEST(!schedule.flapping());
}

BOOST_AUTO_TEST_SUITE_END()
