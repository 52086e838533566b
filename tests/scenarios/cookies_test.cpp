// Cookies of the upgrade: sent back where they came from, and shown to nobody.
#include "faults.hpp"
#include "way.hpp"

BOOST_AUTO_TEST_SUITE(cookies_of_the_upgrade)

namespace {

server::gate sets(std::string cookie) {
  return answers_with(101, {{"Set-Cookie", std::move(cookie)}, {"X-Backend", "7"}});
}

// Each session of ws://server/ is lost after a second.
struct sticky {
  explicit sticky(std::string cookie = "lb=a; Path=/; HttpOnly") {
    s.backend.on_upgrade(requests.keep(sets(std::move(cookie))));
    s.backend.on_session(drops(1s));
  }
  // The n-th request's cookies, from 0.
  std::string sent(std::size_t n) {
    s.in.run_until([&] { return requests.all.size() > n; }, 5min);
    return requests.values(n, "Cookie");
  }
  request_log requests;
  scenario s;
};

}  // namespace

// covers R56
BOOST_AUTO_TEST_CASE(a_cookie_of_the_101_comes_back_with_the_next_attempt) {
  sticky t;
  t.s.start();
  BOOST_TEST(t.sent(0) == "");
  BOOST_TEST(t.sent(1) == "lb=a");
  BOOST_TEST(t.sent(2) == "lb=a");
}

BOOST_AUTO_TEST_CASE(without_keep_cookies_none_comes_back) {
  sticky t;
  t.s.given.keep_cookies = false;
  t.s.start();
  BOOST_TEST(t.sent(1) == "");
}

// covers R56
BOOST_AUTO_TEST_CASE(the_programs_own_cookies_win_and_all_are_one_field) {
  test_provider provider;
  sticky t("lb=a; Path=/");
  t.s.given.headers = {{"Cookie", "lb=mine; id=7"}};
  provider.give = [](const credential_request& request) {
    credentials out;
    if (request.attempt > 2) out.headers = {{"cookie", "id=8"}};
    return out;
  };
  t.s.given.provider = provider.function();
  t.s.start();
  BOOST_TEST(t.sent(0) == "lb=mine; id=7");
  BOOST_TEST(t.sent(1) == "lb=mine; id=7");
  BOOST_TEST(t.sent(2) == "id=8; lb=a");
  BOOST_TEST(std::ranges::count(t.requests.all[2].headers, true, [](const auto& field) {
               return is_same_header(field.first, "Cookie");
             }) == 1);
}

// covers R56
BOOST_AUTO_TEST_CASE(an_attempt_that_sent_cookies_and_fails_is_the_end_of_them) {
  for (const unsigned status : {503U, 429U}) {
    sticky t;
    t.s.start();
    BOOST_TEST(t.sent(0) == "");
    t.s.backend.on_upgrade(t.requests.keep(answers_with(status)));
    BOOST_TEST(t.sent(1) == "lb=a");
    BOOST_TEST(t.sent(2) == "");
  }
  sticky t;
  t.s.start();
  BOOST_TEST(t.sent(0) == "");
  t.s.backend.never_upgrade();
  t.s.in.run_for(1min);  // attempts that reach a deadline, with the cookie and without
  t.s.backend.never_upgrade(false);
  BOOST_TEST(t.sent(1) == "");
}

BOOST_AUTO_TEST_CASE(an_attempt_that_fails_before_it_sends_them_keeps_them) {
  sticky t;
  t.s.start();
  BOOST_TEST(t.sent(0) == "");
  t.s.in.network()->behave(server_at, port_behaviour::refuses);
  t.s.in.run_for(20s);
  t.s.in.network()->behave(server_at, port_behaviour::accepts);
  BOOST_TEST(t.sent(1) == "lb=a");
}

// covers R56
BOOST_AUTO_TEST_CASE(behind_a_redirect_they_go_to_the_origin_that_set_them_alone) {
  sticky t;
  server other(t.s.in, other_at);
  request_log others;
  t.s.in.network()->add_name("other", {other_at.address});
  other.on_upgrade(others.keep(sets("other=b; Path=/")));
  other.on_session(drops(1s));
  t.s.start();
  BOOST_TEST(t.sent(0) == "");
  t.s.backend.on_upgrade(t.requests.keep(answers_with(302, {{"Location", "ws://other/"}})));
  BOOST_TEST(t.sent(1) == "lb=a");
  BOOST_REQUIRE(t.s.in.run_until([&] { return others.all.size() == 2; }, 1min));
  BOOST_TEST(others.values(0, "Cookie") == "");
  BOOST_TEST(others.values(1, "Cookie") == "other=b");
}

BOOST_AUTO_TEST_CASE(a_cookie_of_a_refusal_is_not_kept) {
  sticky t;
  t.s.backend.on_upgrade(t.requests.keep(answers_with(503, {{"Set-Cookie", "lb=a; Path=/"}})));
  t.s.start();
  BOOST_TEST(t.sent(1) == "");
}

BOOST_AUTO_TEST_CASE(a_cookie_is_shown_to_nobody_but_to_who_reads_the_headers) {
  sticky t("lb=s3cret; Path=/");
  auto seen = start_recorded(t.s);
  BOOST_TEST(t.sent(1) == "lb=s3cret");
  BOOST_TEST(!shows(t.s, seen, "s3cret"));
  const auto connected = std::ranges::find(seen.changes(), connection_state::connected, &observed_change::to);
  BOOST_REQUIRE((connected != seen.changes().end()));
  const header_list expected = {{"Set-Cookie", "lb=s3cret; Path=/"}, {"X-Backend", "7"}};
  BOOST_TEST((connected->headers == expected));
}

BOOST_AUTO_TEST_SUITE_END()
