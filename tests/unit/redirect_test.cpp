// Where a redirect leads, whether it may be followed, and whether credentials may go along.
#include <boost/test/unit_test.hpp>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast;
import holdfast.wire;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(redirects)

namespace {

redirect_target at(std::string url) {
  auto to = parse_url(url);
  return {.url = std::move(url), .to = std::move(to)};
}

// The URL that a 302 from `here` with this Location leads to.
std::string leads_to(std::string here, std::string_view location) {
  const auto decision = follow_redirect(at(std::move(here)), 302, location);
  return decision.to ? decision.to->url : "refused: " + decision.refusal;
}

void check_refused(std::string here, std::string_view location, std::string_view reason) {
  BOOST_TEST_CONTEXT("from " << here << " to " << location) {
    const auto decision = follow_redirect(at(std::move(here)), 302, location);
    BOOST_TEST(!decision.to.has_value());
    BOOST_TEST(decision.refusal.find(reason) != std::string::npos, "refused with: " << decision.refusal);
    BOOST_TEST(decision.refusal.find_first_of("\r\n") == std::string::npos);
  }
}

bool keeps_origin(std::string here, std::string_view location) {
  return follow_redirect(at(std::move(here)), 307, location).to.value().same_origin;
}

}  // namespace

BOOST_AUTO_TEST_CASE(all_five_statuses_lead_to_the_same_place) {
  for (const unsigned status : {301U, 302U, 303U, 307U, 308U}) {
    BOOST_TEST(is_redirect(status));
    BOOST_TEST(follow_redirect(at("ws://a/b"), status, "/c").to.value().url == "ws://a/c");
  }
  for (const unsigned status : {0U, 101U, 200U, 300U, 304U, 305U, 306U, 309U, 400U, 503U}) {
    BOOST_TEST(!is_redirect(status));
    BOOST_TEST(!follow_redirect(at("ws://a/b"), status, "/c").to.has_value());
  }
}

// RFC 3986 section 5.4.1, with the base of its examples as a WebSocket.
BOOST_AUTO_TEST_CASE(relative_references_are_resolved_as_the_rfc_shows) {
  const std::vector<std::pair<std::string_view, std::string_view>> examples{
      {"g", "ws://a/b/c/g"},
      {"./g", "ws://a/b/c/g"},
      {"g/", "ws://a/b/c/g/"},
      {"/g", "ws://a/g"},
      {"//g", "ws://g"},
      {"?y", "ws://a/b/c/d;p?y"},
      {"g?y", "ws://a/b/c/g?y"},
      {"#s", "ws://a/b/c/d;p?q"},
      {"g#s", "ws://a/b/c/g"},
      {"g?y#s", "ws://a/b/c/g?y"},
      {";x", "ws://a/b/c/;x"},
      {"g;x", "ws://a/b/c/g;x"},
      {"g;x?y#s", "ws://a/b/c/g;x?y"},
      {".", "ws://a/b/c/"},
      {"./", "ws://a/b/c/"},
      {"..", "ws://a/b/"},
      {"../", "ws://a/b/"},
      {"../g", "ws://a/b/g"},
      {"../..", "ws://a/"},
      {"../../", "ws://a/"},
      {"../../g", "ws://a/g"},
      {"../../../g", "ws://a/g"},
      {"/./g", "ws://a/g"},
      {"/../g", "ws://a/g"},
      {"g.", "ws://a/b/c/g."},
      {"..g", "ws://a/b/c/..g"},
      {"./g/.", "ws://a/b/c/g/"},
      {"g/../h", "ws://a/b/c/h"},
      {"g;x=1/../y", "ws://a/b/c/y"},
      {"g?y/../x", "ws://a/b/c/g?y/../x"}};
  for (const auto& [reference, wanted] : examples) {
    BOOST_TEST_CONTEXT("reference " << reference) {
      BOOST_TEST(leads_to("ws://a/b/c/d;p?q", reference) == wanted);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_schemes_of_http_stand_for_those_of_web_sockets) {
  BOOST_TEST(leads_to("ws://a/", "http://b/c") == "ws://b/c");
  BOOST_TEST(leads_to("ws://a/", "https://b/c") == "wss://b/c");
  BOOST_TEST(leads_to("ws://a/", "ws://b/c") == "ws://b/c");
  BOOST_TEST(leads_to("ws://a/", "WSS://b/c") == "wss://b/c");
  BOOST_TEST(leads_to("wss://a/", "HTTPS://b:8443/c?d=e") == "wss://b:8443/c?d=e");
  BOOST_TEST(leads_to("wss://a/", "//b/c") == "wss://b/c");
}

BOOST_AUTO_TEST_CASE(the_new_place_has_been_read) {
  const auto next = follow_redirect(at("ws://a/"), 302, "https://[2001:db8::1]:8443/x?y").to.value();
  BOOST_TEST(next.to.secure);
  BOOST_TEST(next.to.host == "2001:db8::1");
  BOOST_TEST(next.to.port == 8443);
  BOOST_TEST(next.to.host_header == "[2001:db8::1]:8443");
  BOOST_TEST(next.to.path == "/x?y");
  BOOST_TEST(next.followed == 1U);
}

BOOST_AUTO_TEST_CASE(five_redirects_are_followed_and_the_sixth_is_refused) {
  auto here = at("ws://a/");
  for (unsigned i = 1; i <= redirect_limit; ++i) {
    here = follow_redirect(here, 302, "/again").to.value();
    BOOST_TEST(here.followed == i);
  }
  BOOST_TEST(redirect_limit == 5U);
  const auto sixth = follow_redirect(here, 302, "/again");
  BOOST_TEST(!sixth.to.has_value());
  BOOST_TEST(sixth.refusal == "more than 5 redirects");
}

BOOST_AUTO_TEST_CASE(a_way_out_of_tls_is_refused) {
  for (const auto* location : {"ws://a/", "http://a/", "http://b/"}) {
    check_refused("wss://a/", location, "from wss:// to ws://");
  }
}

// covers R60
BOOST_AUTO_TEST_CASE(what_began_without_tls_and_came_to_it_does_not_leave_it) {
  auto here = at("ws://a/");
  for (const auto* location : {"ws://b/", "https://b/", "/c", "wss://a/"})
    here = follow_redirect(here, 302, location).to.value();
  BOOST_TEST(here.to.secure);
  for (const auto* location : {"ws://a/", "http://a/", "http://b/"}) {
    const auto decision = follow_redirect(here, 302, location);
    BOOST_TEST(!decision.to.has_value());
    BOOST_TEST(decision.refusal.find("from wss:// to ws://") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_location_that_is_missing_or_no_url_is_refused) {
  check_refused("ws://a/", "", "no Location");
  for (const auto* location :
       {"/a\r\nX-Evil: 1", "/a\nb", "/a\tb", "http://a b/", "http://[", "ws://a:80:80/", "//a%zz/"}) {
    check_refused("ws://a/", location, "is not a URL");
  }
  check_refused("ws://a/", " \t ", "no Location");
}

// covers R58
BOOST_AUTO_TEST_CASE(a_location_is_repaired_as_a_browser_does_it) {
  BOOST_TEST(leads_to("ws://a/b", "/my room?q=a b|c") == "ws://a/my%20room?q=a%20b%7Cc");
  BOOST_TEST(leads_to("ws://a/b/c", "my room/{id}") == "ws://a/b/my%20room/%7Bid%7D");
  BOOST_TEST(leads_to("ws://a/b", "?caf\xC3\xA9 100%") == "ws://a/b?caf%C3%A9%20100%25");
  BOOST_TEST(leads_to("ws://a/b", "/caf\xE9") == "ws://a/caf%E9");
  BOOST_TEST(leads_to("ws://a/b", " /c \t") == "ws://a/c");
  BOOST_TEST(leads_to("ws://a/b", "\\c\\d") == "ws://a/c/d");
  BOOST_TEST(leads_to("ws://a/b", "\\\\c\\d") == "ws://c/d");
  BOOST_TEST(leads_to("ws://a/b", "HTTPS:\\\\c\\d e#f g") == "wss://c/d%20e");
  BOOST_TEST(leads_to("ws://a/b", "http://c:/d") == "ws://c:/d");
  BOOST_TEST(follow_redirect(at("ws://a/b"), 302, "http://c:/d").to.value().to.port == 80);
}

// The URL of the attempt is as people wrote it, too.
// covers R58
BOOST_AUTO_TEST_CASE(a_relative_location_is_resolved_at_a_url_that_was_repaired) {
  BOOST_TEST(leads_to(" ws://a/my room/x y?q=|\n", "z") == "ws://a/my%20room/z");
  BOOST_TEST(leads_to("ws:\\\\a\\b\\c", "d") == "ws://a/b/d");
  BOOST_TEST(follow_redirect(at("ws://[fe80::1%lo]:81/a"), 302, "b").to.value().to.host == "fe80::1%lo");
}

// A server knows its address on the link, and does not know what we call that link.
// covers R58
BOOST_AUTO_TEST_CASE(a_link_local_place_is_on_the_link_that_the_redirect_came_from) {
  const auto next = [](std::string here, std::string_view location) {
    return follow_redirect(at(std::move(here)), 302, location).to.value();
  };
  const auto same = next("ws://[fe80::1%25lo]/a", "http://[fe80::1]/b");
  BOOST_TEST(same.to.host == "fe80::1%lo");
  BOOST_TEST(same.to.host_header == "[fe80::1]");
  BOOST_TEST(same.same_origin);
  const auto again = follow_redirect(same, 302, "/c").to.value();
  BOOST_TEST(again.to.host == "fe80::1%lo");
  BOOST_TEST(again.to.path == "/c");
  BOOST_TEST(again.same_origin);
  const auto neighbour = next("ws://[fe80::1%25lo]/a", "http://[fe80::2]:81/b");
  BOOST_TEST(neighbour.to.host == "fe80::2%lo");
  BOOST_TEST(!neighbour.same_origin);
  BOOST_TEST(next("ws://[fe80::1%25lo]/", "http://[2001:db8::1]/").to.host == "2001:db8::1");
  BOOST_TEST(next("ws://[fe80::1%25lo]/", "http://10.0.0.1/").to.host == "10.0.0.1");
  BOOST_TEST(next("ws://[fe80::1%25lo]/", "http://b/").to.host == "b");
  BOOST_TEST(next("ws://a/", "http://[fe80::1]/").to.host == "fe80::1");
  const auto elsewhere = next("ws://[fe80::1%25lo]/", "http://[fe80::1%25eth0]/");
  BOOST_TEST(elsewhere.to.host == "fe80::1%eth0");
  BOOST_TEST(!elsewhere.same_origin);
}

BOOST_AUTO_TEST_CASE(another_scheme_is_refused) {
  for (const auto* location :
       {"ftp://a/", "file:///etc/passwd", "javascript:alert(1)", "mailto:a@b", "data:,x", "wsx://a/"}) {
    check_refused("ws://a/", location, "scheme other than");
  }
}

BOOST_AUTO_TEST_CASE(what_a_url_must_not_have_a_redirect_must_not_have) {
  check_refused("ws://a/", "ws://user:hunter2@b/", "credentials");
  check_refused("ws://a/", "//user@b/", "credentials");
  check_refused("ws://a/", "ws:///b", "has no host");
  check_refused("ws://a/", "http:b", "has no host");
  check_refused("ws://a/", "ws://b:0/", "port");
  check_refused("ws://a/", "ws://b:65536/", "port");
  check_refused("ws://a/", "ws://[fe80::1%25a%20b]/", "zone");
  check_refused("ws://a/", "ws://b%0d%0aX-Evil/", "character that a host name must not have");
}

BOOST_AUTO_TEST_CASE(a_refusal_repeats_nothing_of_what_the_server_sent) {
  for (const auto* location : {"ws://hunter2@b/", "hunter2://b/", "/hunter2\tx", "ws://b:hunter2/",
                               "ws://hunter2%0a/", "ws:///hunter2"}) {
    BOOST_TEST_CONTEXT("location " << location) {
      const auto refusal = follow_redirect(at("ws://a/"), 302, location).refusal;
      BOOST_TEST(!refusal.empty());
      BOOST_TEST(refusal.find("hunter2") == std::string::npos);
    }
  }
}

// RFC 6454 sections 4 and 5.
BOOST_AUTO_TEST_CASE(the_origin_is_scheme_host_and_port) {
  BOOST_TEST(keeps_origin("ws://a/b", "/c"));
  BOOST_TEST(keeps_origin("ws://a/", "http://A:80/x"));
  BOOST_TEST(keeps_origin("wss://a/", "https://a:443/"));
  BOOST_TEST(keeps_origin("wss://a/", "https://%41:0443/"));
  BOOST_TEST(keeps_origin("ws://A:80/", "http://a:/"));
  BOOST_TEST(keeps_origin("ws://[::1]/", "http://[0:0:0::0:1]/"));
  BOOST_TEST(keeps_origin("ws://xn--bcher-kva.example/", "http://XN--BCHER-kva.Example/"));
  BOOST_TEST(!keeps_origin("ws://a/", "ws://b/"));
  BOOST_TEST(!keeps_origin("ws://a/", "ws://a.b/"));
  BOOST_TEST(!keeps_origin("ws://a/", "ws://b.a/"));
  BOOST_TEST(!keeps_origin("ws://a/", "ws://a./"));
  BOOST_TEST(!keeps_origin("ws://a/", "ws://a:8080/"));
  BOOST_TEST(!keeps_origin("ws://a/", "wss://a/"));
  BOOST_TEST(!keeps_origin("ws://a:443/", "wss://a/"));
}

BOOST_AUTO_TEST_CASE(who_has_left_the_origin_does_not_come_back_to_it) {
  const auto elsewhere = follow_redirect(at("ws://a/"), 302, "ws://b/").to.value();
  BOOST_TEST(!follow_redirect(elsewhere, 302, "/still/there").to.value().same_origin);
  BOOST_TEST(!follow_redirect(elsewhere, 302, "ws://a/").to.value().same_origin);
}

BOOST_AUTO_TEST_CASE(fields_with_credentials_do_not_go_to_another_origin) {
  const auto left = without_credentials({{"authorization", "Bearer x"},
                                         {"Origin", "http://a"},
                                         {"COOKIE", "a=b"},
                                         {"Proxy-Authorization", "Basic x"},
                                         {"X-Room", "7"}});
  BOOST_REQUIRE(left.size() == 2U);
  BOOST_TEST(left[0].first == "Origin");
  BOOST_TEST(left[1].first == "X-Room");
}

BOOST_AUTO_TEST_SUITE_END()
