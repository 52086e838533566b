// A server that asks to be left alone for a while is left alone, whatever happens on our side. Only the
// program itself may overrule it.
#include "faults.hpp"
#include "line_protocol.hpp"
#include "way.hpp"

BOOST_AUTO_TEST_SUITE(wishes)

namespace {

const server::gate busy = answers_with(503, {{"Retry-After", "40"}});

// The server wants to be left alone for 40 s. Behind it, if there are two, is one that is down.
struct asked_to_wait {
  explicit asked_to_wait(std::size_t endpoints) : second(s.in, other_at) {
    s.in.network()->add_name("second", {other_at.address});
    s.in.network()->behave(other_at, port_behaviour::refuses);
    if (endpoints == 2) s.given.endpoints.further_urls = {"ws://second/"};
    s.backend.on_upgrade(busy);
    s.start();
    s.in.run_for(10s);
    BOOST_REQUIRE(s.backend.accepted() == 1U);
  }
  scenario s;
  server second;
};

struct local_event {
  const char* name;
  std::function<void(scenario&)> strike;
  clock::duration slept{};  // by the machine: so much of the wish is over without our clock having run
};

// What happens on our side, and is no business of the server.
std::vector<local_event> local_events() {
  return {{"nothing", [](scenario&) {}},
          {"another network", [](scenario& s) { s.conn->network_changed(); }},
          {"two other networks",
           [](scenario& s) {
             s.conn->network_changed();
             s.in.run_for(3s);
             s.conn->network_changed();
           }},
          {"a suspend", [](scenario& s) { s.in.sleep_through(20s); }, 20s},
          {"the background for a moment",
           [](scenario& s) {
             s.conn->enter_background();
             s.conn->enter_foreground();
           }},
          {"the background for a while",
           [](scenario& s) {
             s.conn->enter_background();
             s.in.run_for(5s);
             s.conn->enter_foreground();
           }},
          {"all of them",
           [](scenario& s) {
             s.conn->enter_background();
             s.conn->network_changed();
             s.in.sleep_through(20s);
             s.conn->enter_foreground();
             s.conn->network_changed();
           },
           20s}};
}

void run_until_second(scenario& s, clock::duration end) { s.in.run_for(end - s.in.elapsed()); }

}  // namespace

// covers R53
BOOST_AUTO_TEST_CASE(no_local_event_overrides_the_wish_of_a_server) {
  for (const std::size_t endpoints : {1U, 2U}) {
    for (const auto& event : local_events()) {
      BOOST_TEST_CONTEXT(event.name << ", " << endpoints) {
        asked_to_wait t(endpoints);
        event.strike(t.s);
        run_until_second(t.s, 39s - event.slept);
        BOOST_TEST(t.s.backend.accepted() == 1U);
        t.s.backend.on_upgrade({});
        BOOST_TEST(t.s.reaches(connection_state::connected, endpoints == 1 ? 2s + event.slept : 1min));
        BOOST_TEST(t.s.conn->snapshot().origin == "ws://server");
      }
    }
  }
}

// covers R53 R27
BOOST_AUTO_TEST_CASE(a_wish_that_has_ended_while_the_machine_slept_is_over) {
  asked_to_wait t(1);
  t.s.backend.on_upgrade({});
  t.s.in.sleep_through(10min);
  BOOST_TEST(t.s.reaches(connection_state::connected, 6s));
}

// covers R53
BOOST_AUTO_TEST_CASE(an_endpoint_that_asked_for_nothing_is_dialled_at_once) {
  asked_to_wait t(2);
  t.s.in.network()->behave(other_at, port_behaviour::accepts);
  t.s.conn->network_changed();
  BOOST_REQUIRE(t.s.reaches(connection_state::connected, 100ms));
  BOOST_TEST(t.s.conn->snapshot().origin == "ws://second");
  BOOST_TEST(t.s.backend.accepted() == 1U);
}

// covers R53
BOOST_AUTO_TEST_CASE(the_program_itself_overrides_it) {
  const std::function<void(connection&)> commands[] = {[](connection& conn) { conn.retry_now(); },
                                                       [](connection& conn) { conn.retry_now(true); },
                                                       [](connection& conn) { conn.connect(net::detached); },
                                                       [](connection& conn) {
                                                         conn.disconnect(net::detached);
                                                         conn.connect(net::detached);
                                                       }};
  for (const std::size_t endpoints : {1U, 2U}) {
    for (const auto& tell : commands) {
      asked_to_wait t(endpoints);
      t.s.backend.on_upgrade({});
      tell(*t.s.conn);
      BOOST_TEST(t.s.reaches(connection_state::connected, 500ms));
      BOOST_TEST(t.s.backend.accepted() == 2U);
    }
  }
}

// covers R53
BOOST_AUTO_TEST_CASE(the_end_of_the_wait_is_promised_anew_after_the_background) {
  asked_to_wait t(1);
  t.s.conn->enter_background();
  t.s.in.run_for(5s);
  t.s.conn->enter_foreground();
  t.s.in.run_for(1s);
  const auto now = t.s.conn->snapshot();
  BOOST_TEST((now.to == connection_state::disconnected));
  BOOST_REQUIRE(now.retry_in.has_value());
  const auto begun = *now.retry_at();
  BOOST_REQUIRE(t.s.in.run_until([&] { return t.s.backend.accepted() == 2U; }, 1min));
  BOOST_TEST((t.s.in.now() - begun <= 10ms));
  BOOST_TEST((t.s.in.elapsed() >= 40s));
}

// covers R53
BOOST_AUTO_TEST_CASE(the_program_can_still_stop_while_a_wish_is_heeded) {
  asked_to_wait t(1);
  outcome stopped;
  outcome closed;
  t.s.conn->enter_background();
  t.s.conn->enter_foreground();
  t.s.in.run_for(1s);
  t.s.conn->disconnect(stopped.handler());
  t.s.in.run_for(1s);
  BOOST_TEST(stopped.calls == 1);
  BOOST_TEST(t.s.conn->snapshot().final);
  t.s.conn->close(closed.handler());
  t.s.in.run_for(1s);
  BOOST_TEST(closed.calls == 1);
  BOOST_TEST(t.s.run_ended.has_value());
  BOOST_TEST(t.s.backend.accepted() == 1U);
}

// covers R53
BOOST_AUTO_TEST_CASE(a_wait_of_our_own_that_is_longer_than_the_wish_is_cut_short_as_ever) {
  scenario s;
  s.given.retry.rules = {{.name = "slow", .delay = retry_delay::cap}};
  s.backend.on_upgrade(answers_with(503, {{"Retry-After", "2"}}));
  auto& conn = s.start();
  s.in.run_for(3s);
  BOOST_REQUIRE(s.backend.accepted() == 1U);
  conn.network_changed();
  s.in.run_for(100ms);
  BOOST_TEST(s.backend.accepted() == 2U);
}

// covers R53
BOOST_AUTO_TEST_CASE(a_go_away_with_a_wait_holds_after_a_stable_session_too) {
  for (const auto length : {clock::duration(1s), clock::duration(1min)}) {
    line_scenario s;
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.run_for(length);
    s.say("leave 40");
    BOOST_REQUIRE((conn.status() == connection_state::disconnected));
    s.in.run_for(5s);
    conn.network_changed();
    s.in.run_for(5s);
    conn.enter_background();
    conn.enter_foreground();
    s.in.run_for(28s);
    BOOST_TEST(s.backend.accepted() == 1U);
    BOOST_TEST(s.reaches(connection_state::connected, 4s));
  }
}

// covers R53 R45
BOOST_AUTO_TEST_CASE(what_a_server_answers_to_an_attempt_to_move_holds_after_the_session) {
  for (const bool stable : {false, true}) {
    line_scenario s;
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    if (stable) s.in.run_for(1min);
    s.backend.on_upgrade(busy);
    s.say("leave 0");
    BOOST_REQUIRE(s.in.run_until([&] { return s.backend.accepted() == 2U; }, 3s));
    const auto asked = s.in.elapsed();
    s.in.run_for(2s);
    BOOST_REQUIRE((conn.status() == connection_state::connected));
    s.backend.on_upgrade({});
    s.in.network()->reset_links();
    s.in.run_for(10s);
    conn.network_changed();
    run_until_second(s, asked + 38s);  // it may have asked up to 1 s before
    BOOST_TEST(s.backend.accepted() == 2U);
    BOOST_TEST(s.reaches(connection_state::connected, 4s));
  }
}

// covers R53 R6
BOOST_AUTO_TEST_CASE(a_function_of_the_program_may_overrule_it) {
  scenario s;
  s.given.retry.decide = [](const attempt_record&, const retry_decision&) {
    return retry_decision{.retry_in = 7s, .rule = "mine"};
  };
  s.backend.on_upgrade(busy);
  auto& conn = s.start();
  s.in.run_for(1s);
  s.backend.on_upgrade({});
  conn.network_changed();
  BOOST_TEST(s.reaches(connection_state::connected, 1s));
}

// covers R52 R53
BOOST_AUTO_TEST_CASE(the_wish_of_one_server_does_not_delay_another_that_asks_for_nothing) {
  for (const auto* wish : {"120", "soon"}) {
    for (const bool next_at_once : {true, false}) {
      scenario s;
      server second(s.in, other_at);
      s.in.network()->add_name("second", {other_at.address});
      s.given.endpoints.further_urls = {"ws://second/"};
      s.given.endpoints.next_at_once = next_at_once;
      s.given.endpoints.cool_down = 0s;
      s.in.network()->behave(server_at, port_behaviour::refuses);
      second.on_upgrade(answers_with(503, {{"Retry-After", wish}}));
      s.start();
      BOOST_REQUIRE(s.in.run_until([&] { return second.accepted() == 1U; }, 5s));
      s.in.network()->behave(server_at, port_behaviour::accepts);
      BOOST_TEST(s.reaches(connection_state::connected, 5s));
      BOOST_TEST(second.accepted() == 1U);
    }
  }
}

// covers R54
BOOST_AUTO_TEST_CASE(the_refusal_of_one_server_does_not_delay_another) {
  scenario s;
  server second(s.in, other_at);
  s.in.network()->add_name("second", {other_at.address});
  s.given.endpoints.further_urls = {"ws://second/"};
  s.given.endpoints.cool_down = 0s;
  s.given.endpoints.prefer_primary = true;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(2min);  // a stable session at the second one: its refusals are counted
  second.on_upgrade(answers_with(404));
  s.in.network()->reset_links();
  BOOST_REQUIRE(s.in.run_until([&] { return second.accepted() == 2U; }, 10s));
  s.in.network()->behave(server_at, port_behaviour::accepts);
  BOOST_TEST(s.reaches(connection_state::connected, 3s));
}

// covers R52
BOOST_AUTO_TEST_CASE(a_wish_that_cannot_be_read_holds_after_an_attempt_to_move_too) {
  line_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.backend.on_upgrade(answers_with(503, {{"Retry-After", "soon"}}));
  s.say("leave 0");
  BOOST_REQUIRE(s.in.run_until([&] { return s.backend.accepted() == 2U; }, 3s));
  s.in.run_for(2s);
  BOOST_REQUIRE((conn.status() == connection_state::connected));
  s.in.network()->reset_links();
  s.in.run_for(12s);
  BOOST_TEST(s.backend.accepted() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
