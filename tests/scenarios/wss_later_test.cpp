// A connection to wss:// whose server does something to TLS after the handshake: before it answers the
// upgrade, or in the open session.
#include "secure.hpp"
#include "temporary_file.hpp"
#include "tls.hpp"

BOOST_AUTO_TEST_SUITE(wss_later)

namespace {

struct later_scenario : wss_scenario {
  later_scenario() { shown.write(own.certificate_pem + own.key_pem); }
  void show_own_certificate() { given.tls.certificate_file = shown.path(); }

  test_authority staff{"staff"};
  issued_certificate own = staff.issue({.host = "client", .client = true});
  temporary_file shown;
};

// Reads the request, asks for what `ask` asks for, and upgrades who has shown a certificate.
net::awaitable<void> ask_first(world& in, transport accepted, std::shared_ptr<net::ssl::context> context,
                               std::function<bool(SSL*)> ask) {
  auto made = std::make_shared<tls_context>(tls_server_options{.context = std::move(context)});
  auto owned = std::make_unique<tls_stream>(std::move(accepted), std::move(made), in.executor());
  auto& tls = *owned;
  transport stream(std::move(owned));
  if (const auto shaken = co_await tls.handshake(); !shaken.ok()) co_return;
  SSL* const own = last_server;
  const auto request = co_await read_request(stream);
  BOOST_TEST(ask(own));
  co_await write_all(stream, "");
  std::string piece(4096, '\0');
  while (shown_to(own).empty()) {
    error_code ec;
    stream.read_some(piece, ec);
    if (!shown_to(own).empty()) break;
    if (would_block(ec))
      co_await stream.async_wait(readiness::readable, net::redirect_error(net::use_awaitable, ec));
    if (ec) co_return;
  }
  const auto answer = upgrade_answer(request);
  co_await write_all(stream, answer);
  heard rest;
  co_await read_all(stream, rest);
}

void ask_everybody_first(wss_scenario& s, const std::shared_ptr<net::ssl::context>& context,
                         const std::function<bool(SSL*)>& ask) {
  s.in.network()->listen(secure_server_at, [&in = s.in, context, ask](transport accepted) {
    in.spawn(ask_first(in, std::move(accepted), context, ask));
  });
}

}  // namespace

// As a web server does it that wants certificates for a part of its paths. With a small window the answer
// does not leave at once, and nothing else is written. covers R59
BOOST_AUTO_TEST_CASE(a_certificate_that_is_asked_for_before_the_answer_to_the_upgrade_opens_the_way) {
  for (const std::size_t window : {64U * 1024U, 300U}) {
    later_scenario s;
    s.show_own_certificate();
    s.in.network()->conditions.window_bytes = window;
    ask_everybody_first(s, watched_context(s.authority.issue(), s.staff.certificate_pem()),
                        ask_for_a_certificate);
    auto& conn = s.start();
    BOOST_TEST_CONTEXT("a window of " << window << " bytes") {
      BOOST_TEST(s.reaches(connection_state::connected));
      BOOST_TEST(conn.snapshot().sequence == 2U);  // in one attempt
    }
  }
}

// covers R79
BOOST_AUTO_TEST_CASE(a_client_without_the_certificate_that_is_asked_for_later_fails_at_the_stage_of_tls) {
  later_scenario s;
  ask_everybody_first(s, watched_context(s.authority.issue(), s.staff.certificate_pem()),
                      ask_for_a_certificate);
  const auto failed = first_failure(s);
  BOOST_CHECK(failed.reason.error == error::client_certificate_refused);
  BOOST_TEST((failed.reason.at == stage::tls));
  BOOST_TEST(failed.reason.detail == "TLS alert certificate required");
}

// covers R79
BOOST_AUTO_TEST_CASE(a_server_that_wants_to_negotiate_anew_before_its_answer_is_told_at_the_stage_of_tls) {
  later_scenario s;
  s.show_own_certificate();
  ask_everybody_first(s, watched_context_of_tls_1_2(s.authority.issue()), ask_to_negotiate_anew);
  const auto failed = first_failure(s);
  BOOST_CHECK(failed.reason.error == error::renegotiation_refused);
  BOOST_TEST((failed.reason.at == stage::tls));
  BOOST_TEST(failed.reason.detail.starts_with("the server requested TLS 1.2 renegotiation"));
  BOOST_TEST(failed.retry_in.has_value());
}

// covers R59
BOOST_AUTO_TEST_CASE(an_open_session_shows_its_certificate_when_it_is_asked) {
  later_scenario s;
  s.show_own_certificate();
  s.backend.use_tls({.context = watched_context(s.authority.issue(), s.staff.certificate_pem())});
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_REQUIRE(ask_for_a_certificate(last_server));
  BOOST_TEST(echoes(s, "which brings the question"));
  s.in.run_for(1s);
  BOOST_TEST(shown_to(last_server) == "client");
  BOOST_TEST(echoes(s, "goes on"));
  BOOST_TEST(conn.snapshot().sequence == 2U);
}

// covers R79
BOOST_AUTO_TEST_CASE(an_alert_ends_an_open_session_with_its_text_in_the_state) {
  later_scenario s;
  s.backend.use_tls({.context = watched_context(s.authority.issue(), s.staff.certificate_pem())});
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(echoes(s, "hello"));
  BOOST_REQUIRE(ask_for_a_certificate(last_server));
  BOOST_TEST(echoes(s, "which brings the question"));
  BOOST_REQUIRE(s.reaches(connection_state::disconnected, 1s));
  BOOST_CHECK(conn.snapshot().reason.error == error::client_certificate_refused);
  BOOST_TEST((conn.snapshot().reason.at == stage::session));
  BOOST_TEST(conn.snapshot().reason.detail == "TLS alert certificate required");
}

// covers R79
BOOST_AUTO_TEST_CASE(a_wish_to_negotiate_anew_that_ends_an_open_session_is_its_reason) {
  later_scenario s;
  s.backend.use_tls({.context = watched_context_of_tls_1_2(s.authority.issue())});
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_REQUIRE(ask_to_negotiate_anew(last_server));
  conn.send("whose echo brings the question", net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::disconnected, 1s));
  BOOST_CHECK(conn.snapshot().reason.error == error::renegotiation_refused);
  BOOST_TEST((conn.snapshot().reason.at == stage::session));
  BOOST_TEST(conn.snapshot().reason.detail.starts_with("the server requested TLS 1.2 renegotiation"));
}

BOOST_AUTO_TEST_SUITE_END()
