// TLS that does not come to be: servers that hang, hang up, break off, or speak something else, and programs
// that stop in the middle of it.
#include "faults.hpp"
#include "middlebox.hpp"
#include "secure.hpp"
#include "stops.hpp"

BOOST_AUTO_TEST_SUITE(wss_failures)

namespace {

const peer_address relay_at{net::ip::make_address("10.0.0.2"), 443};

// The name leads to a relay, which leads to the server.
void go_through_relay(wss_scenario& s) { s.in.network()->add_name("server", {relay_at.address}); }

}  // namespace

// covers G33 R5
BOOST_AUTO_TEST_CASE(a_server_that_hangs_before_or_in_the_handshake_is_given_up_at_the_deadline_of_tls) {
  for (const std::size_t bytes : {0U, 1U, 90U, 300U}) {
    BOOST_TEST_CONTEXT("after " << bytes << " bytes") {
      wss_scenario s;
      s.backend.stall_tls_after(bytes);
      const auto failed = first_failure(s);
      BOOST_CHECK(failed.reason.error == error::timed_out);
      BOOST_TEST((failed.reason.at == stage::tls));
      BOOST_TEST(failed.reason.peer == "10.0.0.1:443");
      BOOST_TEST((s.in.elapsed() == s.given.deadlines.tls + 2 * s.in.network()->conditions.latency));
      BOOST_TEST(failed.rule == "backoff");
      BOOST_REQUIRE(failed.retry_in.has_value());
      BOOST_TEST(between(clock::duration(s.given.retry.base) / 2, *failed.retry_in, s.given.retry.base));
      BOOST_TEST(s.in.network()->open_links() == 0U);
      const recorder seen(*s.conn);
      s.in.run_for(1min);
      BOOST_REQUIRE(seen.changes().size() >= 4U);
      BOOST_TEST((seen.changes()[0].time == *failed.retry_at()));
      BOOST_TEST((seen.changes()[1].reason.at == stage::tls));
      BOOST_TEST(s.backend.handshakes() == 0U);
      s.backend.stall_tls_after({});
      BOOST_TEST(s.reaches(connection_state::connected, 2min));
    }
  }
}

// covers G33
BOOST_AUTO_TEST_CASE(wherever_a_server_hangs_the_attempt_ends_at_the_deadline_of_its_stage) {
  std::size_t at_tls = 0;
  std::size_t at_upgrade = 0;
  for (std::size_t bytes = 0; bytes < 2400; bytes += 60) {
    wss_scenario s;
    s.backend.stall_tls_after(bytes);
    auto& conn = s.start();
    s.in.run_until([&] { return conn.status() != connection_state::connecting; }, 1min);
    if (s.backend.sessions() != 0) continue;  // it has said enough
    const auto failed = conn.snapshot();
    const auto& deadline = failed.reason.at == stage::tls ? s.given.deadlines.tls : s.given.deadlines.upgrade;
    const bool in_tls = failed.reason.at == stage::tls;
    BOOST_TEST_CONTEXT("after " << bytes << " bytes") {
      BOOST_CHECK(failed.reason.error == error::timed_out);
      BOOST_TEST((in_tls || failed.reason.at == stage::upgrade));
      BOOST_TEST(between(deadline, s.in.elapsed(), deadline + 10ms));
      BOOST_TEST(s.in.network()->open_links() == 0U);
    }
    ++(in_tls ? at_tls : at_upgrade);
  }
  BOOST_TEST(at_tls != 0U);
  BOOST_TEST(at_upgrade != 0U);
}

// covers G33
BOOST_AUTO_TEST_CASE(the_deadline_of_the_attempt_holds_for_tls_too) {
  wss_scenario s;
  s.given.deadlines.attempt = 4s;
  s.backend.stall_tls_after(300);
  const auto failed = first_failure(s);
  BOOST_CHECK(failed.reason.error == error::timed_out);
  BOOST_TEST((failed.reason.at == stage::tls));
  BOOST_TEST((s.in.elapsed() == clock::duration(4s)));
}

// covers G33
BOOST_AUTO_TEST_CASE(a_link_that_falls_silent_in_the_handshake_is_given_up_at_the_deadline_of_tls) {
  wss_scenario s;
  s.in.network()->conditions.latency = 100ms;
  s.start();
  s.in.run_for(350ms);  // the server's answer is under way
  s.in.network()->silence_links();
  BOOST_REQUIRE(s.in.run_until([&] { return s.conn->status() == connection_state::disconnected; }, 1min));
  BOOST_CHECK(s.conn->snapshot().reason.error == error::timed_out);
  BOOST_TEST(s.reaches(connection_state::connected, 1min));
}

// covers R5
BOOST_AUTO_TEST_CASE(a_reset_at_any_moment_of_the_handshake_is_told_and_tried_again) {
  std::size_t in_tls = 0;
  for (int moment = 0; moment <= 70; ++moment) {
    wss_scenario s;
    s.in.network()->conditions.latency = 10ms;
    s.start();
    const recorder seen(*s.conn);
    s.in.run_for(moment * 1ms);
    const bool is_open = s.in.network()->open_links() != 0;
    s.in.network()->reset_links();
    s.in.run_for(1min);
    BOOST_TEST_CONTEXT("after " << moment << " ms") {
      BOOST_TEST(seen.count(connection_state::disconnected) == (is_open ? 1U : 0U));
      for (const auto& each : seen.changes()) {
        if (each.to != connection_state::disconnected) continue;
        BOOST_TEST((each.reason.error == net::error::connection_reset));
        BOOST_TEST(each.retry_in.has_value());
        if (each.reason.at == stage::tls) ++in_tls;
      }
      BOOST_TEST((s.conn->status() == connection_state::connected));
      BOOST_TEST(echoes(s, "hello"));
    }
  }
  BOOST_TEST(in_tls >= 10U);
}

// covers R5
BOOST_AUTO_TEST_CASE(a_line_that_is_cut_at_any_moment_of_the_handshake_is_a_lost_connection) {
  std::size_t in_tls = 0;
  for (int moment = 0; moment <= 120; moment += 2) {
    wss_scenario s;
    go_through_relay(s);
    middlebox relay(s.in, relay_at, secure_server_at);
    s.in.network()->conditions.latency = 10ms;
    s.start();
    const recorder seen(*s.conn);
    s.in.run_for(moment * 1ms);
    relay.cut();
    s.in.run_for(1min);
    BOOST_TEST_CONTEXT("after " << moment << " ms") {
      for (const auto& each : seen.changes()) {
        if (each.to != connection_state::disconnected) continue;
        // Which of the two depends on whether we were about to read or to write.
        BOOST_TEST((each.reason.error == make_error_code(error::connection_lost) ||
                    each.reason.error == net::error::broken_pipe));
        BOOST_TEST(each.retry_in.has_value());
        if (each.reason.at == stage::tls) ++in_tls;
      }
      BOOST_TEST((s.conn->status() == connection_state::connected));
    }
  }
  BOOST_TEST(in_tls >= 10U);
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_speak_tls_is_told_apart) {
  const std::string garbage = "\x16\x03\x03\x01\x01" + std::string(300, 'g');  // a record, and nothing in it
  for (const auto& answer : {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), garbage,
                             std::string("SSH-2.0-x\r\n"), std::string(5000, '\0')}) {
    wss_scenario s;
    answer_with(s.in, secure_server_at, answer, true);
    const auto failed = first_failure(s);
    BOOST_CHECK(failed.reason.error == error::tls_failed);
    BOOST_TEST((failed.reason.at == stage::tls));
    BOOST_TEST(!failed.reason.detail.empty());
    BOOST_TEST(failed.rule == "backoff");
    BOOST_TEST(failed.retry_in.has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_plain_server_behind_wss_and_a_tls_server_behind_ws_are_no_sessions) {
  wss_scenario s;
  const server plain(s.in, secure_server_at);
  const auto failed = first_failure(s);
  BOOST_TEST((failed.reason.at == stage::tls));
  BOOST_TEST(failed.retry_in.has_value());
  BOOST_TEST(plain.sessions() == 0U);
  wss_scenario other;
  other.given.url = "ws://server:443/";
  const auto refused = first_failure(other);
  BOOST_TEST((refused.reason.at == stage::upgrade));
  BOOST_TEST(refused.retry_in.has_value());
  BOOST_TEST(other.backend.handshakes() == 0U);
  BOOST_TEST_MESSAGE(describe(failed) << '\n' << describe(refused));
}

// covers R29 R30 R34
BOOST_AUTO_TEST_CASE(a_stop_at_any_moment_of_the_handshake_ends_it_at_once_and_completes_everything_once) {
  std::size_t connecting = 0;
  for (const auto how : {stop_way::close, stop_way::disconnect, stop_way::cancel, stop_way::destroy}) {
    // Connected at 4 ms, then six flights or so, because of the small window, and open at about 20 ms.
    for (int step = 0; step <= 48; ++step) {
      for (int hops = 0; hops < 6; ++hops) {
        wss_scenario s;
        s.in.network()->conditions = {.latency = 2ms, .window_bytes = 300};
        BOOST_TEST_CONTEXT("way " << static_cast<int>(how) << " at " << step * 500 << " us, " << hops
                                  << " hops") {
          connecting += check_stop(s, how, step * 500us, hops) ? 1 : 0;
          BOOST_TEST(s.backend.open_sessions() == 0U);
        }
      }
    }
  }
  BOOST_TEST(connecting > 4U * 6U * 20U);
}

// covers R29 R30 R34
BOOST_AUTO_TEST_CASE(a_stop_while_the_server_hangs_in_the_handshake_ends_it_at_once) {
  for (const auto how : {stop_way::close, stop_way::disconnect, stop_way::cancel, stop_way::destroy}) {
    for (const std::size_t bytes : {0U, 300U}) {
      wss_scenario s;
      s.backend.stall_tls_after(bytes);
      BOOST_TEST(check_stop(s, how, 5s, 0));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
