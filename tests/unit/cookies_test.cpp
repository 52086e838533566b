// Which cookies are kept, for whom, for how long, and how they go back (RFC 6265).
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

import holdfast;
import holdfast.wire;

using namespace holdfast;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(cookies)

namespace {

// 2026-03-01 12:00:00
const cookie_jar::time_point noon = std::chrono::sys_days{std::chrono::year{2026} / 3 / 1} + 12h;

target at(std::string_view url) { return parse_url(url); }

struct browser {
  void gets(std::string value, std::string_view from = "wss://a.example/chat/room") {
    jar.store(at(from), {{"Set-Cookie", std::move(value)}}, now);
  }
  [[nodiscard]] std::string sends(std::string_view to = "wss://a.example/chat/room",
                                  std::string_view own = {}) const {
    return jar.header(at(to), own, now);
  }
  cookie_jar jar;
  cookie_jar::time_point now = noon;
};

// What goes back of a cookie with these attributes.
std::string kept(std::string value, clock::duration later = {}) {
  browser one;
  one.gets(std::move(value));
  one.now += later;
  return one.sends();
}

}  // namespace

// covers R56
BOOST_AUTO_TEST_CASE(a_cookie_goes_back_to_the_origin_that_set_it_and_to_no_other) {
  browser one;
  one.gets("lb=a; Path=/; HttpOnly; SameSite=None");
  BOOST_TEST(one.sends() == "lb=a");
  BOOST_TEST(one.sends("wss://A.Example:443/?q") == "lb=a");
  for (const auto* other : {"ws://a.example/", "wss://a.example:444/", "wss://b.example/",
                            "wss://x.a.example/", "wss://example/"}) {
    BOOST_TEST(one.sends(other) == "");
  }
  one.jar.forget(at("wss://b.example/"));
  BOOST_TEST(one.sends() == "lb=a");
  one.jar.forget(at("wss://a.example/other"));
  BOOST_TEST(one.sends() == "");
}

BOOST_AUTO_TEST_CASE(only_name_and_value_go_back_as_they_came) {
  BOOST_TEST(kept("lb=\"a b\"; Path=/") == "lb=\"a b\"");
  BOOST_TEST(kept("  lb  =  a==  ; path=/") == "lb=a==");
  BOOST_TEST(kept("lb=; Path=/") == "lb=");
  BOOST_TEST(kept("=a; Path=/") == "");
  BOOST_TEST(kept("; Path=/") == "");
  BOOST_TEST(kept("lb=a; Unknown=x; ;; Path=/") == "lb=a");
}

BOOST_AUTO_TEST_CASE(several_fields_are_several_cookies_and_a_later_one_takes_the_place_of_an_earlier) {
  browser one;
  one.jar.store(at("wss://a.example/"),
                {{"set-cookie", "a=1; Path=/"}, {"X-Other", "x=9"}, {"SET-COOKIE", "b=2; Path=/"}}, noon);
  BOOST_TEST(one.sends() == "a=1; b=2");
  one.gets("a=3; Path=/");
  BOOST_TEST(one.sends() == "a=3; b=2");
}

BOOST_AUTO_TEST_CASE(a_path_bounds_where_a_cookie_goes) {
  browser one;
  one.gets("a=1; Path=/chat");
  one.gets("b=2; Path=/chat/room/");
  one.gets("c=3");                 // of /chat/room: /chat
  one.gets("d=4; Path=relative");  // the same
  BOOST_TEST(one.sends("wss://a.example/chat") == "a=1; c=3; d=4");
  BOOST_TEST(one.sends("wss://a.example/chat/room/1?x=/") == "b=2; a=1; c=3; d=4");  // the longest path first
  BOOST_TEST(one.sends("wss://a.example/chatter") == "");
  BOOST_TEST(one.sends("wss://a.example/") == "");
  browser other;
  other.gets("e=5", "wss://a.example");
  BOOST_TEST(other.sends("wss://a.example/any/where") == "e=5");
}

BOOST_AUTO_TEST_CASE(a_cookie_ends_when_it_says) {
  BOOST_TEST(kept("a=1; Path=/; Max-Age=60", 59s) == "a=1");
  BOOST_TEST(kept("a=1; Path=/; Max-Age=60", 60s) == "");
  BOOST_TEST(kept("a=1; Path=/; Max-Age=sixty", 1h) == "a=1");
  BOOST_TEST(kept("a=1; Path=/; Max-Age=99999999999999999999", 24h) == "a=1");
  BOOST_TEST(kept("a=1; Path=/; Expires=Sun, 01 Mar 2026 12:00:01 GMT") == "a=1");
  BOOST_TEST(kept("a=1; Path=/; Expires=Sun, 01 Mar 2026 12:00:01 GMT", 1s) == "");
  BOOST_TEST(kept("a=1; Path=/; Expires=Sun, 01-Mar-26 12:00:01 GMT", 1s) == "");
  BOOST_TEST(kept("a=1; Path=/; Expires=Sun Mar  1 12:00:01 2026", 1s) == "");
  BOOST_TEST(kept("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT") == "");
  BOOST_TEST(kept("a=1; Path=/; Expires=Fri, 31 Dec 9999 23:59:59 GMT", 24h * 365) == "a=1");
  for (const auto* nonsense : {"tomorrow", "0", "31 Feb 2027 00:00:00", "1 Mar 2026 25:00:00", ""}) {
    BOOST_TEST(kept(std::string("a=1; Path=/; Expires=") + nonsense, 24h) == "a=1");
  }
}

BOOST_AUTO_TEST_CASE(max_age_counts_before_expires) {
  BOOST_TEST(kept("a=1; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT") == "a=1");
  BOOST_TEST(kept("a=1; Path=/; Expires=Fri, 31 Dec 9999 23:59:59 GMT; Max-Age=0") == "");
}

BOOST_AUTO_TEST_CASE(a_server_deletes_a_cookie_by_ending_it) {
  for (const auto* end : {"Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"}) {
    browser one;
    one.gets("a=1; Path=/");
    one.gets("b=2; Path=/");
    one.gets(std::string("a=; Path=/; ") + end);
    BOOST_TEST(one.sends() == "b=2");
  }
}

BOOST_AUTO_TEST_CASE(a_domain_of_another_is_refused_and_else_means_nothing) {
  browser one;
  for (const auto* domain : {"b.example", "xa.example", "a.example.org", "x.a.example"}) {
    one.gets(std::string("a=1; Path=/; Domain=") + domain);
  }
  BOOST_TEST(one.sends() == "");
  for (const auto* domain : {"a.example", ".A.EXAMPLE", ".example", "example", ""}) {
    one.gets(std::string("a=1; Path=/; Domain=") + domain);
    BOOST_TEST(one.sends() == "a=1");
    BOOST_TEST(one.sends("wss://b.example/") == "");
    one.jar.forget(at("wss://a.example/"));
  }
  one.gets("a=1; Path=/; Domain=2.1", "wss://192.0.2.1/");  // no name below another
  BOOST_TEST(one.sends("wss://192.0.2.1/") == "");
}

BOOST_AUTO_TEST_CASE(a_secure_cookie_is_taken_over_tls_only) {
  browser one;
  one.gets("a=1; Path=/; Secure", "ws://a.example/");
  BOOST_TEST(one.sends("ws://a.example/") == "");
  one.gets("a=1; Path=/; Secure", "wss://a.example/");
  BOOST_TEST(one.sends("wss://a.example/") == "a=1");
}

// covers R56
BOOST_AUTO_TEST_CASE(the_programs_own_cookies_go_first_and_win) {
  browser one;
  one.gets("lb=a; Path=/");
  one.gets("x=y; Path=/");
  BOOST_TEST(one.sends("wss://a.example/", "lb=mine; id=7") == "lb=mine; id=7; x=y");
  BOOST_TEST(one.sends("wss://a.example/", "LB=mine") == "LB=mine; lb=a; x=y");
  BOOST_TEST(one.sends("wss://b.example/", "id=7") == "id=7");
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_bounded_and_the_oldest_goes_first) {
  browser one;
  for (int i = 0; i < 100; ++i) one.gets("n" + std::to_string(i) + "=1; Path=/");
  const auto sent = one.sends();
  BOOST_TEST(sent.starts_with("n68=1; "));
  BOOST_TEST(sent.ends_with("; n99=1"));
  browser other;
  for (int i = 0; i < 5; ++i) other.gets(std::to_string(i) + "=" + std::string(4000, 'x') + "; Path=/");
  BOOST_TEST(other.sends().size() < cookie_jar::most_bytes + 10);
  BOOST_TEST(other.sends().starts_with("3="));
  other.gets("big=" + std::string(4096, 'x') + "; Path=/");
  BOOST_TEST(other.sends().find("big") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
