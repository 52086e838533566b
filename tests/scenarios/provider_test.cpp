// A provider of credentials that fails, takes too long, returns what cannot be sent, or is not needed any
// more; and that its secrets are shown to nobody.
#include <stdexcept>

#include "way.hpp"

BOOST_AUTO_TEST_SUITE(provider)

namespace {

constexpr auto secret = "s3cret";

// Lines of the log about what was thrown.
std::size_t warnings(const scenario& s, std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(s.log_lines, [&](const std::string& line) {
    return line.starts_with("the credential provider threw") && line.find(text) != std::string::npos;
  }));
}

}  // namespace

// covers R70
BOOST_AUTO_TEST_CASE(what_a_provider_throws_fails_the_attempt_and_the_policy_decides) {
  struct row {
    std::function<void()> thrower;
    const char* logged;
  };
  const row rows[] = {
      {[] { throw boost::system::system_error(make_error_code(error::login_refused), secret); },
       "server refused the login"},
      {[] { throw std::runtime_error("no token service at s3cret"); }, "no token service at s3cret"},
      {[] { throw std::system_error(std::make_error_code(std::errc::io_error), secret); }, secret},
      {[] { throw std::string(secret); }, "something that is not a std::exception"}};
  for (const auto& each : rows) {
    for (const auto takes : {clock::duration(0s), clock::duration(1s)}) {
      test_provider failing;
      scenario s;
      failing.takes = takes;
      failing.give = [&](const credential_request& request) {
        if (request.attempt <= 2) each.thrower();
        return credentials{};
      };
      s.given.provider = failing.function();
      auto seen = start_recorded(s);
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      BOOST_TEST(seen.states() == "connecting disconnected connecting disconnected connecting connected");
      const auto& failed = seen.changes()[1];
      BOOST_TEST(failed.reason.error == make_error_code(error::provider_failed));
      BOOST_TEST((failed.reason.at == stage::provider));
      BOOST_TEST(failed.rule == "backoff");
      BOOST_TEST(!failed.final);
      BOOST_TEST(warnings(s, each.logged) == 2U);
      s.log_lines.clear();  // the program's own
      BOOST_TEST(!shows(s, seen, secret));
      BOOST_TEST(s.in.network()->connect_count() == 1U);
    }
  }
}

// covers R70 G32
BOOST_AUTO_TEST_CASE(a_permanent_failure_of_a_provider_is_final) {
  for (const auto takes : {clock::duration(0s), clock::duration(1s)}) {
    test_provider failing;
    scenario s;
    failing.takes = takes;
    failing.give = [](const credential_request&) -> credentials {
      throw permanent_failure("the account s3cret is closed");
    };
    s.given.provider = failing.function();
    auto seen = start_recorded(s);
    s.in.run_for(1h);
    BOOST_TEST(seen.states() == "connecting disconnected");
    const auto& failed = seen.changes().back();
    BOOST_TEST(failed.reason.error == make_error_code(error::provider_gave_up));
    BOOST_TEST((failed.reason.at == stage::provider));
    BOOST_TEST(failed.final);
    BOOST_TEST(warnings(s, "the account s3cret is closed") == 1U);
    s.log_lines.clear();  // the program's own
    BOOST_TEST(!shows(s, seen, secret));
  }
}

// covers R70
BOOST_AUTO_TEST_CASE(what_a_fetch_of_a_token_source_throws_is_treated_like_what_a_provider_throws) {
  for (const bool permanent : {false, true}) {
    scenario s;
    const token_source source(s.in.executor(), [&, asked = 0]() mutable -> net::awaitable<credentials> {
      if (++asked > 1) co_return credentials{};
      if (permanent) throw permanent_failure("closed");
      throw std::runtime_error("issuer is down");
    });
    s.given.provider = source.as_provider();
    auto seen = start_recorded(s);
    s.in.run_for(1min);
    BOOST_TEST(seen.states() ==
               (permanent ? "connecting disconnected" : "connecting disconnected connecting connected"));
    BOOST_TEST(seen.changes().at(1).reason.error ==
               make_error_code(permanent ? error::provider_gave_up : error::provider_failed));
    BOOST_TEST(warnings(s, permanent ? "closed" : "issuer is down") == 1U);
  }
}

// covers R70
BOOST_AUTO_TEST_CASE(a_token_source_does_not_keep_what_cannot_be_sent) {
  scenario s;
  const token_source source(s.in.executor(), [asked = 0]() mutable -> net::awaitable<credentials> {
    co_return credentials{.token = ++asked == 1 ? "two words" : "good"};
  });
  s.given.provider = source.as_provider();
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(seen.changes().at(1).reason.detail.starts_with("credentials.token: "));
}

BOOST_AUTO_TEST_CASE(the_code_of_a_system_error_is_told) {
  test_provider failing;
  scenario s;
  failing.give = [](const credential_request&) -> credentials {
    throw boost::system::system_error(make_error_code(error::closed), secret);
  };
  s.given.provider = failing.function();
  auto& conn = s.start();
  BOOST_TEST(conn.snapshot().reason.detail == "the connection is closed");
}

// covers R5 R41
BOOST_AUTO_TEST_CASE(a_provider_that_cannot_reach_its_service_is_asked_again) {
  test_provider failing;
  scenario s;
  failing.give = [asked = 0](const credential_request&) mutable {
    if (++asked <= 3) throw boost::system::system_error(net::error::connection_refused, secret);
    return credentials{};
  };
  s.given.provider = failing.function();
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const auto& first = seen.changes().at(1);
  BOOST_TEST(first.reason.error == make_error_code(net::error::connection_refused));
  BOOST_TEST((first.reason.at == stage::provider));
  BOOST_TEST(first.rule == "backoff");
  BOOST_TEST(rules(seen) == "backoff backoff backoff");
  BOOST_TEST(!shows(s, seen, secret));
}

// Not a coroutine: it throws while it is called.
// covers R70
BOOST_AUTO_TEST_CASE(a_provider_may_throw_before_there_is_anything_to_wait_for) {
  scenario s;
  s.given.provider = [](credential_request) -> net::awaitable<credentials> {
    throw std::runtime_error("too early");
  };
  auto seen = start_recorded(s);
  BOOST_TEST(rules(seen) == "backoff");
  BOOST_TEST(warnings(s, "too early") == 1U);
}

BOOST_AUTO_TEST_CASE(a_provider_that_gave_up_is_asked_again_when_the_program_connects) {
  test_provider failing;
  scenario s;
  failing.give = [first = true](const credential_request&) mutable {
    if (std::exchange(first, false)) throw permanent_failure("not yet");
    return credentials{};
  };
  s.given.provider = failing.function();
  s.given.mode = connect_mode::manual;
  auto& conn = s.start();
  conn.connect(net::detached);
  s.in.settle();
  BOOST_REQUIRE(conn.snapshot().final);
  conn.connect(net::detached);
  BOOST_TEST(s.reaches(connection_state::connected));
  BOOST_TEST(failing.asked.back().attempt == 1U);
}

// The text of an exception that comes from our own cancellation is no news.
BOOST_AUTO_TEST_CASE(what_a_provider_throws_when_it_is_cancelled_is_not_logged) {
  test_provider slow;
  scenario s;
  slow.takes = 1h;
  s.given.provider = slow.function();
  s.given.deadlines.provider = 2s;
  s.start();
  s.in.run_for(3s);
  BOOST_TEST(slow.cancelled >= 1);
  BOOST_TEST(warnings(s, "") == 0U);
}

// covers R41 G33
BOOST_AUTO_TEST_CASE(a_provider_that_is_too_slow_is_cancelled_at_its_deadline) {
  for (const bool deaf : {false, true}) {
    test_provider slow;
    scenario s;
    slow.takes = 1h;
    slow.deaf = deaf;
    s.given.provider = slow.function();
    s.given.deadlines.provider = 2s;
    auto seen = start_recorded(s);
    BOOST_REQUIRE(s.in.run_until([&] { return seen.changes().size() == 2; }, 1min));
    const auto& failed = seen.changes().back();
    BOOST_TEST((s.in.elapsed() == clock::duration(2s)));
    BOOST_TEST(failed.reason.error == make_error_code(error::timed_out));
    BOOST_TEST((failed.reason.at == stage::provider));
    BOOST_TEST(failed.rule == "backoff");
    BOOST_TEST(slow.cancelled == 1);
    slow.takes = 0s;
    BOOST_TEST(s.reaches(connection_state::connected, 1s));
    s.in.run_for(2h);  // by then the deaf one has answered, too
    BOOST_TEST(slow.answered == (deaf ? 2 : 1));
    BOOST_TEST(s.backend.accepted() == 1U);
    BOOST_TEST(seen.states() == "connecting disconnected connecting connected");
  }
}

BOOST_AUTO_TEST_CASE(the_time_of_the_provider_counts_towards_the_whole_attempt) {
  test_provider slow;
  scenario s;
  slow.takes = 4s;
  s.given.provider = slow.function();
  s.given.deadlines.attempt = 5s;
  s.backend.never_upgrade();
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST((s.in.elapsed() == clock::duration(5s)));
  BOOST_TEST((conn.snapshot().reason.at == stage::upgrade));
}

// The deadline of a token_source of one's own, say.
BOOST_AUTO_TEST_CASE(a_provider_that_says_timed_out_has_timed_out) {
  test_provider slow;
  scenario s;
  slow.give = [](const credential_request&) -> credentials {
    throw boost::system::system_error(error::timed_out);
  };
  s.given.provider = slow.function();
  auto& conn = s.start();
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::timed_out));
  BOOST_TEST((conn.snapshot().reason.at == stage::provider));
  BOOST_TEST(conn.snapshot().rule == "backoff");
}

// covers R41 R70
BOOST_AUTO_TEST_CASE(what_cannot_be_sent_is_named_but_not_repeated) {
  struct row {
    const char* field;
    credentials bad;
  };
  const std::vector<row> rows{
      {"credentials.token", {.token = "s3cret\r\nX-Evil: 1"}},
      {"credentials.token", {.token = "two s3cret"}},
      {"credentials.headers[1]", {.headers = {{"X-Good", "1"}, {"s3cret name", "1"}}}},
      {"credentials.headers[0]", {.headers = {{"X-Evil", "s3cret\r\nHost: evil"}}}},
      {"credentials.headers[0]", {.headers = {{"Host", "s3cret/"}}}},
      {"credentials.headers[0]", {.headers = {{"Upgrade", "s3cret"}}}},
      {"credentials.subprotocols[0]", {.subprotocols = std::vector<std::string>{"s3cret,s3cret"}}},
      {"credentials.host", {.host = "s3cret:s3cret"}},
      {"credentials.server_name", {.server_name = "s3cret\r\n"}},
      {"credentials.headers[0]", {.token = "t", .headers = {{"Authorization", "s3cret"}}}},
      {"credentials.url", {.url = "http://server/?s3cret"}},
      {"credentials.url", {.url = "ws://s3cret@server/"}},
      {"credentials.url", {.url = "ws://server/\r\ns3cret"}},
      {"credentials.url", {.url = ""}}};
  for (const auto& each : rows) {
    BOOST_TEST_CONTEXT(each.field << ", " << each.bad.token << each.bad.url.value_or("")) {
      test_provider provider;
      scenario s;
      provider.give = [&](const credential_request& request) {
        return request.attempt == 1 ? each.bad : credentials{};
      };
      s.given.provider = provider.function();
      auto seen = start_recorded(s);
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      BOOST_TEST(rules(seen) == "backoff");
      const auto& failed = seen.changes()[1];
      BOOST_TEST(failed.reason.error == make_error_code(error::provider_failed));
      BOOST_TEST((failed.reason.at == stage::provider));
      BOOST_TEST(failed.reason.detail.starts_with(std::string(each.field) + ": "));
      BOOST_TEST(!shows(s, seen, secret));
      BOOST_TEST(!shows(s, seen, "\r"));
      BOOST_TEST(s.in.network()->connect_count() == 1U);
    }
  }
}

// covers R41
BOOST_AUTO_TEST_CASE(a_refused_token_is_shown_to_nobody_but_the_server) {
  test_provider provider;
  scenario s;
  provider.give = [](const credential_request&) {
    return credentials{.token = secret, .headers = {{"X-Key", secret}}};
  };
  s.given.provider = provider.function();
  s.backend.on_upgrade(answers_with(401, {{"WWW-Authenticate", "Bearer"}}, "no"));
  auto seen = start_recorded(s);
  s.in.run_for(1h);
  BOOST_TEST(rules(seen) == "refresh-credentials unauthorized");
  BOOST_TEST(!shows(s, seen, secret));
}

// covers R41 R30
BOOST_AUTO_TEST_CASE(close_does_not_wait_for_the_provider) {
  for (const bool deaf : {false, true}) {
    test_provider slow;
    scenario s;
    outcome closed;
    slow.takes = 1h;
    slow.deaf = deaf;
    s.given.provider = slow.function();
    s.given.deadlines.provider = 2h;
    s.given.deadlines.attempt = 2h;
    auto seen = start_recorded(s);
    s.in.run_for(1s);
    s.conn->close(closed.handler());
    s.in.settle();
    BOOST_TEST(closed.calls == 1);
    BOOST_TEST(slow.cancelled == 1);
    BOOST_TEST(s.run_ended.has_value());
    const auto told = seen.changes().size();
    s.in.run_for(2h);
    BOOST_TEST(slow.answered == (deaf ? 1 : 0));
    BOOST_TEST(seen.changes().size() == told);
    BOOST_TEST(s.in.network()->connect_count() == 0U);
  }
}

// covers R41 G43
BOOST_AUTO_TEST_CASE(a_handle_may_be_destroyed_while_the_provider_runs) {
  for (const bool deaf : {false, true}) {
    test_provider slow;
    scenario s;
    slow.takes = 1h;
    slow.deaf = deaf;
    s.given.provider = slow.function();
    s.given.deadlines.provider = 2h;
    s.given.deadlines.attempt = 2h;
    auto seen = start_recorded(s);
    s.in.run_for(1s);
    s.given.provider = nullptr;  // the connection's own copy is the last
    s.conn.reset();
    s.in.settle();
    BOOST_TEST(slow.cancelled == 1);
    BOOST_TEST((s.run_ended == make_error_code(net::error::operation_aborted)));
    s.in.run_for(2h);
    BOOST_TEST(slow.answered == (deaf ? 1 : 0));
    BOOST_TEST(s.in.network()->connect_count() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(an_attempt_may_be_given_up_and_begun_anew_while_the_provider_runs) {
  test_provider slow;
  scenario s;
  slow.takes = 5s;
  slow.deaf = true;
  s.given.provider = slow.function();
  auto& conn = s.start();
  s.in.run_for(1s);
  conn.disconnect(net::detached);
  s.in.run_for(1s);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  conn.connect(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST((s.in.elapsed() >= clock::duration(7s)));  // its own answer, not that of the one given up
  BOOST_TEST(s.backend.accepted() == 1U);
}

// Made to be run under AddressSanitizer too: nobody is told, nothing is leaked.
BOOST_AUTO_TEST_CASE(a_world_may_end_while_the_provider_runs) {
  test_provider slow;
  std::weak_ptr<int> held;
  {
    scenario s;
    const auto token = std::make_shared<int>();
    held = token;
    slow.takes = 1h;
    s.given.provider = [&slow, token](credential_request request) { return slow.answer(std::move(request)); };
    s.start();
    s.in.run_for(1s);
    BOOST_TEST(slow.asked.size() == 1U);
  }
  BOOST_TEST(held.expired());
}

BOOST_AUTO_TEST_SUITE_END()
