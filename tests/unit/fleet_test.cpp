// What a fleet decides without a broker: whether a lease holds, who should hold a shard, and how things are
// called.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

import holdfast;
import holdfast.core;
import holdfast.fleet_core;

BOOST_AUTO_TEST_SUITE(fleet_rules)

namespace {

namespace fleet = holdfast::fleet;
using namespace std::chrono_literals;
using fleet::tenancy;
using time_point = holdfast::clock::time_point;

constexpr fleet::lease_times times{.lease = 20s, .call = 2s};

time_point at(std::chrono::milliseconds span) { return time_point(1h + span); }

// A worker that has taken a lease by an update that left at `sent`, as revision 7.
tenancy held(std::chrono::milliseconds sent) {
  tenancy one;
  one.saw({.revision = 5}, "me", at(0s));
  one.sends(1, at(sent));
  one.taken(1, 7);
  return one;
}

std::vector<fleet::candidate> workers(std::size_t count, std::uint32_t load = 0) {
  std::vector<fleet::candidate> out;
  for (std::size_t n = 0; n < count; ++n) {
    const auto id = "worker-" + std::to_string(n);
    out.push_back({.holder = id + "/run", .id = id, .capacity = 1'000, .load = load});
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_lease_holds_for_seven_tenths_of_its_time_from_the_sending) {
  auto one = held(3s);  // the answer may have come at any time later
  BOOST_TEST(one.is_holder());
  BOOST_TEST(one.epoch() == 7U);
  BOOST_TEST((one.acts_until(times) == at(17s)));
  one.sends(2, at(8s));
  one.taken(2, 9);
  BOOST_TEST(one.epoch() == 7U);  // a renewal is no new tenure
  BOOST_TEST((one.acts_until(times) == at(22s)));
}

BOOST_AUTO_TEST_CASE(it_is_renewed_every_quarter_and_again_after_the_time_of_a_call) {
  auto one = held(0s);
  const auto wish = [&](std::chrono::milliseconds when) { return one.next(times, at(when), at(0s), true); };
  BOOST_TEST((wish(4999ms) == tenancy::wish::none));
  BOOST_TEST((wish(5s) == tenancy::wish::renew));
  one.sends(2, at(5s));
  BOOST_TEST((wish(6s) == tenancy::wish::none));
  BOOST_TEST((wish(7s) == tenancy::wish::renew));
}

BOOST_AUTO_TEST_CASE(an_unknown_outcome_is_known_when_the_entry_is_read) {
  auto one = held(0s);
  one.sends(2, at(5s));  // taken as revision 8; the answer is lost
  one.sends(3, at(7s));
  one.refused(3);
  BOOST_TEST(!one.saw({.revision = 8, .holder = "me", .nonce = 2}, "me", at(8s)));
  BOOST_TEST(one.is_holder());
  BOOST_TEST((one.acts_until(times) == at(19s)));
  BOOST_TEST(one.expected() == 8U);
}

BOOST_AUTO_TEST_CASE(a_candidate_waits_for_the_whole_lease_time_by_its_own_clock) {
  tenancy one;
  one.saw({.revision = 5, .holder = "other"}, "me", at(0s));
  BOOST_TEST(!one.is_free(times, at(19'999ms), at(0s)));
  BOOST_TEST(one.is_free(times, at(20s), at(0s)));
  one.saw({.revision = 6, .holder = "other"}, "me", at(19s));  // renewed
  BOOST_TEST(!one.is_free(times, at(38s), at(0s)));
  one.saw({.revision = 5, .holder = "other"}, "me", at(38s));  // a stale read changes nothing
  BOOST_TEST(one.is_free(times, at(39s), at(0s)));
}

BOOST_AUTO_TEST_CASE(a_candidate_that_was_out_of_touch_counts_anew) {
  tenancy one;
  one.saw({.revision = 5, .holder = "other"}, "me", at(0s));
  BOOST_TEST(!one.is_free(times, at(40s), at(21s)));
  BOOST_TEST(one.is_free(times, at(41s), at(21s)));
  BOOST_TEST(!one.is_free(times, at(90s), time_point::max()));
}

BOOST_AUTO_TEST_CASE(a_lease_without_holder_is_free_at_once) {
  tenancy one;
  one.saw({.revision = 5}, "me", at(3s));
  BOOST_TEST(one.is_free(times, at(3s), at(0s)));
  BOOST_TEST((one.next(times, at(3s), at(0s), false) == tenancy::wish::none));
  BOOST_TEST((one.next(times, at(3s), at(0s), true) == tenancy::wish::take));
}

BOOST_AUTO_TEST_CASE(a_newer_entry_of_another_ends_the_lease) {
  auto one = held(0s);
  BOOST_TEST(!one.saw({.revision = 6, .holder = "other"}, "me", at(1s)));  // older than ours
  BOOST_TEST(one.is_holder());
  BOOST_TEST(one.saw({.revision = 9, .holder = "other"}, "me", at(1s)));
  BOOST_TEST(!one.is_holder());
}

BOOST_AUTO_TEST_CASE(updates_from_before_the_end_count_no_more) {
  auto one = held(0s);
  one.sends(2, at(5s));
  one.drop();
  BOOST_TEST(!one.taken(2, 8));
  BOOST_TEST(!one.is_holder());
}

BOOST_AUTO_TEST_CASE(what_was_before_the_own_lease_is_no_news_when_it_is_told_after_its_end) {
  auto one = held(0s);  // the watch has shown no more than revision 5, of nobody
  one.drop();
  BOOST_TEST(!one.saw({.revision = 5}, "me", at(21s)));
  BOOST_TEST(one.expected() == 7U);
  BOOST_TEST((one.next(times, at(21s), at(0s), true) == tenancy::wish::take));  // nobody else has taken it
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_older_than_another_workers_entry_is_no_lease) {
  tenancy one;
  one.saw({.revision = 5}, "me", at(0s));
  one.sends(1, at(0s));
  one.saw({.revision = 9, .holder = "other"}, "me", at(1s));
  BOOST_TEST(!one.taken(1, 7));
  BOOST_TEST(!one.is_holder());
  BOOST_TEST(!one.is_free(times, at(20s), at(0s)));
}

BOOST_AUTO_TEST_CASE(names_carry_any_key) {
  for (const std::string key : {"tenant-7", "a.b c", "=", "\xff\n", "guild/42:shard"}) {
    const auto name = fleet::to_name(key);
    BOOST_TEST(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=") ==
               std::string::npos);
    BOOST_TEST((fleet::from_name(name) == key));
  }
  BOOST_TEST(fleet::to_name("a.b") == "a=2Eb");
  for (const std::string name : {"a.b", "=2", "=XY", " "}) BOOST_TEST(!fleet::from_name(name).has_value());
}

BOOST_AUTO_TEST_CASE(headers_carry_any_line) {
  const std::string all = [] {
    std::string out;
    for (int byte = 0; byte < 256; ++byte) out += static_cast<char>(byte);
    return out;
  }();
  for (const std::string& line :
       {std::string(), std::string(" x "), std::string(R"({"holder":"a/1"})"), all}) {
    const auto text = fleet::to_header(line);
    BOOST_TEST(!text.empty());
    BOOST_TEST((fleet::from_header(text) == line));
  }
  // nats-server takes this for a header wherever it stands.
  BOOST_TEST(fleet::to_header("Nats-Expected-Last-Subject-Sequence").find("Nats-") == std::string::npos);
  BOOST_TEST(fleet::to_header(R"({"holder":"a/1"})") == R"(={"holder":"a/1"}=)");
  for (const std::string text : {"", "x", "=", "=%=", "=%4=", "=%4x=", "=\t="})
    BOOST_TEST(!fleet::from_header(text).has_value());
}

BOOST_AUTO_TEST_CASE(shards_of_keys_are_the_same_everywhere) {
  BOOST_TEST(fleet::shard_of("tenant-7", 0) == "tenant-7");
  BOOST_TEST(fleet::stable_hash("tenant-7") == 14484998037814746726U);
  std::set<std::string> found;
  for (int n = 0; n < 1'000; ++n) found.insert(fleet::shard_of("tenant-" + std::to_string(n), 16));
  BOOST_TEST(found.size() == 16U);
}

BOOST_AUTO_TEST_CASE(records_are_read_as_they_were_written) {
  const fleet::lease_record given{
      .holder = "w1/ab", .nonce = 7, .epoch = 40, .next = "w2/cd", .states = "{\"k\":\"v\\n\"}"};
  const auto read = fleet::read_lease(fleet::write_lease(given));
  BOOST_REQUIRE(read.has_value());
  BOOST_TEST((read->holder == "w1/ab" && read->nonce == 7 && read->epoch == 40 && read->next == "w2/cd"));
  BOOST_TEST(read->states == given.states);
  const fleet::session_states states{{"a.b", "one"}, {"\xff", "two"}, {"c", ""}};
  BOOST_TEST((fleet::read_states(fleet::write_states(states)) ==
              fleet::session_states{{"a.b", "one"}, {"\xff", "two"}}));
  BOOST_TEST(fleet::read_key(fleet::write_key({.value = "\xfe"}))->value == "\xfe");
  BOOST_TEST(fleet::read_key(fleet::write_key({.removed = true}))->removed);
  const holdfast::send_result sent{.outcome = holdfast::delivery::not_sent,
                                   .reason = make_error_code(holdfast::error::outbound_full)};
  const auto answer = fleet::read_answer(fleet::write_answer({.result = sent}));
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST((answer->held && answer->result.outcome == sent.outcome));
  BOOST_TEST(answer->result.reason == sent.reason);
}

BOOST_AUTO_TEST_CASE(records_of_others_are_refused) {
  for (const std::string text : {"", "{}", "[1]", "{\"holder\"", "\xff"}) {
    BOOST_TEST(!fleet::read_lease(text).has_value());
    BOOST_TEST(!fleet::read_worker(text).has_value());
    BOOST_TEST(!fleet::read_settings(text).has_value());
    BOOST_TEST(!fleet::read_answer(text).has_value());
  }
}

BOOST_AUTO_TEST_CASE(numbers_are_metrics_of_one_family_each) {
  const auto text = fleet::to_openmetrics({.keys = 7, .lost = 2, .in_touch = true}, "a\"b");
  BOOST_TEST(text.find("# TYPE holdfast_fleet_keys gauge\n") != std::string::npos);
  BOOST_TEST(text.find("holdfast_fleet_keys{worker=\"a\\\"b\"} 7\n") != std::string::npos);
  BOOST_TEST(text.find("holdfast_fleet_lost_total{worker=\"a\\\"b\"} 2\n") != std::string::npos);
  BOOST_TEST(text.find("holdfast_fleet_in_touch{worker=\"a\\\"b\"} 1\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_joining_worker_takes_about_its_share_and_no_more) {
  constexpr std::size_t shards = 3'000;
  std::map<std::string, std::string> holders;
  fleet::placement before(workers(9), shards);
  for (std::size_t n = 0; n < shards; ++n) {
    const auto name = "shard-" + std::to_string(n);
    holders[name] = before.first_for(name, "");
    before.add_load(holders[name], 1);
  }
  auto more = before.candidates();
  more.push_back({.holder = "worker-9/run", .id = "worker-9", .capacity = 1'000});
  fleet::placement after(std::move(more), shards);
  std::size_t moves = 0;
  for (int round = 0; round < 3; ++round) {
    for (auto& [name, holder] : holders) {
      const auto better = after.better_holder(holder, name);
      if (better.empty()) continue;
      after.add_load(holder, -1);
      after.add_load(better, 1);
      holder = better;
      ++moves;
    }
  }
  BOOST_TEST(moves >= shards / 10 * 8 / 10);
  BOOST_TEST(moves <= shards / 10 * 15 / 10);
  for (const auto& each : after.candidates()) {
    BOOST_TEST(each.load <= shards / 10 * 125 / 100);
    BOOST_TEST(each.load >= shards / 10 * 75 / 100);
  }
}

BOOST_AUTO_TEST_CASE(keys_stay_where_they_are_while_the_imbalance_is_small) {
  auto all = workers(3, 100);
  all[0].load = 104;
  all[1].load = 96;
  const fleet::placement spread(all, 300);
  for (int n = 0; n < 300; ++n) BOOST_TEST(spread.better_holder(all[0].holder, std::to_string(n)).empty());
}

BOOST_AUTO_TEST_CASE(capacity_weighs) {
  auto all = workers(2);
  all[1].capacity = 3'000;
  fleet::placement spread(all, 4'000);
  for (int n = 0; n < 2'000; ++n) spread.add_load(spread.first_for(std::to_string(n), ""), 1);
  const auto& loads = spread.candidates();
  BOOST_TEST(loads[1].load > 2 * loads[0].load);
  BOOST_TEST(loads[1].load < 4 * loads[0].load);
}

BOOST_AUTO_TEST_CASE(each_free_shard_has_one_worker_whose_turn_is_first) {
  const fleet::placement spread(workers(5), 100);
  for (int n = 0; n < 100; ++n) {
    std::set<std::size_t> turns;
    for (const auto& each : spread.candidates())
      turns.insert(spread.turn_of(each.holder, std::to_string(n), "", ""));
    BOOST_TEST((turns == std::set<std::size_t>{0, 1, 2, 3, 4}));
  }
}

BOOST_AUTO_TEST_SUITE_END()
