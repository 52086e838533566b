// What belongs to one attempt: given by the provider for each of them, and what the server answered to the
// last one.
#include "faults.hpp"
#include "secure.hpp"
#include "way.hpp"

BOOST_AUTO_TEST_SUITE(per_attempt)

namespace {

using list = std::vector<std::string>;

// A token that is new for each attempt, where the back end wants it.
credentials with_token_in_the_subprotocol(const credential_request& request) {
  return {.subprotocols = list{"chat", "bearer.t" + std::to_string(request.attempt)}};
}

// wss://server/ and, as a fallback in plain text, ws://server/; secrets of every kind.
struct fallback_scenario : wss_scenario {
  fallback_scenario() {
    given.url = "wss://server/";
    given.endpoints.further_urls = {"ws://server/"};
    given.endpoints.plaintext_urls = {"ws://server/"};
    given.headers = {{"Authorization", "s3cret"},
                     {"cookie", "s3cret"},
                     {"Proxy-Authorization", "s3cret"},
                     {"X-Client", "7"}};
    in.network()->behave(secure_server_at, port_behaviour::refuses);
    // One server listens at both ports, and only one of them speaks TLS.
    in.network()->listen(server_at, [this](transport accepted) { plain.accept(std::move(accepted)); });
  }
  server plain{in.executor()};
};

}  // namespace

// covers R56
BOOST_AUTO_TEST_CASE(each_attempt_offers_the_subprotocols_that_its_provider_gives) {
  test_provider provider;
  request_log requests;
  scenario s;
  provider.give = with_token_in_the_subprotocol;
  s.given.provider = provider.function();
  s.given.subprotocols = {"static"};
  s.backend.on_upgrade(requests.keep(answers_with(101, {{"Sec-WebSocket-Protocol", "chat"}})));
  s.backend.on_session(drops(1s));
  s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return requests.all.size() == 2; }, 1min));
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(requests.values(0, "Sec-WebSocket-Protocol") == "chat, bearer.t1");
  BOOST_TEST(requests.values(1, "Sec-WebSocket-Protocol") == "chat, bearer.t2");
  BOOST_TEST(s.conn->snapshot().subprotocol == "chat");
}

// covers R56
BOOST_AUTO_TEST_CASE(the_server_must_choose_among_those_of_this_attempt) {
  test_provider provider;
  scenario s;
  provider.give = with_token_in_the_subprotocol;
  s.given.provider = provider.function();
  s.given.subprotocols = {"static"};
  s.backend.on_upgrade(answers_with(101, {{"Sec-WebSocket-Protocol", "static"}}));
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST(seen.changes().back().reason.error == make_error_code(error::subprotocol_mismatch));
  BOOST_TEST(!shows(s, seen, "bearer.t1"));
}

BOOST_AUTO_TEST_CASE(an_empty_list_offers_none) {
  test_provider provider;
  request_log requests;
  scenario s;
  provider.give = [](const credential_request&) { return credentials{.subprotocols = list{}}; };
  s.given.provider = provider.function();
  s.given.subprotocols = {"static"};
  s.backend.on_upgrade(requests.keep());
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(requests.values(0, "Sec-WebSocket-Protocol") == "");
}

// covers R56
BOOST_AUTO_TEST_CASE(host_and_subprotocols_may_be_written_as_headers) {
  test_provider provider;
  request_log requests;
  scenario s;
  provider.give = [](const credential_request&) {
    return credentials{.headers = {{"sec-websocket-protocol", "v2, t0ken"},
                                   {"X-Between", "1"},
                                   {"HOST", "virtual.example:81"},
                                   {"Sec-WebSocket-Protocol", "v1"}}};
  };
  s.given.provider = provider.function();
  s.backend.on_upgrade(requests.keep(answers_with(101, {{"Sec-WebSocket-Protocol", "v1"}})));
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(requests.values(0, "Sec-WebSocket-Protocol") == "v2, t0ken, v1");
  BOOST_TEST(requests.values(0, "Host") == "virtual.example:81");
  BOOST_TEST(requests.values(0, "X-Between") == "1");
}

// covers R56
BOOST_AUTO_TEST_CASE(each_attempt_has_the_host_that_its_provider_gives) {
  test_provider provider;
  request_log requests;
  scenario s;
  provider.give = [](const credential_request& request) {
    return credentials{.host = request.attempt == 1 ? "one.example" : ""};
  };
  s.given.provider = provider.function();
  s.backend.on_upgrade(requests.keep());
  s.backend.on_session(drops(1s));
  s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return requests.all.size() == 2; }, 1min));
  BOOST_TEST(requests.values(0, "Host") == "one.example");
  BOOST_TEST(requests.values(1, "Host") == "server");
}

// covers R56
BOOST_AUTO_TEST_CASE(the_server_name_of_an_attempt_wins_over_that_of_the_options) {
  for (const auto* by_options : {"", "elsewhere.example"}) {
    test_provider provider;
    wss_scenario s;
    provider.give = [](const credential_request& request) {
      return credentials{.server_name = request.attempt == 1 ? "wrong.example" : "inner.example"};
    };
    s.given.provider = provider.function();
    s.given.tls.server_name = by_options;
    s.show(s.authority.issue({.host = "inner.example"}));
    auto seen = start_recorded(s);
    BOOST_REQUIRE(s.reaches(connection_state::connected, 1min));
    BOOST_REQUIRE(seen.changes().size() == 4U);
    BOOST_TEST(seen.changes()[1].reason.error == make_error_code(error::certificate_wrong_host));
    BOOST_TEST(seen.changes()[1].reason.detail.find("wrong.example") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(the_server_name_of_the_options_still_counts) {
  wss_scenario s;
  s.given.tls.server_name = "inner.example";
  s.show(s.authority.issue({.host = "inner.example"}));
  s.start();
  BOOST_TEST(s.reaches(connection_state::connected));
}

// covers R56
BOOST_AUTO_TEST_CASE(another_origin_gets_nothing_that_the_provider_gave) {
  test_provider provider;
  request_log requests;
  scenario s;
  server other(s.in, other_at);
  s.in.network()->add_name("other", {other_at.address});
  provider.give = [](const credential_request&) {
    return credentials{.subprotocols = list{"s3cret"}, .host = "s3cret.example"};
  };
  s.given.provider = provider.function();
  s.given.subprotocols = {"static"};
  s.backend.on_upgrade(answers_with(307, {{"Location", "ws://other/"}}));
  other.on_upgrade(requests.keep());
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(requests.values(0, "Sec-WebSocket-Protocol") == "static");
  BOOST_TEST(requests.values(0, "Host") == "other");
}

// covers R56
BOOST_AUTO_TEST_CASE(the_provider_is_told_what_the_server_answered_last) {
  test_provider provider;
  scenario s;
  s.given.provider = provider.function();
  const auto answer = [](unsigned status, std::string backend) {
    return answers_with(status, {{"X-Backend", std::move(backend)}});
  };
  s.backend.on_upgrade(answer(101, "7"));
  s.backend.on_session(drops(1s));
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.backend.on_upgrade(answer(503, "8"));
  BOOST_REQUIRE(s.in.run_until([&] { return provider.asked.size() == 3; }, 1min));
  const auto told = [&](std::size_t n, std::string_view name) {
    return http_head{.headers = provider.asked[n].answer}.joined(name);
  };
  BOOST_TEST(provider.asked[0].answer.empty());
  BOOST_TEST(told(1, "X-Backend") == "7");
  BOOST_TEST(told(1, "Upgrade") == "websocket");  // all of it
  BOOST_TEST(told(2, "X-Backend") == "7");        // not of a refusal
}

// covers R56
BOOST_AUTO_TEST_CASE(what_a_server_says_besides_the_handshake_is_told_with_connected) {
  scenario s;
  s.backend.on_upgrade(answers_with(101, {{"X-Backend", "7"},
                                          {"Date", "Sun, 06 Nov 1994 08:49:37 GMT"},
                                          {"Server", "x"},
                                          {"Sec-WebSocket-Version", "13"},
                                          {"X-Twice", "a"},
                                          {"X-Twice", "b"}}));
  s.backend.on_session(drops(1s));
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const header_list expected = {{"X-Backend", "7"}, {"X-Twice", "a"}, {"X-Twice", "b"}};
  BOOST_TEST((s.conn->snapshot().headers == expected));
  BOOST_TEST(describe(s.conn->snapshot()).find("X-Backend") == std::string::npos);
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST(s.conn->snapshot().headers.empty());
}

// covers R60
BOOST_AUTO_TEST_CASE(a_provider_does_not_lead_out_of_tls_unless_it_says_so) {
  for (const bool says_so : {false, true}) {
    test_provider provider;
    request_log requests;
    wss_scenario s;
    server plain(s.in, other_at);
    s.in.network()->add_name("plain", {other_at.address});
    plain.on_upgrade(requests.keep());
    provider.give = [&](const credential_request&) {
      return credentials{.token = "s3cret", .url = "ws://plain/?s3cret", .allow_plaintext = says_so};
    };
    s.given.provider = provider.function();
    auto seen = start_recorded(s);
    s.in.run_for(10s);
    BOOST_TEST(plain.sessions() == (says_so ? 1U : 0U));
    if (says_so) {
      BOOST_TEST(requests.values(0, "Authorization") == "Bearer s3cret");
      continue;
    }
    BOOST_TEST(plain.accepted() == 0U);
    const auto& failed = seen.changes().at(1);
    BOOST_TEST(failed.reason.error == make_error_code(error::provider_failed));
    BOOST_TEST((failed.reason.at == stage::provider));
    BOOST_TEST(failed.reason.detail.starts_with("credentials.url: "));
    BOOST_TEST(failed.retry_in.has_value());
    BOOST_TEST(!shows(s, seen, "s3cret"));
  }
}

// covers R60
BOOST_AUTO_TEST_CASE(a_plaintext_fallback_gets_no_credentials) {
  test_provider provider;
  request_log requests;
  fallback_scenario s;
  provider.give = [](const credential_request&) {
    return credentials{
        .token = "s3cret", .headers = {{"X-Key", "s3cret"}}, .subprotocols = list{"chat", "s3cret"}};
  };
  s.given.provider = provider.function();
  s.given.subprotocols = {"chat"};
  s.plain.on_upgrade(requests.keep(answers_with(101, {{"Set-Cookie", "lb=s3cret; Path=/"}})));
  s.plain.on_session(drops(1s));
  s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return requests.all.size() == 3; }, 5min));
  for (const auto& request : requests.all) {
    for (const auto& [name, value] : request.headers)
      BOOST_TEST(value.find("s3cret") == std::string::npos, name);
    BOOST_TEST(request.joined("Sec-WebSocket-Protocol") == "chat");
    BOOST_TEST(request.joined("X-Client") == "7");
  }
}

// covers R60
BOOST_AUTO_TEST_CASE(a_url_of_the_provider_does_not_go_out_over_a_plaintext_fallback_by_itself) {
  test_provider provider;
  fallback_scenario s;
  provider.give = [](const credential_request& request) {
    return credentials{.url = request.url + "?ticket=s3cret"};
  };
  s.given.provider = provider.function();
  auto seen = start_recorded(s);
  s.in.run_for(1min);
  BOOST_TEST(s.plain.accepted() == 0U);
  BOOST_TEST(!shows(s, seen, "s3cret"));
}

// Where all is ws://, nothing was to be protected.
BOOST_AUTO_TEST_CASE(without_a_secure_endpoint_credentials_go_out_in_plain_text) {
  test_provider provider;
  request_log requests;
  scenario s;
  s.given.provider = provider.function();
  s.given.endpoints.further_urls = {"ws://other/"};
  s.backend.on_upgrade(requests.keep());
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(requests.values(0, "Authorization") == "Bearer token");
}

// covers R56 R58
BOOST_AUTO_TEST_CASE(an_international_server_name_is_sent_and_verified_in_its_ascii_form) {
  if (!knows_international_names()) return;
  wss_scenario s;
  s.given.tls.server_name =
      "b\xC3\xBC"
      "cher.example";
  s.show(s.authority.issue({.host = "xn--bcher-kva.example"}));
  s.start();
  BOOST_TEST(s.reaches(connection_state::connected));
}

BOOST_AUTO_TEST_SUITE_END()
