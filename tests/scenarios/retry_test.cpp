// When the next attempt comes, and when none does.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(retry)

namespace {

struct tally {
  explicit tally(connection& of) {
    of.add_connection_listener("tally", {.on_disconnected = [this](const auto&) { ++disconnected; },
                                         .on_connection_error = [this](const auto&) { ++errors; }});
  }
  std::size_t disconnected = 0;
  std::size_t errors = 0;
};

// Lets the server refuse, and waits until `count` attempts have failed.
void fail_attempts(scenario& s, unsigned count) {
  s.in.network()->behave(server_at, port_behaviour::refuses);
  BOOST_REQUIRE(s.in.run_until(
      [&] {
        const auto now = s.conn->snapshot();
        return now.attempt >= count && now.to == connection_state::disconnected;
      },
      10min));
}

// Delays from intervals that do not overlap: [0.5, 1], [1, 2], [2, 4] … s.
void make_steps_visible(retry_policy& retry) {
  retry.rules = {{.name = "grow", .delay = retry_delay::high_step}};
}

bool between(clock::duration low, clock::duration value, clock::duration high) {
  return low <= value && value <= high;
}

}  // namespace

// covers G5 R11
BOOST_AUTO_TEST_CASE(each_attempt_at_a_server_that_is_down_is_one_failure_until_it_is_up) {
  scenario s;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  s.conn.emplace(s.in.executor(), s.given);
  recorder seen(*s.conn);
  tally count(*s.conn);
  outcome connected;
  s.conn->connect(connected.handler());
  s.conn->run(net::detached);
  fail_attempts(s, 5);
  BOOST_TEST(connected.calls == 0);
  BOOST_REQUIRE(seen.changes().size() == 10U);
  for (std::size_t i = 0; i < 10; i += 2) {
    const auto& trying = seen.changes()[i];
    const auto& failed = seen.changes()[i + 1];
    BOOST_TEST((trying.to == connection_state::connecting && failed.to == connection_state::disconnected));
    BOOST_TEST(trying.attempt == i / 2 + 1);
    BOOST_TEST(failed.attempt == i / 2 + 1);
    BOOST_TEST((failed.reason.error == net::error::connection_refused));
    BOOST_TEST((failed.reason.at == stage::connect));
    BOOST_TEST((failed.retry_in && !failed.final));
    if (i != 0) {
      const auto& before = seen.changes()[i - 1];
      BOOST_TEST((trying.time - before.time == *before.retry_in));
    }
  }
  s.in.network()->behave(server_at, port_behaviour::accepts);
  BOOST_REQUIRE(s.reaches(connection_state::connected, 1min));
  BOOST_TEST(count.errors == 5U);
  BOOST_TEST(count.disconnected == 5U);
  BOOST_TEST(connected.calls == 1);
  BOOST_TEST(!connected.ec);
  BOOST_TEST(seen.changes().back().attempt == 6U);
  BOOST_TEST(s.backend.accepted() == 1U);
}

// covers G9
BOOST_AUTO_TEST_CASE(connect_during_backoff_starts_at_once_and_discards_the_pending_timer) {
  scenario s;
  auto& conn = s.start();
  fail_attempts(s, 7);
  const auto discarded = *conn.snapshot().retry_at();
  BOOST_REQUIRE((discarded > s.in.now() + 100ms));
  recorder seen(conn);
  const auto asked = s.in.now();
  conn.connect(net::detached);
  s.in.run_for(10min);
  BOOST_REQUIRE(seen.changes().size() > 4U);
  BOOST_TEST((seen.changes()[0].time == asked));
  BOOST_TEST(seen.changes()[0].attempt == 8U);
  for (std::size_t i = 2; i < seen.changes().size(); i += 2) {
    BOOST_TEST((seen.changes()[i].time == *seen.changes()[i - 1].retry_at()));
  }
}

// covers R9
BOOST_AUTO_TEST_CASE(retry_now_starts_at_once_and_keeps_the_step_unless_asked) {
  scenario s;
  make_steps_visible(s.given.retry);
  auto& conn = s.start();
  fail_attempts(s, 4);
  const auto waiting = conn.snapshot();
  BOOST_TEST(waiting.attempt == 4U);
  BOOST_TEST((waiting.retry_at() == waiting.time + *waiting.retry_in));
  BOOST_TEST(between(4s, *waiting.retry_in, 8s));
  conn.retry_now();
  s.in.settle();
  BOOST_TEST((conn.status() == connection_state::connecting));
  BOOST_TEST((conn.snapshot().time == s.in.now()));
  fail_attempts(s, 5);
  BOOST_TEST(between(8s, *conn.snapshot().retry_in, 16s));
  conn.retry_now(true);
  s.in.settle();
  BOOST_TEST((conn.status() == connection_state::connecting));
  fail_attempts(s, 6);
  BOOST_TEST(between(500ms, *conn.snapshot().retry_in, 1s));
}

// covers R10
BOOST_AUTO_TEST_CASE(a_changed_network_cuts_the_wait_and_starts_from_the_base_delay) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    scenario s(seed);
    auto& conn = s.start();
    fail_attempts(s, 9);
    conn.network_changed();
    s.in.settle();
    BOOST_TEST((conn.status() == connection_state::connecting));
    fail_attempts(s, 10);
    BOOST_TEST(between(s.given.retry.base / 2, *conn.snapshot().retry_in, s.given.retry.base));
    fail_attempts(s, 11);
    BOOST_TEST(between(s.given.retry.base / 2, *conn.snapshot().retry_in, s.given.retry.base * 2));
  }
}

// covers R10
BOOST_AUTO_TEST_CASE(every_attempt_resolves_afresh) {
  scenario s;
  const peer_address elsewhere{net::ip::make_address("10.0.0.2"), 80};
  server moved(s.in, elsewhere);
  auto& conn = s.start();
  fail_attempts(s, 2);
  s.in.network()->add_name("server", {elsewhere.address});
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(conn.snapshot().peer == "10.0.0.2:80");
  BOOST_TEST(conn.snapshot().attempt == 3U);
  BOOST_TEST(moved.sessions() == 1U);
}

// covers G37
BOOST_AUTO_TEST_CASE(a_limit_of_three_attempts_means_exactly_three_until_connect) {
  scenario s;
  s.given.retry.attempt_limit = 3;
  s.given.keep_running = true;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  s.conn.emplace(s.in.executor(), s.given);
  recorder seen(*s.conn);
  outcome waiter;
  s.conn->wait_for(connection_state::connected, waiter.handler());
  s.conn->run(net::detached);
  s.in.run_for(1h);
  BOOST_TEST(seen.count(connection_state::connecting) == 3U);
  BOOST_TEST(seen.changes().back().final);
  BOOST_TEST(!seen.changes().back().retry_in);
  BOOST_TEST((seen.changes().back().reason.error == net::error::connection_refused));
  BOOST_TEST(seen.changes().back().rule == "attempt-limit");
  BOOST_TEST(waiter.calls == 1);
  BOOST_TEST((waiter.ec == net::error::connection_refused));
  s.conn->connect(net::detached);
  s.in.run_for(1h);
  BOOST_TEST(seen.count(connection_state::connecting) == 6U);
}

// covers G41 R2
BOOST_AUTO_TEST_CASE(short_sessions_do_not_reset_the_backoff) {
  for (const auto length : {clock::duration(0s), clock::duration(1s)}) {
    scenario s;
    s.backend.on_session(drops(length));
    s.conn.emplace(s.in.executor(), s.given);
    recorder seen(*s.conn);
    s.conn->run(net::detached);
    s.in.run_for(2min);
    const auto waits = seen.waits();
    BOOST_REQUIRE(waits.size() >= 5U);
    for (std::size_t i = 1; i < 5; ++i) BOOST_TEST((waits[i] > waits[i - 1]));
    BOOST_TEST(seen.count(connection_state::connected) >= 5U);
  }
}

// covers R2
BOOST_AUTO_TEST_CASE(a_stable_session_resets_attempts_and_backoff) {
  scenario s;
  auto& conn = s.start();
  fail_attempts(s, 9);
  s.in.network()->behave(server_at, port_behaviour::accepts);
  BOOST_REQUIRE(s.reaches(connection_state::connected, 1min));
  s.in.run_for(11s);
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_TEST(between(0s, *conn.snapshot().retry_in, 1s));
  BOOST_TEST(!conn.snapshot().flapping);
  BOOST_REQUIRE(s.in.run_until([&] { return conn.status() == connection_state::connecting; }, 2s));
  BOOST_TEST(conn.snapshot().attempt == 1U);
  fail_attempts(s, 1);
  BOOST_TEST(between(250ms, *conn.snapshot().retry_in, 500ms));
}

// covers R3
BOOST_AUTO_TEST_CASE(a_server_that_accepts_and_closes_is_dialled_at_most_eight_times_in_a_minute) {
  const std::vector<server::script> scripts{drops(),           closes_with(1000), closes_with(1001),
                                            closes_with(1008), closes_with(1011), closes_with(1012),
                                            closes_with(1013), drops(9s)};
  for (const auto& script : scripts) {
    std::size_t most = 0;
    for (std::uint64_t seed = 1; seed <= (is_sanitized ? 30 : 150); ++seed) {
      scenario s(seed);
      s.backend.on_session(script);
      auto& conn = s.start();
      s.in.run_for(60s);
      most = std::max(most, s.in.network()->connect_count());
      BOOST_TEST(conn.snapshot().flapping);
    }
    BOOST_TEST(most <= 8U);
    BOOST_TEST(most >= 2U);
  }
}

// covers R4
BOOST_AUTO_TEST_CASE(an_option_makes_the_first_failure_final_and_changes_nothing_else) {
  scenario s;
  s.given.retry.retry_first_connect = false;
  s.given.keep_running = true;
  s.in.network()->behave(server_at, port_behaviour::refuses);
  auto& conn = s.start();
  s.in.run_for(10min);
  BOOST_TEST(conn.snapshot().final);
  BOOST_TEST(conn.snapshot().sequence == 2U);
  s.in.network()->behave(server_at, port_behaviour::accepts);
  conn.connect(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(20s);
  s.in.network()->reset_links();
  fail_attempts(s, 3);
  BOOST_TEST(!conn.snapshot().final);
  s.in.network()->behave(server_at, port_behaviour::accepts);
  BOOST_TEST(s.reaches(connection_state::connected));
}

// covers G38 R1
BOOST_AUTO_TEST_CASE(a_thousand_clients_that_lose_one_server_do_not_come_back_in_a_burst) {
  constexpr std::size_t clients = 1000;
  scenario s;
  std::vector<std::unique_ptr<connection>> all;
  std::vector<std::size_t> buckets(20);
  for (std::size_t i = 0; i < clients; ++i) {
    s.given.random_seed.reset();
    all.push_back(std::make_unique<connection>(s.in.executor(), s.given));
    all.back()->run(net::detached);
  }
  s.in.run_for(30s);
  BOOST_REQUIRE(s.backend.open_sessions() == clients);
  const auto dropped = s.in.now();
  for (auto& each : all) {
    each->add_connection_listener("retries", {.on_connecting = [&](const observed_change& change) {
                                    const auto bucket =
                                        static_cast<std::size_t>((change.time - dropped) / 100ms);
                                    if (change.attempt == 1) ++buckets[std::min(bucket, buckets.size() - 1)];
                                  }});
  }
  s.in.network()->reset_links();
  s.in.run_for(5s);
  std::size_t sum = 0;
  for (const auto count : buckets) {
    BOOST_TEST(count <= clients * 15 / 100);
    sum += count;
  }
  BOOST_TEST(sum == clients);
  BOOST_TEST(s.backend.open_sessions() == clients);
}

// covers R1
BOOST_AUTO_TEST_CASE(two_actors_built_in_the_same_nanosecond_draw_different_delays) {
  scenario s;
  s.given.random_seed.reset();
  s.in.network()->behave(server_at, port_behaviour::refuses);
  connection a(s.in.executor(), s.given);
  connection b(s.in.executor(), s.given);
  a.run(net::detached);
  b.run(net::detached);
  s.in.run_for(3ms);
  BOOST_REQUIRE((a.snapshot().retry_in && b.snapshot().retry_in));
  BOOST_TEST((*a.snapshot().retry_in != *b.snapshot().retry_in));
}

// covers R16
BOOST_AUTO_TEST_CASE(the_traces_of_scripted_outages_do_not_change) {
  const auto port = [](port_behaviour how) {
    return [=](scenario& s) { s.in.network()->behave(server_at, how); };
  };
  const auto reset_and = [](std::function<void(scenario&)> more) {
    return [=](scenario& s) {
      more(s);
      s.in.network()->reset_links();
    };
  };
  const auto closed_with = [](std::uint16_t code) {
    return [=](scenario& s) { s.backend.on_session(closes_with(code, 20s, "why")); };
  };
  struct outage {
    const char* name;
    std::function<void(scenario&)> prepare;  // before the connection is made
    std::function<void(scenario&)> strike;   // when it has been open for 19 s
    std::size_t changes;
    std::string trace;
  };
  const auto nothing = [](scenario&) {};
  const std::string back = " connecting connected";
  const std::vector<outage> outages{
      {"reset", nothing, reset_and(nothing), 3,
       "disconnected[session: Connection reset by peer; after-stable-session]" + back},
      {"end of stream", [](scenario& s) { s.backend.on_session(drops(20s)); }, nothing, 3,
       "disconnected[session: connection lost; after-stable-session]" + back},
      {"going away", closed_with(1001), nothing, 3,
       "disconnected[session: closed by the peer, close code 1001 \"why\"; after-stable-session]" + back},
      {"restart", closed_with(1012), nothing, 3,
       "disconnected[session: closed by the peer, close code 1012 \"why\"; service-restart]" + back},
      {"overload", closed_with(1013), nothing, 3,
       "disconnected[session: closed by the peer, close code 1013 \"why\"; overloaded]" + back},
      {"fatal code", closed_with(1002), nothing, 3,
       "disconnected[session: closed by the peer, close code 1002 \"why\"; fatal-close-code (1 of 5)]" +
           back},
      {"half-open", nothing, [](scenario& s) { s.in.network()->silence_links(); }, 3,
       "disconnected[session: peer went silent: no answer to ping; after-stable-session]" + back},
      {"refused", nothing, reset_and(port(port_behaviour::refuses)), 3,
       "disconnected[session: Connection reset by peer; after-stable-session] connecting "
       "disconnected[connect to 10.0.0.1:80: Connection refused; backoff]"},
      {"black hole", nothing, reset_and(port(port_behaviour::swallows)), 3,
       "disconnected[session: Connection reset by peer; after-stable-session] connecting "
       "disconnected[connect to 10.0.0.1:80: deadline reached; backoff]"},
      {"no DNS", nothing, reset_and([](scenario& s) { s.in.network()->break_name("server", {}); }), 3,
       "disconnected[session: Connection reset by peer; after-stable-session] connecting "
       "disconnected[resolve: deadline reached; backoff]"},
      {"locked out", nothing, reset_and([](scenario& s) {
         s.backend.on_upgrade([](const http_head&) { return std::optional(http_answer{.status = 401}); });
       }),
       3,
       "disconnected[session: Connection reset by peer; after-stable-session] connecting "
       "disconnected[upgrade: server refused the credentials, HTTP 401; unauthorized (1 of 5)]"},
      {"bad frame", nothing, reset_and([](scenario& s) {
         s.backend.on_session([](server_session& session) { return session.send_raw("\x83\x01x"); });
       }),
       4,
       "disconnected[session: Connection reset by peer; after-stable-session] connecting connected "
       "disconnected[session: peer broke the WebSocket protocol; flapping]"},
      {"flapping", [](scenario& s) { s.backend.on_session(drops(20s)); },
       [](scenario& s) { s.backend.on_session(drops(1s)); }, 6,
       "disconnected[session: connection lost; after-stable-session] connecting "
       "connected "
       "disconnected[session: connection lost; flapping] connecting connected"},
      {"disconnect()", nothing, [](scenario& s) { s.conn->disconnect(net::detached); }, 1,
       "disconnected[disconnect was requested; final]"},
      {"close() in a wait", [](scenario& s) { s.backend.on_session(closes_with(1013, 19500ms)); },
       [](scenario& s) {
         s.in.run_for(1s);
         s.conn->close(net::detached);
       },
       2,
       "disconnected[session: closed by the peer, close code 1013; overloaded] disconnected[the connection "
       "is "
       "closed; final]"},
      {"background", nothing,
       [](scenario& s) {
         s.conn->enter_background();
         s.in.run_for(1min);
         s.conn->enter_foreground();
       },
       3, "disconnected[closed in the background; waits]" + back}};
  for (const auto& each : outages) {
    BOOST_TEST_CONTEXT(each.name) {
      scenario s;
      each.prepare(s);
      auto& conn = s.start();
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      s.in.run_for(19s);
      recorder seen(conn);
      each.strike(s);
      BOOST_REQUIRE(s.in.run_until([&] { return seen.changes().size() == each.changes; }, 1min));
      if (seen.changes().back().final) s.in.run_for(1h);
      BOOST_TEST(seen.trace() == each.trace);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
