// What each kind of failure leads to: the reason that is told, and whether and when it is tried again.
#include <ctime>

#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(outage)

namespace {

bool between(clock::duration low, clock::duration value, clock::duration high) {
  return low <= value && value <= high;
}

server::gate refuses_with(unsigned status, header_list headers = {}, std::string body = {}) {
  return [answer = http_answer{status, std::move(headers), std::move(body)}](const http_head&) {
    return std::optional(answer);
  };
}

// RFC 9110 section 5.6.7.
std::string http_date(std::chrono::seconds from_now) {
  const auto when = std::chrono::system_clock::to_time_t(clock::wall() + from_now);
  std::tm parts{};
  gmtime_r(&when, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

// Neither trying, nor about to, nor final: nothing would ever happen again.
bool is_stuck(const connection& conn) {
  const auto now = conn.snapshot();
  return now.sequence != 0 && now.to == connection_state::disconnected && !now.retry_in && !now.final;
}

struct fault {
  const char* name;
  stage at;
  error_code why;
  std::function<void(scenario&)> begin;
};

const std::string upgrade_line = "HTTP/1.1 101 Switching Protocols\r\n";

std::vector<fault> transient_faults() {
  const auto answers = [](std::string bytes, bool hold) {
    return [=](scenario& s) { answer_with(s.in, server_at, bytes, hold); };
  };
  const auto status = [](unsigned code) {
    return [=](scenario& s) { s.backend.on_upgrade(refuses_with(code)); };
  };
  const auto port = [](port_behaviour how) {
    return [=](scenario& s) { s.in.network()->behave(server_at, how); };
  };
  const auto name = [](error_code ec) {
    return [=](scenario& s) { s.in.network()->break_name("server", ec); };
  };
  return {
      {"DNS says no", stage::resolve, net::error::host_not_found, name(net::error::host_not_found)},
      {"DNS has no address", stage::resolve, error::host_not_found,
       [](scenario& s) { s.in.network()->add_name("server", {}); }},
      {"DNS never ends", stage::resolve, error::timed_out, name({})},
      {"refused", stage::connect, net::error::connection_refused, port(port_behaviour::refuses)},
      {"connect is swallowed", stage::connect, error::timed_out, port(port_behaviour::swallows)},
      {"hangs up at once", stage::upgrade, error::connection_lost, answers("", false)},
      {"never upgraded", stage::upgrade, error::timed_out, [](scenario& s) { s.backend.never_upgrade(); }},
      {"half an answer, then silence", stage::upgrade, error::timed_out, answers(upgrade_line, true)},
      {"half an answer, then the end", stage::upgrade, error::connection_lost, answers(upgrade_line, false)},
      {"garbage", stage::upgrade, error::upgrade_invalid, answers("\x15\x03\x01 what?\r\n\r\n", true)},
      {"an endless header", stage::upgrade, error::upgrade_invalid,
       answers(upgrade_line + "X: " + std::string(40'000, 'x'), true)},
      {"the wrong key", stage::upgrade, error::upgrade_invalid,
       answers(
           upgrade_line + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
           true)},
      {"HTTP 200", stage::upgrade, error::upgrade_refused, answers("HTTP/1.1 200 OK\r\n\r\nhello", true)},
      {"HTTP 429", stage::upgrade, error::upgrade_refused, status(429)},
      {"HTTP 500", stage::upgrade, error::upgrade_refused, status(500)},
      {"HTTP 503", stage::upgrade, error::upgrade_refused, status(503)},
  };
}

}  // namespace

// covers R5
BOOST_AUTO_TEST_CASE(after_every_failing_stage_it_waits_for_the_next_attempt_and_connects_when_it_may) {
  for (const auto& each : transient_faults()) {
    BOOST_TEST_CONTEXT(each.name) {
      scenario s;
      each.begin(s);
      s.conn.emplace(s.in.executor(), s.given);
      recorder seen(*s.conn);
      s.conn->run(net::detached);
      for (int i = 0; i < 900; ++i) {
        s.in.run_for(100ms);
        BOOST_REQUIRE(!is_stuck(*s.conn));
        BOOST_REQUIRE(s.in.network()->open_links() <= 1U);
      }
      BOOST_REQUIRE(seen.count(connection_state::connecting) >= 3U);
      for (const auto& change : seen.changes()) {
        if (change.to != connection_state::disconnected) continue;
        BOOST_TEST(change.reason.error == each.why);
        BOOST_TEST((change.reason.at == each.at));
        BOOST_TEST((change.retry_in && !change.final));
      }
      s.in.network()->add_name("server", {server_at.address});
      s.in.network()->behave(server_at, port_behaviour::accepts);
      const server healed(s.in, server_at);
      BOOST_TEST(s.reaches(connection_state::connected, 52s));  // an attempt under way, and the longest wait
    }
  }
}

// covers R5
BOOST_AUTO_TEST_CASE(an_answer_that_trickles_in_for_ever_is_ended_by_its_deadline) {
  scenario s;
  s.in.network()->listen(server_at, [&](transport stream) {
    s.in.spawn([](std::shared_ptr<transport> to) -> net::awaitable<void> {
      timer pause(co_await net::this_coro::executor);
      error_code ec;
      const std::string x = "x";
      for (to->write_some(upgrade_line, ec); !ec; to->write_some(x, ec)) {
        co_await pause.async_wait_until(clock::now() + 100ms, net::use_awaitable);
      }
    }(std::make_shared<transport>(std::move(stream))));
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().reason.error.failed(); }, 1min));
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::timed_out));
  BOOST_TEST((s.in.elapsed() == 2ms + s.given.deadlines.upgrade));
}

// covers G33
BOOST_AUTO_TEST_CASE(each_stage_ends_at_its_own_deadline_and_all_together_at_that_of_the_attempt) {
  struct row {
    std::function<void(scenario&)> begin;
    stage at;
    clock::duration after;
  };
  const std::vector<row> rows{
      {[](scenario& s) { s.in.network()->break_name("server", {}); }, stage::resolve, 5s},
      {[](scenario& s) { s.in.network()->behave(server_at, port_behaviour::swallows); }, stage::connect, 10s},
      {[](scenario& s) { s.backend.never_upgrade(); }, stage::upgrade, 2ms + 10s},
      {[](scenario& s) {
         s.given.deadlines.attempt = 7s;
         s.backend.never_upgrade();
       },
       stage::upgrade, 7s},
  };
  for (const auto& each : rows) {
    scenario s;
    each.begin(s);
    auto& conn = s.start();
    BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::disconnected; }, 1min));
    BOOST_TEST((s.in.elapsed() == each.after));
    BOOST_TEST((conn.snapshot().reason.at == each.at));
    BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::timed_out));
    BOOST_TEST(s.in.network()->open_links() == 0U);
  }
}

// covers G36 R7
BOOST_AUTO_TEST_CASE(retry_after_is_a_floor_with_jitter_on_top_and_a_cap) {
  for (const unsigned status : {429U, 503U}) {
    std::vector<clock::duration> waits;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      scenario s(seed);
      s.backend.on_upgrade(refuses_with(status, {{"Retry-After", "30"}}));
      auto& conn = s.start();
      s.in.run_for(29s);
      BOOST_TEST(s.backend.accepted() == 1U);
      waits.push_back(*conn.snapshot().retry_in);
      BOOST_TEST(between(30s, waits.back(), 30s + s.given.retry.base));
      s.backend.on_upgrade({});
      BOOST_TEST(s.reaches(connection_state::connected, 2s));
    }
    std::ranges::sort(waits);
    BOOST_TEST((std::ranges::adjacent_find(waits) == waits.end()));
  }
  scenario s;
  s.backend.on_upgrade(refuses_with(503, {{"Retry-After", "86400"}}));
  auto& conn = s.start();
  s.in.run_for(1s);
  BOOST_TEST(between(5min, *conn.snapshot().retry_in, 5min + s.given.retry.base));
}

// covers R7
BOOST_AUTO_TEST_CASE(retry_after_may_be_an_http_date) {
  for (const bool server_tells_its_time : {true, false}) {
    scenario s;
    header_list headers{{"Retry-After", http_date(120s)}};
    if (server_tells_its_time) headers.emplace_back("Date", http_date(0s));
    s.backend.on_upgrade(refuses_with(503, headers));
    auto& conn = s.start();
    s.in.run_for(100ms);
    BOOST_REQUIRE(conn.snapshot().retry_in.has_value());
    BOOST_TEST(between(119s, *conn.snapshot().retry_in, 121s));
  }
}

// covers R7
BOOST_AUTO_TEST_CASE(a_date_is_read_by_the_clock_of_the_server_if_ours_is_wrong) {
  scenario s;
  s.backend.on_upgrade(refuses_with(503, {{"Date", http_date(0s)}, {"Retry-After", http_date(120s)}}));
  s.in.jump_wall(-1h);
  auto& conn = s.start();
  s.in.run_for(100ms);
  BOOST_REQUIRE(conn.snapshot().retry_in.has_value());
  BOOST_TEST(between(119s, *conn.snapshot().retry_in, 121s));
}

// covers G31
BOOST_AUTO_TEST_CASE(a_refused_login_stops_the_retries) {
  for (const unsigned status : {401U, 403U}) {
    scenario s;
    s.backend.on_upgrade(refuses_with(status, {}, "connection not allowed"));
    s.conn.emplace(s.in.executor(), s.given);
    recorder seen(*s.conn);
    outcome connected;
    s.conn->connect(connected.handler());
    s.conn->run(net::detached);
    s.in.run_for(10min);
    BOOST_TEST(seen.states() == "connecting disconnected");
    const auto& last = seen.changes().back();
    BOOST_TEST(last.final);
    BOOST_TEST((last.reason.error == condition::auth));
    BOOST_TEST(last.reason.http_status == status);
    BOOST_TEST(last.reason.detail == "connection not allowed");
    BOOST_TEST(connected.calls == 1);
    BOOST_TEST(connected.ec == make_error_code(error::unauthorized));
  }
}

// covers R5
BOOST_AUTO_TEST_CASE(statuses_that_will_not_change_are_final_before_there_was_a_session) {
  for (const unsigned status : {400U, 404U, 405U, 410U, 426U}) {
    scenario s;
    s.backend.on_upgrade(refuses_with(status));
    auto& conn = s.start();
    s.in.run_for(10min);
    BOOST_TEST(conn.snapshot().final);
    BOOST_TEST(conn.snapshot().reason.http_status == status);
    BOOST_TEST(s.backend.accepted() == 1U);
  }
}

// covers G46 R7 R8
BOOST_AUTO_TEST_CASE(each_close_code_has_its_place_in_the_table) {
  struct row {
    std::uint16_t code;
    clock::duration after;
    const char* rule;
    clock::duration low, high;
  };
  const std::vector<row> rows{
      {1000, 1s, "flapping", 500ms, 1s},          {1000, 11s, "after-stable-session", 0s, 1s},
      {1001, 1s, "flapping", 500ms, 1s},          {1001, 11s, "after-stable-session", 0s, 1s},
      {1005, 1s, "flapping", 500ms, 1s},          {1005, 11s, "after-stable-session", 0s, 1s},
      {1008, 1s, "flapping", 500ms, 1s},          {1008, 11s, "after-stable-session", 0s, 1s},
      {1011, 1s, "flapping", 500ms, 1s},          {1011, 11s, "after-stable-session", 0s, 1s},
      {1012, 1s, "flapping", 500ms, 1s},          {1012, 11s, "service-restart", 0s, 1s},
      {1013, 1s, "overloaded", 15s, 30s},         {1013, 11s, "overloaded", 15s, 30s},
      {4000, 11s, "after-stable-session", 0s, 1s}};
  for (const auto& each : rows) {
    scenario s;
    s.backend.on_session(closes_with(each.code, each.after, each.code == 1005 ? "" : "says why"));
    auto& conn = s.start();
    BOOST_TEST_CONTEXT(each.code) {
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::disconnected; }, 1min));
      const auto now = conn.snapshot();
      BOOST_TEST(now.reason.error == make_error_code(error::closed_by_peer));
      BOOST_TEST(now.reason.close_code == each.code);
      BOOST_TEST(now.reason.detail == (each.code == 1005 ? "" : "says why"));
      BOOST_TEST(now.rule == each.rule);
      BOOST_REQUIRE(now.retry_in.has_value());
      BOOST_TEST(between(each.low, *now.retry_in, each.high));
      BOOST_TEST(s.reaches(connection_state::connected, 31s));
    }
  }
}

// covers G46
BOOST_AUTO_TEST_CASE(fatal_close_codes_stop_before_there_was_a_stable_session) {
  for (const auto code : std::vector<std::uint16_t>{1002, 1003, 1007, 1009, 1010}) {
    scenario s;
    s.backend.on_session(closes_with(code, 9s, "never again"));
    auto& conn = s.start();
    s.in.run_for(10min);
    const auto now = conn.snapshot();
    BOOST_TEST(now.final);
    BOOST_TEST(now.rule == "fatal-close-code");
    BOOST_TEST(now.reason.close_code == code);
    BOOST_TEST(now.reason.detail == "never again");
    BOOST_TEST(s.backend.accepted() == 1U);
  }
}

// covers G46
BOOST_AUTO_TEST_CASE(a_drop_without_a_close_frame_has_no_code_and_is_retried) {
  scenario s;
  s.backend.on_session(drops(11s));
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::disconnected; }, 1min));
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::connection_lost));
  BOOST_TEST(conn.snapshot().reason.close_code == 0U);
  BOOST_TEST(conn.snapshot().rule == "after-stable-session");
  BOOST_TEST(s.reaches(connection_state::connected, 2s));
}

// covers R8
BOOST_AUTO_TEST_CASE(a_user_may_edit_the_table) {
  scenario s;
  s.given.retry.rules.insert(s.given.retry.rules.begin(),
                             {.name = "banned", .delay = retry_delay::never, .close_codes = {4003}});
  s.backend.on_session(closes_with(4003, 1s, "banned"));
  auto& conn = s.start();
  s.in.run_for(5min);
  BOOST_TEST(conn.snapshot().final);
  BOOST_TEST(conn.snapshot().rule == "banned");
  BOOST_TEST(s.backend.accepted() == 1U);
}

// covers R6
BOOST_AUTO_TEST_CASE(a_policy_function_hears_everything_about_the_failure) {
  scenario s;
  std::vector<attempt_record> heard;
  s.given.retry.decide = [&](const attempt_record& record, const retry_decision&) {
    heard.push_back(record);
    return retry_decision{heard.size() < 3 ? std::optional<clock::duration>(7s) : std::nullopt, "mine"};
  };
  s.backend.on_upgrade(refuses_with(503, {{"Retry-After", "30"}, {"X-Reason", "lunch"}}, "back soon"));
  auto& conn = s.start();
  s.in.run_for(1s);
  BOOST_REQUIRE(heard.size() == 1U);
  BOOST_TEST((heard[0].reason.at == stage::upgrade));
  BOOST_TEST(heard[0].reason.error == make_error_code(error::upgrade_refused));
  BOOST_TEST(heard[0].reason.http_status == 503U);
  BOOST_TEST(heard[0].reason.detail == "back soon");
  BOOST_TEST(
      (std::ranges::find(heard[0].http_headers, std::pair<std::string, std::string>("X-Reason", "lunch")) !=
       heard[0].http_headers.end()));
  BOOST_TEST((heard[0].retry_after == clock::duration(30s)));
  BOOST_TEST(heard[0].attempt == 1U);
  BOOST_TEST(!heard[0].session_length.has_value());
  BOOST_TEST((conn.snapshot().retry_in == clock::duration(7s)));
  s.in.network()->behave(server_at, port_behaviour::refuses);
  conn.network_changed();
  s.in.run_for(1s);
  BOOST_REQUIRE(heard.size() == 2U);
  BOOST_TEST(heard[1].after_network_change);
  BOOST_TEST(heard[1].attempt == 2U);
  BOOST_TEST(heard[1].http_headers.empty());
  s.in.network()->behave(server_at, port_behaviour::accepts);
  s.backend.on_upgrade({});
  s.backend.on_session(closes_with(4001, 3s, "bye"));
  s.in.run_for(20s);
  BOOST_REQUIRE(heard.size() == 3U);
  BOOST_TEST((heard[2].reason.at == stage::session));
  BOOST_TEST(heard[2].reason.close_code == 4001U);
  BOOST_TEST(heard[2].reason.detail == "bye");
  BOOST_TEST(!heard[2].after_network_change);
  BOOST_REQUIRE(heard[2].session_length.has_value());
  BOOST_TEST(between(3s, *heard[2].session_length, 3s + 10ms));
  BOOST_TEST(conn.snapshot().final);
  BOOST_TEST(conn.snapshot().rule == "mine");
}

BOOST_AUTO_TEST_SUITE_END()
