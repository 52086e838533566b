// A server that will not have us: when that is final, when it is only counted, and what it means for the
// other endpoints of the service.
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

import holdfast.core;

using namespace holdfast;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(refusals_of_servers)

namespace {

attempt_record answered(unsigned status) {
  const auto why = status == 401 || status == 403 ? error::unauthorized : error::upgrade_refused;
  return {.reason = {.error = why, .at = stage::upgrade, .http_status = status}};
}

attempt_record failed_with(error why, stage at) { return {.reason = {.error = why, .at = at}}; }

attempt_record ended_session(clock::duration length, std::uint16_t close_code) {
  return {.reason = {.error = error::closed_by_peer, .at = stage::session, .close_code = close_code},
          .session_length = length};
}

attempt_record lost_session(clock::duration length) {
  return {.reason = {.error = error::connection_lost, .at = stage::session}, .session_length = length};
}

const attempt_record timed_out_attempt = {.reason = {.at = stage::connect}};

// What the default table holds for refusals, when new credentials cannot be had.
std::vector<attempt_record> refusals() {
  std::vector<attempt_record> out;
  for (const unsigned status : {400U, 401U, 403U, 404U, 405U, 410U, 426U}) out.push_back(answered(status));
  out.push_back(failed_with(error::subprotocol_mismatch, stage::upgrade));
  out.push_back(failed_with(error::login_refused, stage::login));
  out.push_back(failed_with(error::unauthorized, stage::login));
  for (const auto code : std::vector<std::uint16_t>{1002, 1003, 1007, 1009, 1010})
    out.push_back(ended_session(1s, code));
  return out;
}

// Attempts one after the other, each decided as a connection does it. `now` moves on by each wait.
struct life {
  explicit life(std::size_t endpoints = 1, retry_policy given = {}, endpoint_options how = {})
      : policy(std::move(given)), schedule(policy), rotation(endpoints, std::move(how)) {
    next();
  }
  std::size_t next() { return at = rotation.next(now, random).index; }
  retry_decision ends(attempt_record record) {
    if (fresh) record.credentials_fresh = true;
    rotation.fill(record, schedule.is_refusal(record), policy);
    auto decision = rotation.ended(record, schedule.decide(record, random), policy, now);
    fresh = decision.refresh;
    if (decision.retry_in) now += *decision.retry_in;
    if (decision.retry_in) next();
    return decision;
  }

  const retry_policy policy;
  retry_schedule schedule;
  endpoint_rotation rotation;
  random_source random{7};
  clock::time_point now{1000h};
  std::size_t at = 0;
  bool fresh = false;  // the next attempt's credentials
};

// The first refusal of an attempt is worth an earlier look: most servers that are replaced are back in
// seconds.
bool is_early_look(const retry_decision& decision) {
  return decision.retry_in && *decision.retry_in >= 3750ms && *decision.retry_in <= 7500ms;
}

bool is_at_cap(const retry_decision& decision) {
  return decision.retry_in && *decision.retry_in >= 15s && *decision.retry_in <= 30s;
}

}  // namespace

// covers R54
BOOST_AUTO_TEST_CASE(before_the_first_stable_session_a_refusal_is_final_at_once) {
  for (const auto& each : refusals()) {
    for (const bool after_a_short_session : {false, true}) {
      life one;
      if (after_a_short_session) one.ends(lost_session(9s));
      const auto decision = one.ends(each);
      BOOST_TEST(!decision.retry_in.has_value());
      BOOST_TEST(decision.refusal);
      BOOST_TEST(decision.rule.find(" of ") == std::string::npos);
    }
  }
}

// covers R54
BOOST_AUTO_TEST_CASE(after_a_stable_session_it_is_tried_at_the_cap_and_the_fifth_in_a_row_is_final) {
  for (const auto& each : refusals()) {
    life one;
    one.ends(lost_session(1h));
    for (int n = 1; n <= 4; ++n) {
      const auto decision = one.ends(each);
      BOOST_TEST((n == 1 && !each.session_length ? is_early_look(decision) : is_at_cap(decision)));
      BOOST_TEST(!decision.refusal);
      BOOST_TEST(decision.rule.ends_with(" (" + std::to_string(n) + " of 5)"));
    }
    const auto last = one.ends(each);
    BOOST_TEST(!last.retry_in.has_value());
    BOOST_TEST(last.refusal);
    BOOST_TEST(last.rule.ends_with(" (5 of 5)"));
  }
}

// covers R54
BOOST_AUTO_TEST_CASE(the_number_is_an_option) {
  for (const unsigned most : {1U, 2U, 7U}) {
    life one(1, {.refusals_before_final = most});
    one.ends(lost_session(1h));
    unsigned count = 1;
    while (one.ends(answered(404)).retry_in) ++count;
    BOOST_TEST(count == most);
  }
}

// covers R54
BOOST_AUTO_TEST_CASE(a_refusal_that_ends_a_stable_session_is_the_first_of_its_row) {
  life one;
  for (int n = 0; n < 20; ++n) {
    const auto decision = one.ends(ended_session(1min, 1002));
    BOOST_TEST(decision.rule == "fatal-close-code (1 of 5)");
    BOOST_TEST(is_at_cap(decision));
  }
  BOOST_TEST(one.ends(answered(404)).rule == "fatal-http-status (2 of 5)");
}

// covers R54
BOOST_AUTO_TEST_CASE(any_other_end_breaks_the_row) {
  life one;
  one.ends(lost_session(1h));
  for (int n = 0; n < 10; ++n) {
    BOOST_TEST(one.ends(answered(404)).rule == "fatal-http-status (1 of 5)");
    BOOST_TEST(one.ends(answered(410)).rule == "fatal-http-status (2 of 5)");
    BOOST_TEST(one.ends(n % 2 == 0 ? timed_out_attempt : lost_session(1s)).retry_in.has_value());
  }
}

// covers R54
BOOST_AUTO_TEST_CASE(a_row_begins_anew_when_failures_are_forgotten) {
  life one;
  one.ends(lost_session(1h));
  while (one.ends(answered(404)).retry_in) {
  }
  one.rotation.forget_failures();  // connect(), say
  one.next();
  BOOST_TEST(one.ends(answered(404)).rule == "fatal-http-status (1 of 5)");
}

// The program has ended the session, so nothing was decided about it.
// covers R54
BOOST_AUTO_TEST_CASE(a_stable_session_counts_although_the_program_ended_it) {
  life one;
  one.rotation.was_stable(0);
  BOOST_TEST(is_early_look(one.ends(answered(404))));
}

// covers R54
BOOST_AUTO_TEST_CASE(refused_credentials_are_refreshed_at_each_later_attempt_too) {
  auto refused = answered(401);
  refused.may_refresh = true;
  life one;
  one.ends(lost_session(1h));
  BOOST_TEST(one.ends(refused).rule == "refresh-credentials");
  for (int n = 1; n <= 4; ++n) {
    const auto decision = one.ends(refused);
    BOOST_TEST(decision.rule == "unauthorized (" + std::to_string(n) + " of 5)");
    BOOST_TEST(decision.refresh);
    BOOST_TEST((n == 1 ? is_early_look(decision) : is_at_cap(decision)));
  }
  const auto last = one.ends(refused);
  BOOST_TEST(!last.retry_in.has_value());
  BOOST_TEST(!last.refresh);
  BOOST_TEST(last.rule == "unauthorized (5 of 5)");
}

// covers R54
BOOST_AUTO_TEST_CASE(what_breaks_the_rules_of_the_protocol_is_never_final) {
  for (const auto why :
       {error::protocol_violation, error::invalid_utf8, error::message_too_big, error::protocol_failed}) {
    life one;
    for (int n = 0; n < 20; ++n) {
      auto record = lost_session(n % 3 == 0 ? 1h : 1s);
      record.reason.error = why;
      BOOST_TEST(one.ends(record).retry_in.has_value());
    }
  }
}

// covers R54
BOOST_AUTO_TEST_CASE(never_stays_absolute_in_the_users_rows) {
  retry_policy given;
  given.rules.insert(given.rules.begin(),
                     {.name = "gone", .delay = retry_delay::never, .http_statuses = {404}});
  life one(2, given);
  one.ends(lost_session(1h));
  const auto decision = one.ends(answered(404));
  BOOST_TEST(!decision.retry_in.has_value());
  BOOST_TEST(!decision.refusal);
  BOOST_TEST(decision.rule == "gone");
}

// covers R54, R70
BOOST_AUTO_TEST_CASE(a_provider_that_gives_up_is_final_with_history_and_with_other_endpoints) {
  life one(2);
  one.ends(lost_session(1h));
  const auto decision = one.ends(failed_with(error::provider_gave_up, stage::provider));
  BOOST_TEST(!decision.retry_in.has_value());
  BOOST_TEST(decision.rule == "provider-gave-up");
}

// covers R54
BOOST_AUTO_TEST_CASE(the_attempt_limit_stops_a_row_of_refusals) {
  life one(1, {.attempt_limit = 3});
  one.ends(lost_session(1h));
  auto record = answered(404);
  record.attempt = 3;
  const auto decision = one.ends(record);
  BOOST_TEST(!decision.retry_in.has_value());
  BOOST_TEST(decision.rule == "attempt-limit");
}

// covers R54
BOOST_AUTO_TEST_CASE(is_refusal_reads_the_facts_and_not_the_history) {
  const retry_schedule schedule{retry_policy{}};
  for (auto each : refusals()) {
    BOOST_TEST(schedule.is_refusal(each));
    each.refusals = 3;
    each.had_stable_session = true;
    BOOST_TEST(schedule.is_refusal(each));
  }
  auto refreshable = answered(401);
  refreshable.may_refresh = true;
  BOOST_TEST(!schedule.is_refusal(refreshable));
  refreshable.credentials_fresh = true;
  BOOST_TEST(schedule.is_refusal(refreshable));
  BOOST_TEST(!schedule.is_refusal(timed_out_attempt));
  BOOST_TEST(!schedule.is_refusal(lost_session(1h)));
}

// covers R54
BOOST_AUTO_TEST_CASE(one_refusal_does_not_stop_the_other_endpoints) {
  life one(3);
  BOOST_TEST(one.at == 0U);
  const auto first = one.ends(answered(404));
  BOOST_TEST(first.rule == "next-endpoint");
  BOOST_CHECK(first.retry_in == 0s);
  BOOST_TEST(one.at == 1U);
  BOOST_TEST(one.ends(answered(401)).rule == "next-endpoint");
  BOOST_TEST(one.at == 2U);
  for (int n = 0; n < 10; ++n) {  // the two that refused are out
    BOOST_TEST(one.ends(timed_out_attempt).rule == "backoff");
    BOOST_TEST(one.at == 2U);
  }
  const auto last = one.ends(answered(404));
  BOOST_TEST(!last.retry_in.has_value());
  BOOST_TEST(last.rule == "fatal-http-status");
}

// covers R54
BOOST_AUTO_TEST_CASE(without_the_next_endpoint_at_once_the_policys_delay_comes_first) {
  life one(2, {}, {.next_at_once = false});
  const auto decision = one.ends(answered(404));
  BOOST_TEST(decision.rule == "fatal-http-status");
  BOOST_CHECK(decision.retry_in.value() >= 250ms);
  BOOST_CHECK(decision.retry_in.value() <= 500ms);
  BOOST_TEST(one.at == 1U);
}

// covers R54
BOOST_AUTO_TEST_CASE(a_stable_session_that_a_refusal_ends_leads_to_the_other_endpoint_soon) {
  life one(2);
  const auto decision = one.ends(ended_session(1h, 1002));
  BOOST_TEST(decision.rule == "fatal-close-code (1 of 5)");
  BOOST_CHECK(decision.retry_in.value() <= 1s);
  BOOST_TEST(one.at == 1U);
}

// covers R54
BOOST_AUTO_TEST_CASE(an_endpoint_that_refuses_rests_at_the_cap_while_the_other_one_is_tried) {
  life one(2, {}, {.cool_down = 0ms});
  one.ends(lost_session(1h));
  const auto refused_at = one.now;
  one.ends(answered(404));
  for (int n = 0; n < 3; ++n) {
    BOOST_TEST(one.at == 1U);
    one.ends(timed_out_attempt);
  }
  while (one.at == 1U) one.ends(timed_out_attempt);
  BOOST_CHECK(one.now - refused_at >= 3750ms);
}

// covers R54
BOOST_AUTO_TEST_CASE(an_endpoint_that_was_given_up_comes_back) {
  const auto given_up = [](const life& of) { return of.rotation.health(of.now)[0].given_up; };
  life one(2, {}, {.prefer_primary = true});
  one.ends(answered(404));
  BOOST_TEST(given_up(one));
  one.rotation.forget_failures();
  BOOST_TEST(!given_up(one));
  BOOST_TEST(one.next() == 0U);
  one.ends(answered(404));
  BOOST_TEST(given_up(one));
  one.ends(lost_session(1h));  // at the other one
  BOOST_TEST(!given_up(one));
  BOOST_TEST(one.at == 1U);
  BOOST_TEST(one.ends(timed_out_attempt).rule == "next-endpoint");
  BOOST_TEST(one.at == 0U);
}

// covers R54
BOOST_AUTO_TEST_CASE(each_endpoint_has_a_row_of_its_own) {
  life one(2);
  one.ends(lost_session(1h));  // only the first has had a stable session
  const auto refused_at = one.now;
  BOOST_TEST(one.ends(answered(404)).rule == "next-endpoint");
  BOOST_TEST(one.at == 1U);
  BOOST_TEST(one.ends(answered(404)).refusal);  // given up: it never had one
  BOOST_TEST(one.at == 0U);
  BOOST_CHECK(one.now - refused_at >= 3750ms);
  BOOST_TEST(one.ends(answered(404)).rule == "fatal-http-status (2 of 5)");
}

// covers R54
BOOST_AUTO_TEST_CASE(explain_counts_refusals) {
  auto known = answered(404);
  known.had_stable_session = true;
  BOOST_TEST(describe(explain({.refusals_before_final = 3}, known, 9)) ==
             "after attempt 1: 3.75 s to 7.50 s  [fatal-http-status (1 of 3)]\n"
             "after attempt 2: 15.00 s to 30.00 s  [fatal-http-status (2 of 3)]\n"
             "after attempt 3: stop  [fatal-http-status (3 of 3)]\n");
  BOOST_TEST(describe(explain({}, answered(404), 9)) == "after attempt 1: stop  [fatal-http-status]\n");
  known.reason = answered(401).reason;
  known.may_refresh = true;
  const auto refused = explain({}, known, 9);
  BOOST_REQUIRE(refused.size() == 6U);
  BOOST_TEST(refused[0].rule == "refresh-credentials");
  BOOST_TEST(refused[5].rule == "unauthorized (5 of 5)");
}

BOOST_AUTO_TEST_SUITE_END()
