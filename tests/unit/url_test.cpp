// Where a URL leads, and which URLs lead nowhere. Those that validate() refuses are in options_test.cpp.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>
#include <string_view>

import holdfast;

using namespace holdfast;

namespace {

void check_refused(std::string_view url, std::string_view reason) {
  BOOST_TEST_CONTEXT("url " << url) {
    const auto reading = read_url(url);
    BOOST_TEST(reading.problem.find(reason) != std::string::npos, "refused with: " << reading.problem);
    BOOST_CHECK_THROW(parse_url(url), option_error);
  }
}

void check_leads_to(std::string_view url, const target& wanted) {
  BOOST_TEST_CONTEXT("url " << url) {
    const auto reading = read_url(url);
    BOOST_TEST(reading.problem == "");
    BOOST_TEST(reading.to.secure == wanted.secure);
    BOOST_TEST(reading.to.host == wanted.host);
    BOOST_TEST(reading.to.port == wanted.port);
    BOOST_TEST(reading.to.host_header == wanted.host_header);
    BOOST_TEST(reading.to.path == wanted.path);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(urls)

// RFC 6455 section 3.
BOOST_AUTO_TEST_CASE(the_default_port_is_80_for_ws_and_443_for_wss) {
  check_leads_to("ws://example.org",
                 {.host = "example.org", .port = 80, .host_header = "example.org", .path = "/"});
  check_leads_to(
      "wss://example.org",
      {.secure = true, .host = "example.org", .port = 443, .host_header = "example.org", .path = "/"});
}

// RFC 9110 section 7.2.
BOOST_AUTO_TEST_CASE(the_host_header_has_the_port_unless_it_is_the_default_of_the_scheme) {
  check_leads_to("ws://a:80/", {.host = "a", .port = 80, .host_header = "a", .path = "/"});
  check_leads_to("ws://a:443/", {.host = "a", .port = 443, .host_header = "a:443", .path = "/"});
  check_leads_to("wss://a:443/", {.secure = true, .host = "a", .port = 443, .host_header = "a", .path = "/"});
  check_leads_to("wss://a:80/",
                 {.secure = true, .host = "a", .port = 80, .host_header = "a:80", .path = "/"});
}

BOOST_AUTO_TEST_CASE(an_ipv6_literal_has_brackets_only_in_the_host_header) {
  check_leads_to(
      "wss://[2001:db8::1]/chat",
      {.secure = true, .host = "2001:db8::1", .port = 443, .host_header = "[2001:db8::1]", .path = "/chat"});
  check_leads_to("ws://[::1]:8080", {.host = "::1", .port = 8080, .host_header = "[::1]:8080", .path = "/"});
}

BOOST_AUTO_TEST_CASE(path_and_query_are_kept_as_they_are_written) {
  check_leads_to(
      "wss://a/b%20c/d?e=%26f&g=",
      {.secure = true, .host = "a", .port = 443, .host_header = "a", .path = "/b%20c/d?e=%26f&g="});
  check_leads_to("ws://a?b", {.host = "a", .host_header = "a", .path = "/?b"});
}

BOOST_AUTO_TEST_CASE(the_scheme_is_ws_or_wss_in_any_case) {
  BOOST_TEST(read_url("WSS://a/").to.secure);
  BOOST_TEST(!read_url("Ws://a/").to.secure);
  for (const auto* url : {"http://a/", "https://a/", "wsss://a/", "w://a/", "file:///a"}) {
    check_refused(url, "scheme must be ws:// or wss://");
  }
}

// RFC 6874: a zone means something on one machine only.
BOOST_AUTO_TEST_CASE(an_ipv6_zone_is_refused) {
  for (const auto* url : {"ws://[fe80::1%25eth0]/", "wss://[fe80::1%25eth0]:8080/"}) {
    check_refused(url, "must not have an IPv6 zone");
  }
  check_refused("ws://[fe80::1%eth0]/", "is not a URL");
}

BOOST_AUTO_TEST_CASE(an_address_of_a_future_version_is_refused) {
  check_refused("ws://[v7.abc]/", "address of an unknown kind");
}

BOOST_AUTO_TEST_CASE(wss_is_read_as_strictly_as_ws) {
  check_refused("wss://user:hunter2@a/", "must not carry credentials");
  check_refused("wss://a/#top", "must not have a fragment");
  check_refused("wss://", "has no host");
  check_refused("wss:///a", "has no host");
  check_refused("wss://b%C3%BCcher.example/", "host must be ASCII");
  check_refused("wss://exam%0d%0aple.org/", "host must be ASCII");
  check_refused("wss://a/\r\nX-Evil: 1", "is not a URL");
  check_refused("", "is missing");
  for (const auto* port : {"0", "65536", "99999999999999999999"}) {
    check_refused("wss://a:" + std::string(port) + "/", "port must be from 1 to 65535");
  }
}

BOOST_AUTO_TEST_CASE(no_problem_repeats_the_url) {
  for (const auto* url : {"ws://hunter2@a/", "ws://a/?token=hunter2#hunter2", "ws://a:hunter2/",
                          "hunter2://a/", "ws://hunter2%0a/", "hunter2", "ws://a/hunter2 "}) {
    BOOST_TEST_CONTEXT("url " << url) {
      const auto problem = read_url(url).problem;
      BOOST_TEST(!problem.empty());
      BOOST_TEST(problem.find("hunter2") == std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
