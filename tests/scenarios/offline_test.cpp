// What becomes of messages that are sent while there is no session, as their sender has said it.
#include <deque>
#include <string>
#include <vector>

#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(offline)

namespace {

constexpr send_options waits{.when_offline = offline_rule::wait};
constexpr send_options queued{.when_offline = offline_rule::queue};

// A server that can refuse, and that keeps what it gets.
struct moody_server {
  explicit moody_server(scenario& s) {
    s.backend.on_upgrade(
        [this](const http_head&) { return open ? std::nullopt : std::optional(http_answer{.status = 503}); });
    s.backend.on_session([this](server_session& session) { return collect(session); });
  }
  net::awaitable<void> collect(server_session& session) {
    while (auto next = co_await session.receive()) got.push_back(std::move(next->payload));
  }
  bool open = false;
  std::vector<std::string> got{};
};

bool arrives(scenario& s, const moody_server& at, std::size_t count) {
  return s.in.run_until([&] { return at.got.size() == count; }, 5min);
}

}  // namespace

// covers G30
BOOST_AUTO_TEST_CASE(a_message_that_may_wait_is_sent_once_when_there_is_a_session) {
  scenario s;
  moody_server at(s);
  auto& conn = s.start();
  outcome waiting, failing, second;
  conn.send("waits", waits, waiting.send_handler());
  conn.send("fails", failing.send_handler());
  conn.send("waits too", queued, second.send_handler());
  s.in.run_for(20s);
  BOOST_TEST(failing.calls == 1);
  BOOST_TEST(failing.ec == make_error_code(error::no_connection));
  BOOST_TEST(waiting.calls == 0);
  at.open = true;
  BOOST_REQUIRE(arrives(s, at, 2));
  s.in.run_for(1min);
  BOOST_TEST((at.got == std::vector<std::string>{"waits", "waits too"}));
  for (const auto* each : {&waiting, &second}) {
    BOOST_TEST(each->calls == 1);
    BOOST_TEST((each->delivered == delivery::written));
  }
}

// covers G30
BOOST_AUTO_TEST_CASE(what_waits_leaves_before_what_is_sent_when_connected_is_told) {
  scenario s;
  moody_server at(s);
  at.open = true;
  auto& conn = s.start();
  conn.send("first", waits, net::detached);
  conn.add_connection_listener(
      "eager", {.on_connected = [&](const observed_change&) { conn.send("second", net::detached); }});
  BOOST_REQUIRE(arrives(s, at, 2));
  BOOST_TEST((at.got == std::vector<std::string>{"first", "second"}));
}

// covers R39
BOOST_AUTO_TEST_CASE(what_had_not_left_when_the_link_died_leaves_in_the_next_session_in_its_order) {
  scenario s;
  std::vector<std::string> got;
  int sessions = 0;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    if (++sessions == 1) co_return co_await session.fall_silent_for(5s);
    while (auto next = co_await session.receive()) got.push_back(next->payload.substr(0, 1));
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::deque<outcome> sent(4);
  const std::string much(200'000, '.');
  for (std::size_t i = 0; i < 4; ++i) {
    const auto rule = i == 2 ? offline_rule::fail : offline_rule::wait;
    conn.send(std::to_string(i) + much, {.when_offline = rule}, sent[i].send_handler());
  }
  s.in.run_for(4s);  // the link holds less than one of them
  BOOST_REQUIRE(sent[3].calls == 0);
  BOOST_REQUIRE(s.in.run_until([&] { return sent[3].calls == 1; }, 1min));
  BOOST_TEST((sent[2].delivered == delivery::not_sent));
  BOOST_TEST((sent[3].delivered == delivery::written));
  s.in.run_for(10s);
  std::string order;
  for (const auto& each : got) order += each;
  BOOST_TEST(order.find('2') == std::string::npos);
  BOOST_TEST(order.ends_with("3"));
  BOOST_TEST(std::ranges::is_sorted(order));
}

// covers R39
BOOST_AUTO_TEST_CASE(what_a_closing_handshake_cut_off_leaves_first_in_the_next_session) {
  scenario s;
  std::string order;
  int sessions = 0;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    if (++sessions == 1) co_return co_await session.fall_silent_for(1min);
    while (auto next = co_await session.receive()) order += next->payload.front();
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (const char* each : {"0", "1", "2"}) conn.send(each + std::string(200'000, '.'), waits, net::detached);
  s.in.run_for(1s);
  conn.enter_background();  // the first of them is half written
  s.in.run_for(10s);
  conn.enter_foreground();
  s.in.run_for(20s);
  BOOST_TEST(sessions == 2);
  BOOST_TEST(order == "012");
}

// covers R38
BOOST_AUTO_TEST_CASE(an_hour_without_a_server_at_a_thousand_messages_a_second_ends_each_with_a_reason) {
  scenario s;
  moody_server at(s);
  s.given.limits.outbound_messages = 100;
  auto& conn = s.start();
  std::size_t dropped = 0;
  std::size_t written = 0;
  std::size_t others = 0;
  std::size_t sent = 0;
  for (int second = 0; second < 3600; ++second) {
    for (int i = 0; i < (is_sanitized ? 50 : 1000); ++i, ++sent) {
      conn.send("x", queued, [&](send_result result) {
        if (result.outcome == delivery::dropped && result.reason == error::outbound_full) {
          ++dropped;
        } else {
          ++(result.outcome == delivery::written ? written : others);
        }
      });
    }
    s.in.run_for(1s);
    if (second % 600 == 599) BOOST_TEST(dropped == sent - 100);
  }
  at.open = true;
  BOOST_REQUIRE(arrives(s, at, 100));
  s.in.run_for(1s);
  BOOST_TEST(written == 100U);
  BOOST_TEST(dropped == sent - 100);
  BOOST_TEST(others == 0U);
}

// covers R38
BOOST_AUTO_TEST_CASE(at_the_limit_what_may_wait_is_never_dropped_for_what_is_queued) {
  scenario s;
  moody_server at(s);
  s.given.limits.outbound_messages = 3;
  auto& conn = s.start();
  outcome first, second, third, fourth, fifth;
  conn.send("1", queued, first.send_handler());
  conn.send("2", waits, second.send_handler());
  conn.send("3", waits, third.send_handler());
  conn.send("4", waits, fourth.send_handler());
  conn.send("5", queued, fifth.send_handler());
  s.in.settle();
  BOOST_TEST((fourth.delivered == delivery::not_sent));
  BOOST_TEST(fourth.ec == make_error_code(error::outbound_full));
  BOOST_TEST((first.delivered == delivery::dropped));
  BOOST_TEST(first.ec == make_error_code(error::outbound_full));
  outcome sixth, seventh;
  conn.send("6", queued, sixth.send_handler());                                // in the place of 5
  conn.send(std::string((1 << 20) - 1, '7'), queued, seventh.send_handler());  // too much beside 2 and 3
  s.in.settle();
  BOOST_TEST((fifth.delivered == delivery::dropped));
  BOOST_TEST((seventh.delivered == delivery::not_sent));
  at.open = true;
  s.in.run_for(1min);
  // 6 was not dropped for 7, which would not have had room even so.
  BOOST_TEST(at.got == (std::vector<std::string>{"2", "3", "6"}), boost::test_tools::per_element());
}

// covers R38
BOOST_AUTO_TEST_CASE(the_latest_value_of_a_key_takes_the_place_of_the_one_before) {
  scenario s;
  moody_server at(s);
  s.given.limits.outbound_messages = 2;
  auto& conn = s.start();
  outcome away, typing, here;
  conn.send("away", {.when_offline = offline_rule::wait, .key = "presence"}, away.send_handler());
  conn.send("typing", {.when_offline = offline_rule::wait, .key = "typing"}, typing.send_handler());
  conn.send("here", {.when_offline = offline_rule::wait, .key = "presence"}, here.send_handler());
  s.in.settle();
  BOOST_TEST((away.delivered == delivery::dropped));
  BOOST_TEST(away.ec == make_error_code(error::message_superseded));
  at.open = true;
  BOOST_REQUIRE(arrives(s, at, 2));
  BOOST_TEST((at.got == std::vector<std::string>{"typing", "here"}));
}

// covers R38
BOOST_AUTO_TEST_CASE(a_message_waits_no_longer_than_it_lives) {
  scenario s;
  moody_server at(s);
  auto& conn = s.start();
  const auto begun = s.in.now();
  outcome late, early, forever;
  conn.send("late", {.when_offline = offline_rule::wait, .time_to_live = 20s}, late.send_handler());
  conn.send("early", {.when_offline = offline_rule::queue, .time_to_live = 10s}, early.send_handler());
  conn.send("forever", waits, forever.send_handler());
  s.in.run_for(1min);
  BOOST_TEST((early.at - begun == 10s));
  BOOST_TEST((late.at - begun == 20s));
  for (const auto* each : {&late, &early}) {
    BOOST_TEST(each->calls == 1);
    BOOST_TEST((each->delivered == delivery::dropped));
    BOOST_TEST(each->ec == make_error_code(error::message_expired));
  }
  at.open = true;
  BOOST_REQUIRE(arrives(s, at, 1));
  BOOST_TEST(at.got[0] == "forever");
}

// covers R37
BOOST_AUTO_TEST_CASE(where_no_session_will_come_by_itself_nothing_waits) {
  scenario s;
  moody_server at(s);
  auto& conn = s.start();
  outcome waiting, after, again, closed;
  conn.send("waits", waits, waiting.send_handler());
  conn.disconnect(net::detached);
  s.in.settle();
  BOOST_TEST(waiting.calls == 1);
  BOOST_TEST((waiting.delivered == delivery::not_sent));
  BOOST_TEST(waiting.ec == make_error_code(error::disconnect_requested));
  conn.send("after", waits, after.send_handler());
  s.in.settle();
  BOOST_TEST(after.ec == make_error_code(error::no_connection));
  at.open = true;
  conn.connect(net::detached);
  conn.send("again", waits, again.send_handler());  // the command is still on its way
  BOOST_REQUIRE(arrives(s, at, 1));
  BOOST_TEST((again.delivered == delivery::written));
  at.open = false;
  conn.close(net::detached);
  s.in.settle();
  conn.send("closed", waits, closed.send_handler());
  s.in.run_for(5s);
  BOOST_TEST(closed.calls == 1);
  BOOST_TEST((closed.delivered == delivery::not_sent));
  BOOST_TEST(closed.ec == make_error_code(error::closed));
  outcome in_vain;
  conn.connect(net::detached);  // too late
  conn.send("in vain", waits, in_vain.send_handler());
  s.in.settle();
  BOOST_TEST(in_vain.calls == 1);
  BOOST_TEST(in_vain.ec == make_error_code(error::closed));
}

// covers R37
BOOST_AUTO_TEST_CASE(what_waits_in_a_connection_that_never_runs_ends_with_it) {
  for (const bool destroyed : {false, true}) {
    scenario s;
    outcome waiting;
    s.conn.emplace(s.in.executor(), s.given);
    s.conn->send("waits", waits, waiting.send_handler());
    s.in.settle();
    BOOST_TEST(waiting.calls == 0);
    if (destroyed) {
      s.conn.reset();
    } else {
      s.conn->close(net::detached);
    }
    s.in.settle();
    BOOST_TEST(waiting.calls == 1);
    BOOST_TEST((waiting.delivered == delivery::not_sent));
    BOOST_TEST(waiting.ec ==
               (destroyed ? make_error_code(net::error::operation_aborted) : make_error_code(error::closed)));
  }
}

// covers R33
BOOST_AUTO_TEST_CASE(a_message_that_waits_can_be_cancelled_and_is_not_sent_then) {
  scenario s;
  moody_server at(s);
  auto& conn = s.start();
  outcome waiting, destroyed;
  net::cancellation_signal cancel;
  conn.send("cancelled", waits, net::bind_cancellation_slot(cancel.slot(), waiting.send_handler()));
  conn.send("destroyed", {.when_offline = offline_rule::wait, .time_to_live = 1h}, destroyed.send_handler());
  s.in.settle();
  cancel.emit(net::cancellation_type::terminal);
  s.in.settle();
  BOOST_TEST(waiting.calls == 1);
  BOOST_TEST((waiting.delivered == delivery::not_sent));
  BOOST_TEST(waiting.ec == make_error_code(net::error::operation_aborted));
  s.conn.reset();
  s.in.run_for(1s);
  BOOST_TEST(destroyed.calls == 1);
  BOOST_TEST(destroyed.ec == make_error_code(net::error::operation_aborted));
  BOOST_TEST(s.run_ended.has_value());
}

// covers R33
BOOST_AUTO_TEST_CASE(a_message_that_waits_for_a_session_obeys_each_type_of_cancellation) {
  for (const auto type :
       {net::cancellation_type::terminal, net::cancellation_type::partial, net::cancellation_type::total}) {
    scenario s;
    moody_server at(s);
    auto& conn = s.start();
    outcome waiting;
    net::cancellation_signal cancel;
    conn.send("cancelled", waits, net::bind_cancellation_slot(cancel.slot(), waiting.send_handler()));
    s.in.settle();
    cancel.emit(type);
    s.in.settle();
    BOOST_TEST(waiting.calls == 1);
    BOOST_TEST((waiting.delivered == delivery::not_sent));
    BOOST_TEST(waiting.ec == make_error_code(net::error::operation_aborted));
    at.open = true;
    conn.send("other", waits, net::detached);
    BOOST_REQUIRE(arrives(s, at, 1));
    BOOST_TEST(at.got[0] == "other");
  }
}

// covers R38
BOOST_AUTO_TEST_CASE(a_message_that_may_yet_be_refused_replaces_only_its_like) {
  scenario s;
  s.in.network()->conditions.latency = 100ms;  // the client lingers until the server has its close frame
  moody_server at(s);
  at.open = true;
  int sessions = 0;
  s.backend.on_session([&](server_session& session) {
    if (++sessions == 1) return close_after(session, 1s, 1001, "");
    return at.collect(session);
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1050ms);
  BOOST_REQUIRE((conn.status() == connection_state::connected));
  outcome kept, replaced, refused;
  conn.send("kept", {.when_offline = offline_rule::wait, .key = "k"}, kept.send_handler());
  conn.send("replaced", {.key = "k"}, replaced.send_handler());
  conn.send("refused", {.key = "k"}, refused.send_handler());
  s.in.settle();
  BOOST_TEST(kept.calls == 0);
  BOOST_TEST((replaced.ec == error::message_superseded));
  BOOST_TEST(refused.calls == 0);
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  s.in.settle();
  BOOST_TEST(kept.calls == 0);
  BOOST_TEST((refused.delivered == delivery::not_sent));
  BOOST_TEST((refused.ec == error::closed_by_peer));
  BOOST_REQUIRE(arrives(s, at, 1));
  BOOST_TEST(at.got[0] == "kept");
}

// covers G30
BOOST_AUTO_TEST_CASE(a_time_to_live_goes_on_when_the_session_ends_before_the_message_has_left) {
  scenario s;
  moody_server at(s);
  at.open = true;
  s.in.network()->conditions = {.window_bytes = 64, .bytes_per_second = 100};
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.send(std::string(10'000, 'x'), net::detached);
  outcome stuck;
  conn.send("stuck", {.when_offline = offline_rule::wait, .time_to_live = 20s}, stuck.send_handler());
  s.in.run_for(5s);
  at.open = false;
  s.in.network()->reset_links();
  s.in.run_for(10s);
  BOOST_TEST(stuck.calls == 0);
  s.in.run_for(6s);
  BOOST_TEST(stuck.calls == 1);
  BOOST_TEST((stuck.delivered == delivery::dropped));
  BOOST_TEST((stuck.ec == error::message_expired));
}

// covers R38
BOOST_AUTO_TEST_CASE(a_time_to_live_may_be_as_long_as_its_type_allows) {
  scenario s;
  s.in.network()->behave(server_at, port_behaviour::swallows);
  auto& conn = s.start();
  outcome sent;
  conn.send("patient", {.when_offline = offline_rule::wait, .time_to_live = std::chrono::milliseconds::max()},
            sent.send_handler());
  s.in.run_for(5s);
  BOOST_TEST(sent.calls == 0);
  s.in.network()->behave(server_at, port_behaviour::accepts);
  BOOST_REQUIRE(s.reaches(connection_state::connected, 1min));
  s.in.settle();
  BOOST_TEST((sent.delivered == delivery::written));
}

BOOST_AUTO_TEST_SUITE_END()
