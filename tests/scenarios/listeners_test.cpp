// Listeners: who is called, in which order, and what a callback may do.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

#include "scenario.hpp"

BOOST_AUTO_TEST_SUITE(listeners)

namespace {

using callback = std::function<void(const observed_change&)>;

connection_listener every_change(callback call) { return {.on_state_change = std::move(call)}; }

// Writes "name:state" for each transition.
connection_listener notes(std::string& into, const std::string& name) {
  return every_change([&into, name](const observed_change& change) {
    into += (into.empty() ? "" : " ") + name + ':' + std::string(to_string(change.to));
  });
}

// Writes the name of each callback as it is called.
connection_listener names(std::string& into) {
  const auto note = [&into](std::string name) -> callback {
    return
        [&into, name = std::move(name)](const observed_change&) { into += (into.empty() ? "" : " ") + name; };
  };
  return {.on_connecting = note("connecting"),
          .on_connected = note("connected"),
          .on_disconnected = note("disconnected"),
          .on_feature_throttled = note("throttled"),
          .on_connection_error = note("error"),
          .on_state_change = note("change")};
}

std::size_t lines_with(const scenario& s, std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      s.log_lines, [text](const std::string& line) { return line.find(text) != std::string::npos; }));
}

void drop(scenario& s) {
  s.in.run_for(20s);
  s.in.network()->reset_links();
  s.in.run_for(10s);
}

}  // namespace

// covers G18
BOOST_AUTO_TEST_CASE(a_taken_id_is_refused_and_logged_and_the_first_goes_on_being_called) {
  std::string seen;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  BOOST_TEST(conn.add_connection_listener("id", notes(seen, "first")));
  BOOST_TEST(s.log_lines.size() == 0U);
  BOOST_TEST(!conn.add_connection_listener("id", notes(seen, "second")));
  BOOST_TEST(lines_with(s, "\"id\"") == 1U);
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(seen == "first:connecting first:connected");
  // Free again after it was removed.
  BOOST_TEST(conn.remove_connection_listener("id"));
  BOOST_TEST(conn.add_connection_listener("id", notes(seen, "third")));
}

// covers G19
BOOST_AUTO_TEST_CASE(all_are_called_in_order_of_registration_for_each_transition) {
  std::string seen;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  for (const auto* name : {"b", "c", "a"}) conn.add_connection_listener(name, notes(seen, name));
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(seen == "b:connecting c:connecting a:connecting b:connected c:connected a:connected");
}

// covers G19
BOOST_AUTO_TEST_CASE(all_see_a_transition_before_any_of_them_sees_the_next) {
  std::string seen;
  scenario s;
  s.given.retry.decide = [](const attempt_record&, const retry_decision&) {
    return retry_decision{0s, "at once"};  // so that two transitions come in one turn
  };
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (const auto* name : {"b", "a"}) conn.add_connection_listener(name, notes(seen, name));
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_TEST(seen == "b:disconnected a:disconnected b:connecting a:connecting");
}

// covers G20, R18
BOOST_AUTO_TEST_CASE(a_callback_may_remove_its_own_listener) {
  std::string seen;
  int calls = 0;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("once", every_change([&](const observed_change&) {
                                 ++calls;
                                 BOOST_TEST(conn.remove_connection_listener("once"));
                                 BOOST_TEST(!conn.remove_connection_listener("once"));
                               }));
  conn.add_connection_listener("other", notes(seen, "other"));
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(calls == 1);
  BOOST_TEST(seen == "other:connecting other:connected");
}

// covers G20, R18, R19
BOOST_AUTO_TEST_CASE(a_listener_removed_in_its_first_callback_of_a_transition_gets_no_further_one) {
  std::string seen;
  scenario s;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  auto callbacks = names(seen);
  callbacks.on_connection_error = [&](const observed_change&) {
    seen += " error";
    conn.remove_connection_listener("once");
  };
  conn.add_connection_listener("once", std::move(callbacks));
  conn.run(net::detached);
  s.in.run_for(1min);
  BOOST_TEST(seen == "connecting change error");
}

// covers G20, R18
BOOST_AUTO_TEST_CASE(a_listener_added_in_a_callback_begins_with_the_next_transition) {
  std::string seen;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("adds", {.on_connecting = [&](const observed_change&) {
                                 conn.add_connection_listener("added", notes(seen, "added"));
                               }});
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(seen == "added:connected");
}

// covers G20, R18
BOOST_AUTO_TEST_CASE(a_listener_removed_by_another_during_dispatch_is_not_called_any_more) {
  std::string seen;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("before", notes(seen, "before"));
  conn.add_connection_listener("removes", {.on_connecting = [&](const observed_change&) {
                                 BOOST_TEST(conn.remove_connection_listener("before"));
                                 BOOST_TEST(conn.remove_connection_listener("after"));
                               }});
  conn.add_connection_listener("after", notes(seen, "after"));
  conn.add_connection_listener("last", notes(seen, "last"));
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(seen == "before:connecting last:connecting last:connected");
}

// covers G21
BOOST_AUTO_TEST_CASE(a_callback_that_throws_is_reported_and_stops_nobody) {
  std::string seen;
  int calls = 0;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  const auto throws = [&calls](auto what) {
    return every_change([&calls, what](const observed_change&) {
      ++calls;
      throw what;
    });
  };
  conn.add_connection_listener("plain", throws(std::runtime_error("out of cheese")));
  conn.add_connection_listener("system", throws(boost::system::system_error(net::error::timed_out)));
  conn.add_connection_listener("odd", throws(42));
  conn.add_connection_listener("good", notes(seen, "good"));
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(calls == 6);  // three that throw, called for both transitions
  BOOST_TEST(seen == "good:connecting good:connected");
  BOOST_TEST(lines_with(s, "\"plain\" threw: out of cheese") == 2U);
  BOOST_TEST(lines_with(s, "\"system\" threw: " + error_code(net::error::timed_out).message()) == 2U);
  BOOST_TEST(lines_with(s, "\"odd\"") == 2U);
  BOOST_TEST((conn.status() == connection_state::connected));
}

// covers G22
BOOST_AUTO_TEST_CASE(removing_an_unknown_id_is_false_and_does_nothing) {
  std::string seen;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("known", notes(seen, "known"));
  BOOST_TEST(!conn.remove_connection_listener("unknown"));
  BOOST_TEST(!conn.remove_connection_listener(""));
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(seen == "known:connecting known:connected");
}

// covers G23, R15
BOOST_AUTO_TEST_CASE(a_listener_added_while_connected_is_called_at_once_only_if_it_asks_for_replay) {
  std::string plain;
  std::string replayed;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.add_connection_listener("plain", names(plain));
  conn.add_connection_listener("replayed", names(replayed), {.replay_current = true});
  s.in.run_for(15s);
  BOOST_TEST(plain == "");
  BOOST_TEST(replayed == "connected change");
  drop(s);
  BOOST_TEST(plain == "error disconnected change connecting change connected change");
  BOOST_TEST(replayed == "connected change " + plain);
}

// covers G23
BOOST_AUTO_TEST_CASE(before_the_first_transition_there_is_nothing_to_replay) {
  std::string seen;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("replayed", notes(seen, "replayed"), {.replay_current = true});
  s.in.run_for(1min);
  BOOST_TEST(seen == "");
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(seen == "replayed:connecting replayed:connected");
}

// covers R15
BOOST_AUTO_TEST_CASE(replay_begins_with_the_current_transition_and_leaves_no_gap_whenever_it_is_asked_for) {
  std::map<int, std::vector<std::uint64_t>> seen;
  std::map<int, std::uint64_t> first;
  scenario s;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  for (int i = 0; i < 3; ++i) {
    // Added by callbacks, that is in the middle of a dispatch.
    conn.add_connection_listener("adds" + std::to_string(i), every_change([&, i](const observed_change& at) {
                                   const auto id = static_cast<int>(at.sequence) * 3 + i;
                                   first[id] = conn.snapshot().sequence;
                                   conn.add_connection_listener(
                                       std::to_string(id), every_change([&, id](const observed_change& c) {
                                         seen[id].push_back(c.sequence);
                                       }),
                                       {.replay_current = true});
                                 }));
  }
  conn.run(net::detached);
  s.in.run_for(20s);
  const auto last = conn.snapshot().sequence;
  BOOST_TEST(last > 5U);
  BOOST_TEST(seen.size() == 3 * last);
  for (const auto& [id, sequences] : seen) {
    BOOST_REQUIRE(sequences.size() == last - first[id] + 1);
    for (std::size_t i = 0; i < sequences.size(); ++i) BOOST_TEST(sequences[i] == first[id] + i);
  }
}

// covers G24
BOOST_AUTO_TEST_CASE(the_eleventh_listener_is_logged_as_a_likely_leak_and_works) {
  std::string seen;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  for (int i = 1; i <= 10; ++i) conn.add_connection_listener(std::to_string(i), {});
  BOOST_TEST(s.log_lines.empty());
  BOOST_TEST(conn.add_connection_listener("eleventh", notes(seen, "eleventh")));
  BOOST_TEST(s.log_lines.size() == 1U);
  BOOST_TEST(lines_with(s, "11 listeners") == 1U);
  conn.run(net::detached);
  s.in.run_for(1s);
  BOOST_TEST(seen == "eleventh:connecting eleventh:connected");
}

// covers R11
BOOST_AUTO_TEST_CASE(an_error_is_reported_once_per_failure_and_before_the_state) {
  std::string seen;
  scenario s;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.add_connection_listener("names", names(seen));
  conn.run(net::detached);
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().sequence == 4; }, 1min));
  s.in.network()->behave(server_at, port_behaviour::accepts);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.settle();
  const std::string failed = "connecting change error disconnected change ";
  BOOST_TEST(seen == failed + failed + "connecting change connected change");
  seen.clear();
  drop(s);
  BOOST_TEST(seen == "error disconnected change connecting change connected change");
}

BOOST_AUTO_TEST_CASE(what_the_program_asked_for_is_not_an_error) {
  std::string seen;
  scenario s;
  auto& conn = s.start();
  conn.add_connection_listener("names", names(seen));
  const auto again = [&] {
    conn.connect(net::detached);
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.settle();
    seen.clear();
  };
  again();
  conn.disconnect(net::detached);  // while connected
  s.in.run_for(1s);
  BOOST_TEST(seen == "disconnected change");
  again();
  conn.disconnect(net::detached);
  s.in.run_for(1s);
  conn.connect(net::detached);
  s.in.settle();
  seen.clear();
  conn.disconnect(net::detached);  // while connecting
  s.in.run_for(1s);
  BOOST_TEST(seen == "disconnected change");
  again();
  conn.enter_background();
  s.in.run_for(1s);
  BOOST_TEST(seen == "disconnected change");
  conn.enter_foreground();
  again();
  s.in.network()->silence_links();
  conn.close(net::detached);  // the peer answers nothing, and it is still no error
  s.in.run_for(1min);
  BOOST_TEST(seen == "disconnected change");
}

BOOST_AUTO_TEST_CASE(nor_is_a_run_that_is_cancelled) {
  std::string seen;
  scenario s;
  net::cancellation_signal stop;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  conn.run(net::bind_cancellation_slot(stop.slot(), net::detached));
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.settle();
  conn.add_connection_listener("names", names(seen));
  stop.emit(net::cancellation_type::terminal);
  s.in.run_for(1min);
  BOOST_TEST(seen == "disconnected change");
}

// covers R76 R71
BOOST_AUTO_TEST_CASE(a_callback_that_throws_does_not_keep_the_others_from_being_called) {
  std::string seen;
  scenario s;
  auto& conn = s.conn.emplace(s.in.executor(), s.given);
  const auto fails = [](const observed_change&) { throw std::runtime_error("no"); };
  const auto writes = [&seen](const char* what) {
    return [&seen, what](const observed_change&) { seen += what; };
  };
  conn.add_connection_listener("a", {.on_connected = fails,
                                     .on_disconnected = writes("disconnected "),
                                     .on_session = writes("session "),
                                     .on_connection_error = fails,
                                     .on_state_change = writes("change ")});
  conn.run(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.settle();
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_TEST(seen == "change session change disconnected change ");
  BOOST_TEST(s.log_lines.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
