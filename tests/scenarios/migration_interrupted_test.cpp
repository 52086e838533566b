// Moves that do not come to their end undisturbed: stopped, destroyed, cut off, refused, in every phase.
#include <string>

#include "line_protocol.hpp"

BOOST_AUTO_TEST_SUITE(moving)

namespace {

// How far a move has come when it is interrupted.
enum class phase { dialling, leaving, logging_in };

struct unconfirmed_protocol final : line_protocol_base {
  [[nodiscard]] bool acknowledges() const noexcept override { return false; }
};

struct moving_scenario : line_scenario {
  explicit moving_scenario(phase until, bool acknowledged = true) {
    if (!acknowledged) given.protocol = [] { return std::make_unique<unconfirmed_protocol>(); };
    serve([this, until](server_session& session) -> net::awaitable<void> {
      const bool first = ++sessions == 1;
      if (first || until != phase::logging_in) co_await session.send("ready");
      if (first && until == phase::leaving) co_await session.fall_silent_for(1min);
    });
    start();
    BOOST_REQUIRE(reaches(connection_state::connected));
    backend.never_upgrade(until == phase::dialling);
    conn->migrate(moved.handler());
    in.run_for(1s);
    BOOST_REQUIRE(moved.calls == 0);
    BOOST_REQUIRE(backend.accepted() == 2u);
    conn->send("in between", sent.send_handler());
  }
  int sessions = 0;
  outcome moved, sent;
};

}  // namespace

// covers R34
BOOST_AUTO_TEST_CASE(disconnect_and_close_end_a_move_in_every_phase) {
  for (const auto until : {phase::dialling, phase::leaving, phase::logging_in}) {
    for (const bool for_good : {false, true}) {
      moving_scenario s(until);
      recorder seen(*s.conn);
      outcome stopped;
      const auto begun = clock::now();
      if (for_good) {
        s.conn->close(stopped.handler());
      } else {
        s.conn->disconnect(stopped.handler());
      }
      s.in.run_for(1min);
      BOOST_TEST(stopped.calls == 1);
      BOOST_TEST((stopped.at - begun <= 3'100ms));
      BOOST_TEST(s.moved.calls == 1);
      BOOST_TEST(!!s.moved.ec);
      BOOST_TEST(s.sent.calls == 1);
      BOOST_TEST(seen.states() == "disconnected");
      BOOST_TEST(seen.changes().back().reason.error ==
                 make_error_code(for_good ? error::closed : error::disconnect_requested));
      BOOST_TEST(s.in.network()->open_links() == 0u);
    }
  }
}

// covers G43
BOOST_AUTO_TEST_CASE(the_handle_can_be_destroyed_in_every_phase_of_a_move) {
  for (const auto until : {phase::dialling, phase::leaving, phase::logging_in}) {
    moving_scenario s(until);
    s.conn.reset();
    s.in.run_for(1s);
    BOOST_TEST(s.moved.calls == 1);
    BOOST_TEST(s.sent.calls == 1);
    BOOST_TEST(s.in.network()->open_links() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(a_session_that_ends_while_the_next_socket_is_dialled_is_followed_as_always) {
  moving_scenario s(phase::dialling);
  recorder seen(*s.conn);
  s.backend.never_upgrade(false);
  s.in.network()->reset_links();
  BOOST_REQUIRE(s.in.run_until([&] { return seen.count(connection_state::connected) == 1; }, 1min));
  BOOST_TEST(s.moved.calls == 1);
  BOOST_TEST(!!s.moved.ec);
  BOOST_TEST(seen.states() == "disconnected connecting connected");
  s.in.run_for(1s);
  BOOST_TEST(s.in.network()->open_links() == 1u);
}

BOOST_AUTO_TEST_CASE(an_old_socket_that_breaks_while_it_is_left_does_not_break_the_move) {
  scenario s;
  int sessions = 0;
  server_session* first = nullptr;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    if (++sessions == 1) first = &session;
    if (sessions == 1) co_return co_await session.fall_silent_for(1min);
    co_await session.echo();
  });
  auto& conn = s.start();
  recorder seen(conn);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome moved;
  conn.migrate(moved.handler());
  s.in.run_for(1s);
  first->drop();
  s.in.run_for(1s);
  BOOST_TEST(moved.calls == 1);
  BOOST_TEST(!moved.ec);
  BOOST_TEST(seen.states() == "connected connected");
}

BOOST_AUTO_TEST_CASE(a_login_that_fails_after_the_move_is_a_loss_like_any_other) {
  moving_scenario s(phase::logging_in);
  recorder seen(*s.conn);
  s.say("what");
  BOOST_TEST(s.moved.calls == 1);
  BOOST_TEST(s.moved.ec == make_error_code(error::protocol_failed));
  BOOST_TEST(seen.trace().starts_with("disconnected[login: "));
  // The protocol acknowledges: what was given meanwhile is not lost.
  s.serve(says({"ready"}));
  BOOST_REQUIRE(s.in.run_until([&] { return s.sent.calls == 1; }, 1min));
  BOOST_TEST((s.sent.delivered == delivery::not_sent || s.sent.delivered == delivery::acked));
}

// It would have been refused in the state that follows.
BOOST_AUTO_TEST_CASE(without_acknowledgements_what_waited_for_the_move_alone_is_not_sent) {
  moving_scenario s(phase::logging_in, false);
  outcome patient;
  s.conn->send("patient", {.when_offline = offline_rule::wait}, patient.send_handler());
  s.say("what");
  BOOST_TEST(s.sent.calls == 1);
  BOOST_TEST((s.sent.delivered == delivery::not_sent));
  BOOST_TEST(patient.calls == 0);
  s.serve(says({"ready"}));
  BOOST_REQUIRE(s.in.run_until([&] { return patient.calls == 1; }, 1min));
  BOOST_TEST((patient.delivered == delivery::written));
}

// covers R61
BOOST_AUTO_TEST_CASE(what_was_accepted_leaves_before_the_end_also_when_a_move_is_under_way) {
  scenario s;
  std::size_t got = 0;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    while (const auto text = co_await session.receive()) ++got;
  });
  s.in.network()->conditions = {.window_bytes = 1'000, .bytes_per_second = 10'000};
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::vector<outcome> sent(20);
  for (std::size_t i = 0; i < 10; ++i) conn.send(std::string(1'000, 'x'), sent[i].send_handler());
  conn.migrate(net::detached);
  BOOST_REQUIRE(s.in.run_until([&] { return s.backend.accepted() == 2U; }, 1s));
  s.in.run_for(200ms);
  for (std::size_t i = 10; i < 20; ++i) conn.send("in between", sent[i].send_handler());
  outcome closed;
  conn.close(closed.handler());
  s.in.run_for(1min);
  BOOST_TEST(closed.calls == 1);
  BOOST_TEST(std::ranges::count(sent, delivery::written, &outcome::delivered) == 20);
  BOOST_TEST(got == 20U);
}

// covers R61
BOOST_AUTO_TEST_CASE(the_same_holds_for_a_protocol_that_acknowledges) {
  line_scenario s;
  std::string got;
  s.serve([&](server_session& session) -> net::awaitable<void> {
    co_await session.send("ready");
    while (const auto text = co_await session.receive()) got += text->payload.substr(0, 1);
  });
  s.in.network()->conditions = {.window_bytes = 1'000, .bytes_per_second = 10'000};
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (int i = 0; i < 10; ++i) conn.send(std::string(1'000, 'x'), net::detached);
  conn.migrate(net::detached);
  BOOST_REQUIRE(s.in.run_until([&] { return s.backend.accepted() == 2U; }, 1s));
  s.in.run_for(200ms);
  for (int i = 0; i < 10; ++i) conn.send("in between", net::detached);
  conn.close();
  s.in.run_for(1min);
  BOOST_TEST(std::ranges::count(got, 'm') == 20);
}

BOOST_AUTO_TEST_SUITE_END()
