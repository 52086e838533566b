// Where a URL leads, and which URLs lead nowhere. Those that validate() refuses are in options_test.cpp.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>
#include <string_view>

import holdfast;
import holdfast.wire;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(urls)

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
// covers R58
BOOST_AUTO_TEST_CASE(an_ipv6_zone_is_for_the_dial_and_not_for_the_server) {
  check_leads_to("ws://[fe80::1%25lo]:80/",
                 {.host = "fe80::1%lo", .port = 80, .host_header = "[fe80::1]", .path = "/"});
  check_leads_to("wss://[FE80:0::1%25eth0.100]:8443/a", {.secure = true,
                                                         .host = "fe80::1%eth0.100",
                                                         .port = 8443,
                                                         .host_header = "[fe80::1]:8443",
                                                         .path = "/a"});
  BOOST_TEST(to_origin(read_url("ws://[fe80::1%25lo]:8080/").to) == "ws://[fe80::1]:8080");
}

// covers R58
BOOST_AUTO_TEST_CASE(a_zone_may_be_written_as_people_and_tools_write_it) {
  const target wanted{.host = "fe80::1%lo", .host_header = "[fe80::1]", .path = "/"};
  for (const auto* url : {"ws://[fe80::1%25lo]/", "ws://[fe80::1%lo]/", "ws://[fe80::1%25%6C%6f]/"})
    check_leads_to(url, wanted);
  BOOST_TEST(read_url("ws://[fe80::1%2]/").to.host == "fe80::1%2");
  BOOST_TEST(read_url("ws://[fe80::1%252]/").to.host == "fe80::1%2");
  BOOST_TEST(read_url("ws://[fe80::1%25]/").to.host == "fe80::1%25");
  BOOST_TEST(read_url("ws://[fe80::1%2525]/").to.host == "fe80::1%25");
  BOOST_TEST(read_url("ws://[fe80::1%en-\xC3\xA9]/").problem.find("IPv6 zone") != std::string::npos);
}

// covers R58
BOOST_AUTO_TEST_CASE(a_zone_that_names_no_interface_is_refused) {
  for (const auto* url : {"ws://[fe80::1%25a%20b]/", "ws://[fe80::1%25a%0d%0ab]/", "ws://[fe80::1%25a%00]/",
                          "ws://[fe80::1%25a%2fb]/", "ws://[fe80::1%lo%eth0]/", "ws://[fe80::1%25a%5db]/"}) {
    check_refused(url, "has an IPv6 zone that cannot be");
  }
  for (const auto* url : {"ws://[fe80::1%]/", "ws://[%25lo]/", "ws://[fe80::zz%25lo]/", "ws://fe80::1%25lo/"})
    check_refused(url, "is not a URL");
}

// covers R58
BOOST_AUTO_TEST_CASE(two_spellings_of_one_place_are_equal) {
  const auto same = [](std::string_view a, std::string_view b) {
    BOOST_TEST(read_url(a).problem == "");
    return read_url(a).to == read_url(b).to && to_origin(read_url(a).to) == to_origin(read_url(b).to);
  };
  BOOST_TEST(same("ws://Example.ORG", "ws://example.org:80/"));
  BOOST_TEST(same("WSS://example.org:443/", "wss://example.org/"));
  BOOST_TEST(same("ws://example.org:/a", "ws://example.org/a"));
  BOOST_TEST(same("ws://example.org:00008080/", "ws://example.org:8080/"));
  BOOST_TEST(same("ws://ex%61mple.org/", "ws://example.org/"));
  BOOST_TEST(same("ws://[0:0:0:0:0:0:0:1]/", "ws://[::1]/"));
  BOOST_TEST(same("ws://[2001:DB8:0:0::0001]:80/", "ws://[2001:db8::1]/"));
  BOOST_TEST(same("ws://[fe80::1%lo]/", "ws://[FE80::1%25lo]/"));
  BOOST_TEST(same("ws:\\\\example.org\\a", "ws://example.org/a"));
  BOOST_TEST(same("ws://XN--bcher-KVA.example/", "ws://xn--bcher-kva.example/"));
  BOOST_TEST(!(read_url("ws://[fe80::1%lo]/").to == read_url("ws://[fe80::1%eth0]/").to));
}

// covers R58
BOOST_AUTO_TEST_CASE(what_a_browser_would_encode_in_path_and_query_is_encoded) {
  const auto path_of = [](std::string_view url) {
    BOOST_TEST(read_url(url).problem == "");
    return read_url(url).to.path;
  };
  BOOST_TEST(path_of("ws://a/my room/\"<>`{}|^[]") == "/my%20room/%22%3C%3E%60%7B%7D%7C%5E%5B%5D");
  BOOST_TEST(path_of("ws://a/?q=my room\"<>`{}|^[]\\'") ==
             "/?q=my%20room%22%3C%3E%60%7B%7D%7C%5E%5B%5D%5C%27");
  BOOST_TEST(path_of("ws://a/b\xC3\xBC"
                     "cher?\xE2\x98\x95") == "/b%C3%BCcher?%E2%98%95");
  BOOST_TEST(path_of("ws://a/\xFC\xFF") ==
             "/%FC%FF");  // bytes that are no UTF-8 are sent as the bytes they are
  BOOST_TEST(path_of("ws://a/100%?r=5%&s=%zz&t=%4") == "/100%25?r=5%25&s=%25zz&t=%254");
  BOOST_TEST(path_of("ws://a/%2F%c3%BC?%25") == "/%2F%c3%BC?%25");
  BOOST_TEST(path_of("ws://a/\x01\x7F?\x1F"
                     "x") == "/%01%7F?%1Fx");
  BOOST_TEST(path_of(std::string_view("ws://a/b\0c", 10)) == "/b%00c");
  BOOST_TEST(path_of("ws://a?my room") == "/?my%20room");
  BOOST_TEST(path_of("ws://a/-._~!$&'()*+,;=:@/?-._~!$&()*+,;=:@/?") ==
             "/-._~!$&'()*+,;=:@/?-._~!$&()*+,;=:@/?");
}

// covers R58
BOOST_AUTO_TEST_CASE(a_backslash_in_front_of_the_query_is_a_slash) {
  check_leads_to("ws:\\\\a\\b/c?d\\e", {.host = "a", .host_header = "a", .path = "/b/c?d%5Ce"});
  // What a browser takes for the host must be our host too.
  check_leads_to("ws://a\\@b/", {.host = "a", .host_header = "a", .path = "/@b/"});
}

// covers R58
BOOST_AUTO_TEST_CASE(white_space_and_control_characters_around_a_url_are_dropped) {
  const target wanted{.host = "a", .host_header = "a", .path = "/b"};
  for (const auto* url : {" ws://a/b", "ws://a/b ", "\tws://a/b\r\n", "\x01 \x1Fws://a/b\x0B"})
    check_leads_to(url, wanted);
  check_refused(" \t\r\n ", "is missing");
}

// Nothing that stands behind a line break may ever become a line of the request.
// covers R58
BOOST_AUTO_TEST_CASE(a_tab_or_a_line_break_inside_is_refused) {
  for (const auto* url : {"ws://a/\r\nX-Evil: 1", "ws://a/b\nc", "ws://a/b\rc", "ws://a/b\tc", "ws://a/?b\nc",
                          "ws://a\n/", "w\ns://a/", "ws:/\n/a/", "ws://a:8\n0/", "ws://[fe80::1%l\no]/"}) {
    check_refused(url, "is not a URL");
  }
}

// RFC 3986 section 3.2.3.
// covers R58
BOOST_AUTO_TEST_CASE(an_empty_port_is_the_default_and_zeros_in_front_change_nothing) {
  check_leads_to("ws://h:/", {.host = "h", .port = 80, .host_header = "h", .path = "/"});
  check_leads_to("wss://h:", {.secure = true, .host = "h", .port = 443, .host_header = "h", .path = "/"});
  check_leads_to("ws://[::1]:/", {.host = "::1", .port = 80, .host_header = "[::1]", .path = "/"});
  check_leads_to("ws://h:0008080/", {.host = "h", .port = 8080, .host_header = "h:8080", .path = "/"});
  check_leads_to("ws://h:080/", {.host = "h", .port = 80, .host_header = "h", .path = "/"});
}

// DNS takes it for the name in full; the server gets what is written, as from a browser.
// covers R58
BOOST_AUTO_TEST_CASE(a_dot_at_the_end_of_a_name_stays) {
  check_leads_to("ws://Example.org./", {.host = "example.org.", .host_header = "example.org.", .path = "/"});
}

// covers R58
BOOST_AUTO_TEST_CASE(a_name_in_its_ascii_form_is_only_lowered) {
  check_leads_to("ws://XN--Bcher-kva.Example/",
                 {.host = "xn--bcher-kva.example", .host_header = "xn--bcher-kva.example", .path = "/"});
  check_leads_to("ws://my_host~1/", {.host = "my_host~1", .host_header = "my_host~1", .path = "/"});
}

// covers R58
BOOST_AUTO_TEST_CASE(an_international_name_is_known_by_its_ascii_form_or_refused_by_that_word) {
  const std::string_view names[] = {
      "b\xC3\xBC"
      "cher.example",
      "B%C3%9CCHER.Example", "bu%CC%88cher.example",
      "b\xC3\xBC"
      "cher\xE3\x80\x82"
      "example"};
  for (const auto name : names) {
    const auto url = "wss://" + std::string(name) + ":8443/";
    if (knows_international_names()) {
      check_leads_to(url, {.secure = true,
                           .host = "xn--bcher-kva.example",
                           .port = 8443,
                           .host_header = "xn--bcher-kva.example:8443",
                           .path = "/"});
    } else {
      check_refused(url, "international host name");
      check_refused(url, "xn--");
    }
  }
}

// covers R58
BOOST_AUTO_TEST_CASE(an_international_name_that_has_no_ascii_form_is_refused) {
  check_refused(
      "ws://b\xC3\xBC"
      "cher%2Fevil.example/",
      "character that a host name must not have");
  check_refused(
      "ws://b\xC3\xBC"
      "cher%00.example/",
      "character that a host name must not have");
  if (!knows_international_names()) return;
  check_refused(
      "ws://b\xFC"
      "cher.example/",
      "neither ASCII nor UTF-8");
  check_refused("ws://b%FCcher.example/", "neither ASCII nor UTF-8");
  check_refused("ws://-\xC3\xBC-.example/", "international host name");
  check_refused("ws://\xC2\xAD/", "has no host");  // a soft hyphen is nothing
  check_refused(
      "ws://a\xE2\x84\x80"
      "b.example/",
      "character that a host name must not have");  // is "a/c" in ASCII
  check_leads_to("ws://fa%C3%9F.example/",
                 {.host = "xn--fa-hia.example", .host_header = "xn--fa-hia.example", .path = "/"});
}

// covers R60
BOOST_AUTO_TEST_CASE(only_from_wss_to_ws_is_a_way_out_of_tls) {
  const target plain{.secure = false}, secure{.secure = true};
  BOOST_TEST(leads_out_of_tls(secure, plain));
  BOOST_TEST(!leads_out_of_tls(plain, secure));
  BOOST_TEST(!leads_out_of_tls(plain, plain));
  BOOST_TEST(!leads_out_of_tls(secure, secure));
}

BOOST_AUTO_TEST_CASE(an_address_of_a_future_version_is_refused) {
  check_refused("ws://[v7.abc]/", "IP address of an unknown version");
}

BOOST_AUTO_TEST_CASE(wss_is_read_as_strictly_as_ws) {
  check_refused("wss://user:hunter2@a/", "must not carry credentials");
  check_refused("wss://a/#top", "must not have a fragment");
  check_refused("wss://:443/", "has no host");
  check_refused("wss://", "has no host");
  check_refused("wss:///a", "has no host");
  for (const auto* host : {"exam%0d%0aple.org", "exam%20ple.org", "exam%00ple.org", "a%2Fb", "a%3Ab", "a%40b",
                           "a%25b", "a%7Fb", "a%5Cb", "a%3Fb", "a%23b", "%5Ba%5D"}) {
    check_refused("wss://" + std::string(host) + "/", "host has a space or another character");
  }
  check_refused("wss://a/\r\nX-Evil: 1", "is not a URL");
  check_refused("", "is missing");
  for (const auto* port : {"0", "65536", "99999999999999999999"}) {
    check_refused("wss://a:" + std::string(port) + "/", "port must be from 1 to 65535");
  }
}

BOOST_AUTO_TEST_CASE(no_problem_repeats_the_url) {
  for (const auto* url :
       {"ws://hunter2@a/", "ws://a/?token=hunter2#hunter2", "ws://a:hunter2/", "hunter2://a/",
        "ws://hunter2%0a/", "hunter2", "ws://a/hunter2\n2", "ws://[fe80::1%hunter2%20]/",
        "ws://hunter2%C3%BC%20.example/", "ws://-hunter2\xC3\xBC-.example/"}) {
    BOOST_TEST_CONTEXT("url " << url) {
      const auto problem = read_url(url).problem;
      BOOST_TEST(!problem.empty());
      BOOST_TEST(problem.find("hunter2") == std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
