// Which of several endpoints the next attempt goes to, and whether it must wait for it.
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

import holdfast.core;

using namespace holdfast;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(endpoints)

namespace {

constexpr clock::duration stable_after = 10s;
const retry_decision policy_says{.retry_in = 4s, .rule = "backoff"};

// A rotation in a time of its own. Each step is an attempt to the endpoint chosen last, and what became of
// it.
struct trial {
  explicit trial(std::size_t count, endpoint_options given = {}, std::uint64_t seed = 1)
      : random(seed), rotation(count, std::move(given)) {}

  std::size_t next() { return rotation.next(now, random).index; }
  retry_decision attempt_fails(retry_decision decision = policy_says) {
    return end({.reason = {.error = error::timed_out, .at = stage::connect}}, std::move(decision));
  }
  retry_decision asked_to_wait(clock::duration span) {
    return end({.reason = {.error = error::upgrade_refused, .at = stage::upgrade}, .retry_after = span},
               {.retry_in = span, .rule = "backoff+retry-after"});
  }
  retry_decision session_ends_after(clock::duration length) {
    now += length;
    return end({.reason = {.error = error::connection_lost, .at = stage::session}, .session_length = length},
               policy_says);
  }
  // Attempts that fail, one after the other, each as soon as it may be made: where they went.
  std::string failing_attempts(int count) {
    std::string out;
    for (int i = 0; i < count; ++i) {
      out += std::to_string(next());
      now += *attempt_fails().retry_in;
    }
    return out;
  }

  const retry_policy policy{.stable_after = 10s};
  clock::time_point now{1000h};
  random_source random;
  endpoint_rotation rotation;

 private:
  retry_decision end(attempt_record record, retry_decision decision) {
    return rotation.ended(record, std::move(decision), policy, now);
  }
};

bool is_at_once(const retry_decision& decision) {
  return decision.rule == "next-endpoint" && decision.retry_in == clock::duration::zero();
}

}  // namespace

// covers G39
BOOST_AUTO_TEST_CASE(primary_down_and_second_up_is_connected_to_the_second_at_once) {
  trial t(2);
  BOOST_TEST(t.next() == 0U);
  BOOST_TEST(is_at_once(t.attempt_fails()));
  BOOST_TEST(t.next() == 1U);
}

BOOST_AUTO_TEST_CASE(without_news_the_choice_is_the_same_again) {
  trial t(3);
  BOOST_TEST(t.next() == 0U);
  BOOST_TEST(t.next() == 0U);
  t.attempt_fails();
  BOOST_TEST(t.next() == 1U);
  BOOST_TEST(t.next() == 1U);
}

// covers G39
BOOST_AUTO_TEST_CASE(it_stays_with_the_endpoint_that_works) {
  trial t(2);
  t.next();
  t.attempt_fails();
  t.next();
  const auto decision = t.session_ends_after(24h);
  BOOST_TEST(decision.rule == "backoff");
  BOOST_TEST(t.next() == 1U);
}

BOOST_AUTO_TEST_CASE(when_each_has_failed_once_every_attempt_waits_for_the_policy) {
  trial t(3);
  std::vector<std::string> rules;
  for (int i = 0; i < 20; ++i) {
    t.next();
    rules.push_back(t.attempt_fails().rule);
    t.now += 20s;
  }
  BOOST_TEST(rules[0] == "next-endpoint");
  BOOST_TEST(rules[1] == "next-endpoint");
  BOOST_TEST(std::count(rules.begin() + 2, rules.end(), "backoff") == 18);
}

BOOST_AUTO_TEST_CASE(a_stable_session_begins_a_new_round) {
  trial t(2);
  t.failing_attempts(2);
  t.next();
  t.session_ends_after(stable_after);
  t.next();
  BOOST_TEST(is_at_once(t.attempt_fails()));
  t.next();
  BOOST_TEST(!is_at_once(t.attempt_fails()));
}

// All clients of a server that goes away lose their sessions in the same instant.
BOOST_AUTO_TEST_CASE(the_end_of_a_short_session_counts_as_a_failure_but_is_not_followed_at_once) {
  trial t(2);
  t.next();
  const auto decision = t.session_ends_after(stable_after - 1ms);
  BOOST_TEST(decision.rule == "backoff");
  BOOST_TEST((decision.retry_in == policy_says.retry_in));
  BOOST_TEST(t.next() == 1U);
}

BOOST_AUTO_TEST_CASE(they_are_tried_in_their_order_and_then_from_the_start) {
  trial t(3, {.cool_down = 1s});
  BOOST_TEST(t.failing_attempts(7) == "0120120");
}

BOOST_AUTO_TEST_CASE(if_all_are_cooling_the_one_is_chosen_whose_cool_down_ends_first) {
  trial t(3);
  BOOST_TEST(t.failing_attempts(3) == "012");
  t.rotation.failed(0, t.now);
  BOOST_TEST(t.next() == 1U);
  t.rotation.failed(1, t.now + 1s);
  BOOST_TEST(t.next() == 2U);
}

BOOST_AUTO_TEST_CASE(failures_in_the_same_instant_still_take_turns) {
  trial t(3);
  std::string order;
  for (int i = 0; i < 6; ++i) {
    order += std::to_string(t.next());
    t.attempt_fails();
  }
  BOOST_TEST(order == "012012");
}

BOOST_AUTO_TEST_CASE(an_endpoint_that_cools_is_passed_over) {
  trial t(3, {.cool_down = 1min});
  BOOST_TEST(t.failing_attempts(2) == "01");
  t.next();
  t.session_ends_after(30s);
  BOOST_TEST(t.next() == 2U);
  t.attempt_fails();
  BOOST_TEST(t.next() == 0U);  // both others cool; its rest ends first
  t.now += 1min;
  t.attempt_fails();
  BOOST_TEST(t.next() == 1U);
}

BOOST_AUTO_TEST_CASE(the_preferred_primary_is_returned_to_after_its_cool_down) {
  trial t(2, {.cool_down = 1min, .prefer_primary = true});
  t.next();
  t.attempt_fails();
  BOOST_TEST(t.next() == 1U);
  t.session_ends_after(1min - 1ms);
  BOOST_TEST(t.next() == 1U);
  t.session_ends_after(stable_after);
  BOOST_TEST(t.next() == 0U);
}

// covers G39
BOOST_AUTO_TEST_CASE(a_primary_that_is_still_down_costs_no_wait) {
  trial t(2, {.prefer_primary = true});
  t.next();
  t.attempt_fails();
  t.next();
  t.session_ends_after(24h);
  BOOST_TEST(t.next() == 0U);
  BOOST_TEST(is_at_once(t.attempt_fails()));
  BOOST_TEST(t.next() == 1U);
}

BOOST_AUTO_TEST_CASE(a_preferred_primary_does_not_lock_the_others_out_however_short_its_cool_down) {
  trial t(2, {.cool_down = 0ms, .prefer_primary = true});
  BOOST_TEST(t.failing_attempts(4) == "0101");
}

BOOST_AUTO_TEST_CASE(one_endpoint_alone_leaves_everything_to_the_policy) {
  trial t(1);
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(t.next() == 0U);
    const auto decision = t.attempt_fails();
    BOOST_TEST(decision.rule == "backoff");
    BOOST_TEST((decision.retry_in == policy_says.retry_in));
  }
}

BOOST_AUTO_TEST_CASE(what_is_final_stays_final) {
  trial t(2);
  t.next();
  const auto decision = t.attempt_fails({.retry_in = std::nullopt, .rule = "unauthorized"});
  BOOST_TEST(!decision.retry_in.has_value());
  BOOST_TEST(decision.rule == "unauthorized");
}

// covers R41
BOOST_AUTO_TEST_CASE(refused_credentials_are_not_the_fault_of_the_endpoint) {
  trial t(2);
  t.next();
  const auto decision =
      t.attempt_fails({.retry_in = clock::duration::zero(), .rule = "refresh-credentials", .refresh = true});
  BOOST_TEST(decision.rule == "refresh-credentials");
  BOOST_TEST(decision.refresh);
  BOOST_TEST(t.next() == 0U);
  BOOST_TEST(is_at_once(t.attempt_fails()));  // this is
  BOOST_TEST(t.next() == 1U);
}

BOOST_AUTO_TEST_CASE(the_wait_before_the_next_endpoint_can_be_kept) {
  trial t(2, {.next_at_once = false});
  t.next();
  BOOST_TEST(t.attempt_fails().rule == "backoff");
  BOOST_TEST(t.next() == 1U);
}

BOOST_AUTO_TEST_CASE(after_a_change_of_the_network_all_may_be_tried_again) {
  trial t(2, {.prefer_primary = true});
  t.failing_attempts(2);
  t.rotation.forget_failures();
  BOOST_TEST(t.next() == 0U);
  BOOST_TEST(is_at_once(t.attempt_fails()));
}

// covers R7
BOOST_AUTO_TEST_CASE(an_endpoint_that_asked_to_be_left_alone_is_not_what_is_tried_at_once) {
  trial t(2);
  t.next();
  BOOST_TEST(is_at_once(t.asked_to_wait(2min)));
  BOOST_TEST(t.next() == 1U);
  t.session_ends_after(stable_after);
  t.next();
  BOOST_TEST(t.attempt_fails().rule == "backoff");
  BOOST_TEST(t.failing_attempts(25) == std::string(25, '1'));
}

// covers R7
BOOST_AUTO_TEST_CASE(if_all_asked_to_be_left_alone_the_first_that_allows_it_is_tried_then) {
  trial t(2);
  t.next();
  t.asked_to_wait(5min);
  t.next();
  BOOST_TEST((t.asked_to_wait(10min).retry_in == clock::duration(10min)));
  t.now += 1s;  // by retry_now(), say
  t.next();
  const auto decision = t.attempt_fails();
  BOOST_TEST((decision.retry_in == clock::duration(5min - 1s)));
  t.now += *decision.retry_in;
  BOOST_TEST(t.next() == 0U);
}

BOOST_AUTO_TEST_CASE(a_fleet_spreads_over_shuffled_endpoints) {
  std::array<int, 4> fleet{};
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    trial t(4, {.order = endpoint_order::shuffled}, seed * 0x9E3779B97F4A7C15U);
    ++fleet.at(t.next());
  }
  for (const int clients : fleet) {
    BOOST_TEST(clients > 850);
    BOOST_TEST(clients < 1150);
  }
}

BOOST_AUTO_TEST_CASE(each_round_through_shuffled_endpoints_is_complete_and_has_an_order_of_its_own) {
  trial t(5, {.order = endpoint_order::shuffled, .cool_down = 1s});
  std::set<std::string> orders;
  const std::string all = t.failing_attempts(5 * 20);
  for (std::size_t round = 0; round < 20; ++round) {
    auto order = all.substr(5 * round, 5);
    orders.insert(order);
    std::ranges::sort(order);
    BOOST_TEST(order == "01234");
  }
  BOOST_TEST(orders.size() > 10U);
  for (std::size_t i = 1; i < all.size(); ++i) BOOST_TEST(all[i] != all[i - 1]);
}

BOOST_AUTO_TEST_CASE(shuffled_also_stays_with_what_works) {
  trial t(5, {.order = endpoint_order::shuffled});
  t.failing_attempts(2);
  const auto third = t.next();
  t.session_ends_after(1h);
  BOOST_TEST(t.next() == third);
}

BOOST_AUTO_TEST_CASE(a_function_may_choose_from_what_is_known) {
  std::vector<endpoint_health> heard;
  trial t(3, {.cool_down = 1min, .select = [&](std::span<const endpoint_health> all) {
                heard.assign(all.begin(), all.end());
                return std::size_t{2};
              }});
  BOOST_TEST(t.next() == 2U);
  BOOST_TEST(!heard[2].current);
  t.attempt_fails();
  t.now += 20s;
  BOOST_TEST(t.next() == 2U);
  BOOST_REQUIRE(heard.size() == 3U);
  BOOST_TEST(heard[1].index == 1U);
  BOOST_TEST(heard[1].failures == 0U);
  BOOST_TEST((heard[1].cooling_for == clock::duration::zero()));
  BOOST_TEST(heard[2].current);
  BOOST_TEST(heard[2].failures == 1U);
  BOOST_TEST((heard[2].cooling_for == clock::duration(40s)));
}

BOOST_AUTO_TEST_CASE(an_answer_of_the_function_that_makes_no_sense_is_reported_and_the_rule_chooses) {
  trial t(2, {.select = [](std::span<const endpoint_health> all) { return all.size(); }});
  t.next();
  t.attempt_fails();
  const auto choice = t.rotation.next(t.now, t.random);
  BOOST_TEST(choice.index == 1U);
  BOOST_TEST(choice.problem == "endpoints.select returned 2, but there are only 2 endpoints; ignored");
}

BOOST_AUTO_TEST_CASE(a_function_that_throws_is_reported_and_the_rule_chooses) {
  trial t(
      2, {.select = [](std::span<const endpoint_health>) -> std::size_t { throw std::runtime_error("no"); }});
  const auto choice = t.rotation.next(t.now, t.random);
  BOOST_TEST(choice.index == 0U);
  BOOST_TEST(choice.problem == "endpoints.select threw: no; ignored");
}

BOOST_AUTO_TEST_CASE(a_function_that_insists_on_one_endpoint_does_not_hammer_it) {
  trial t(3, {.select = [](std::span<const endpoint_health>) { return std::size_t{1}; }});
  t.next();
  t.attempt_fails();
  for (int i = 0; i < 10; ++i) {
    t.next();
    BOOST_TEST(t.attempt_fails().rule == "backoff");
  }
}

// The bound that keeps a fleet from hammering, whatever happens.
BOOST_AUTO_TEST_CASE(between_two_stable_sessions_each_endpoint_but_one_is_the_cause_of_one_attempt_at_once) {
  std::mt19937 dice(7);
  for (std::size_t count = 1; count <= 5; ++count) {
    trial t(count, {.order = count % 2 == 0 ? endpoint_order::shuffled : endpoint_order::ordered,
                    .prefer_primary = count > 2});
    std::size_t at_once = 0;
    for (int i = 0; i < 5000; ++i) {
      BOOST_REQUIRE(t.next() < count);
      const auto event = dice() % 20;
      const auto decision = event == 0  ? t.session_ends_after(1h)
                            : event < 4 ? t.session_ends_after(3s)
                            : event < 6 ? t.asked_to_wait(2min)
                                        : t.attempt_fails();
      at_once = event == 0 ? 0 : at_once + (is_at_once(decision) ? 1 : 0);
      BOOST_REQUIRE(at_once < count);
      t.now += *decision.retry_in;
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
