// The way through a proxy: what is said to it, what comes through, and which proxy it is.
#include <cstdlib>

#include "faults.hpp"
#include "proxies.hpp"
#include "tls.hpp"

BOOST_AUTO_TEST_SUITE(proxies)

namespace {

// A variable of the environment, for as long as the test.
class variable {
 public:
  variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  ~variable() { ::unsetenv(name_); }

 private:
  const char* const name_;
};

// The latest request of an upgrade.
void keep_request(server& of, http_head& request) {
  of.on_session([&request](server_session& session) {
    request = session.request();
    return session.echo();
  });
}

}  // namespace

// covers R43
BOOST_AUTO_TEST_CASE(ws_and_wss_go_through_both_kinds_of_proxy_which_looks_up_the_name) {
  for (const auto& each : all_ways) {
    BOOST_TEST_CONTEXT(each.name) {
      proxy_scenario s(each.kind, each.secure);
      auto& conn = s.start();
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      BOOST_TEST(echoes(s, "hello"));
      BOOST_TEST(conn.snapshot().sequence == 2U);
      BOOST_TEST(conn.snapshot().origin == (each.secure ? "wss://server" : "ws://server"));
      BOOST_TEST(conn.snapshot().peer == "10.0.0.9:3128");
      const std::string port = each.secure ? "443" : "80";
      if (each.kind == proxy_kind::http) {
        BOOST_REQUIRE(s.proxy.heard().size() == 1U);
        const auto& request = s.proxy.heard()[0];
        BOOST_TEST(request.starts_with("CONNECT server:" + port + " HTTP/1.1\r\n"));
        BOOST_TEST(request.find("\r\nHost: server:" + port) == request.find("\r\n"));
        BOOST_TEST(request.find("Proxy-Authorization") == std::string::npos);
        BOOST_TEST(request.find("Upgrade") == std::string::npos);
      } else {
        BOOST_REQUIRE(s.proxy.heard().size() == 2U);
        BOOST_TEST(s.proxy.heard()[0] == bytes_of({5, 1, 0}));
        const auto number = each.secure ? bytes_of({1, 187}) : bytes_of({0, 80});
        BOOST_TEST(s.proxy.heard()[1] == bytes_of({5, 1, 0, 3, 6}) + "server" + number);
      }
    }
  }
}

// covers R43
BOOST_AUTO_TEST_CASE(credentials_go_to_the_proxy_and_to_nobody_else) {
  for (const auto& each : all_ways) {
    BOOST_TEST_CONTEXT(each.name) {
      proxy_scenario s(each.kind, each.secure);
      s.use_credentials();
      http_head request;
      keep_request(each.secure ? s.backend : s.plain, request);
      if (each.kind == proxy_kind::socks5) s.proxy.follow(socks5_proxy_with_credentials());
      s.start();
      const recorder seen(*s.conn);
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      BOOST_TEST(echoes(s, "hello"));
      if (each.kind == proxy_kind::http) {
        BOOST_TEST(s.proxy.heard()[0].find("\r\nProxy-Authorization: Basic dXNlcjpzM2NyM3Q=\r\n") !=
                   std::string::npos);
      } else {
        BOOST_TEST(s.proxy.heard()[0] == bytes_of({5, 2, 0, 2}));
        BOOST_TEST(s.proxy.heard()[1] == bytes_of({1, 4}) + "user" + bytes_of({6}) + "s3cr3t");
      }
      for (const auto& [name, value] : request.headers) BOOST_TEST((!has_secret(name) && !has_secret(value)));
      BOOST_TEST(!has_secret(all_texts(s, seen)));
    }
  }
}

// A proxy that wants none may be offered some all the same.
BOOST_AUTO_TEST_CASE(a_socks_proxy_may_pass_over_the_credentials) {
  proxy_scenario s(proxy_kind::socks5);
  s.use_credentials();
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_REQUIRE(s.proxy.heard().size() == 2U);
  BOOST_TEST(!has_secret(s.proxy.heard()[1]));
}

// covers R43
BOOST_AUTO_TEST_CASE(through_a_proxy_it_is_the_server_whose_certificate_is_verified) {
  proxy_scenario s(proxy_kind::http, true);
  s.show(s.authority.issue({.host = "proxy"}));
  const auto failed = first_failure(s);
  BOOST_CHECK(failed.reason.error == error::certificate_wrong_host);
  BOOST_TEST((failed.reason.at == stage::tls));
  BOOST_TEST(failed.rule == "certificate");
  s.show(s.authority.issue());
  BOOST_TEST(s.reaches(connection_state::connected, 1min));
}

BOOST_AUTO_TEST_CASE(large_messages_go_through_a_proxy_and_the_tls_session_is_resumed) {
  for (const auto& each : all_ways) {
    proxy_scenario s(each.kind, each.secure);
    s.in.network()->conditions = {.window_bytes = 5000, .largest_piece_bytes = 700};
    s.start();
    for (int i = 0; i < 2; ++i) {
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      for (const std::size_t size : {0U, 1U, 300'000U}) BOOST_TEST(echoes(s, pattern(size)));
      s.in.network()->reset_links();
      BOOST_REQUIRE(s.reaches(connection_state::disconnected));
    }
    BOOST_TEST(s.backend.resumptions() == (each.secure ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_CASE(answers_that_come_byte_by_byte_are_understood) {
  for (const auto& each : all_ways) {
    proxy_scenario s(each.kind, each.secure);
    s.use_credentials();
    if (each.kind == proxy_kind::socks5) s.proxy.follow(socks5_proxy_with_credentials());
    s.proxy.speak_slowly(50ms);
    s.in.network()->conditions.largest_piece_bytes = 1;
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    BOOST_TEST(conn.snapshot().sequence == 2U);
    BOOST_TEST(echoes(s, "hello"));
  }
}

BOOST_AUTO_TEST_CASE(an_old_proxy_and_one_that_takes_its_time_are_understood) {
  for (const std::string answer :
       {"HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.0 200 Connection established\nProxy-agent: old\n\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n"}) {
    proxy_scenario s(proxy_kind::http, true);
    s.proxy.follow(http_proxy(answer));
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    BOOST_TEST(conn.snapshot().sequence == 2U);
  }
}

BOOST_AUTO_TEST_CASE(each_redirect_is_a_way_of_its_own_through_the_proxy) {
  proxy_scenario s;
  s.plain.on_upgrade([&s](const http_head&) {
    s.proxy.lead_to(secure_server_at);
    return http_answer{.status = 307, .headers = {{"Location", "wss://server/there"}}};
  });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.proxy.connections() == 2U);
  BOOST_TEST(s.proxy.heard()[0].starts_with("CONNECT server:443 "));
  BOOST_TEST(s.conn->snapshot().origin == "wss://server");
  BOOST_TEST(echoes(s, "hello"));
}

// covers R43
BOOST_AUTO_TEST_CASE(a_proxy_of_the_options_beats_everything) {
  const variable exceptions("no_proxy", "*");
  const variable other("http_proxy", "http://other:1");
  for (const auto* const url : {"ws://server/", "ws://localhost/", "ws://127.0.0.1/"}) {
    for (const bool from_environment : {true, false}) {
      proxy_scenario s;
      s.given.url = url;
      s.given.proxy.from_environment = from_environment;
      s.start();
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      BOOST_TEST(s.proxy.connections() == 1U);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_simulated_network_knows_nothing_of_the_environment) {
  for (const bool secure : {false, true}) {
    proxy_scenario s(proxy_kind::http, secure);
    const variable plain("http_proxy", "http://proxy:3128");
    const variable encrypted("https_proxy", "http://proxy:3128");
    const variable all("ALL_PROXY", "nonsense://");
    s.in.network()->add_name("server", {server_at.address});
    s.given.proxy = {};
    s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    BOOST_TEST(s.proxy.connections() == 0U);
    BOOST_TEST(s.conn->snapshot().peer == (secure ? "10.0.0.1:443" : "10.0.0.1:80"));
  }
}

BOOST_AUTO_TEST_CASE(a_proxy_that_cannot_be_is_told_by_the_constructor_without_its_secrets) {
  for (const auto* const url :
       {"https://user:s3cr3t@proxy", "http://user:s3cr3t@proxy:0", "http://user:s3cr3t@proxy/path",
        "ftp://user:s3cr3t@proxy", "http://user:s3cr3t@", "http://user:s3cr3t@ proxy",
        "socks5://:s3cr3t@proxy", "user:s3cr3t@proxy:x"}) {
    proxy_scenario s;
    s.given.proxy.url = url;
    std::string problem;
    try {
      const connection never(s.in.executor(), s.given);
    } catch (const option_error& e) {
      BOOST_TEST(e.field() == "proxy.url");
      problem = e.what();
    }
    BOOST_TEST(problem.starts_with("options.proxy.url: "));
    BOOST_TEST(!has_secret(problem));
  }
}

BOOST_AUTO_TEST_SUITE_END()
