// A proxy's URL: what is understood, and what is refused with one line that names the field and keeps the
// password to itself.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>
#include <string_view>

import holdfast;
import holdfast.wire;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(a_url_of_a_proxy)

namespace {

void check_understood(std::string_view url, const proxy_server& expected) {
  BOOST_TEST_CONTEXT("url " << url) {
    const auto found = parse_proxy_url(url);
    BOOST_TEST((found.kind == expected.kind));
    BOOST_TEST(found.host == expected.host);
    BOOST_TEST(found.port == expected.port);
    BOOST_TEST(found.username == expected.username);
    BOOST_TEST(found.password == expected.password);
  }
}

// `hint` must be in the text; "hunter2" is the password in all of these tests.
void check_refused(std::string_view url, std::string_view hint) {
  BOOST_TEST_CONTEXT("url " << url) {
    try {
      parse_proxy_url(url);
      BOOST_ERROR("accepted");
    } catch (const option_error& problem) {
      const std::string_view what = problem.what();
      BOOST_TEST(problem.field() == "proxy.url");
      BOOST_TEST(what.starts_with("options.proxy.url: "));
      BOOST_TEST(what.find(hint) != std::string_view::npos, what << " has no " << hint);
      BOOST_TEST(what.find("hunter2") == std::string_view::npos);
      BOOST_TEST(what.find_first_of("\r\n") == std::string_view::npos);
    }
  }
}

constexpr auto http = proxy_kind::http;
constexpr auto socks5 = proxy_kind::socks5;

}  // namespace

// covers R43
BOOST_AUTO_TEST_CASE(names_a_kind_a_host_and_a_port) {
  check_understood("http://proxy.example:3128", {http, "proxy.example", 3128});
  check_understood("http://proxy.example:3128/", {http, "proxy.example", 3128});
  check_understood("socks5://proxy.example:9050", {socks5, "proxy.example", 9050});
  check_understood("socks5h://proxy.example:9050", {socks5, "proxy.example", 9050});
  check_understood("HTTP://Proxy.Example:65535", {http, "Proxy.Example", 65535});
  check_understood("SOCKS5://192.0.2.1:1", {socks5, "192.0.2.1", 1});
}

// covers R43
BOOST_AUTO_TEST_CASE(has_a_default_port_for_each_kind) {
  check_understood("http://proxy.example", {http, "proxy.example", 80});
  check_understood("socks5://proxy.example", {socks5, "proxy.example", 1080});
  check_understood("socks5h://proxy.example/", {socks5, "proxy.example", 1080});
}

// covers R43
BOOST_AUTO_TEST_CASE(without_a_scheme_is_of_http) {
  check_understood("proxy.example:3128", {http, "proxy.example", 3128});
  check_understood("proxy.example", {http, "proxy.example", 80});
  check_understood("user:hunter2@192.0.2.1:3128", {http, "192.0.2.1", 3128, "user", "hunter2"});
  check_understood("[2001:db8::1]:3128", {http, "2001:db8::1", 3128});
}

BOOST_AUTO_TEST_CASE(may_have_an_ipv6_literal) {
  check_understood("http://[2001:db8::1]:3128", {http, "2001:db8::1", 3128});
  check_understood("socks5://[::1]", {socks5, "::1", 1080});
}

// covers R43
BOOST_AUTO_TEST_CASE(may_have_credentials_percent_encoded) {
  check_understood("http://user:hunter2@proxy.example:8080",
                   {http, "proxy.example", 8080, "user", "hunter2"});
  check_understood("socks5://user:hunter2@proxy.example", {socks5, "proxy.example", 1080, "user", "hunter2"});
  check_understood("http://user@proxy.example", {http, "proxy.example", 80, "user", ""});
  check_understood("http://user:@proxy.example", {http, "proxy.example", 80, "user", ""});
  check_understood("http://:hunter2@proxy.example", {http, "proxy.example", 80, "", "hunter2"});
  check_understood("http://a%40b:p%3A%2F%40%25%20w@proxy.example",
                   {http, "proxy.example", 80, "a@b", "p:/@% w"});
  check_understood("http://user:a:b@proxy.example", {http, "proxy.example", 80, "user", "a:b"});
  check_understood("socks5://a%3Ab:c@proxy.example", {socks5, "proxy.example", 1080, "a:b", "c"});
  check_understood("http://J%C3%BCrgen:%E2%82%AC@proxy.example",
                   {http, "proxy.example", 80, "J\u00fcrgen", "\u20ac"});
}

BOOST_AUTO_TEST_CASE(is_refused_with_another_scheme) {
  check_refused("https://proxy.example:3128", "https:// proxies are not supported");
  check_refused("HTTPS://user:hunter2@proxy.example", "https:// proxies are not supported");
  for (const char* url :
       {"ws://proxy.example", "socks://proxy.example", "socks4://proxy.example", "socks4a://proxy.example",
        "ftp://user:hunter2@proxy.example", "httpx://proxy.example"}) {
    check_refused(url, "http://, socks5:// or socks5h://");
  }
}

BOOST_AUTO_TEST_CASE(is_refused_without_a_host) {
  check_refused("", "missing");
  for (const char* url :
       {"http://", "http:///", "http://:3128", "socks5://user:hunter2@", "http://user:hunter2@:80"}) {
    check_refused(url, "has no host");
  }
}

BOOST_AUTO_TEST_CASE(is_refused_with_a_port_outside_1_to_65535) {
  for (const char* port : {"0", "00", "65536", "99999999999999999999", ""}) {
    check_refused("http://user:hunter2@proxy.example:" + std::string(port), "port must be from 1 to 65535");
  }
}

BOOST_AUTO_TEST_CASE(is_refused_with_a_host_beyond_ascii_or_with_spaces) {
  for (const char* url : {"http://b%C3%BCcher.example", "http://user:hunter2@exa%20mple.org",
                          "socks5://exam%0d%0aple.org", "http://exam%00ple.org", "http://exam%7Fple.org"}) {
    check_refused(url, "host must be ASCII");
  }
  check_refused("http://b\u00fccher.example", "is not a URL");
}

BOOST_AUTO_TEST_CASE(is_refused_with_control_characters_in_its_credentials) {
  for (const char* url :
       {"http://user%0d%0aX-Evil:hunter2@proxy.example", "http://user:hunter2%0a@proxy.example",
        "http://user:%00hunter2@proxy.example", "socks5://us%1Ber:hunter2@proxy.example",
        "socks5://user:hunter2%7F@proxy.example"}) {
    check_refused(url, "control character");
  }
}

// RFC 7617 section 2 and RFC 1929 section 2: what their forms cannot hold.
BOOST_AUTO_TEST_CASE(is_refused_with_credentials_that_cannot_be_sent) {
  check_refused("http://us%3Aer:hunter2@proxy.example", "colon");
  check_refused("socks5://:hunter2@proxy.example", "password needs a user name");
  const std::string long_text(256, 'x');
  check_refused("socks5://" + long_text + ":hunter2@proxy.example", "255 bytes");
  check_refused("socks5://user:" + long_text + "@proxy.example", "255 bytes");
  check_understood("socks5://" + long_text.substr(1) + ':' + long_text.substr(1) + "@proxy.example",
                   {socks5, "proxy.example", 1080, long_text.substr(1), long_text.substr(1)});
  check_understood("http://" + long_text + ":x@proxy.example", {http, "proxy.example", 80, long_text, "x"});
}

BOOST_AUTO_TEST_CASE(is_refused_with_more_than_host_and_port) {
  check_refused("http://wpad.example/proxy.pac", "path");
  check_refused("http://proxy.example:80/?x=1", "end after the port");
  check_refused("http://proxy.example#x", "end after the port");
}

// A "/", "#", "?" or "@" that should have been encoded makes a host or a path of the password.
BOOST_AUTO_TEST_CASE(that_is_broken_by_its_password_does_not_show_it) {
  for (const char* url :
       {"http://user:hunter2/x@proxy.example", "http://user:1/hunter2@proxy.example",
        "http://user:hunter2#@proxy", "http://user:1#hunter2@proxy", "http://user:1?hunter2@proxy",
        "http://user:a@hunter2@proxy.example", "http://user:hunter2%@proxy.example",
        "http://user:hunter2 @proxy.example", "http://user:hunter2\\@proxy",
        "http://user:hunter2%zz@proxy.example", " http://user:hunter2@proxy.example",
        "http://user:hunter2@proxy.example\r\n", "http://[hunter2]", "http://[::1"}) {
    check_refused(url, "");
  }
}

BOOST_AUTO_TEST_SUITE_END()
