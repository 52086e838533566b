// What servers ask for and what addresses are left: how both bend the wait, and how long a wish holds. And
// the policy that dials once.
#include <algorithm>
#include <boost/system/error_code.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

import holdfast.core;

using namespace holdfast;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(wishes_and_addresses)

namespace {

attempt_record answered(unsigned status) {
  return {.reason = {.error = error::upgrade_refused, .at = stage::upgrade, .http_status = status}};
}

attempt_record failed_tls() {
  return {.reason = {.error = error::certificate_expired, .at = stage::tls}, .untried_address = true};
}

retry_decision decide(const attempt_record& record, const retry_policy& policy = {}, std::uint64_t seed = 1) {
  random_source random{seed};
  return retry_schedule{policy}.decide(record, random);
}

// A connection with `count` endpoints. `now` stands still.
struct asked {
  explicit asked(std::size_t count, endpoint_options how = {}) : rotation(count, std::move(how)) { next(); }

  std::size_t next() { return rotation.next(now, random).index; }
  retry_decision ends(attempt_record record) {
    rotation.fill(record, schedule.is_refusal(record), policy);
    return rotation.ended(record, schedule.decide(record, random), policy, now);
  }
  // The wait that is left for whoever is woken now.
  [[nodiscard]] clock::duration must_wait() const { return rotation.allowed_at(now) - now; }

  const retry_policy policy{};
  retry_schedule schedule{policy};
  endpoint_rotation rotation;
  random_source random{3};
  clock::time_point now{1000h};
};

attempt_record with_wish(attempt_record record, clock::duration wish) {
  record.retry_after = wish;
  return record;
}

// Every way in which a wish comes.
std::vector<attempt_record> wishes(clock::duration wish) {
  auto refused = answered(401);
  refused.reason.error = error::unauthorized;
  refused.may_refresh = true;
  attempt_record left{.reason = {.error = error::server_going_away, .at = stage::session},
                      .session_length = 1h};
  auto left_soon = left;
  left_soon.session_length = 1s;
  std::vector<attempt_record> out;
  for (const auto& each : {answered(503), answered(429), answered(500), refused, left, left_soon})
    out.push_back(with_wish(each, wish));
  return out;
}

}  // namespace

// covers R53
BOOST_AUTO_TEST_CASE(a_wish_holds_whichever_way_it_came_until_the_program_overrides_it) {
  for (const auto& each : wishes(40s)) {
    asked one(1);
    const auto decision = one.ends(each);
    BOOST_CHECK(decision.retry_in.value() >= 40s);
    BOOST_CHECK(one.must_wait() >= 40s);
    BOOST_CHECK(one.must_wait() <= decision.retry_in.value());
    one.rotation.forget_failures();  // a changed network
    BOOST_CHECK(one.must_wait() >= 40s);
    one.now += 30s;
    BOOST_CHECK(one.must_wait() >= 10s);
    one.rotation.forget_wishes();
    BOOST_CHECK(one.must_wait() == 0s);
  }
}

// covers R53
BOOST_AUTO_TEST_CASE(when_the_promised_wait_is_over_the_wish_is_too) {
  for (const auto& each : wishes(40s)) {
    asked one(1);
    one.now += one.ends(each).retry_in.value();
    BOOST_CHECK(one.must_wait() == 0s);
  }
}

// covers R53
BOOST_AUTO_TEST_CASE(a_wish_counts_up_to_its_limit_and_a_longer_wait_of_our_own_is_not_part_of_it) {
  asked patient(1);
  patient.ends(with_wish(answered(503), 24h));
  BOOST_CHECK(patient.must_wait() <= 300s + 500ms);
  asked one(1);
  for (int n = 0; n < 9; ++n) one.ends(answered(503));  // so that our own waits are long
  auto record = with_wish(answered(503), 1s);
  while (one.ends(record).retry_in.value() < 10s) {
  }
  BOOST_CHECK(one.must_wait() <= 1500ms);
}

// covers R53
BOOST_AUTO_TEST_CASE(a_wish_is_of_its_endpoint_alone) {
  for (const auto& each : wishes(40s)) {
    asked one(2);
    one.ends(each);
    BOOST_CHECK(one.must_wait() == 0s);
    BOOST_TEST(one.next() == 1U);
    for (int n = 0; n < 5; ++n) {  // the other one fails, and is what is tried all the same
      one.ends({.reason = {.error = error::timed_out, .at = stage::connect}});
      BOOST_TEST(one.next() == 1U);
    }
    one.rotation.forget_failures();
    BOOST_TEST(one.next() == 1U);
    one.ends(with_wish(answered(503), 90s));
    BOOST_CHECK(one.must_wait() >= 40s);
    BOOST_CHECK(one.must_wait() < 50s);
  }
}

// covers R53
BOOST_AUTO_TEST_CASE(a_server_that_names_an_endpoint_does_not_override_the_wish_of_that_one) {
  asked one(2);
  one.ends(with_wish(answered(503), 40s));
  BOOST_TEST(one.next() == 1U);
  one.rotation.next_is(0);
  BOOST_TEST(one.next() == 1U);
  one.now += 41s;
  one.rotation.next_is(0);
  BOOST_TEST(one.next() == 0U);
}

// covers R53
BOOST_AUTO_TEST_CASE(a_wish_that_came_during_a_session_outlives_its_stable_end) {
  asked one(1);
  one.rotation.failed(0, one.now, 40s);  // of an attempt to move
  const auto decision =
      one.ends({.reason = {.error = error::connection_lost, .at = stage::session}, .session_length = 1h});
  BOOST_CHECK(decision.retry_in.value() >= 40s);
  BOOST_CHECK(one.must_wait() == 40s);
}

// covers R53, R6
BOOST_AUTO_TEST_CASE(the_programs_own_functions_may_overrule_a_wish) {
  retry_policy mine;
  mine.decide = [](const attempt_record&, const retry_decision&) {
    return retry_decision{.retry_in = 7s, .rule = "mine"};
  };
  asked one(2, {.select = [](std::span<const endpoint_health>) { return std::size_t{0}; }});
  one.ends(with_wish(answered(503), 40s));
  BOOST_TEST(one.next() == 0U);
  endpoint_rotation rotation(1, endpoint_options{});
  random_source random{1};
  rotation.next(one.now, random);
  const auto record = with_wish(answered(503), 40s);
  rotation.ended(record, decide(record, mine), mine, one.now);
  BOOST_CHECK(rotation.allowed_at(one.now) == one.now);
}

// covers R52
BOOST_AUTO_TEST_CASE(a_wish_that_cannot_be_read_is_no_reason_for_a_short_wait) {
  auto record = answered(503);
  record.retry_after_unreadable = true;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const auto decision = decide(record, {}, seed);
    BOOST_REQUIRE(decision.retry_in.value() >= 15s);
    BOOST_REQUIRE(decision.retry_in.value() <= 30s);
    BOOST_REQUIRE(decision.rule == "backoff+retry-after");
  }
  record.retry_after = 60s;  // another field could be read
  BOOST_CHECK(decide(record).retry_in.value() >= 60s);
  BOOST_TEST(decide(record).rule == "backoff+retry-after");
  asked one(1);
  record.retry_after.reset();
  one.ends(record);
  BOOST_CHECK(one.must_wait() >= 15s);
}

// covers R52
BOOST_AUTO_TEST_CASE(a_wish_that_cannot_be_read_is_bounded_and_shortens_nothing) {
  auto record = answered(503);
  record.retry_after_unreadable = true;
  retry_policy deaf;
  deaf.retry_after_limit = 0ms;
  BOOST_CHECK(decide(record, deaf).retry_in.value() <= 500ms);
  BOOST_TEST(decide(record, deaf).rule == "backoff");
  record.reason = {.error = error::redirect_refused, .at = stage::upgrade, .http_status = 302};
  BOOST_TEST(decide(record).rule == "redirect-refused");
  BOOST_CHECK(decide(record).retry_in.value() >= 15s);
}

// covers R47
BOOST_AUTO_TEST_CASE(while_there_is_an_untried_address_the_wait_does_not_grow) {
  retry_schedule schedule{retry_policy{}};
  random_source random{5};
  auto dropped = answered(502);
  dropped.untried_address = true;
  for (int n = 0; n < 20; ++n) {
    const auto decision = schedule.decide(n % 2 == 0 ? dropped : failed_tls(), random);
    BOOST_REQUIRE(decision.rule == "next-address");
    BOOST_REQUIRE(decision.retry_in.value() >= 250ms);
    BOOST_REQUIRE(decision.retry_in.value() <= 500ms);
  }
  dropped.untried_address = false;
  const auto decision = schedule.decide(dropped, random);
  BOOST_TEST(decision.rule == "backoff");
  BOOST_CHECK(decision.retry_in.value() <= 500ms);  // the step has not grown
}

// covers R47
BOOST_AUTO_TEST_CASE(an_untried_address_softens_nothing_but_the_wait) {
  auto record = answered(404);
  record.untried_address = true;
  BOOST_TEST(!decide(record).retry_in.has_value());
  record.reason.http_status = 503;
  record.retry_after = 60s;
  BOOST_CHECK(decide(record).retry_in.value() >= 60s);
  BOOST_TEST(decide(record).rule == "next-address+retry-after");
  attempt_record refused = answered(401);
  refused.may_refresh = refused.untried_address = true;
  BOOST_TEST(decide(refused).rule == "refresh-credentials");
  attempt_record flapped{.reason = {.error = error::connection_lost, .at = stage::session},
                         .session_length = 1s,
                         .untried_address = true};
  BOOST_TEST(decide(flapped).rule == "flapping");
}

// The seeds of the simulator keep their meaning.
BOOST_AUTO_TEST_CASE(each_wait_takes_one_draw_and_a_wish_one_more) {
  auto unreadable = answered(503);
  unreadable.retry_after_unreadable = true;
  const std::pair<attempt_record, int> rows[] = {{answered(503), 1},
                                                 {failed_tls(), 1},
                                                 {unreadable, 1},
                                                 {answered(404), 0},
                                                 {with_wish(answered(503), 40s), 2}};
  for (const auto& [record, draws] : rows) {
    random_source random{11};
    random_source same{11};
    retry_schedule schedule{retry_policy{}};
    schedule.decide(record, random);
    same.discard(static_cast<unsigned long long>(draws));
    // A draw from a range that is no power of two may take a second number, but not with this seed.
    BOOST_CHECK(random == same);
  }
}

// covers R75
BOOST_AUTO_TEST_CASE(dial_once_is_one_word_and_everything_is_final) {
  const auto once = retry_policy::once();
  auto refreshable = answered(401);
  refreshable.may_refresh = true;
  const attempt_record ends[] = {
      answered(503),
      failed_tls(),
      refreshable,
      with_wish(answered(429), 1s),
      {.reason = {.error = error::timed_out, .at = stage::connect}},
      {.reason = {.error = error::connection_lost, .at = stage::session}, .session_length = 1h},
      {.reason = {.error = error::closed_by_peer, .at = stage::session, .close_code = 1012},
       .session_length = 1s}};
  for (const auto& each : ends) {
    const auto decision = decide(each, once);
    BOOST_TEST(!decision.retry_in.has_value());
    BOOST_TEST(decision.rule == "dial-once");
    asked several(3);
    BOOST_TEST(!several.rotation.ended(each, decision, once, several.now).retry_in.has_value());
  }
}

BOOST_AUTO_TEST_SUITE_END()
