// Nothing is lost in silence, nobody waits for ever, and observers are told in an order that can be relied
// on.
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "line_protocol.hpp"
#include "way.hpp"

BOOST_AUTO_TEST_SUITE(told)

namespace {

// Of all lines about lost messages, the sum of what they stand for.
std::uint64_t lost_by_the_log(const std::vector<std::string>& lines) {
  std::uint64_t sum = 0;
  for (const auto& line : lines) {
    if (line.find("no caller awaits") == std::string::npos) continue;
    sum += line.starts_with("a message") ? 1 : std::stoull(line);
  }
  return sum;
}

}  // namespace

// covers R71
BOOST_AUTO_TEST_CASE(each_message_that_is_lost_while_nobody_awaits_it_is_counted_in_a_few_lines) {
  scenario s;
  s.given.limits.outbound_messages = 100;
  s.in.network()->conditions = {.window_bytes = 64};
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (int i = 0; i < 2000; ++i) conn.send("a message that is longer than nothing", net::detached);
  s.in.run_for(1s);
  conn.close();
  s.in.run_for(5s);
  BOOST_TEST(lost_by_the_log(s.log_lines) == 1899U);  // the first has left at once
  BOOST_TEST(s.log_lines.size() < 10U);
}

// covers R71
BOOST_AUTO_TEST_CASE(a_message_that_is_dropped_later_is_told_to_the_log_too) {
  scenario s;
  s.in.network()->behave(server_at, port_behaviour::swallows);
  auto& conn = s.start();
  conn.send("patient", {.when_offline = offline_rule::wait, .time_to_live = 2s}, net::detached);
  s.in.run_for(5s);
  BOOST_TEST(lost_by_the_log(s.log_lines) == 1U);
}

// covers R71
BOOST_AUTO_TEST_CASE(a_log_function_may_throw_or_call_the_connection) {
  int lines = 0;  // outlives the connection, whose end is a line, too
  scenario s;
  s.given.log = [&](log_level, std::string_view) {
    ++lines;
    if (s.conn) s.conn->send("about it", {.when_offline = offline_rule::wait}, net::detached);
    throw std::runtime_error("disk full");
  };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.add_connection_listener("a", {.on_disconnected = [](const observed_change&) { throw 1; }});
  conn.disconnect();
  s.in.run_for(5s);
  conn.send("nobody hears this", net::detached);
  BOOST_TEST(lines >= 2);
}

// covers R71
BOOST_AUTO_TEST_CASE(without_a_log_function_warnings_go_to_clog_unless_that_is_switched_off) {
  for (const bool wanted : {true, false}) {
    scenario s;
    s.given.log = {};
    s.given.log_to_clog = wanted;
    std::ostringstream text;
    auto* const before = std::clog.rdbuf(text.rdbuf());
    auto& conn = s.start();
    BOOST_CHECK(s.reaches(connection_state::connected));
    conn.add_connection_listener("a", {});
    conn.add_connection_listener("a", {});
    s.in.settle();
    std::clog.rdbuf(before);
    BOOST_TEST((text.str().find("holdfast: warning: listener \"a\" was refused") != std::string::npos) ==
               wanted);
  }
}

// covers R71
BOOST_AUTO_TEST_CASE(an_option_without_effect_is_a_line_in_the_log) {
  scenario s;
  s.given.endpoints.prefer_primary = true;
  s.start();
  BOOST_REQUIRE(s.log_lines.size() == 1U);
  BOOST_TEST(s.log_lines[0].find("endpoints.prefer_primary") != std::string::npos);
}

// covers R72
BOOST_AUTO_TEST_CASE(a_message_handler_is_called_on_the_executor_that_it_names) {
  scenario s;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    for (int i = 0; i < 3; ++i) co_await session.send(std::to_string(i));
    co_await session.echo();
  });
  net::io_context elsewhere;
  std::string got, later;
  s.conn.emplace(s.in.executor(), s.given);
  s.conn->set_message_handler([&](const message_view& m) { got += m.payload; }, elsewhere.get_executor());
  s.conn->run([](error_code) {});
  s.in.run_for(1s);
  BOOST_TEST(got == "");
  elsewhere.run_one();
  BOOST_TEST(got == "012");
  // Back to the connection's own executor: what comes from now on goes there, in order.
  s.conn->set_message_handler([&](const message_view& m) { later += m.payload; });
  s.conn->send("3", net::detached);
  s.in.run_for(1s);
  elsewhere.restart();
  elsewhere.poll();
  BOOST_TEST(got == "012");
  BOOST_TEST(later == "3");
}

// covers R73
BOOST_AUTO_TEST_CASE(in_automatic_mode_run_and_receive_end_when_the_connection_has_given_up) {
  scenario s;
  s.backend.on_upgrade(answers_with(404));
  outcome receive;
  s.conn.emplace(s.in.executor(), s.given);
  const recorder seen(*s.conn);
  s.conn->receive(receive.handler());
  s.conn->run([&](error_code ec) { s.run_ended = ec; });
  s.in.run_for(1s);
  BOOST_TEST(seen.changes().back().final);
  BOOST_TEST((s.run_ended == make_error_code(error::upgrade_refused)));
  BOOST_TEST((receive.ec == error::upgrade_refused));
}

// covers R73
BOOST_AUTO_TEST_CASE(run_goes_on_after_giving_up_if_the_program_wants_that_or_has_asked_for_the_end) {
  scenario s;
  s.given.keep_running = true;
  s.backend.on_upgrade(answers_with(404));
  auto& conn = s.start();
  s.in.run_for(1s);
  BOOST_TEST(!s.run_ended);
  BOOST_TEST(conn.snapshot().final);
  s.backend.on_upgrade({});
  conn.connect();
  BOOST_TEST(s.reaches(connection_state::connected));
  conn.disconnect();
  s.in.run_for(5s);
  BOOST_TEST(!s.run_ended);
}

// covers R74
BOOST_AUTO_TEST_CASE(run_completes_after_the_last_listener_has_been_called) {
  scenario s;
  net::io_context elsewhere;
  std::vector<std::string> events;
  s.conn.emplace(s.in.executor(), s.given);
  const auto note = [&events](std::string who) {
    return [&events, who = std::move(who)](const observed_change&) { events.push_back(who); };
  };
  s.conn->add_connection_listener("elsewhere", {.on_disconnected = note("elsewhere")},
                                  {.executor = elsewhere.get_executor()});
  s.conn->add_connection_listener("here", {.on_disconnected = note("here")});
  s.conn->run([&](error_code) { events.emplace_back("run"); });
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.conn->close();
  s.in.run_for(5s);
  BOOST_TEST((events == std::vector<std::string>{"here"}));
  elsewhere.poll();
  s.in.settle();
  BOOST_TEST((events == std::vector<std::string>{"here", "elsewhere", "run"}));
}

// covers R74
BOOST_AUTO_TEST_CASE(a_listener_that_is_removed_does_not_hold_run_up) {
  scenario s;
  net::io_context never_run;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.add_connection_listener("stuck", {.on_disconnected = [](const observed_change&) {}},
                               {.executor = never_run.get_executor()});
  conn.close();
  s.in.run_for(5s);
  BOOST_TEST(!s.run_ended);
  conn.remove_connection_listener("stuck");
  s.in.settle();
  BOOST_TEST(s.run_ended.has_value());
}

// covers R76
BOOST_AUTO_TEST_CASE(on_session_is_called_once_per_session_whenever_one_has_registered) {
  line_scenario s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::vector<std::uint64_t> early, late;
  const auto note = [](std::vector<std::uint64_t>& into) {
    return connection_listener{
        .on_session = [&into](const observed_change& change) { into.push_back(change.session); }};
  };
  s.conn->add_connection_listener("early", note(early), {.replay_current = true});
  s.say("hold receipts");
  s.conn->add_connection_listener("late", note(late), {.replay_current = true});
  s.say("free");
  BOOST_TEST((early == std::vector<std::uint64_t>{1}));
  BOOST_TEST((late == std::vector<std::uint64_t>{1}));
  s.in.network()->reset_links();
  s.in.run_for(30s);
  BOOST_TEST((early == std::vector<std::uint64_t>{1, 2}));
  BOOST_TEST((late == std::vector<std::uint64_t>{1, 2}));
}

// covers R68
BOOST_AUTO_TEST_CASE(a_message_says_which_session_has_brought_it_and_when) {
  scenario s;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    co_await session.send("hello");
    co_await session.echo_for(1s);
  });
  auto& conn = s.start();
  s.in.run_for(4s);
  std::vector<std::uint64_t> sessions;
  clock::time_point before{};
  for (int i = 0; i < 2; ++i) {
    conn.receive([&](error_code ec, const message& m) {
      BOOST_TEST(!ec);
      sessions.push_back(m.session);
      BOOST_TEST((m.received > before));
      BOOST_TEST((m.received <= clock::now()));
      before = m.received;
    });
    s.in.settle();
  }
  BOOST_TEST((sessions == std::vector<std::uint64_t>{1, 2}));
}

// covers R71
BOOST_AUTO_TEST_CASE(what_the_programs_rules_drop_does_not_hide_what_is_lost_and_is_not_called_lost) {
  std::vector<std::pair<log_level, std::string>> lines;
  scenario s;
  s.given.log = [&](log_level level, std::string_view line) { lines.emplace_back(level, line); };
  s.in.network()->behave(server_at, port_behaviour::swallows);
  auto& conn = s.start();
  const send_options latest{.when_offline = offline_rule::wait, .key = "position"};
  for (int i = 0; i < 20; ++i) conn.send(std::to_string(i), latest, net::detached);
  conn.send("lost", net::detached);
  s.in.run_for(2s);
  for (int i = 0; i < 20; ++i) conn.send(std::to_string(i), latest, net::detached);
  s.in.run_for(1min);
  const auto warnings = std::ranges::count_if(lines, [](const auto& each) {
    return each.first == log_level::warning && each.second.find("message") != std::string::npos;
  });
  BOOST_TEST(warnings == 1);
  BOOST_TEST(std::ranges::count(lines, log_level::debug, &std::pair<log_level, std::string>::first) >= 2);
}

// covers R71
BOOST_AUTO_TEST_CASE(each_option_that_another_one_makes_idle_is_named) {
  const std::vector<std::pair<std::string, std::function<void(options&)>>> cases{
      {"endpoints.cool_down", [](options& o) { o.endpoints.cool_down = 1s; }},
      {"endpoints.next_at_once", [](options& o) { o.endpoints.next_at_once = false; }},
      {"tls.server_name", [](options& o) { o.tls.server_name = "inner.example"; }},
      {"tls.verify", [](options& o) { o.tls.verify = tls_verify::none; }},
      {"tls.resume_sessions", [](options& o) { o.tls.resume_sessions = false; }},
      {"limits.inbound_messages",
       [](options& o) {
         o.receive_messages = false;
         o.limits.inbound_messages = 7;
       }},
      {"limits.inbound_bytes",
       [](options& o) {
         o.receive_messages = false;
         o.limits.inbound_bytes = 7'000;
       }},
      {"compression.level", [](options& o) { o.compression.level = 9; }},
      {"compression.minimum_bytes", [](options& o) { o.compression.minimum_bytes = 9; }},
      {"compression.client_no_context_takeover",
       [](options& o) { o.compression.client_no_context_takeover = true; }},
      {"compression.server_no_context_takeover",
       [](options& o) { o.compression.server_no_context_takeover = true; }},
      {"compression.client_max_window_bits", [](options& o) { o.compression.client_max_window_bits = 10; }},
      {"compression.server_max_window_bits", [](options& o) { o.compression.server_max_window_bits = 10; }},
      {"congestion.backlog_bytes", [](options& o) { o.congestion.backlog_bytes = 9; }},
      {"congestion.send_latency", [](options& o) { o.congestion.send_latency = 9s; }},
      {"congestion.round_trip", [](options& o) { o.congestion.round_trip = 9s; }},
      {"congestion.calm_for", [](options& o) { o.congestion.calm_for = 9s; }},
      {"deadlines.provider", [](options& o) { o.deadlines.provider = 9s; }},
      {"deadlines.login", [](options& o) { o.deadlines.login = 9s; }}};
  for (const auto& [field, set] : cases) {
    scenario s;
    set(s.given);
    s.start();
    BOOST_TEST_CONTEXT(field) {
      BOOST_REQUIRE(s.log_lines.size() == 1U);
      BOOST_TEST(s.log_lines[0].find("options." + field + " has no effect") != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
