// What a server does to a TLS session after the handshake: it asks for a certificate, refuses it, or wants to
// negotiate anew.
#include "temporary_file.hpp"
#include "tls.hpp"

BOOST_AUTO_TEST_SUITE(tls_later)

namespace {

struct later_scenario : tls_scenario {
  later_scenario() : own(staff.issue({.host = "client", .client = true})) {
    server_side.context = watched_context(authority.issue(), staff.certificate_pem());
  }
  void show_own_certificate() {
    certificate.write(own.certificate_pem + own.key_pem);
    client_side.certificate_file = certificate.path();
  }
  // Sends what OpenSSL has to say by itself.
  void let_server_speak() {
    error_code ec;
    server->stream->write_some({}, ec);
    in.run_for(1s);
  }
  bool carries_bytes_both_ways() {
    client->got.bytes.clear();
    server->got.bytes.clear();
    in.spawn(say(*client->stream, pattern(3000), client->said));
    in.spawn(say(*server->stream, pattern(4000), server->said));
    in.run_for(1s);
    return server->got.bytes == pattern(3000) && client->got.bytes == pattern(4000);
  }

  test_authority staff{"staff"};
  issued_certificate own;
  temporary_file certificate;
};

struct old_scenario : later_scenario {
  old_scenario() { server_side.context = watched_context_of_tls_1_2(authority.issue()); }
};

}  // namespace

// RFC 8446 section 4.6.2.
// covers R59
BOOST_AUTO_TEST_CASE(a_client_that_only_reads_shows_its_certificate_when_it_is_asked_later) {
  later_scenario s;
  s.show_own_certificate();
  BOOST_REQUIRE(s.connect());
  s.listen();
  s.in.run_for(1s);
  for (int times = 0; times < 2; ++times) {
    BOOST_REQUIRE(ask_for_a_certificate(last_server));
    s.let_server_speak();
    BOOST_TEST(shown_to(last_server) == "client");
    BOOST_TEST(!s.client->stream->unsent());
    BOOST_TEST(s.carries_bytes_both_ways());
  }
}

// covers R59
BOOST_AUTO_TEST_CASE(a_certificate_that_is_asked_for_while_bytes_flow_both_ways_loses_none) {
  later_scenario s;
  s.show_own_certificate();
  s.in.network()->conditions = {.window_bytes = 700, .largest_piece_bytes = 100};
  BOOST_REQUIRE(s.connect());
  s.listen();
  const auto bytes = pattern(100'000);
  s.in.spawn(say(*s.client->stream, bytes, s.client->said));
  s.in.run_for(50ms);
  BOOST_REQUIRE(ask_for_a_certificate(last_server));
  s.in.spawn(say(*s.server->stream, bytes, s.server->said));
  s.in.run_for(1h);
  BOOST_TEST(shown_to(last_server) == "client");
  BOOST_TEST((s.server->got.bytes == bytes));
  BOOST_TEST((s.client->got.bytes == bytes));
}

// RFC 8446 section 4.6.1: behind an answer of the client, a server says anew how to resume.
// covers R59
BOOST_AUTO_TEST_CASE(a_session_that_has_shown_a_certificate_later_is_continued) {
  later_scenario s;
  s.show_own_certificate();
  BOOST_REQUIRE(s.connect());
  s.listen();
  s.in.run_for(1s);
  BOOST_REQUIRE(ask_for_a_certificate(last_server));
  s.let_server_speak();
  BOOST_REQUIRE(SSL_new_session_ticket(last_server) == 1);
  BOOST_TEST(s.carries_bytes_both_ways());
  BOOST_REQUIRE(s.connect());
  BOOST_TEST(s.client->tls->resumed());
  BOOST_TEST(shown_to(last_server) == "client");
}

// covers R79
BOOST_AUTO_TEST_CASE(a_refusal_in_an_open_session_says_what_is_wrong) {
  later_scenario missing;
  BOOST_REQUIRE(missing.connect());
  missing.listen();
  missing.in.run_for(1s);
  BOOST_TEST(missing.carries_bytes_both_ways());
  BOOST_REQUIRE(ask_for_a_certificate(last_server));
  missing.let_server_speak();
  BOOST_CHECK(missing.client->got.end == error::client_certificate_refused);
  BOOST_TEST(missing.client->stream->error_detail() == "TLS alert certificate required");
  // Whoever only writes learns the same.
  error_code ec;
  BOOST_TEST(missing.client->stream->write_some(pattern(10), ec) == 0U);
  BOOST_CHECK(ec == error::client_certificate_refused);
  BOOST_TEST(missing.client->stream->error_detail() == "TLS alert certificate required");

  later_scenario foreign;
  foreign.own = foreign.authority.issue({.host = "client", .client = true});
  foreign.show_own_certificate();
  BOOST_REQUIRE(foreign.connect());
  foreign.listen();
  foreign.in.run_for(1s);
  BOOST_REQUIRE(ask_for_a_certificate(last_server));
  foreign.let_server_speak();
  BOOST_CHECK(foreign.client->got.end == error::client_certificate_refused);
  BOOST_TEST(foreign.client->stream->error_detail() == "TLS alert unknown ca");
}

// RFC 5246 section 7.4.1.1. OpenSSL's server ends a session whose client declines.
// covers R79
BOOST_AUTO_TEST_CASE(a_server_that_insists_on_negotiating_anew_is_told_apart) {
  old_scenario s;
  BOOST_REQUIRE(s.connect());
  s.listen();
  BOOST_TEST(s.carries_bytes_both_ways());
  BOOST_TEST(s.client->stream->error_detail().empty());
  BOOST_REQUIRE(ask_to_negotiate_anew(last_server));
  s.let_server_speak();
  BOOST_CHECK(s.client->got.end == error::renegotiation_refused);
  const auto detail = s.client->stream->error_detail();
  BOOST_TEST(detail.starts_with("the server requested TLS 1.2 renegotiation"));
  BOOST_TEST(detail.ends_with("; TLS alert handshake failure"));
}

// covers R79
BOOST_AUTO_TEST_CASE(a_server_that_hangs_up_because_we_do_not_negotiate_anew_is_told_apart) {
  for (const bool says_goodbye : {true, false}) {
    old_scenario s;
    BOOST_REQUIRE(s.connect());
    s.in.spawn(read_all(*s.client->stream, s.client->got));
    BOOST_REQUIRE(ask_to_negotiate_anew(last_server));
    s.let_server_speak();
    BOOST_TEST(!s.client->got.end);
    BOOST_TEST(!s.client->stream->error_detail().empty());  // for whoever waits in vain
    if (says_goodbye) {
      s.server->stream->close();
    } else {
      s.in.network()->reset_links();
    }
    s.in.run_for(1s);
    BOOST_CHECK(s.client->got.end == error::renegotiation_refused);
    BOOST_TEST(s.client->stream->error_detail().starts_with("the server requested TLS 1.2 renegotiation"));
  }
}

// covers R79
BOOST_AUTO_TEST_CASE(a_server_that_goes_on_although_we_do_not_negotiate_anew_ends_as_any_other) {
  old_scenario s;
  BOOST_REQUIRE(s.connect());
  s.in.spawn(read_all(*s.client->stream, s.client->got));
  BOOST_REQUIRE(ask_to_negotiate_anew(last_server));
  s.in.spawn(say(*s.server->stream, "never mind", s.server->said));
  s.in.run_for(1s);
  BOOST_TEST(s.client->got.bytes == "never mind");
  s.server->stream->close();
  s.in.run_for(1s);
  BOOST_TEST(s.client->got.end == net::error::eof);
  BOOST_TEST(s.client->stream->error_detail().empty());
}

BOOST_AUTO_TEST_SUITE_END()
