// Servers that will not have us: for a moment while they are deployed anew, or for good. And a program that
// wants no second attempt at all.
#include "faults.hpp"
#include "line_protocol.hpp"
#include "way.hpp"

BOOST_AUTO_TEST_SUITE(refusals)

namespace {

// A session that has lasted is lost, and from now on the server answers like this.
void lose_session_and_answer(scenario& s, server::gate gate) {
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(11s);
  s.backend.on_upgrade(std::move(gate));
  s.in.network()->reset_links();
  s.in.settle();
}

bool becomes_final(scenario& s) {
  return s.in.run_until([&] { return s.conn->snapshot().final; }, 10min);
}

// The primary "server", and "second" behind it.
struct pair_of_servers {
  pair_of_servers() : second(s.in, other_at) {
    s.in.network()->add_name("second", {other_at.address});
    s.given.endpoints.further_urls = {"ws://second/"};
  }
  scenario s;
  server second;
};

}  // namespace

// covers R54
BOOST_AUTO_TEST_CASE(a_server_that_refuses_while_it_is_deployed_anew_is_found_again) {
  for (const unsigned status : {400U, 401U, 403U, 404U, 405U, 410U, 426U}) {
    BOOST_TEST_CONTEXT(status) {
      scenario s;
      auto seen = start_recorded(s);
      lose_session_and_answer(s, answers_with(status));
      s.in.run_for(20s);
      BOOST_TEST(!s.conn->snapshot().final);
      s.backend.on_upgrade({});
      BOOST_TEST(s.reaches(connection_state::connected, 31s));
    }
  }
}

// covers R54
BOOST_AUTO_TEST_CASE(a_fatal_close_code_at_the_end_of_a_stable_session_is_no_verdict) {
  for (const auto code : std::vector<std::uint16_t>{1002, 1003, 1007, 1009, 1010}) {
    scenario s;
    s.backend.on_session(closes_with(code, 11s));
    auto seen = start_recorded(s);
    BOOST_REQUIRE(s.in.run_until([&] { return seen.count(connection_state::disconnected) == 1; }, 1min));
    BOOST_TEST(seen.changes().back().rule == "fatal-close-code (1 of 5)");
    BOOST_TEST(seen.changes().back().retry_in.value_or(0s).count() >= clock::duration(15s).count());
    BOOST_TEST(s.reaches(connection_state::connected, 31s));
  }
}

// covers R54
BOOST_AUTO_TEST_CASE(the_fifth_refusal_in_a_row_is_final_and_connect_begins_a_new_row) {
  scenario s;
  s.given.keep_running = true;
  auto seen = start_recorded(s);
  lose_session_and_answer(s, answers_with(404));
  BOOST_REQUIRE(becomes_final(s));
  BOOST_TEST(rules(seen) ==
             "after-stable-session fatal-http-status (1 of 5) fatal-http-status (2 of 5) "
             "fatal-http-status (3 of 5) fatal-http-status (4 of 5) fatal-http-status (5 of 5)");
  const auto waits = seen.waits();
  BOOST_REQUIRE(waits.size() == 5U);
  BOOST_TEST((waits[1] >= 3750ms && waits[1] <= 7500ms));  // an early look
  for (std::size_t i = 2; i < 5; ++i) BOOST_TEST((waits[i] >= 15s && waits[i] <= 30s));
  BOOST_TEST(s.backend.accepted() == 6U);
  s.in.run_for(1h);
  BOOST_TEST(s.backend.accepted() == 6U);
  s.conn->connect(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(seen.changes().back().rule == "fatal-http-status (1 of 5)");
}

// covers R54
BOOST_AUTO_TEST_CASE(how_many_refusals_are_final_is_an_option) {
  scenario s;
  s.given.retry.refusals_before_final = 2;
  auto seen = start_recorded(s);
  lose_session_and_answer(s, answers_with(410));
  BOOST_REQUIRE(becomes_final(s));
  BOOST_TEST(seen.changes().back().rule == "fatal-http-status (2 of 2)");
}

// covers R54
BOOST_AUTO_TEST_CASE(what_breaks_the_row_is_no_part_of_the_verdict) {
  unsigned count = 0;
  scenario s;
  auto seen = start_recorded(s);
  lose_session_and_answer(s, [&count](const http_head&) {
    return std::optional(http_answer{.status = ++count % 3 == 0 ? 503U : 404U});
  });
  s.in.run_for(10min);
  BOOST_TEST(count > 15U);
  BOOST_TEST(!s.conn->snapshot().final);
  BOOST_TEST(rules(seen).find("(3 of 5)") == std::string::npos);
}

// covers R54
BOOST_AUTO_TEST_CASE(refused_credentials_are_fetched_anew_at_each_later_attempt) {
  test_provider provider;
  scenario s;
  provider.give = renewable_tokens();
  s.given.provider = provider.function();
  auto seen = start_recorded(s);
  lose_session_and_answer(s, answers_with(401));
  BOOST_REQUIRE(becomes_final(s));
  BOOST_TEST(rules(seen) ==
             "after-stable-session refresh-credentials unauthorized (1 of 5) unauthorized (2 of 5) "
             "unauthorized (3 of 5) unauthorized (4 of 5) unauthorized (5 of 5)");
  BOOST_REQUIRE(provider.asked.size() == 7U);
  for (std::size_t i = 2; i < 7; ++i) BOOST_TEST(provider.asked[i].refused);
}

// covers R54
BOOST_AUTO_TEST_CASE(a_token_that_is_accepted_again_ends_the_row) {
  test_provider provider;
  doorkeeper door{.accepted = "t1"};
  scenario s;
  provider.give = renewable_tokens();
  s.given.provider = provider.function();
  s.backend.on_upgrade(door.gate());
  start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(11s);
  door.accepted = "t4";  // two more are refused before
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_TEST(s.reaches(connection_state::connected, 2min));
}

// The session has shown that the service is there, whoever ended it.
// covers R54
BOOST_AUTO_TEST_CASE(a_stable_session_that_the_program_ended_counts) {
  scenario s;
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(11s);
  s.backend.on_upgrade(answers_with(404));
  s.conn->disconnect(net::detached);
  s.in.run_for(1s);
  s.conn->connect(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(seen.changes().back().rule == "fatal-http-status (1 of 5)");
  BOOST_TEST(!seen.changes().back().final);
}

// covers R54 R45
BOOST_AUTO_TEST_CASE(a_stable_session_that_went_on_over_another_socket_counts) {
  line_scenario s;
  s.start();
  const recorder seen(*s.conn);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(11s);
  outcome moved;
  s.conn->migrate(moved.handler());
  s.in.run_for(2s);
  BOOST_REQUIRE((moved.calls == 1 && !moved.ec));
  s.backend.on_upgrade(answers_with(404));
  s.in.network()->reset_links();
  BOOST_REQUIRE(s.in.run_until([&] { return seen.count(connection_state::disconnected) == 2; }, 1min));
  BOOST_TEST(seen.changes().back().rule == "fatal-http-status (1 of 5)");
}

// covers R54
BOOST_AUTO_TEST_CASE(a_server_that_breaks_the_protocol_is_tried_again_for_ever) {
  scenario s;
  s.backend.on_session([](server_session& session) { return session.send_raw("\x83\x01x"); });
  auto seen = start_recorded(s);
  s.in.run_for(10min);
  BOOST_TEST(!s.conn->snapshot().final);
  BOOST_TEST(seen.count(connection_state::connected) > 15U);
}

// covers R54 G39
BOOST_AUTO_TEST_CASE(one_refusal_does_not_stop_the_other_endpoint) {
  const std::function<void(pair_of_servers&)> ways[] = {
      [](pair_of_servers& t) { t.s.backend.on_upgrade(answers_with(404)); },
      [](pair_of_servers& t) { t.s.backend.on_upgrade(answers_with(401)); },
      [](pair_of_servers& t) { t.s.backend.on_session(closes_with(1002)); },
      [](pair_of_servers& t) { t.s.backend.on_session(closes_with(1009, 1s)); }};
  for (const auto& begin : ways) {
    pair_of_servers t;
    begin(t);
    auto seen = start_recorded(t.s);
    const auto is_at_the_second = [&] {
      return t.s.conn->status() == connection_state::connected &&
             t.s.conn->snapshot().origin == "ws://second";
    };
    BOOST_TEST(t.s.in.run_until(is_at_the_second, 3s));
    for (const auto& each : seen.changes()) BOOST_TEST(!each.final);
  }
}

// covers R54
BOOST_AUTO_TEST_CASE(only_when_all_endpoints_refuse_is_it_final) {
  pair_of_servers t;
  t.s.backend.on_upgrade(answers_with(404));
  t.second.on_upgrade(answers_with(410));
  t.s.given.keep_running = true;
  auto seen = start_recorded(t.s);
  t.s.in.run_for(1h);
  BOOST_TEST(rules(seen) == "next-endpoint fatal-http-status");
  BOOST_TEST(seen.changes().back().final);
  BOOST_TEST((t.s.backend.accepted() == 1U && t.second.accepted() == 1U));
  t.s.conn->connect(net::detached);
  t.s.in.run_for(1h);
  BOOST_TEST((t.s.backend.accepted() == 2U && t.second.accepted() == 2U));
}

// covers R54
BOOST_AUTO_TEST_CASE(an_endpoint_that_refused_us_is_not_asked_again_while_another_one_is_down) {
  pair_of_servers t;
  t.s.backend.on_upgrade(answers_with(404));
  t.s.in.network()->behave(other_at, port_behaviour::refuses);
  start_recorded(t.s);
  t.s.in.run_for(10min);
  BOOST_TEST(t.s.backend.accepted() == 1U);
  BOOST_TEST(!t.s.conn->snapshot().final);
  t.s.backend.on_upgrade({});
  t.s.conn->network_changed();
  BOOST_TEST(t.s.reaches(connection_state::connected, 1min));
  BOOST_TEST(t.s.conn->snapshot().origin == "ws://server");
}

// covers R54
BOOST_AUTO_TEST_CASE(a_stable_session_elsewhere_brings_back_an_endpoint_that_refused_us) {
  pair_of_servers t;
  t.s.backend.on_upgrade(answers_with(404));
  start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  t.s.in.run_for(2min);
  t.s.backend.on_upgrade({});
  t.s.in.network()->behave(other_at, port_behaviour::refuses);
  t.s.in.network()->reset_links();
  t.s.in.settle();
  BOOST_TEST(t.s.reaches(connection_state::connected, 3s));
  BOOST_TEST(t.s.conn->snapshot().origin == "ws://server");
}

// covers R75
BOOST_AUTO_TEST_CASE(dial_once_dials_once) {
  const std::function<void(scenario&)> ends[] = {
      [](scenario& s) { s.in.network()->behave(server_at, port_behaviour::refuses); },
      [](scenario& s) { s.backend.on_upgrade(answers_with(503, {{"Retry-After", "1"}})); },
      [](scenario& s) { s.backend.on_session(closes_with(1012, 1s)); },
      [](scenario& s) { s.backend.on_session(drops(20s)); }};
  for (const auto& begin : ends) {
    scenario s;
    s.given.retry = retry_policy::once();
    begin(s);
    auto seen = start_recorded(s);
    s.in.run_for(1min);
    s.conn->network_changed();
    s.conn->retry_now();
    s.in.run_for(1h);
    BOOST_TEST(seen.count(connection_state::connecting) == 1U);
    BOOST_TEST(seen.changes().back().final);
    BOOST_TEST(seen.changes().back().rule == "dial-once");
  }
}

BOOST_AUTO_TEST_SUITE_END()
