// Proxies that refuse, break their protocol, hang or are not there; programs that stop in the middle of the
// dialogue; and secrets, which are in none of the texts.
#include "faults.hpp"
#include "proxies.hpp"
#include "stops.hpp"

BOOST_AUTO_TEST_SUITE(proxy_failures)

namespace {

// What a proxy says in place of an answer, and what that is called.
struct bad_answer {
  const char* name;
  proxy_kind kind;
  std::vector<box_step> script;
  error wanted;
  std::string detail;  // a part of it
};

box_step step(bool (*is_whole)(std::string_view), std::string reply) { return {is_whole, std::move(reply)}; }

std::vector<bad_answer> http_answers() {
  const auto answers = [](const char* name, const std::string& text, error wanted, std::string detail) {
    return bad_answer{name, proxy_kind::http, http_proxy(text), wanted, std::move(detail)};
  };
  return {answers("407", "HTTP/1.1 407 Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
                  error::proxy_unauthorized, "HTTP 407 Authentication Required"),
          answers("401 for 407", "HTTP/1.0 401 Unauthorized\r\nServer: tinyproxy\r\n\r\n",
                  error::proxy_unauthorized, "HTTP 401 Unauthorized"),
          answers("403", "HTTP/1.1 403 Forbidden\r\n\r\n", error::proxy_refused, "HTTP 403 Forbidden"),
          answers("502 with a body",
                  "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 25\r\n\r\ncannot resolve the server",
                  error::proxy_refused, "HTTP 502 Bad Gateway"),
          answers("a redirect", "HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n", error::proxy_refused,
                  "HTTP 302"),
          answers("an upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n", error::proxy_invalid, "protocol"),
          answers("garbage", "SSH-2.0-OpenSSH_9.2\r\n", error::proxy_invalid, "not HTTP"),
          answers("more than its answer", "HTTP/1.1 200 OK\r\n\r\nhello", error::proxy_invalid, "more"),
          answers("nothing", "", error::proxy_refused, "without an answer"),
          answers("half an answer", "HTTP/1.1 200 OK\r\nProxy-", error::proxy_invalid, "in the middle")};
}

std::vector<bad_answer> socks5_answers() {
  const auto greeted = step(is_whole_greeting, bytes_of({5, 0}));
  const auto socks = proxy_kind::socks5;
  return {{"wants credentials",
           socks,
           {step(is_whole_greeting, bytes_of({5, 0xFF}))},
           error::proxy_unauthorized,
           "requires a user name"},
          {"host unreachable",
           socks,
           {greeted, step(is_whole_request, bytes_of({5, 4, 0, 1, 0, 0, 0, 0, 0, 0}))},
           error::proxy_refused,
           "host unreachable"},
          {"speaks HTTP",
           socks,
           {step(is_whole_greeting, "HTTP/1.1 400 Bad Request\r\n\r\n")},
           error::proxy_invalid,
           "HTTP"},
          {"garbage", socks, {step(is_whole_greeting, "garbage")}, error::proxy_invalid, "version"},
          {"nothing", socks, {step(is_whole_greeting, "")}, error::proxy_refused, "without an answer"},
          {"half an answer",
           socks,
           {greeted, step(is_whole_request, bytes_of({5, 0, 0}))},
           error::proxy_invalid,
           "in the middle"}};
}

state_change check_failed(proxy_scenario& s, error_code wanted, std::string_view detail) {
  const auto failed = first_failure(s);
  BOOST_CHECK(failed.reason.error == wanted);
  BOOST_TEST((failed.reason.at == stage::proxy));
  BOOST_TEST(failed.reason.peer == "10.0.0.9:3128");
  BOOST_TEST(failed.reason.detail.find(detail) != std::string::npos, failed.reason.detail);
  BOOST_TEST(failed.reason.http_status == 0U);  // that is the server's
  BOOST_TEST(failed.retry_in.has_value());
  const bool is_about_credentials = wanted == make_error_code(error::proxy_unauthorized);
  BOOST_TEST(failed.rule == (is_about_credentials ? "proxy-unauthorized" : "backoff"));
  if (is_about_credentials && failed.retry_in)
    BOOST_TEST(between(clock::duration(s.given.retry.cap) / 2, *failed.retry_in, s.given.retry.cap));
  BOOST_TEST(s.in.network()->open_links() == 0U);
  BOOST_TEST(s.plain.accepted() + s.backend.accepted() == 0U);
  return failed;
}

// Then the proxy is in order again.
void check_heals(proxy_scenario& s, const std::vector<box_step>& good) {
  middlebox repaired(s.in, proxy_at, server_at, good);
  BOOST_TEST(s.reaches(connection_state::connected, 1min));
  BOOST_TEST(echoes(s, "hello"));
}

}  // namespace

// covers R43 R5
BOOST_AUTO_TEST_CASE(each_refusal_of_a_proxy_is_told_at_its_stage_and_tried_again) {
  auto all = http_answers();
  std::ranges::move(socks5_answers(), std::back_inserter(all));
  for (const auto& each : all) {
    BOOST_TEST_CONTEXT(each.name) {
      proxy_scenario s(each.kind);
      s.proxy.follow(each.script);
      s.proxy.hang_up_at_the_end();
      check_failed(s, each.wanted, each.detail);
      check_heals(s, each.kind == proxy_kind::http ? http_proxy() : socks5_proxy());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_socks_proxy_that_refuses_the_credentials_says_so) {
  for (const bool closes : {false, true}) {
    proxy_scenario s(proxy_kind::socks5);
    s.use_credentials();
    auto script = socks5_proxy_with_credentials(closes ? "" : bytes_of({1, 1}));
    script.pop_back();
    s.proxy.follow(script);
    s.proxy.hang_up_at_the_end();
    check_failed(s, closes ? error::proxy_refused : error::proxy_unauthorized, "user name");
  }
}

// covers G33
BOOST_AUTO_TEST_CASE(a_proxy_that_hangs_is_given_up_at_the_deadline_of_the_proxy) {
  const auto greeted = step(is_whole_greeting, bytes_of({5, 0}));
  const std::vector<std::pair<proxy_kind, std::vector<box_step>>> all{
      {proxy_kind::http, http_proxy("")},
      {proxy_kind::http, http_proxy("HTTP/1.1 200 OK\r\nVia: ")},
      {proxy_kind::http, http_proxy("HTTP/1.1 100 Continue\r\n\r\n")},
      {proxy_kind::socks5, {step(is_whole_greeting, "")}},
      {proxy_kind::socks5, {step(is_whole_greeting, bytes_of({5}))}},
      {proxy_kind::socks5, {greeted}},
      {proxy_kind::socks5, socks5_proxy(bytes_of({5, 0, 0, 1, 0}))}};
  for (const auto& [kind, script] : all) {
    proxy_scenario s(kind);
    s.proxy.follow(script);
    s.proxy.lead_to({});
    const auto failed = check_failed(s, error::timed_out, "");
    BOOST_TEST((s.in.elapsed() == s.given.deadlines.proxy + 2 * s.in.network()->conditions.latency));
    const recorder seen(*s.conn);
    s.in.run_for(*failed.retry_in);
    BOOST_REQUIRE(!seen.changes().empty());
    BOOST_TEST((seen.changes()[0].time == *failed.retry_at()));
    check_heals(s, kind == proxy_kind::http ? http_proxy() : socks5_proxy());
  }
}

BOOST_AUTO_TEST_CASE(a_proxy_that_is_too_slow_is_given_up_although_it_still_speaks) {
  proxy_scenario s;
  s.proxy.speak_slowly(500ms);
  check_failed(s, error::timed_out, "");
  BOOST_TEST((s.in.elapsed() == s.given.deadlines.proxy + 2 * s.in.network()->conditions.latency));
}

// covers R43 R5
BOOST_AUTO_TEST_CASE(a_proxy_that_cannot_be_reached_is_told_apart_from_a_server) {
  proxy_scenario refuses;
  refuses.in.network()->behave(proxy_at, port_behaviour::refuses);
  check_failed(refuses, net::error::connection_refused, "");

  proxy_scenario swallows;
  swallows.in.network()->behave(proxy_at, port_behaviour::swallows);
  check_failed(swallows, error::timed_out, "");
  BOOST_TEST((swallows.in.elapsed() == clock::duration(swallows.given.deadlines.connect)));

  proxy_scenario unknown;
  unknown.in.network()->break_name("proxy", net::error::make_error_code(net::error::host_not_found));
  const auto failed = first_failure(unknown);
  BOOST_TEST((failed.reason.error == net::error::host_not_found));
  BOOST_TEST((failed.reason.at == stage::proxy));
  BOOST_TEST(failed.reason.peer.empty());

  proxy_scenario hangs;
  hangs.in.network()->break_name("proxy", {});
  const auto late = first_failure(hangs);
  BOOST_CHECK(late.reason.error == error::timed_out);
  BOOST_TEST((late.reason.at == stage::proxy));
  BOOST_TEST((hangs.in.elapsed() == clock::duration(hangs.given.deadlines.resolve)));
}

BOOST_AUTO_TEST_CASE(the_text_of_a_failure_says_where_the_proxy_is) {
  proxy_scenario s;
  s.in.network()->behave(proxy_at, port_behaviour::refuses);
  const auto text = describe(first_failure(s));
  BOOST_TEST(text.starts_with("disconnected (proxy 10.0.0.9:3128: "), text);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_lost_behind_an_open_proxy_is_told_at_the_stage_it_was_lost_in) {
  for (const auto& each : all_ways) {
    proxy_scenario s(each.kind, each.secure);
    s.proxy.hang_up_at_the_end();
    const auto failed = first_failure(s);
    // Which of the two depends on whether we were about to read or to write.
    BOOST_TEST((failed.reason.error == make_error_code(error::connection_lost) ||
                failed.reason.error == net::error::broken_pipe));
    BOOST_TEST((failed.reason.at == (each.secure ? stage::tls : stage::upgrade)));
    BOOST_TEST(failed.reason.peer == "10.0.0.9:3128");
  }
}

// covers G4 R43
BOOST_AUTO_TEST_CASE(when_a_proxy_restarts_the_connection_comes_back) {
  for (const auto& each : all_ways) {
    proxy_scenario s(each.kind, each.secure);
    s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    const recorder seen(*s.conn);
    s.in.run_for(1min);
    s.in.network()->behave(proxy_at, port_behaviour::refuses);
    s.proxy.cut();
    s.in.run_for(10s);
    BOOST_REQUIRE(seen.count(connection_state::disconnected) >= 2U);
    BOOST_CHECK(seen.changes()[0].reason.error == error::connection_lost);
    BOOST_TEST((seen.changes()[2].reason.at == stage::proxy));
    s.in.network()->behave(proxy_at, port_behaviour::accepts);
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    BOOST_TEST(echoes(s, "back"));
  }
}

// covers R30 R34
BOOST_AUTO_TEST_CASE(a_stop_at_any_moment_of_the_dialogue_ends_it_at_once_and_completes_everything_once) {
  std::size_t connecting = 0;
  for (const auto how : {stop_way::close, stop_way::disconnect, stop_way::cancel, stop_way::destroy}) {
    for (const auto& each : all_ways) {
      for (int moment = 0; moment <= 32; ++moment) {
        for (const int hops : {0, 3}) {
          // Connected at 2 ms, and open at about 30 ms.
          proxy_scenario s(each.kind, each.secure);
          s.use_credentials();
          s.proxy.follow(each.kind == proxy_kind::http ? http_proxy("HTTP/1.1 200 OK\r\n\r\n")
                                                       : socks5_proxy_with_credentials());
          s.proxy.speak_slowly(1ms);
          BOOST_TEST_CONTEXT("way " << static_cast<int>(how) << ", " << each.name << " at " << moment
                                    << " ms, " << hops << " hops") {
            connecting += check_stop(s, how, moment * 1ms, hops) ? 1 : 0;
            BOOST_TEST(s.plain.open_sessions() + s.backend.open_sessions() == 0U);
          }
        }
      }
    }
  }
  BOOST_TEST(connecting > 4U * 4U * 2U * 15U);
}

BOOST_AUTO_TEST_CASE(no_text_has_a_password_in_it_whatever_a_proxy_says) {
  const std::string echo = "Proxy-Authorization: Basic dXNlcjpzM2NyM3Q=\r\nuser:s3cr3t\r\n";
  auto all = http_answers();
  std::ranges::move(socks5_answers(), std::back_inserter(all));
  all.push_back({"echoes in a body", proxy_kind::http, http_proxy("HTTP/1.1 502 No\r\n\r\n" + echo), {}, {}});
  all.push_back({"echoes in 407", proxy_kind::http, http_proxy("HTTP/1.1 407 No\r\n" + echo), {}, {}});
  all.push_back({"echoes the request", proxy_kind::http, http_proxy("CONNECT server:80\r\n" + echo), {}, {}});
  all.push_back(
      {"echoes behind its answer", proxy_kind::http, http_proxy("HTTP/1.1 200 OK\r\n\r\n" + echo), {}, {}});
  all.push_back({"refuses", proxy_kind::socks5, socks5_proxy_with_credentials(bytes_of({1, 1})), {}, {}});
  all.push_back({"echoes the credentials",
                 proxy_kind::socks5,
                 socks5_proxy_with_credentials(bytes_of({1, 4}) + "user" + bytes_of({6}) + "s3cr3t"),
                 {},
                 {}});
  for (const auto& each : all) {
    BOOST_TEST_CONTEXT(each.name) {
      proxy_scenario s(each.kind);
      s.use_credentials();
      s.proxy.follow(each.script);
      s.proxy.hang_up_at_the_end();
      s.conn.emplace(s.in.executor(), s.given);
      const recorder seen(*s.conn);
      s.conn->run(net::detached);
      s.in.run_for(5min);
      BOOST_TEST(seen.count(connection_state::disconnected) > 3U);
      BOOST_TEST(seen.count(connection_state::connected) == 0U);
      BOOST_TEST(!has_secret(all_texts(s, seen)), all_texts(s, seen));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
