// Several URLs of one service: which is tried when, and what observers are told of it.
#include <span>
#include <stdexcept>

#include "faults.hpp"
#include "way.hpp"

BOOST_AUTO_TEST_SUITE(several_endpoints)

namespace {

// The primary "server", and "second" and "third" behind it.
struct fleet {
  explicit fleet(std::uint64_t seed = 1) : s(seed), second(s.in, other_at), third(s.in, third_at) {
    s.in.network()->add_name("second", {other_at.address});
    s.in.network()->add_name("third", {third_at.address});
    s.given.endpoints.further_urls = {"ws://second/"};
  }
  void use_all() { s.given.endpoints.further_urls = {"ws://second/", "ws://third/"}; }
  void take_down(const peer_address& at) { s.in.network()->behave(at, port_behaviour::refuses); }
  void bring_up(const peer_address& at) { s.in.network()->behave(at, port_behaviour::accepts); }
  // The session is lost; the next one, and where.
  std::string reconnects() {
    s.in.network()->reset_links();
    s.in.settle();
    BOOST_REQUIRE(s.reaches(connection_state::connected, 2min));
    return s.conn->snapshot().origin;
  }
  scenario s;
  server second;
  server third;
};

// Where the attempts went.
std::string origins(const recorder& seen) {
  std::string out;
  for (const auto& each : seen.changes()) {
    if (each.to == connection_state::connecting)
      out += (out.empty() ? "" : " ") + each.origin.substr(std::string_view("ws://").size());
  }
  return out;
}

}  // namespace

// covers G39
BOOST_AUTO_TEST_CASE(primary_down_and_second_up_means_that_the_second_is_reached_at_once) {
  fleet t;
  t.take_down(server_at);
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected, 100ms));
  BOOST_TEST(seen.states() == "connecting disconnected connecting connected");
  BOOST_TEST(rules(seen) == "next-endpoint");
  BOOST_TEST((seen.waits() == std::vector<clock::duration>{clock::duration::zero()}));
  BOOST_TEST(seen.changes()[0].origin == "ws://server");
  BOOST_TEST(seen.changes()[0].peer == "");
  BOOST_TEST(seen.changes()[1].origin == "ws://server");
  BOOST_TEST(seen.changes()[1].reason.peer == "10.0.0.1:80");
  BOOST_TEST(seen.changes()[2].origin == "ws://second");
  BOOST_TEST(seen.changes()[2].attempt == 2U);
  BOOST_TEST(seen.changes()[3].origin == "ws://second");
  BOOST_TEST(seen.changes()[3].peer == "10.0.0.2:80");
  BOOST_TEST(t.second.sessions() == 1U);
}

// covers G39
BOOST_AUTO_TEST_CASE(every_kind_of_failure_leads_to_the_next_endpoint) {
  const std::function<void(fleet&)> failures[] = {
      [](fleet& t) { t.s.in.network()->break_name("server", net::error::host_not_found); },
      [](fleet& t) { t.s.in.network()->break_name("server", {}); },
      [](fleet& t) { t.s.in.network()->behave(server_at, port_behaviour::swallows); },
      [](fleet& t) { t.s.backend.never_upgrade(); },
      [](fleet& t) { t.s.backend.on_upgrade(answers_with(503)); },
      [](fleet& t) { t.s.backend.on_upgrade(answers_with(503, {{"Retry-After", "600"}})); },
      [](fleet& t) { t.s.backend.on_upgrade(answers_with(302)); }};
  for (const auto& begin : failures) {
    fleet t;
    begin(t);
    auto seen = start_recorded(t.s);
    BOOST_REQUIRE(t.s.reaches(connection_state::connected, 11s));
    BOOST_TEST(rules(seen) == "next-endpoint");
    BOOST_TEST(origins(seen) == "server second");
  }
}

// covers G39
BOOST_AUTO_TEST_CASE(all_down_means_one_round_at_once_and_then_the_backoff) {
  fleet t;
  t.use_all();
  for (const auto& each : {server_at, other_at, third_at}) t.take_down(each);
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.in.run_until([&] { return seen.count(connection_state::disconnected) == 7; }, 5min));
  BOOST_TEST(rules(seen) == "next-endpoint next-endpoint backoff backoff backoff backoff backoff");
  BOOST_TEST(origins(seen) == "server second third server second third server");
  const auto waits = seen.waits();
  for (std::size_t i = 0; i < 2; ++i) BOOST_TEST((waits[i] == clock::duration::zero()));
  for (std::size_t i = 2; i < 7; ++i) BOOST_TEST((waits[i] >= t.s.given.retry.base / 2));
  t.bring_up(third_at);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected, 2min));
  BOOST_TEST(t.s.conn->snapshot().origin == "ws://third");
}

BOOST_AUTO_TEST_CASE(the_wait_before_the_next_endpoint_can_be_kept) {
  fleet t;
  t.s.given.endpoints.next_at_once = false;
  t.take_down(server_at);
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_TEST(rules(seen) == "backoff");
  BOOST_TEST(t.s.conn->snapshot().origin == "ws://second");
}

// covers G39
BOOST_AUTO_TEST_CASE(what_works_is_returned_to_after_a_stable_session) {
  fleet t;
  t.take_down(server_at);
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  t.bring_up(server_at);
  for (int i = 0; i < 3; ++i) {
    t.s.in.run_for(10min);
    BOOST_TEST(t.reconnects() == "ws://second");
  }
  BOOST_TEST(rules(seen) == "next-endpoint after-stable-session after-stable-session after-stable-session");
  BOOST_TEST(t.s.backend.accepted() == 0U);
}

// covers G39
BOOST_AUTO_TEST_CASE(a_server_that_goes_down_with_its_session_costs_the_wait_of_one_attempt) {
  fleet t;
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  t.s.in.run_for(1min);
  t.take_down(server_at);
  BOOST_TEST(t.reconnects() == "ws://second");
  BOOST_TEST(rules(seen) == "after-stable-session next-endpoint");
}

BOOST_AUTO_TEST_CASE(a_short_session_counts_as_a_failure_but_is_not_followed_at_once) {
  fleet t;
  t.s.backend.on_session(drops(1s));
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.in.run_until([&] { return t.second.sessions() == 1; }, 1min));
  BOOST_TEST(rules(seen) == "flapping");
  BOOST_TEST((seen.waits().front() >= t.s.given.retry.base));
}

BOOST_AUTO_TEST_CASE(the_preferred_primary_is_returned_to_after_its_cool_down) {
  fleet t;
  t.s.given.endpoints.prefer_primary = true;
  t.take_down(server_at);
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  t.bring_up(server_at);
  t.s.in.run_for(30s);
  BOOST_TEST(t.reconnects() == "ws://second");  // the primary still rests
  t.s.in.run_for(5min);
  BOOST_TEST(t.s.backend.accepted() == 0U);  // no open session is closed for it
  BOOST_TEST(t.reconnects() == "ws://server");
  t.s.in.run_for(1min);
  BOOST_TEST(t.reconnects() == "ws://server");
}

// covers R10
BOOST_AUTO_TEST_CASE(a_changed_network_makes_the_failures_of_the_old_one_forgotten) {
  fleet t;
  t.s.given.endpoints.prefer_primary = true;
  t.take_down(server_at);
  start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  t.bring_up(server_at);
  t.s.in.run_for(30s);
  t.s.conn->network_changed();
  t.s.in.run_for(1s);
  BOOST_TEST(t.reconnects() == "ws://server");  // although its cool-down has not ended
}

// covers R10
BOOST_AUTO_TEST_CASE(on_another_network_there_is_a_round_at_once_again) {
  fleet t;
  t.take_down(server_at);
  t.take_down(other_at);
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.in.run_until([&] { return seen.count(connection_state::disconnected) == 5; }, 1min));
  BOOST_TEST(rules(seen) == "next-endpoint backoff backoff backoff backoff");
  t.s.conn->network_changed();
  t.s.in.run_for(100ms);
  BOOST_TEST(rules(seen) == "next-endpoint backoff backoff backoff backoff next-endpoint backoff");
}

BOOST_AUTO_TEST_CASE(a_program_that_connects_anew_gets_a_round_at_once_again) {
  fleet t;
  t.s.given.retry.attempt_limit = 3;
  t.s.given.keep_running = true;
  t.take_down(server_at);
  t.take_down(other_at);
  auto seen = start_recorded(t.s);
  t.s.in.run_for(1min);
  BOOST_TEST(rules(seen) == "next-endpoint backoff attempt-limit");
  BOOST_TEST(seen.changes().back().final);
  t.s.conn->connect(net::detached);
  t.s.in.run_for(1min);
  BOOST_TEST(rules(seen) == "next-endpoint backoff attempt-limit next-endpoint backoff attempt-limit");
}

BOOST_AUTO_TEST_CASE(a_fleet_spreads_over_shuffled_endpoints) {
  fleet t;
  t.use_all();
  t.s.given.endpoints.order = endpoint_order::shuffled;
  std::vector<std::unique_ptr<connection>> all;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    t.s.given.random_seed = seed;
    all.push_back(std::make_unique<connection>(t.s.in.executor(), t.s.given));
    all.back()->run(net::detached);
  }
  t.s.in.run_for(20s);
  for (const auto* each : {&t.s.backend, &t.second, &t.third}) BOOST_TEST(each->open_sessions() >= 10U);
  t.s.in.network()->reset_links();
  t.s.in.run_for(20s);  // each stays with its own
  for (const auto* each : {&t.s.backend, &t.second, &t.third})
    BOOST_TEST(each->sessions() == 2 * each->open_sessions());
}

// covers R41 G39
BOOST_AUTO_TEST_CASE(a_refused_token_is_refreshed_where_it_was_refused) {
  test_provider provider;
  doorkeeper door{.accepted = "t2"};
  fleet t;
  provider.give = renewable_tokens();
  t.s.given.provider = provider.function();
  t.s.backend.on_upgrade(door.gate());
  t.second.on_upgrade(door.gate());
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_TEST(rules(seen) == "refresh-credentials");
  BOOST_TEST(origins(seen) == "server server");
  BOOST_REQUIRE(provider.asked.size() == 2U);
  BOOST_TEST(provider.asked[1].refused);
}

// covers G31
BOOST_AUTO_TEST_CASE(another_endpoint_does_not_cure_what_the_users_table_calls_final) {
  fleet t;
  t.s.given.retry.rules.insert(t.s.given.retry.rules.begin(),
                               {.name = "locked", .delay = retry_delay::never, .http_statuses = {401}});
  t.s.backend.on_upgrade(answers_with(401));
  auto seen = start_recorded(t.s);
  t.s.in.run_for(1h);
  BOOST_TEST(rules(seen) == "locked");
  BOOST_TEST(t.second.accepted() == 0U);
}

// covers R41
BOOST_AUTO_TEST_CASE(the_provider_is_told_which_endpoint_it_is_for) {
  test_provider provider;
  fleet t;
  t.s.given.provider = provider.function();
  t.take_down(server_at);
  t.s.start();
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_REQUIRE(provider.asked.size() == 2U);
  BOOST_TEST(provider.asked[0].url == "ws://server/");
  BOOST_TEST(provider.asked[1].url == "ws://second/");
}

// covers G36 R7
BOOST_AUTO_TEST_CASE(an_endpoint_that_asked_to_be_left_alone_is_left_alone) {
  fleet t;
  t.s.backend.on_upgrade(answers_with(503, {{"Retry-After", "120"}}));
  t.take_down(other_at);
  auto seen = start_recorded(t.s);
  t.s.in.run_for(119s);
  BOOST_TEST(t.s.backend.accepted() == 1U);
  BOOST_TEST(seen.count(connection_state::connecting) > 3U);
  t.s.backend.on_upgrade({});
  BOOST_TEST(t.s.reaches(connection_state::connected, 2min));
  BOOST_TEST(t.s.conn->snapshot().origin == "ws://server");
}

BOOST_AUTO_TEST_CASE(a_function_chooses_from_what_is_known) {
  std::vector<std::vector<endpoint_health>> heard;
  fleet t;
  t.use_all();
  t.s.given.endpoints.select = [&](std::span<const endpoint_health> all) {
    heard.emplace_back(all.begin(), all.end());
    return heard.size() == 1 ? std::size_t{1} : std::size_t{2};
  };
  t.take_down(other_at);
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_TEST(origins(seen) == "second third");
  BOOST_REQUIRE(heard.size() == 2U);
  BOOST_TEST(heard[0].size() == 3U);
  BOOST_TEST(heard[1][1].current);
  BOOST_TEST(heard[1][1].failures == 1U);
  BOOST_TEST((heard[1][1].cooling_for == clock::duration(t.s.given.endpoints.cool_down)));
  BOOST_TEST(heard[1][2].failures == 0U);
  BOOST_TEST(t.s.log_lines.empty());
}

BOOST_AUTO_TEST_CASE(a_function_that_makes_no_sense_is_reported_and_the_rule_chooses) {
  const std::pair<std::function<std::size_t(std::span<const endpoint_health>)>, const char*> rows[] = {
      {[](std::span<const endpoint_health>) { return std::size_t{7}; },
       "endpoints.select returned 7, but there are only 2 endpoints; ignored"},
      {[](std::span<const endpoint_health>) -> std::size_t { throw std::runtime_error("no idea"); },
       "endpoints.select threw: no idea; ignored"},
      {[](std::span<const endpoint_health>) -> std::size_t { throw 7; },
       "endpoints.select threw something that is not a std::exception; ignored"}};
  for (const auto& [select, line] : rows) {
    fleet t;
    t.s.given.endpoints.select = select;
    t.take_down(server_at);
    auto seen = start_recorded(t.s);
    BOOST_REQUIRE(t.s.reaches(connection_state::connected));
    BOOST_TEST(origins(seen) == "server second");
    BOOST_TEST(t.s.log_lines == std::vector<std::string>(2, line), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_further_url_is_named_before_anything_is_done) {
  for (const auto* url : {"", "http://third/", "ws://me:pw@third/", "ws://third/#a"}) {
    fleet t;
    t.s.given.endpoints.further_urls = {"ws://second/", url};
    BOOST_CHECK_EXCEPTION(connection(t.s.in.executor(), t.s.given), option_error,
                          [](const option_error& e) { return e.field() == "endpoints.further_urls[1]"; });
  }
  fleet t;
  t.s.given.endpoints.cool_down = -1ms;
  BOOST_CHECK_EXCEPTION(connection(t.s.in.executor(), t.s.given), option_error,
                        [](const option_error& e) { return e.field() == "endpoints.cool_down"; });
}

BOOST_AUTO_TEST_SUITE_END()
