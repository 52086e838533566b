// One request of HTTP, on the way that a connection would take: directly, by TLS and by a proxy.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "middlebox.hpp"
#include "proxies.hpp"
#include "secure.hpp"

BOOST_AUTO_TEST_SUITE(http_fetches)

namespace {

bool is_whole_head(std::string_view said) { return said.find("\r\n\r\n") != std::string_view::npos; }

struct fetch_scenario : scenario {
  // The server says this when it has heard a head.
  middlebox& serves(std::string answer) {
    box.emplace(in, server_at, server_at, std::vector<box_step>{{is_whole_head, std::move(answer)}});
    box->lead_to(std::nullopt);
    return *box;
  }
  // Runs it to its end. The result is the answer, or the error.
  result<http_response> fetches(http_request what, clock::duration within = 1min) {
    std::optional<result<http_response>> out;
    given.url.clear();  // of no meaning here
    net::co_spawn(in.executor(), http_fetch(std::move(what), given),
                  [&](const std::exception_ptr& thrown, http_response got) {
                    if (!thrown) {
                      out = std::move(got);
                      return;
                    }
                    try {
                      std::rethrow_exception(thrown);
                    } catch (const boost::system::system_error& e) {
                      out = e.code();
                      text = e.what();
                    }
                  });
    BOOST_REQUIRE(in.run_until([&] { return out.has_value(); }, within));
    return std::move(*out);
  }
  error_code fails(const std::string& answer, http_request what = {.url = "http://server/"}) {
    serves(answer);
    return fetches(std::move(what)).error();
  }

  std::optional<middlebox> box;
  std::string text;
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_request_is_complete_and_the_answer_whole) {
  fetch_scenario s;
  auto& box = s.serves("HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-Two: 2\r\n\r\nhello and no more");
  const auto got = s.fetches({.url = "http://server/auth?x=1",
                              .method = "POST",
                              .headers = {{"Content-Type", "text/plain"}},
                              .body = "socket=7"});
  BOOST_REQUIRE(got.has_value());
  BOOST_TEST(got->status == 201U);
  BOOST_TEST(got->body == "hello");
  BOOST_TEST((got->headers == header_list{{"Content-Length", "5"}, {"X-Two", "2"}}));
  BOOST_TEST(box.heard().at(0) ==
             "POST /auth?x=1 HTTP/1.1\r\nHost: server\r\nUser-Agent: holdfast\r\nConnection: close\r\n"
             "Content-Length: 8\r\nContent-Type: text/plain\r\n\r\nsocket=7");
  BOOST_TEST(s.in.run_until([&] { return s.in.network()->open_links() == 0U; }, 1s));
}

BOOST_AUTO_TEST_CASE(bodies_of_each_kind_are_read_byte_by_byte_too) {
  const std::vector<std::pair<std::string, std::string>> answers{
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n", "abcde"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 "
       "OK\r\nContent-Length: 2\r\n\r\nab",
       "ab"},
      {"HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"},
      {"HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
  };
  for (const auto& [answer, body] : answers) {
    for (const auto pause : {0ms, 1ms}) {
      BOOST_TEST_CONTEXT(answer) {
        fetch_scenario s;
        auto& box = s.serves(answer);
        box.hang_up_at_the_end();
        box.speak_slowly(pause);
        const auto got = s.fetches({.url = "http://server/"});
        BOOST_REQUIRE(got.has_value());
        BOOST_TEST(got->body == body);
      }
    }
  }
  fetch_scenario s;
  s.serves("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  BOOST_TEST(s.fetches({.url = "http://server/", .method = "HEAD"})->status == 200U);
}

BOOST_AUTO_TEST_CASE(a_status_is_an_answer_also_a_redirect) {
  for (const auto* status : {"302 Found", "401 Unauthorized", "404 Not Found", "500 Oh"}) {
    fetch_scenario s;
    s.serves(std::string("HTTP/1.1 ") + status + "\r\nLocation: http://other/\r\nContent-Length: 0\r\n\r\n");
    BOOST_TEST(std::to_string(s.fetches({.url = "http://server/"})->status) == std::string(status, 3));
  }
}

BOOST_AUTO_TEST_CASE(an_invalid_answer_is_an_error) {
  const auto error_of = [](const std::string& answer, http_request what = {.url = "http://server/"}) {
    fetch_scenario s;
    s.serves(answer).hang_up_at_the_end();
    return s.fetches(std::move(what)).error();
  };
  BOOST_TEST(error_of("SSH-2.0-OpenSSH\r\n") == make_error_code(error::upgrade_invalid));
  BOOST_TEST(error_of("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n") ==
             make_error_code(error::upgrade_invalid));
  BOOST_TEST(error_of("") == make_error_code(error::connection_lost));
  BOOST_TEST(error_of("HTTP/1.1 200 OK\r\n") == make_error_code(error::connection_lost));
  BOOST_TEST(error_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort") ==
             make_error_code(error::connection_lost));
  BOOST_TEST(error_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
                      {.url = "http://server/", .limit = 8}) == make_error_code(error::message_too_big));
  BOOST_TEST(error_of("HTTP/1.0 200 OK\r\n\r\n123456789", {.url = "http://server/", .limit = 8}) ==
             make_error_code(error::message_too_big));
  BOOST_TEST(error_of("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n") ==
             make_error_code(error::upgrade_invalid));
  BOOST_TEST(error_of("HTTP/1.1 100 Continue\r\n\r\n") == make_error_code(error::connection_lost));
  BOOST_TEST(error_of("HTTP/1.1 101 Switching Protocols\r\n\r\n") == make_error_code(error::upgrade_invalid));
  // Lines without end: between chunks, and of a header.
  BOOST_TEST(error_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " +
                      std::string(60'000, 'x')) == make_error_code(error::upgrade_invalid));
  std::string lines = "HTTP/1.1 200 OK\r\n";
  while (lines.size() < 60'000) lines += "X: " + std::string(59, 'x') + "\r\n";
  BOOST_TEST(error_of(lines) == make_error_code(error::upgrade_invalid));
  std::string interim;
  for (int i = 0; i < 30; ++i) interim += "HTTP/1.1 102 Processing\r\n\r\n";
  BOOST_TEST(error_of(interim) == make_error_code(error::upgrade_invalid));
}

BOOST_AUTO_TEST_CASE(an_answer_that_stops_half_way_times_out) {
  fetch_scenario s;
  s.given.deadlines.upgrade = 3s;
  s.serves("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
  const auto begun = clock::now();
  BOOST_TEST(s.fetches({.url = "http://server/"}).error() == make_error_code(error::timed_out));
  BOOST_TEST((clock::now() - begun >= 3s));
  BOOST_TEST((clock::now() - begun < 4s));
  BOOST_TEST(s.in.run_until([&] { return s.in.network()->open_links() == 0U; }, 1s));
  BOOST_TEST(s.fetches({.url = "http://nowhere/"}).error() == net::error::host_not_found);
}

BOOST_AUTO_TEST_CASE(it_can_be_cancelled) {
  fetch_scenario s;
  s.serves("");
  net::cancellation_signal cancel;
  error_code ended;
  net::co_spawn(
      s.in.executor(), http_fetch({.url = "http://server/"}, {.network = s.in.network()}),
      net::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr& thrown, const http_response&) {
        try {
          if (thrown) std::rethrow_exception(thrown);
        } catch (const boost::system::system_error& e) {
          ended = e.code();
        }
      }));
  s.in.run_for(1s);
  cancel.emit(net::cancellation_type::terminal);
  s.in.run_for(1s);
  BOOST_TEST(ended == net::error::operation_aborted);
  BOOST_TEST(s.in.network()->open_links() == 0U);
}

BOOST_AUTO_TEST_CASE(it_goes_through_the_proxy_of_the_options) {
  fetch_scenario s;
  s.in.network()->add_name("proxy", {proxy_at.address});
  middlebox proxy(s.in, proxy_at, server_at,
                  {{is_whole_head, "HTTP/1.1 200 Connection established\r\n\r\n"}});
  s.serves("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  s.given.proxy.url = "http://proxy:3128";
  BOOST_TEST(s.fetches({.url = "http://server/"})->body == "ok");
  BOOST_TEST(proxy.heard().at(0).starts_with("CONNECT server:80 HTTP/1.1\r\n"));
}

BOOST_AUTO_TEST_CASE(the_server_of_an_https_url_is_verified) {
  const auto fetches_from = [](wss_scenario& s) {
    std::optional<result<http_response>> out;
    net::co_spawn(s.in.executor(), http_fetch({.url = "https://server/token"}, s.given),
                  [&](const std::exception_ptr& thrown, http_response got) {
                    try {
                      if (thrown) std::rethrow_exception(thrown);
                      out = std::move(got);
                    } catch (const boost::system::system_error& e) {
                      out = e.code();
                    }
                  });
    BOOST_REQUIRE(s.in.run_until([&] { return out.has_value(); }, 1min));
    return *out;
  };
  wss_scenario trusting;
  trusting.backend.on_upgrade(
      [](const http_head& asked) { return std::optional(http_answer{.status = 200, .body = asked.path}); });
  BOOST_TEST(fetches_from(trusting)->body == "/token");
  wss_scenario strange;
  const test_authority another;
  strange.given.tls.ca_pem = another.certificate_pem();
  const auto refused = fetches_from(strange).error();
  BOOST_TEST((refused == error::certificate_unknown_issuer || refused == error::certificate_invalid ||
              refused == error::certificate_self_signed));
}

BOOST_AUTO_TEST_CASE(a_request_that_cannot_be_sent_is_refused_with_the_name_of_the_field) {
  const std::vector<std::pair<http_request, std::string>> wrong{
      {{.url = "ftp://server/"}, "http_request.url"},
      {{.url = "http://"}, "http_request.url"},
      {{.url = "httpx://server/"}, "http_request.url"},
      {{.url = "http://user:word@server/"}, "http_request.url"},
      {{.url = "http://server/", .method = "GE T"}, "http_request.method"},
      {{.url = "http://server/", .headers = {{"A b", "c"}}}, "http_request.headers"},
      {{.url = "http://server/", .headers = {{"A", "c\r\nB: d"}}}, "http_request.headers"},
      {{.url = "http://server/", .headers = {{"host", "other"}}}, "http_request.headers"},
      {{.url = "http://server/", .limit = 0}, "http_request.limit"},
  };
  for (const auto& [request, field] : wrong) {
    fetch_scenario s;
    std::string said;
    net::co_spawn(s.in.executor(), http_fetch(request, s.given),
                  [&](const std::exception_ptr& thrown, http_response) {
                    try {
                      if (thrown) std::rethrow_exception(thrown);
                    } catch (const option_error& e) {
                      said = e.what();
                    }
                  });
    s.in.run_for(1s);
    BOOST_TEST_CONTEXT(field) {
      BOOST_TEST(said.find(field) != std::string::npos);
      BOOST_TEST(s.in.network()->open_links() == 0U);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
