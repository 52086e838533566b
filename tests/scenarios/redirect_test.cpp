// A server that sends us elsewhere: which redirects are followed, what goes along, and what one that is
// refused leads to.
#include <map>

#include "way.hpp"

BOOST_AUTO_TEST_SUITE(redirects)

namespace {

http_answer redirect_to(std::string location, unsigned status = 302) {
  return {.status = status, .headers = {{"Location", std::move(location)}}};
}

// Redirects from these paths, and welcomes whoever comes to another.
server::gate redirects(std::map<std::string, std::string> from) {
  return [from = std::move(from)](const http_head& request) -> std::optional<http_answer> {
    const auto found = from.find(request.path);
    return found == from.end() ? std::nullopt : std::optional(redirect_to(found->second));
  };
}

std::string paths(const request_log& requests) {
  std::string out;
  for (const auto& each : requests.all) out += (out.empty() ? "" : " ") + each.path;
  return out;
}

// Secrets of every kind, and the server "other" to which they must not go.
struct secrets_scenario {
  secrets_scenario() : other(s.in, other_at) {
    s.in.network()->add_name("other", {other_at.address});
    provider.give = [](const credential_request&) {
      return credentials{.token = "s3cret", .headers = {{"X-Key", "s3cret"}}};
    };
    s.given.provider = provider.function();
    s.given.headers = {{"Cookie", "id=s3cret"}, {"X-Client", "7"}};
  }
  // What the n-th request told of them.
  [[nodiscard]] std::string told(std::size_t n) const {
    return requests.values(n, "Authorization") + '|' + requests.values(n, "X-Key") + '|' +
           requests.values(n, "Cookie") + '|' + requests.values(n, "X-Client");
  }
  test_provider provider;
  request_log requests;
  scenario s;
  server other;
};

// The server at "server" speaks TLS at port 443, and plain text at port 80.
struct secure_scenario {
  secure_scenario() : secured(s.in, {server_at.address, 443}) {
    const auto shown = authority.issue();
    secured.use_tls({.certificate_pem = shown.certificate_pem, .key_pem = shown.key_pem});
    s.given.tls.ca_pem = authority.certificate_pem();
  }
  test_authority authority;
  scenario s;
  server secured;
};

}  // namespace

BOOST_AUTO_TEST_CASE(each_kind_of_redirect_is_followed_within_the_attempt) {
  for (const unsigned status : {301U, 302U, 303U, 307U, 308U}) {
    request_log requests;
    scenario s;
    s.backend.on_upgrade(requests.keep([&](const http_head& request) {
      return request.path == "/" ? std::optional(redirect_to("ws://server/new?a=1", status)) : std::nullopt;
    }));
    auto seen = start_recorded(s);
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    BOOST_TEST(seen.states() == "connecting connected");
    BOOST_TEST(s.conn->snapshot().attempt == 1U);
    BOOST_TEST(paths(requests) == "/ /new?a=1");
    BOOST_TEST(s.in.network()->open_links() == 1U);
    BOOST_TEST(s.in.network()->most_open_links() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_relative_location_is_meant_from_where_it_was_said) {
  request_log requests;
  scenario s;
  s.given.url = "ws://server/a/b?c";
  s.backend.on_upgrade(requests.keep(redirects(
      {{"/a/b?c", "d/e"}, {"/a/d/e", "../f?g"}, {"/a/f?g", "?h"}, {"/a/f?h", "//server/i"}, {"/i", "/j"}})));
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(paths(requests) == "/a/b?c /a/d/e /a/f?g /a/f?h /i /j");
}

// covers R58
BOOST_AUTO_TEST_CASE(a_location_as_servers_write_it_is_sent_as_a_browser_would_send_it) {
  request_log requests;
  scenario s;
  s.given.url = " ws://server/my room?as=a|b\n";
  s.backend.on_upgrade(requests.keep(redirects({{"/my%20room?as=a%7Cb", "caf\xC3\xA9 {7}?100%"},
                                                {"/caf%C3%A9%20%7B7%7D?100%25", "\\\\SERVER:\\last one"}})));
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(paths(requests) == "/my%20room?as=a%7Cb /caf%C3%A9%20%7B7%7D?100%25 /last%20one");
  for (std::size_t n = 0; n < requests.all.size(); ++n) BOOST_TEST(requests.values(n, "Host") == "server");
}

// RFC 6874. The zone is the number of an interface here, because a number needs none.
// covers R58
BOOST_AUTO_TEST_CASE(a_zone_is_dialled_and_kept_on_the_way_and_never_sent) {
  const peer_address device_at{net::ip::make_address("fe80::1%7"), 80};
  request_log requests;
  scenario s;
  server device(s.in, device_at);
  s.given.url = "ws://[fe80::1%257]:80/";
  device.on_upgrade(requests.keep(redirects({{"/", "next"}, {"/next", "http://[fe80::1]/last"}})));
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(paths(requests) == "/ /next /last");
  for (const auto& each : requests.all) {
    BOOST_TEST(each.joined("Host") == "[fe80::1]");
    for (const auto& [name, value] : each.headers) BOOST_TEST(value.find('%') == std::string::npos, name);
  }
  BOOST_TEST(s.conn->snapshot().origin == "ws://[fe80::1]");
}

// What was found once may be elsewhere tomorrow.
BOOST_AUTO_TEST_CASE(the_next_attempt_begins_at_the_url_again) {
  request_log requests;
  scenario s;
  s.backend.on_upgrade(requests.keep(redirects({{"/", "/new"}})));
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(paths(requests) == "/ /new / /new");
}

BOOST_AUTO_TEST_CASE(a_redirect_may_lead_to_another_host) {
  scenario s;
  server other(s.in, {other_at.address, 8080});
  s.in.network()->add_name("other", {other_at.address});
  s.backend.on_upgrade(redirects({{"/", "http://other:8080/?ticket=s3cret"}}));
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(other.sessions() == 1U);
  BOOST_TEST(seen.changes().front().origin == "ws://server");
  BOOST_TEST(seen.changes().back().origin == "ws://other:8080");
  BOOST_TEST(seen.changes().back().peer == "10.0.0.2:8080");
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_TEST(seen.changes().back().origin == "ws://other:8080");
  BOOST_REQUIRE(s.reaches(connection_state::connecting));
  BOOST_TEST(seen.changes().back().origin == "ws://server");
  BOOST_TEST(!shows(s, seen, "s3cret"));
}

BOOST_AUTO_TEST_CASE(credentials_go_along_within_the_origin) {
  secrets_scenario t;
  t.s.backend.on_upgrade(t.requests.keep(redirects({{"/", "ws://SERVER:80/new"}})));
  t.s.in.network()->add_name("SERVER", {server_at.address});
  t.s.start();
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_TEST(t.told(0) == "Bearer s3cret|s3cret|id=s3cret|7");
  BOOST_TEST(t.told(1) == "Bearer s3cret|s3cret|id=s3cret|7");
}

BOOST_AUTO_TEST_CASE(credentials_do_not_go_to_another_origin_nor_back_from_there) {
  secrets_scenario t;
  t.s.given.headers.emplace_back("Proxy-Authorization", "s3cret");
  t.s.backend.on_upgrade(t.requests.keep(redirects({{"/", "ws://other/"}})));
  t.other.on_upgrade(t.requests.keep(redirects({{"/", "ws://server/back"}})));
  t.s.start();
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_REQUIRE(t.requests.all.size() == 3U);
  BOOST_TEST(t.told(0) == "Bearer s3cret|s3cret|id=s3cret|7");
  for (const std::size_t later : {1U, 2U}) {
    BOOST_TEST(t.told(later) == "|||7");
    for (const auto& [name, value] : t.requests.all[later].headers)
      BOOST_TEST(value.find("s3cret") == std::string::npos, name);
  }
  BOOST_TEST(t.requests.all[2].path == "/back");
  t.s.in.network()->reset_links();
  t.s.in.settle();
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_TEST(t.told(3) == "Bearer s3cret|s3cret|id=s3cret|7");  // a new attempt
}

BOOST_AUTO_TEST_CASE(another_port_is_another_origin) {
  secrets_scenario t;
  server neighbour(t.s.in, {server_at.address, 8080});
  t.s.backend.on_upgrade(t.requests.keep(redirects({{"/", "ws://server:8080/"}})));
  neighbour.on_upgrade(t.requests.keep());
  t.s.start();
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_TEST(t.told(1) == "|||7");
}

// Which origin is ours is said by the URL of the attempt.
BOOST_AUTO_TEST_CASE(redirects_count_from_the_url_of_the_provider) {
  secrets_scenario t;
  t.provider.give = [](const credential_request&) {
    return credentials{.token = "s3cret", .url = "ws://other/"};
  };
  t.other.on_upgrade(t.requests.keep(redirects({{"/", "/new"}, {"/new", "ws://server/"}})));
  t.s.backend.on_upgrade(t.requests.keep());
  t.s.start();
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_TEST(t.requests.values(0, "Authorization") == "Bearer s3cret");
  BOOST_TEST(t.requests.values(1, "Authorization") == "Bearer s3cret");
  BOOST_TEST(t.requests.values(2, "Authorization") == "");
}

BOOST_AUTO_TEST_CASE(five_redirects_are_followed_and_no_more) {
  request_log requests;
  scenario s;
  s.backend.on_upgrade(
      requests.keep(redirects({{"/", "/1"}, {"/1", "/2"}, {"/2", "/3"}, {"/3", "/4"}, {"/4", "/5"}})));
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(requests.all.size() == 6U);
}

namespace {

struct refused_redirect {
  const char* name;
  http_answer answer;
  std::string detail;
};

}  // namespace

// covers R6
BOOST_AUTO_TEST_CASE(a_redirect_that_must_not_be_followed_waits_as_long_as_the_policy_ever_does) {
  const std::vector<refused_redirect> rows{
      {"loop", redirect_to("/"), "more than 5 redirects"},
      {"nowhere", {.status = 307}, "the redirect has no Location"},
      {"no URL", redirect_to("ws://s3cret host/"), "Location is not a URL (RFC 3986)"},
      {"other scheme", redirect_to("ftp://server/s3cret"),
       "Location has a scheme other than ws, wss, http and https"},
      {"credentials", redirect_to("ws://me:s3cret@server/"), "Location must not carry credentials"}};
  for (const auto& each : rows) {
    BOOST_TEST_CONTEXT(each.name) {
      std::vector<attempt_record> heard;
      scenario s;
      s.given.retry.decide = [&](const attempt_record& record, retry_decision by_table) {
        heard.push_back(record);
        return by_table;
      };
      s.backend.on_upgrade([&](const http_head&) { return std::optional(each.answer); });
      auto seen = start_recorded(s);
      BOOST_REQUIRE(s.reaches(connection_state::disconnected));
      const auto refused = s.conn->snapshot();
      BOOST_TEST(refused.reason.error == make_error_code(error::redirect_refused));
      BOOST_TEST((refused.reason.at == stage::upgrade));
      BOOST_TEST(refused.reason.http_status == each.answer.status);
      BOOST_TEST(refused.reason.detail == each.detail);
      BOOST_TEST(refused.rule == "redirect-refused");
      BOOST_REQUIRE(heard.size() == 1U);
      BOOST_TEST(!heard[0].http_headers.empty());
      BOOST_REQUIRE(refused.retry_in.has_value());
      BOOST_TEST((*refused.retry_in >= clock::duration(s.given.retry.cap) / 2));
      BOOST_TEST((*refused.retry_in <= clock::duration(s.given.retry.cap)));
      BOOST_TEST(s.backend.accepted() == (each.answer.headers == redirect_to("/").headers ? 6U : 1U));
      BOOST_TEST(!shows(s, seen, "s3cret"));
      s.backend.on_upgrade({});
      BOOST_TEST(s.reaches(connection_state::connected));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_redirect_to_tls_is_followed) {
  secure_scenario t;
  t.s.backend.on_upgrade(redirects({{"/", "https://server/"}}));
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_TEST(t.secured.sessions() == 1U);
  BOOST_TEST(t.secured.handshakes() == 1U);
  BOOST_TEST(t.s.conn->snapshot().origin == "wss://server");
  BOOST_TEST(t.s.conn->snapshot().peer == "10.0.0.1:443");
}

BOOST_AUTO_TEST_CASE(a_redirect_to_a_server_whose_certificate_is_bad_fails_for_that) {
  secure_scenario t;
  t.s.given.tls = {};
  t.s.given.tls.ca_pem = test_authority("another").certificate_pem();
  t.s.backend.on_upgrade(redirects({{"/", "wss://server/"}}));
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::disconnected));
  BOOST_TEST((t.s.conn->snapshot().reason.at == stage::tls));
  BOOST_TEST(t.s.conn->snapshot().rule == "certificate");
  BOOST_TEST(t.s.conn->snapshot().origin == "wss://server");
}

BOOST_AUTO_TEST_CASE(a_redirect_out_of_tls_is_refused) {
  secure_scenario t;
  t.s.given.url = "wss://server/";
  t.secured.on_upgrade(redirects({{"/", "ws://server/"}}));
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::disconnected));
  BOOST_TEST(rules(seen) == "redirect-refused");
  BOOST_TEST(t.s.conn->snapshot().reason.detail == "the redirect leads out of TLS, from wss:// to ws://");
  BOOST_TEST(t.s.conn->snapshot().reason.http_status == 302U);
  BOOST_TEST(t.s.conn->snapshot().origin == "wss://server");
  BOOST_TEST(t.s.backend.accepted() == 0U);
}

// covers G33
BOOST_AUTO_TEST_CASE(the_deadline_of_the_attempt_holds_over_all_redirects) {
  scenario s;
  s.in.network()->conditions.latency = 500ms;
  s.given.deadlines.attempt = 5s;
  s.backend.on_upgrade(redirects({{"/", "/1"}, {"/1", "/2"}, {"/2", "/3"}, {"/3", "/4"}}));
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST((s.in.elapsed() == clock::duration(5s)));
  BOOST_TEST(conn.snapshot().reason.error == make_error_code(error::timed_out));
  BOOST_TEST(s.backend.accepted() == 3U);
}

BOOST_AUTO_TEST_CASE(a_place_that_cannot_be_found_is_told_of_with_no_address_of_the_place_before) {
  scenario s;
  s.in.network()->break_name("nowhere", net::error::host_not_found);
  s.backend.on_upgrade(redirects({{"/", "ws://nowhere/"}}));
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST((conn.snapshot().reason.at == stage::resolve));
  BOOST_TEST((conn.snapshot().reason.error == net::error::host_not_found));
  BOOST_TEST(conn.snapshot().reason.peer == "");
  BOOST_TEST(conn.snapshot().origin == "ws://nowhere");
}

BOOST_AUTO_TEST_CASE(close_is_heard_between_two_redirects) {
  scenario s;
  server other(s.in, other_at);
  s.in.network()->add_name("other", {other_at.address}, 3s);
  s.backend.on_upgrade(redirects({{"/", "ws://other/"}}));
  outcome closed;
  auto& conn = s.start();
  s.in.run_for(1s);
  conn.close(closed.handler());
  s.in.settle();
  BOOST_TEST(closed.calls == 1);
  s.in.run_for(1h);
  BOOST_TEST(other.accepted() == 0U);
  BOOST_TEST(s.in.network()->open_links() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
