// Whom a client believes, what it says if it does not, and how it shows who it is.
#include "temporary_file.hpp"
#include "tls.hpp"

BOOST_AUTO_TEST_SUITE(tls_certificates)

namespace {

void check_refused(const issued_certificate& shown, error wanted) {
  tls_scenario s;
  s.show(shown);
  BOOST_TEST(s.refusal() == make_error_code(wanted));
  const auto& detail = s.client->result->detail;
  BOOST_TEST(!detail.empty());
  BOOST_TEST(detail.find_first_of("\r\n") == std::string::npos);
  BOOST_TEST(detail.find(".c") == std::string::npos);
  BOOST_REQUIRE(s.server->result.has_value());  // the server is told, and does not wait for ever
  BOOST_TEST(!s.server->result->ok());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_server_with_a_good_certificate_is_believed) {
  tls_scenario s;
  BOOST_TEST(s.connect());
  BOOST_TEST(s.client->result->detail.empty());
  BOOST_TEST(s.client->tls->describe().starts_with("TLSv1.3 TLS_"));
  BOOST_TEST(!s.client->tls->resumed());
}

// covers R43
BOOST_AUTO_TEST_CASE(each_kind_of_bad_certificate_has_an_error_of_its_own) {
  tls_scenario s;  // of which `show` needs another authority
  const test_authority stranger("a stranger");
  BOOST_TEST_CONTEXT("self-signed") { check_refused(self_signed(), error::certificate_self_signed); }
  BOOST_TEST_CONTEXT("unknown issuer") { check_refused(stranger.issue(), error::certificate_unknown_issuer); }
  BOOST_TEST_CONTEXT("unknown root in the chain") {
    check_refused(stranger.issue({.with_root = true}), error::certificate_self_signed);
  }
  const auto refused = [](const certificate_request& what, error wanted) {
    tls_scenario each;
    each.show(each.authority.issue(what));
    BOOST_TEST(each.refusal() == make_error_code(wanted));
    BOOST_TEST(!each.client->result->detail.empty());
  };
  refused({.expired = true}, error::certificate_expired);
  refused({.not_yet_valid = true}, error::certificate_expired);
  refused({.host = "other"}, error::certificate_wrong_host);
  refused({.host = "", .ip = "10.0.0.1"}, error::certificate_wrong_host);
  refused({.client = true}, error::certificate_invalid);
}

BOOST_AUTO_TEST_CASE(the_detail_names_what_was_wanted_and_what_was_shown) {
  tls_scenario s;
  s.show(s.authority.issue({.host = "other"}));
  BOOST_CHECK(s.refusal() == error::certificate_wrong_host);
  BOOST_TEST(s.client->result->detail == "hostname mismatch: wanted server, certificate is for other");
  s.show(s.authority.issue({.host = "other", .ip = "2001:db8::1"}));
  s.server_context.reset();
  BOOST_CHECK(s.refusal() == error::certificate_wrong_host);
  BOOST_TEST(s.client->result->detail ==
             "hostname mismatch: wanted server, certificate is for other, 2001:db8::1");
}

// RFC 9525 section 2. Where there is another name in subjectAltName, and where there is none at all.
// covers R78
BOOST_AUTO_TEST_CASE(a_name_that_stands_in_the_subject_alone_does_not_count) {
  for (const auto* const ip : {"", "10.0.0.1"}) {
    tls_scenario s;
    s.show(s.authority.issue({.ip = ip, .subject_only = true}));
    BOOST_CHECK(s.refusal() == error::certificate_wrong_host);
    const std::string named = *ip == '\0' ? "no host" : ip;
    BOOST_TEST(s.client->result->detail ==
               "hostname mismatch: wanted server, certificate is for " + named +
                   "; a host name counts only in subjectAltName, not in the subject (CN=server)");
  }
  tls_scenario with_context;  // the rule is not one of the context
  with_context.client_side = {.context = std::make_shared<net::ssl::context>(net::ssl::context::tls_client)};
  with_context.client_side.context->add_certificate_authority(
      net::buffer(with_context.authority.certificate_pem()));
  with_context.show(with_context.authority.issue({.subject_only = true}));
  BOOST_CHECK(with_context.refusal() == error::certificate_wrong_host);
}

BOOST_AUTO_TEST_CASE(a_name_with_control_characters_does_not_bring_them_into_the_detail) {
  tls_scenario s;
  s.show(s.authority.issue({.host = "evil\033[31m"}));
  BOOST_CHECK(s.refusal() == error::certificate_wrong_host);
  BOOST_TEST(s.client->result->detail == "hostname mismatch: wanted server, certificate is for evil?[31m");
}

BOOST_AUTO_TEST_CASE(a_subject_that_breaks_lines_does_not_break_ours) {
  tls_scenario s;
  s.show(self_signed({.host = "", .ip = "10.0.0.1"}));
  const test_authority stranger("x");
  s.show(stranger.issue({.host = "evil\nFORGED"}));
  BOOST_TEST(!s.connect());
  BOOST_TEST(s.client->result->detail.find('\n') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(verify_none_believes_anything) {
  tls_scenario s;
  s.client_side.verify = tls_verify::none;
  s.show(self_signed({.host = "other", .expired = true}));
  BOOST_TEST(s.connect());
}

BOOST_AUTO_TEST_CASE(a_self_signed_certificate_is_believed_if_it_is_the_one_that_is_trusted) {
  tls_scenario s;
  const auto own = self_signed();
  s.show(own);
  s.client_side.ca_pem = own.certificate_pem;
  BOOST_TEST(s.connect());
}

BOOST_AUTO_TEST_CASE(a_wildcard_covers_one_label_and_no_part_of_one) {
  const auto accepted = [](const std::string& pattern, const std::string& host) {
    tls_scenario s;
    s.host = host;
    s.show(s.authority.issue({.host = pattern}));
    return s.connect();
  };
  BOOST_TEST(accepted("*.example.test", "chat.example.test"));
  BOOST_TEST(accepted("chat.example.test", "chat.example.test."));  // written in full
  BOOST_TEST(!accepted("*.example.test", "a.b.example.test"));
  BOOST_TEST(!accepted("*.example.test", "example.test"));
  BOOST_TEST(!accepted("ch*.example.test", "chat.example.test"));
}

BOOST_AUTO_TEST_CASE(an_ip_literal_is_verified_as_an_address) {
  for (const auto* const host : {"10.0.0.1", "2001:db8::1", "2001:db8:0:0::1"}) {
    tls_scenario s;
    s.host = host;
    s.show(s.authority.issue({.host = "", .ip = s.host}));
    BOOST_TEST_CONTEXT(host) { BOOST_TEST(s.connect()); }
  }
  tls_scenario wrong;
  wrong.host = "10.0.0.2";
  wrong.show(wrong.authority.issue({.host = "10.0.0.2", .ip = "10.0.0.1"}));  // a name is not an address
  BOOST_CHECK(wrong.refusal() == error::certificate_wrong_host);
}

BOOST_AUTO_TEST_CASE(a_host_that_no_certificate_can_name_fails_without_a_word_to_the_server) {
  tls_scenario s;
  s.host = "";
  s.in.run_for(1s);
  s.connect();
  BOOST_CHECK(s.client->error() == error::tls_failed);
}

namespace {

std::string last_server_name;
int keep_server_name(SSL* ssl, int*, void*) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  last_server_name = name == nullptr ? "none" : name;
  return SSL_TLSEXT_ERR_OK;
}

std::shared_ptr<net::ssl::context> server_context_of(const issued_certificate& shown) {
  auto out = std::make_shared<net::ssl::context>(net::ssl::context::tls_server);
  out->use_certificate_chain(net::buffer(shown.certificate_pem));
  out->use_private_key(net::buffer(shown.key_pem), net::ssl::context::pem);
  return out;
}

}  // namespace

// covers R43
BOOST_AUTO_TEST_CASE(the_server_is_told_the_name_but_never_an_address) {
  const auto told = [](const std::string& host, const std::string& server_name) {
    tls_scenario s;
    s.host = host;
    s.client_side.server_name = server_name;
    s.server_side.context = server_context_of(s.authority.issue({.ip = "10.0.0.1"}));
    SSL_CTX_set_tlsext_servername_callback(s.server_side.context->native_handle(), keep_server_name);
    BOOST_TEST(s.connect());
    return last_server_name;
  };
  BOOST_TEST(told("server", "") == "server");
  BOOST_TEST(told("10.0.0.1", "") == "none");
  BOOST_TEST(told("10.0.0.1", "server") == "server");
}

// covers R56
BOOST_AUTO_TEST_CASE(the_name_of_one_attempt_wins_over_that_of_the_options_and_over_the_host) {
  tls_scenario s;
  s.client_side.server_name = "options.test";
  s.server_name = "attempt.test";
  s.server_side.context = server_context_of(s.authority.issue({.host = "attempt.test"}));
  SSL_CTX_set_tlsext_servername_callback(s.server_side.context->native_handle(), keep_server_name);
  BOOST_TEST(s.connect());
  BOOST_TEST(last_server_name == "attempt.test");
  s.server_name.clear();
  BOOST_CHECK(s.refusal() == error::certificate_wrong_host);
  BOOST_TEST(last_server_name == "options.test");
}

BOOST_AUTO_TEST_CASE(a_context_of_the_user_takes_the_place_of_the_files_and_is_verified_all_the_same) {
  tls_scenario s;
  s.client_side = {.context = std::make_shared<net::ssl::context>(net::ssl::context::tls_client)};
  BOOST_CHECK(s.refusal() == error::certificate_unknown_issuer);
  s.client_side.context->add_certificate_authority(net::buffer(s.authority.certificate_pem()));
  BOOST_TEST(s.connect());
  s.host = "other";
  BOOST_CHECK(s.refusal() == error::certificate_wrong_host);
}

BOOST_AUTO_TEST_CASE(the_users_own_callback_has_a_say) {
  tls_scenario s;
  int calls = 0;
  s.client_side.context = std::make_shared<net::ssl::context>(net::ssl::context::tls_client);
  s.client_side.context->set_verify_callback([&calls](bool, net::ssl::verify_context&) {
    ++calls;
    return true;  // whatever it is
  });
  s.show(self_signed());
  BOOST_TEST(s.connect());
  BOOST_TEST(calls > 0);
}

namespace {

struct client_certificate_case {
  const char* name;
  bool shows;
  bool right;
  bool required;
  bool accepted;
};

void check_client_certificate(const client_certificate_case& each, tls_version version) {
  tls_scenario s;
  const test_authority staff("staff");
  const auto shown = (each.right ? staff : s.authority).issue({.host = "client", .client = true});
  const temporary_file certificate(shown.certificate_pem);
  const temporary_file key(shown.key_pem);
  if (each.shows) {
    s.client_side.certificate_file = certificate.path();
    s.client_side.key_file = key.path();
  }
  s.server_side.client_ca_pem = staff.certificate_pem();
  s.server_side.client_certificate_required = each.required;
  s.server_side.newest = version;
  BOOST_TEST(s.connect() == each.accepted);
  if (each.accepted) return;
  // With TLS 1.3 the client is through before the server has seen its certificate (RFC 8446 section 4.4.2.4).
  if (version == tls_version::tls_1_3) {
    BOOST_TEST(s.client->result->ok());
    s.listen();
    s.in.run_for(1s);
    BOOST_CHECK(s.client->got.end == error::client_certificate_refused);
    BOOST_TEST(s.client->got.bytes.empty());
  } else {
    BOOST_CHECK(s.client->error() == error::client_certificate_refused);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_client_shows_who_it_is_if_the_server_asks) {
  for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
    for (const auto& each : {client_certificate_case{"right", true, true, true, true},
                             {"wrong", true, false, true, false},
                             {"missing", false, false, true, false},
                             {"not required", false, false, false, true}}) {
      BOOST_TEST_CONTEXT(each.name << (version == tls_version::tls_1_2 ? ", TLS 1.2" : ", TLS 1.3")) {
        check_client_certificate(each, version);
      }
    }
  }
}

namespace {

// What a client learns whose certificate, if it has one, is refused.
std::string refusal_of(tls_version version, const test_authority& staff, const issued_certificate& shown) {
  tls_scenario s;
  const temporary_file own(shown.certificate_pem + shown.key_pem);
  if (!shown.key_pem.empty()) s.client_side.certificate_file = own.path();
  s.server_side.client_ca_pem = staff.certificate_pem();
  s.server_side.newest = version;
  s.connect();
  if (version == tls_version::tls_1_2) {
    BOOST_CHECK(s.client->error() == error::client_certificate_refused);
    return s.client->result->detail;
  }
  BOOST_TEST(s.client->result->ok());
  BOOST_TEST(s.client->stream->error_detail().empty());
  s.listen();
  s.in.run_for(1s);
  BOOST_CHECK(s.client->got.end == error::client_certificate_refused);
  return s.client->stream->error_detail();
}

}  // namespace

// covers R79
BOOST_AUTO_TEST_CASE(a_missing_an_expired_and_a_foreign_certificate_are_told_apart_whenever_the_alert_comes) {
  const test_authority staff("staff");
  const test_authority stranger("a stranger");
  const auto expired = staff.issue({.host = "client", .client = true, .expired = true});
  const auto foreign = stranger.issue({.host = "client", .client = true});
  for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
    const bool is_old = version == tls_version::tls_1_2;
    BOOST_TEST_CONTEXT((is_old ? "TLS 1.2" : "TLS 1.3")) {
      BOOST_TEST(refusal_of(version, staff, {}) ==
                 (is_old ? "TLS alert handshake failure" : "TLS alert certificate required"));
      BOOST_TEST(refusal_of(version, staff, expired) == "TLS alert certificate expired");
      BOOST_TEST(refusal_of(version, staff, foreign) == "TLS alert unknown ca");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_refused_client_learns_why_even_if_it_only_writes) {
  tls_scenario s;
  s.server_side.client_ca_pem = s.authority.certificate_pem();
  s.connect();
  BOOST_TEST(s.client->result->ok());
  s.server->stream->close();
  s.in.run_for(1s);
  s.in.spawn(say(*s.client->stream, pattern(1000), s.client->said));
  s.in.run_for(1s);
  BOOST_REQUIRE(s.client->said.has_value());
  BOOST_CHECK(*s.client->said == error::client_certificate_refused);
  BOOST_TEST(s.client->stream->error_detail() == "TLS alert certificate required");
}

BOOST_AUTO_TEST_SUITE_END()
