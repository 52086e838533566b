// Refused credentials: one refresh, and then the end. And what else an attempt can fail of on its way to the
// server: certificates, proxies, redirects.
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast.core;

using namespace holdfast;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(refresh_rules)

namespace {

// An answer of `status` to the upgrade of a connection that has a provider.
attempt_record refused(unsigned status, bool fresh = false) {
  return {.reason = {.error = error::unauthorized, .at = stage::upgrade, .http_status = status},
          .may_refresh = true,
          .credentials_fresh = fresh};
}

constexpr std::uint16_t token_expired = 4001;  // what some servers mean by it

attempt_record ended_by_expiry(clock::duration length, bool fresh = false) {
  return {.reason = {.error = error::closed_by_peer, .at = stage::session, .close_code = token_expired},
          .session_length = length,
          .may_refresh = true,
          .credentials_fresh = fresh};
}

retry_policy with_expiry_mapped() {
  retry_policy policy;
  policy.rules.insert(
      policy.rules.begin(),
      {.name = "token-expired", .delay = retry_delay::refresh, .close_codes = {token_expired}});
  return policy;
}

retry_decision decide(const attempt_record& record, const retry_policy& policy = {}, std::uint64_t seed = 1) {
  random_source random{seed};
  return retry_schedule{policy}.decide(record, random);
}

void check_refreshes(const retry_decision& decision, std::string_view rule) {
  BOOST_CHECK(decision.retry_in == 0s);
  BOOST_TEST(decision.refresh);
  BOOST_TEST(decision.rule == rule);
}

void check_stops(const retry_decision& decision, std::string_view rule) {
  BOOST_TEST(!decision.retry_in.has_value());
  BOOST_TEST(!decision.refresh);
  BOOST_TEST(decision.rule == rule);
}

}  // namespace

// covers R41
BOOST_AUTO_TEST_CASE(refused_credentials_are_refreshed_once_and_at_once) {
  for (const unsigned status : {401U, 403U}) {
    check_refreshes(decide(refused(status)), "refresh-credentials");
    check_stops(decide(refused(status, true)), "unauthorized");
  }
}

BOOST_AUTO_TEST_CASE(without_a_provider_a_refusal_is_final_at_once) {
  auto record = refused(401);
  record.may_refresh = false;
  check_stops(decide(record), "unauthorized");
  auto ended = ended_by_expiry(1h);
  ended.session_length = 1s;
  ended.may_refresh = false;
  check_stops(decide(ended, with_expiry_mapped()), "unauthorized");
}

// covers R41
BOOST_AUTO_TEST_CASE(a_mapped_close_code_is_a_refusal_too) {
  const auto policy = with_expiry_mapped();
  check_refreshes(decide(ended_by_expiry(1s), policy), "token-expired");
  check_stops(decide(ended_by_expiry(1s, true), policy), "unauthorized");
}

// The session has shown that the refreshed credentials were good; that they have ended is news.
BOOST_AUTO_TEST_CASE(after_a_stable_session_a_refusal_is_the_first_again) {
  const auto policy = with_expiry_mapped();
  check_refreshes(decide(ended_by_expiry(policy.stable_after, true), policy), "token-expired");
  check_stops(decide(ended_by_expiry(policy.stable_after - 1ns, true), policy), "unauthorized");
}

BOOST_AUTO_TEST_CASE(a_close_code_that_is_not_mapped_refreshes_nothing) {
  const auto decision = decide(ended_by_expiry(1h));
  BOOST_TEST(decision.rule == "after-stable-session");
  BOOST_TEST(!decision.refresh);
}

// A proxy that wants to know who we are must not make us ask the server's provider.
BOOST_AUTO_TEST_CASE(a_status_that_is_not_of_the_upgrade_decides_nothing) {
  for (const unsigned status : {400U, 401U, 403U, 404U}) {
    auto record = refused(status);
    record.reason.at = stage::proxy;
    record.reason.error = error::proxy_refused;
    const auto decision = decide(record);
    BOOST_TEST(decision.rule == "backoff");
    BOOST_TEST(!decision.refresh);
  }
}

BOOST_AUTO_TEST_CASE(a_refresh_counts_against_the_attempt_limit) {
  retry_policy policy;
  policy.attempt_limit = 1;
  const auto decision = decide(refused(401), policy);
  BOOST_TEST(!decision.retry_in.has_value());
  BOOST_TEST(decision.rule == "attempt-limit");
}

BOOST_AUTO_TEST_CASE(the_users_function_may_ask_for_a_refresh_or_forbid_it) {
  retry_policy policy;
  policy.decide = [](const attempt_record& record, const retry_decision& table) -> retry_decision {
    if (record.reason.http_status == 401) return {.retry_in = 1s, .rule = "no refresh"};
    return {.retry_in = 2s, .rule = "refresh", .refresh = !table.refresh};
  };
  BOOST_TEST(!decide(refused(401), policy).refresh);
  BOOST_TEST(decide(refused(500), policy).refresh);
}

BOOST_AUTO_TEST_CASE(explain_shows_the_refresh_and_the_end) {
  BOOST_TEST(describe(explain({}, refused(401), 5)) ==
             "after attempt 1: 0.00 s to 0.00 s  [refresh-credentials]\n"
             "after attempt 2: stop  [unauthorized]\n");
  BOOST_TEST(describe(explain(with_expiry_mapped(), ended_by_expiry(1s), 5)) ==
             "after attempt 1: 0.00 s to 0.00 s  [token-expired]\n"
             "after attempt 2: stop  [unauthorized]\n");
  BOOST_TEST(describe(explain({}, refused(401, true), 5)) == "after attempt 1: stop  [unauthorized]\n");
  BOOST_TEST(explain(with_expiry_mapped(), ended_by_expiry(1h), 5).size() == 5U);
}

BOOST_AUTO_TEST_CASE(a_refused_certificate_waits_at_the_cap) {
  for (const auto why :
       {error::certificate_expired, error::certificate_wrong_host, error::certificate_self_signed,
        error::certificate_unknown_issuer, error::certificate_invalid, error::client_certificate_refused}) {
    BOOST_TEST_CONTEXT(make_error_code(why).message()) {
      for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const auto decision = decide({.reason = {.error = why, .at = stage::tls}}, {}, seed);
        BOOST_REQUIRE(decision.rule == "certificate");
        BOOST_REQUIRE(decision.retry_in.value() >= 15s);
        BOOST_REQUIRE(decision.retry_in.value() <= 30s);
      }
    }
  }
  BOOST_TEST(decide({.reason = {.error = error::tls_failed, .at = stage::tls}}).rule == "backoff");
}

BOOST_AUTO_TEST_CASE(a_proxy_that_refuses_us_waits_at_the_cap_and_one_that_fails_as_usual) {
  const auto unauthorized = decide({.reason = {.error = error::proxy_unauthorized, .at = stage::proxy}});
  BOOST_TEST(unauthorized.rule == "proxy-unauthorized");
  BOOST_CHECK(unauthorized.retry_in.value() >= 15s);
  for (const auto why : {error::proxy_refused, error::proxy_invalid}) {
    BOOST_TEST(decide({.reason = {.error = why, .at = stage::proxy}}).rule == "backoff");
  }
}

// A load balancer that is set up wrongly is set right some day.
BOOST_AUTO_TEST_CASE(a_redirect_that_is_refused_waits_at_the_cap) {
  const auto refused =
      decide({.reason = {.error = error::redirect_refused, .at = stage::upgrade, .http_status = 302}});
  BOOST_TEST(refused.rule == "redirect-refused");
  BOOST_CHECK(refused.retry_in.value() >= 15s);
}

// covers G32
BOOST_AUTO_TEST_CASE(what_would_fail_again_in_the_same_way_is_final) {
  check_stops(decide({.reason = {.error = error::provider_gave_up, .at = stage::provider}}),
              "provider-gave-up");
  check_stops(
      decide({.reason = {.error = error::subprotocol_mismatch, .at = stage::upgrade, .http_status = 101}}),
      "subprotocol-mismatch");
}

// A provider that is slow, or a network that it cannot reach, heals; and so does most of what throws.
// covers R70
BOOST_AUTO_TEST_CASE(a_provider_that_is_too_slow_or_throws_is_tried_again) {
  for (const auto why : {error::timed_out, error::provider_failed}) {
    const auto decision = decide({.reason = {.error = why, .at = stage::provider}});
    BOOST_TEST(decision.rule == "backoff");
    BOOST_TEST(decision.retry_in.has_value());
  }
}

BOOST_AUTO_TEST_SUITE_END()
