// The way to wss://: who is believed, what a refusal says, and what follows it.
#include "faults.hpp"
#include "secure.hpp"
#include "temporary_file.hpp"

BOOST_AUTO_TEST_SUITE(wss)

namespace {

void check_certificate_failure(const state_change& failed, error wanted, const retry_policy& retry) {
  BOOST_CHECK(failed.reason.error == wanted);
  BOOST_TEST((failed.reason.at == stage::tls));
  BOOST_TEST(failed.reason.peer == "10.0.0.1:443");
  BOOST_TEST(!failed.reason.detail.empty());
  BOOST_TEST(failed.rule == "certificate");
  BOOST_TEST(!failed.final);
  BOOST_REQUIRE(failed.retry_in.has_value());
  BOOST_TEST(between(clock::duration(retry.cap) / 2, *failed.retry_in, retry.cap));
}

// `make` is given the authority that is trusted.
struct bad_certificate {
  const char* name;
  std::function<issued_certificate(const test_authority&)> make;
  error wanted;
};

bad_certificate issued(const char* name, certificate_request what, error wanted) {
  return {name, [what = std::move(what)](const test_authority& by) { return by.issue(what); }, wanted};
}

// Refused again and again, until the certificate is good.
void check_refused(const bad_certificate& shown) {
  wss_scenario s;
  s.show(shown.make(s.authority));
  const auto wanted = shown.wanted;
  check_certificate_failure(first_failure(s), wanted, s.given.retry);
  const recorder seen(*s.conn);
  s.in.run_for(5min);
  BOOST_TEST(seen.count(connection_state::disconnected) >= 10U);
  BOOST_TEST(seen.count(connection_state::connected) == 0U);
  for (const auto& each : seen.changes()) {
    if (each.to == connection_state::disconnected) check_certificate_failure(each, wanted, s.given.retry);
  }
  BOOST_TEST(s.backend.handshakes() == 0U);
  s.show(s.authority.issue());
  BOOST_REQUIRE(s.reaches(connection_state::connected, s.given.retry.cap + 1s));
  BOOST_TEST(echoes(s, "good"));
  BOOST_TEST(s.backend.sessions() == 1U);
}

http_answer redirect_to(std::string where) {
  return {.status = 302, .headers = {{"Location", std::move(where)}}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_connection_to_wss_echoes_and_says_where_it_is) {
  wss_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(conn.snapshot().origin == "wss://server");
  BOOST_TEST(conn.snapshot().peer == "10.0.0.1:443");
  BOOST_TEST(conn.snapshot().sequence == 2U);
  BOOST_TEST(echoes(s, "hello"));
  BOOST_TEST(s.backend.handshakes() == 1U);
  BOOST_TEST(s.backend.resumptions() == 0U);
}

// covers R35
BOOST_AUTO_TEST_CASE(each_reconnect_continues_the_tls_session_before_it) {
  for (const auto newest : {tls_version::tls_1_2, tls_version::tls_1_3}) {
    wss_scenario s;
    const auto shown = s.authority.issue();
    s.backend.use_tls({.certificate_pem = shown.certificate_pem, .key_pem = shown.key_pem, .newest = newest});
    s.backend.on_session(closes_with(1001, 1min));
    auto& conn = s.start();
    for (std::uint64_t session = 1; session <= 4; ++session) {
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      BOOST_TEST(conn.snapshot().session == session);
      BOOST_TEST(echoes(s, "still the same"));
      BOOST_TEST(s.backend.resumptions() == session - 1);
      BOOST_REQUIRE(s.reaches(connection_state::disconnected, 2min));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_session_that_was_reset_is_continued_and_a_server_that_has_forgotten_it_serves_anew) {
  wss_scenario s;
  s.start();
  for (const std::size_t resumed : {0U, 1U, 2U}) {
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    BOOST_TEST(s.backend.resumptions() == resumed);
    BOOST_TEST(echoes(s, "hello"));
    s.in.network()->reset_links();
    BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  }
  s.show(s.authority.issue());  // a new context, which knows no session
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.backend.resumptions() == 2U);
  BOOST_TEST(echoes(s, "hello"));
}

// covers R43 R5
BOOST_AUTO_TEST_CASE(no_bad_certificate_is_ever_accepted_and_a_good_one_is_as_soon_as_it_is_there) {
  const test_authority stranger("a stranger");
  const std::vector<bad_certificate> all{
      {"self-signed", [](const auto&) { return self_signed(); }, error::certificate_self_signed},
      {"a stranger's", [&](const auto&) { return stranger.issue(); }, error::certificate_unknown_issuer},
      {"a stranger's, with the root", [&](const auto&) { return stranger.issue({.with_root = true}); },
       error::certificate_self_signed},
      issued("expired", {.expired = true}, error::certificate_expired),
      issued("not yet valid", {.not_yet_valid = true}, error::certificate_expired),
      issued("another name", {.host = "other"}, error::certificate_wrong_host),
      issued("a name below", {.host = "*.server"}, error::certificate_wrong_host),
      issued("the name in the subject only", {.subject_only = true}, error::certificate_wrong_host),
      issued("the address only", {.host = "", .ip = "10.0.0.1"}, error::certificate_wrong_host),
      issued("a client's", {.client = true}, error::certificate_invalid)};
  for (const auto& each : all) {
    BOOST_TEST_CONTEXT(each.name) { check_refused(each); }
  }
}

// covers R43
BOOST_AUTO_TEST_CASE(without_options_the_store_of_the_system_decides_and_does_not_know_a_test_authority) {
  wss_scenario s;
  s.given.tls = {};
  const auto failed = first_failure(s);
  check_certificate_failure(failed, error::certificate_unknown_issuer, s.given.retry);
  BOOST_TEST(s.backend.handshakes() == 0U);
}

BOOST_AUTO_TEST_CASE(verify_none_connects_to_anybody) {
  wss_scenario s;
  s.show(self_signed({.host = "other", .expired = true}));
  s.given.tls = {.verify = tls_verify::none};
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(echoes(s, "hello"));
}

BOOST_AUTO_TEST_CASE(an_address_in_the_url_is_verified_as_an_address) {
  wss_scenario s;
  s.given.url = "wss://10.0.0.1/";
  check_certificate_failure(first_failure(s), error::certificate_wrong_host, s.given.retry);
  s.show(s.authority.issue({.host = "", .ip = "10.0.0.1"}));
  BOOST_REQUIRE(s.reaches(connection_state::connected, 1min));
  BOOST_TEST(echoes(s, "hello"));
  BOOST_TEST(s.conn->snapshot().origin == "wss://10.0.0.1");
}

BOOST_AUTO_TEST_CASE(a_server_name_of_the_options_is_verified_in_place_of_the_urls) {
  wss_scenario s;
  s.show(s.authority.issue({.host = "other"}));
  s.given.tls.server_name = "other";
  s.start();
  BOOST_TEST(s.reaches(connection_state::connected));
}

namespace {

void want_client_certificates(wss_scenario& s, tls_version newest, const test_authority& of) {
  const auto shown = s.authority.issue();
  s.backend.use_tls({.certificate_pem = shown.certificate_pem,
                     .key_pem = shown.key_pem,
                     .client_ca_pem = of.certificate_pem(),
                     .newest = newest});
}

void check_client_certificate_refused(tls_version newest, const link_conditions& link,
                                      const std::string& shown) {
  wss_scenario s;
  const test_authority staff("staff");
  want_client_certificates(s, newest, staff);
  s.in.network()->conditions = link;
  s.given.tls.certificate_file = shown;
  check_certificate_failure(first_failure(s), error::client_certificate_refused, s.given.retry);
  BOOST_TEST(s.conn->snapshot().reason.http_status == 0U);
  BOOST_TEST(s.backend.sessions() == 0U);
  s.show(s.authority.issue());  // wants none any more
  BOOST_TEST(s.reaches(connection_state::connected, 1min));
}

}  // namespace

// With TLS 1.3 the client is through before the server has seen its certificate: usually it reads the refusal
// in place of an answer. With a small window, it meets a server that is gone while it still writes.
// covers R43
BOOST_AUTO_TEST_CASE(a_server_that_wants_a_client_certificate_refuses_at_the_stage_of_tls) {
  const test_authority stranger("a stranger");
  const auto own = stranger.issue({.host = "client", .client = true});
  const temporary_file wrong(own.certificate_pem + own.key_pem);
  std::vector<link_conditions> links{{.latency = 20ms}};
  for (std::size_t bytes = 500; bytes < 2000; bytes += 25)
    links.push_back({.latency = 0ms, .window_bytes = bytes});
  for (const auto newest : {tls_version::tls_1_2, tls_version::tls_1_3}) {
    for (const auto& link : links) {
      BOOST_TEST_CONTEXT((newest == tls_version::tls_1_2 ? "TLS 1.2, " : "TLS 1.3, ") << link.window_bytes) {
        check_client_certificate_refused(newest, link, "");
        check_client_certificate_refused(newest, link, wrong.path());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_client_certificate_that_is_good_opens_the_way_again_and_again) {
  for (const auto newest : {tls_version::tls_1_2, tls_version::tls_1_3}) {
    wss_scenario s;
    const test_authority staff("staff");
    const auto own = staff.issue({.host = "client", .client = true});
    const temporary_file certificate(own.certificate_pem);
    const temporary_file key(own.key_pem);
    want_client_certificates(s, newest, staff);
    s.given.tls.certificate_file = certificate.path();
    s.given.tls.key_file = key.path();
    s.start();
    for (int i = 0; i < 3; ++i) {
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      BOOST_TEST(echoes(s, "it is me"));
      s.in.network()->reset_links();
      BOOST_REQUIRE(s.reaches(connection_state::disconnected));
    }
    BOOST_TEST(s.backend.resumptions() == 2U);
  }
}

BOOST_AUTO_TEST_CASE(a_slow_link_of_tiny_pieces_connects) {
  wss_scenario s;
  s.in.network()->conditions = {.latency = 700ms, .window_bytes = 500, .largest_piece_bytes = 3};
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(conn.snapshot().sequence == 2U);  // in one attempt
  BOOST_TEST((s.in.elapsed() > clock::duration(4s)));
  BOOST_TEST(echoes(s, "hello"));
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_used_are_told_by_the_constructor_with_their_option) {
  const temporary_file garbage("this is no certificate");
  const auto field = [](options given) {
    world in;
    given.network = in.network();
    try {
      const connection never(in.executor(), given);
    } catch (const option_error& e) {
      BOOST_TEST(std::string(e.what()).starts_with("options." + e.field() + ": "));
      return e.field();
    }
    return std::string("none");
  };
  BOOST_TEST(field({.url = "wss://server/", .tls = {.ca_file = "/nowhere/ca.pem"}}) == "tls.ca_file");
  BOOST_TEST(field({.url = "wss://server/", .tls = {.ca_file = garbage.path()}}) == "tls.ca_file");
  BOOST_TEST(field({.url = "wss://server/", .tls = {.ca_directory = "/nowhere"}}) == "tls.ca_directory");
  BOOST_TEST(field({.url = "wss://server/", .tls = {.ca_pem = "nonsense"}}) == "tls.ca_pem");
  BOOST_TEST(field({.url = "wss://server/", .tls = {.certificate_file = garbage.path()}}) ==
             "tls.certificate_file");
  BOOST_TEST(field({.url = "wss://server/", .tls = {.key_file = garbage.path()}}) == "tls.key_file");
  BOOST_TEST(field({.url = "ws://server/",
                    .endpoints = {.further_urls = {"wss://other/"}, .plaintext_urls = {"ws://server/"}},
                    .tls = {.ca_file = "/nowhere/ca.pem"}}) == "tls.ca_file");
  BOOST_TEST(field({.url = "ws://server/", .tls = {.ca_file = "/nowhere/ca.pem"}}) == "none");
}

// A file that is wrong is met where TLS is first wanted, and read again until it is right.
BOOST_AUTO_TEST_CASE(a_trust_file_that_is_missing_when_ws_leads_to_wss_fails_the_attempt_until_it_is_there) {
  for (const bool by_redirect : {true, false}) {
    wss_scenario s;
    const temporary_file trust;
    s.given.tls = {.ca_file = trust.path()};
    s.given.url = "ws://server/";
    server front(s.in, server_at);
    front.on_upgrade([](const http_head&) { return redirect_to("https://server/"); });
    if (!by_redirect) {
      s.given.provider = [](credential_request) -> net::awaitable<credentials> {
        co_return credentials{.url = "wss://server/"};
      };
    }
    const auto failed = first_failure(s);
    BOOST_CHECK(failed.reason.error == error::tls_failed);
    BOOST_TEST((failed.reason.at == stage::tls));
    BOOST_TEST(failed.reason.detail.starts_with("options.tls.ca_file: "));
    BOOST_TEST(failed.origin == "wss://server");
    BOOST_TEST(failed.retry_in.has_value());
    s.in.run_for(1min);
    BOOST_TEST(s.backend.handshakes() == 0U);
    trust.write(s.authority.certificate_pem());
    BOOST_REQUIRE(s.reaches(connection_state::connected, 1min));
    BOOST_TEST(echoes(s, "hello"));
    BOOST_TEST(front.accepted() == (by_redirect ? s.conn->snapshot().attempt : 0U));
  }
}

BOOST_AUTO_TEST_CASE(a_redirect_whose_host_has_no_address_does_not_blame_the_address_before_it) {
  scenario s;
  s.backend.on_upgrade([](const http_head&) { return redirect_to("wss://nobody/"); });
  const auto failed = first_failure(s);
  BOOST_TEST((failed.reason.error == net::error::host_not_found));
  BOOST_TEST((failed.reason.at == stage::resolve));
  BOOST_TEST(failed.reason.peer.empty());
  BOOST_TEST(failed.origin == "wss://nobody");
}

BOOST_AUTO_TEST_SUITE_END()
