// Which proxy leads to a server: the option first, then the environment, with its exceptions.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast;
import holdfast.wire;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(the_choice_of_a_proxy)

namespace {

using variables = std::map<std::string, std::string, std::less<>>;

environment make_environment(variables values) {
  return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

// The proxy's host, or "direct".
std::string chosen(const variables& given, std::string_view scheme, std::string_view host,
                   std::uint16_t port = 443) {
  const auto proxy = choose_proxy({}, scheme == "wss", host, port, make_environment(given));
  return proxy ? proxy->host : "direct";
}

// Of a proxy for everything, with this exception.
bool is_direct(const std::string& exceptions, std::string_view host, std::uint16_t port = 443) {
  return chosen({{"https_proxy", "http://proxy:3128"}, {"no_proxy", exceptions}}, "wss", host, port) ==
         "direct";
}

struct exception_case {
  std::string exceptions;
  std::vector<std::string_view> direct;
  std::vector<std::string_view> by_proxy;
};

void check(const std::vector<exception_case>& table) {
  for (const auto& [exceptions, direct, by_proxy] : table) {
    for (const auto host : direct)
      BOOST_TEST(is_direct(exceptions, host), '"' << exceptions << "\" does not except " << host);
    for (const auto host : by_proxy)
      BOOST_TEST(!is_direct(exceptions, host), '"' << exceptions << "\" excepts " << host);
  }
}

}  // namespace

// covers R43
BOOST_AUTO_TEST_CASE(without_an_option_and_with_an_empty_environment_is_none) {
  BOOST_TEST(chosen({}, "ws", "example.org") == "direct");
  BOOST_TEST(chosen({}, "wss", "example.org") == "direct");
  BOOST_TEST(!choose_proxy({}, true, "example.org", 443, environment{}).has_value());
}

// covers R43
BOOST_AUTO_TEST_CASE(by_option_wins_over_the_environment_and_its_exceptions) {
  const auto surroundings =
      make_environment({{"http_proxy", "http://other"}, {"all_proxy", "http://other"}, {"no_proxy", "*"}});
  for (const char* host : {"example.org", "localhost", "127.0.0.1", "::1"}) {
    const auto proxy = choose_proxy({.url = "socks5://mine:9"}, false, host, 80, surroundings);
    BOOST_REQUIRE(proxy.has_value());
    BOOST_TEST((*proxy == proxy_server{proxy_kind::socks5, "mine", 9}));
  }
}

BOOST_AUTO_TEST_CASE(by_a_wrong_option_is_an_error_that_names_it) {
  BOOST_CHECK_EXCEPTION(choose_proxy({.url = "https://user:hunter2@mine"}, false, "example.org", 80, {}),
                        option_error, [](const option_error& problem) {
                          return problem.field() == "proxy.url" &&
                                 std::string_view(problem.what()).find("hunter2") == std::string_view::npos;
                        });
}

// covers R43
BOOST_AUTO_TEST_CASE(does_not_ask_the_environment_if_it_must_not) {
  const environment must_not_be_asked = [](std::string_view name) -> std::optional<std::string> {
    BOOST_ERROR("asked for " << name);
    return std::nullopt;
  };
  BOOST_TEST(
      !choose_proxy({.from_environment = false}, true, "example.org", 443, must_not_be_asked).has_value());
  BOOST_TEST(choose_proxy({.url = "http://mine"}, true, "example.org", 443, must_not_be_asked).has_value());
}

// covers R43
BOOST_AUTO_TEST_CASE(takes_the_variable_of_the_scheme_and_else_that_for_all) {
  struct row {
    variables given;
    std::string ws;
    std::string wss;
  };
  const std::vector<row> table{
      {{{"http_proxy", "http://plain"}}, "plain", "direct"},
      {{{"https_proxy", "http://secure"}}, "direct", "secure"},
      {{{"HTTPS_PROXY", "http://secure"}}, "direct", "secure"},
      {{{"all_proxy", "http://all"}}, "all", "all"},
      {{{"ALL_PROXY", "socks5://all"}}, "all", "all"},
      {{{"http_proxy", "http://plain"}, {"all_proxy", "http://all"}}, "plain", "all"},
      {{{"https_proxy", "http://secure"}, {"all_proxy", "http://all"}}, "all", "secure"},
      {{{"HTTPS_PROXY", "http://secure"}, {"all_proxy", "http://all"}}, "all", "secure"},
      {{{"https_proxy", "http://lower"}, {"HTTPS_PROXY", "http://upper"}}, "direct", "lower"},
      {{{"all_proxy", "http://lower"}, {"ALL_PROXY", "http://upper"}}, "lower", "lower"},
      {{{"https_proxy", ""}, {"HTTPS_PROXY", "http://upper"}}, "direct", "upper"},
      {{{"http_proxy", ""}, {"https_proxy", ""}, {"all_proxy", "http://all"}}, "all", "all"},
      {{{"http_proxy", ""}, {"https_proxy", ""}, {"all_proxy", ""}}, "direct", "direct"},
      {{{"Https_Proxy", "http://mixed"}, {"proxy", "http://other"}, {"ws_proxy", "http://other"}},
       "direct",
       "direct"},
  };
  for (const auto& [given, ws, wss] : table) {
    const auto& first = given.begin()->first;
    BOOST_TEST(chosen(given, "ws", "example.org") == ws, first << " for ws, not " << ws);
    BOOST_TEST(chosen(given, "wss", "example.org") == wss, first << " for wss, not " << wss);
  }
}

// What a client of a CGI program sends as the header "Proxy" becomes HTTP_PROXY (CVE-2016-5385).
// covers R43
BOOST_AUTO_TEST_CASE(ignores_http_proxy_in_upper_case) {
  const variables given{{"HTTP_PROXY", "http://evil"}};
  BOOST_TEST(chosen(given, "ws", "example.org") == "direct");
  BOOST_TEST(chosen(given, "wss", "example.org") == "direct");
}

// covers R43
BOOST_AUTO_TEST_CASE(of_the_environment_never_applies_to_this_machine) {
  const variables given{{"all_proxy", "http://proxy"}};
  for (const char* host : {"localhost", "LocalHost", "localhost.", "chat.localhost", "127.0.0.1", "127.1.2.3",
                           "::1", "[::1]", "::ffff:127.0.0.1"}) {
    BOOST_TEST(chosen(given, "ws", host) == "direct", host);
  }
  for (const char* host :
       {"localhost.example.org", "notlocalhost", "128.0.0.1", "::2", "::ffff:192.0.2.1", "10.0.0.1"}) {
    BOOST_TEST(chosen(given, "ws", host) == "proxy", host);
  }
}

// covers R43
BOOST_AUTO_TEST_CASE(excepts_names_and_what_is_below_them) {
  check({
      {"*", {"example.org", "192.0.2.1", "2001:db8::1"}, {}},
      {"other.org,*", {"example.org"}, {}},
      {"example.org",
       {"example.org", "chat.example.org", "a.b.example.org", "EXAMPLE.org", "example.org."},
       {"notexample.org", "example.org.evil.com", "org", "example.com", "192.0.2.1"}},
      {".example.org", {"example.org", "chat.example.org"}, {"notexample.org", "org"}},
      {"*.example.org", {"example.org", "chat.example.org"}, {"notexample.org"}},
      {"Example.ORG.", {"example.org", "chat.example.org."}, {"notexample.org"}},
      {"org", {"example.org", "org"}, {"example.com", "cyborg"}},
      {"a.org,b.org", {"a.org", "x.b.org"}, {"c.org"}},
      {" a.org ,  b.org\t", {"a.org", "b.org"}, {"c.org"}},
      {"a.org b.org", {"a.org", "b.org"}, {"c.org"}},
      {",,a.org,,", {"a.org"}, {"c.org"}},
  });
}

// covers R43
BOOST_AUTO_TEST_CASE(excepts_addresses_by_value) {
  check({
      {"192.0.2.1", {"192.0.2.1", "::ffff:192.0.2.1"}, {"192.0.2.10", "192.0.2.2", "1.192.0.2.1.example"}},
      {"2001:db8::1", {"2001:db8::1", "2001:DB8:0::0:1", "[2001:db8::1]"}, {"2001:db8::2"}},
      {"[2001:db8::1]", {"2001:db8::1"}, {"2001:db8::11"}},
      {"::ffff:192.0.2.1", {"192.0.2.1"}, {"192.0.2.2"}},
      {"fe80::1", {"fe80::1"}, {"fe80::2"}},
      {"2.1", {}, {"192.0.2.1"}},
      {".1", {}, {"192.0.2.1"}},
  });
}

// covers R43
BOOST_AUTO_TEST_CASE(excepts_blocks_of_addresses) {
  check({
      {"10.0.0.0/8",
       {"10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"},
       {"11.0.0.0", "9.255.255.255", "::a00:0", "10.org"}},
      {"10.9.8.7/8", {"10.1.2.3"}, {"11.1.2.3"}},
      {"192.168.16.0/20", {"192.168.16.0", "192.168.31.255"}, {"192.168.15.255", "192.168.32.0"}},
      {"192.0.2.128/25", {"192.0.2.128", "192.0.2.255"}, {"192.0.2.127"}},
      {"192.0.2.4/31", {"192.0.2.4", "192.0.2.5"}, {"192.0.2.3", "192.0.2.6"}},
      {"192.0.2.1/32", {"192.0.2.1"}, {"192.0.2.0", "192.0.2.2"}},
      {"0.0.0.0/0", {"192.0.2.1", "255.255.255.255"}, {"2001:db8::1", "example.org"}},
      {"fd00::/8", {"fd00::1", "fdff::1"}, {"fe00::1", "192.0.2.1"}},
      {"2001:db8::/33", {"2001:db8:7fff::1"}, {"2001:db8:8000::1"}},
      {"2001:db8::1/128", {"2001:db8::1"}, {"2001:db8::2"}},
      {"::/0", {"2001:db8::1"}, {"192.0.2.1", "example.org"}},
  });
}

// covers R43
BOOST_AUTO_TEST_CASE(excepts_only_the_port_that_is_named) {
  for (const char* entry : {"example.org:8443", ".example.org:8443", "*.example.org:8443"}) {
    BOOST_TEST(is_direct(entry, "example.org", 8443), entry);
    BOOST_TEST(is_direct(entry, "chat.example.org", 8443), entry);
    BOOST_TEST(!is_direct(entry, "example.org", 443), entry);
  }
  BOOST_TEST(is_direct("192.0.2.1:80", "192.0.2.1", 80));
  BOOST_TEST(!is_direct("192.0.2.1:80", "192.0.2.1", 81));
  BOOST_TEST(is_direct("[2001:db8::1]:80", "2001:db8::1", 80));
  BOOST_TEST(!is_direct("[2001:db8::1]:80", "2001:db8::1", 81));
  BOOST_TEST(is_direct("2001:db8::80", "2001:db8::80", 443));  // no port: part of the address
  BOOST_TEST(is_direct("example.org:1,example.org:443", "example.org", 443));
}

BOOST_AUTO_TEST_CASE(passes_over_exceptions_that_mean_nothing) {
  check({
      {"10.0.0.0/33, 10.0.0.0/, 10.0.0.0/x, 10.0.0.0/-1, /8, /, 10.0.0.0/8/8", {}, {"10.0.0.0", "10.org"}},
      {"fd00::/129, fd00::/8:80", {}, {"fd00::1"}},
      {"192.168.*, <local>, example.org:x, example.org:, example.org:65536, :443",
       {},
       {"192.168.0.1", "example.org"}},
      {"., .., *., [, ], [], :", {}, {"example.org", "192.0.2.1", "2001:db8::1"}},
      {"10.0.0.0/33, good.org", {"good.org"}, {}},
      {" , \t,", {}, {"example.org"}},
  });
}

BOOST_AUTO_TEST_CASE(reads_the_exceptions_in_either_case_the_lower_first) {
  variables given{{"all_proxy", "http://proxy"}, {"NO_PROXY", "upper.org"}};
  BOOST_TEST(chosen(given, "wss", "upper.org") == "direct");
  given["no_proxy"] = "";
  BOOST_TEST(chosen(given, "wss", "upper.org") == "direct");
  given["no_proxy"] = "lower.org";
  BOOST_TEST(chosen(given, "wss", "lower.org") == "direct");
  BOOST_TEST(chosen(given, "wss", "upper.org") == "proxy");
}

// GNOME's settings export ALL_PROXY=socks://host:port/, and people write what their shell lets them.
// covers R57
BOOST_AUTO_TEST_CASE(understands_what_desktops_and_people_write_into_a_variable) {
  const proxy_server http{proxy_kind::http, "proxy.example", 3128};
  const proxy_server socks{proxy_kind::socks5, "proxy.example", 1080};
  const std::vector<std::pair<std::string, proxy_server>> table{
      {"socks://proxy.example:1080/", socks},
      {"socks://proxy.example", socks},
      {"SOCKS://proxy.example:1080", socks},
      {"Socks5H://proxy.example:1080//", socks},
      {"socks://user:hunter2@proxy.example:9/", {proxy_kind::socks5, "proxy.example", 9, "user", "hunter2"}},
      {"HTTP://proxy.example:3128", http},
      {"http://proxy.example:3128///", http},
      {"proxy.example:3128", http},
      {"proxy.example:3128/", http},
      {"//proxy.example:3128/", http},
      {" \thttp://proxy.example:3128", http},
      {"http://proxy.example:3128/ \r\n", http},
  };
  for (const auto& [value, expected] : table) {
    const auto surroundings = make_environment({{"ALL_PROXY", value}});
    const auto proxy = choose_proxy({}, true, "example.org", 443, surroundings);
    BOOST_REQUIRE_MESSAGE(proxy.has_value(), '"' << value << "\" is not understood");
    BOOST_TEST((*proxy == expected), '"' << value << "\" is misunderstood");
    BOOST_TEST(environment_problem({}, true, "example.org", 443, surroundings) == "");
  }
}

// covers R57
BOOST_AUTO_TEST_CASE(passes_over_a_variable_of_no_use_with_a_warning_that_keeps_its_password) {
  struct row {
    std::string name;
    bool secure;
  };
  for (const auto& [name, secure] :
       {row{"HTTPS_PROXY", true}, row{"https_proxy", true}, row{"http_proxy", false}, row{"ALL_PROXY", false},
        row{"all_proxy", true}}) {
    for (const std::string value : {"https://user:hunter2@proxy",
                                    "socks4://user:hunter2@proxy",
                                    "socks4a://proxy:1080",
                                    "quic://user:hunter2@proxy",
                                    "http://user:hunter2/@proxy",
                                    "http://user:hunter2@",
                                    "http://user:hunter2@proxy:99999",
                                    "http://user:hunter2@proxy:0",
                                    "http://user:hunter2%0a@proxy",
                                    "http://user:hunter2 @proxy",
                                    "http://user:p@hunter2@proxy",
                                    "\"http://proxy:3128\"",
                                    "http://wpad.example/hunter2.pac",
                                    "socks://:hunter2@proxy",
                                    "socks://",
                                    "http://",
                                    "://",
                                    "/",
                                    "%",
                                    "http://[::1",
                                    "b\u00FCcher:3128",
                                    "\x01\xFF hunter2",
                                    "{\"http\": \"hunter2\"}"}) {
      const auto surroundings = make_environment({{name, value}});
      BOOST_TEST_CONTEXT(name << '=' << value) {
        BOOST_TEST(!choose_proxy({}, secure, "example.org", 443, surroundings).has_value());
        const auto warning = environment_problem({}, secure, "example.org", 443, surroundings);
        BOOST_TEST(warning.starts_with("environment variable " + name + " is ignored"));
        BOOST_TEST(warning.find("hunter2") == std::string::npos);
        BOOST_TEST(warning.find_first_of("\r\n\x01") == std::string::npos);
      }
    }
  }
}

// As curl: what is set for the scheme has decided, also if it is of no use.
// covers R57
BOOST_AUTO_TEST_CASE(does_not_put_a_less_specific_variable_in_the_place_of_one_of_no_use) {
  const variables given{
      {"https_proxy", "socks4://old"}, {"HTTPS_PROXY", "http://b"}, {"all_proxy", "http://c"}};
  BOOST_TEST(chosen(given, "wss", "example.org") == "direct");
  BOOST_TEST(chosen(given, "ws", "example.org") == "c");
}

// covers R57
BOOST_AUTO_TEST_CASE(takes_white_space_alone_for_not_set) {
  const variables given{{"https_proxy", " \t\n"}, {"HTTPS_PROXY", "http://b"}, {"http_proxy", " "}};
  BOOST_TEST(chosen(given, "wss", "example.org") == "b");
  BOOST_TEST(chosen(given, "ws", "example.org") == "direct");
  BOOST_TEST(environment_problem({}, false, "example.org", 80, make_environment(given)) == "");
}

// covers R57
BOOST_AUTO_TEST_CASE(warns_of_a_variable_only_if_it_would_have_decided) {
  const auto surroundings = make_environment(
      {{"https_proxy", "nonsense://"}, {"http_proxy", "http://plain"}, {"no_proxy", "direct.org"}});
  const auto warning = [&](const proxy_options& given, bool secure, std::string_view host) {
    return environment_problem(given, secure, host, 443, surroundings);
  };
  BOOST_TEST(warning({}, true, "example.org") != "");
  BOOST_TEST(warning({}, false, "example.org") == "");
  BOOST_TEST(warning({}, true, "direct.org") == "");
  BOOST_TEST(warning({}, true, "localhost") == "");
  BOOST_TEST(warning({.url = "http://mine"}, true, "example.org") == "");
  BOOST_TEST(warning({.from_environment = false}, true, "example.org") == "");
  BOOST_TEST(environment_problem({}, true, "example.org", 443, environment{}) == "");
}

BOOST_AUTO_TEST_CASE(carries_the_credentials_of_a_variable) {
  const auto surroundings = make_environment({{"https_proxy", "user:p%40ss@proxy.example:3128"}});
  const auto proxy = choose_proxy({}, true, "example.org", 443, surroundings);
  BOOST_REQUIRE(proxy.has_value());
  BOOST_TEST((*proxy == proxy_server{proxy_kind::http, "proxy.example", 3128, "user", "p@ss"}));
}

// The names are only read by this program when a test asks for them, so this disturbs no other.
BOOST_AUTO_TEST_CASE(asks_a_copy_of_the_environment_of_the_process) {
  ::setenv("all_proxy", "http://before", 1);
  ::setenv("http_proxy", "", 1);
  ::unsetenv("no_proxy");
  ::unsetenv("NO_PROXY");
  const auto copy = process_environment();
  ::setenv("all_proxy", "http://after", 1);
  const auto proxy = choose_proxy({}, false, "example.org", 80, copy);
  ::unsetenv("all_proxy");
  ::unsetenv("http_proxy");
  BOOST_REQUIRE(proxy.has_value());
  BOOST_TEST(proxy->host == "before");
  BOOST_TEST(!copy("PATH").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
