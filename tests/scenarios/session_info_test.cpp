// The facts of the open session.
#include <optional>
#include <string>

#include "secure.hpp"
#include "v1.hpp"

BOOST_AUTO_TEST_SUITE(facts_of_a_session)

namespace {

std::optional<session_info> ask(scenario& s, error_code& why) {
  std::optional<session_info> out;
  s.conn->session([&](error_code ec, session_info facts) {
    why = ec;
    out = std::move(facts);
  });
  s.in.settle();
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(they_name_both_ends_and_what_was_agreed) {
  v1_scenario s;
  s.given.compression.enabled = true;
  s.backend.agree_to_compression({.enabled = true});
  s.start();
  error_code why;
  BOOST_REQUIRE(ask(s, why));
  BOOST_TEST(why == make_error_code(error::no_connection));
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const auto before = clock::now();
  s.in.run_for(5s);
  const auto facts = ask(s, why);
  BOOST_REQUIRE(!why);
  BOOST_TEST(facts->number == 1U);
  BOOST_TEST((facts->opened <= before));
  BOOST_TEST(facts->origin == "ws://server");
  BOOST_TEST(facts->peer == "10.0.0.1:80");
  BOOST_TEST(facts->subprotocol == v1_subprotocol);
  BOOST_TEST(facts->extensions.starts_with("permessage-deflate"));
  BOOST_TEST(facts->tls_version == "");
  BOOST_TEST(facts->peer_certificate == "");
  s.conn->close(net::detached);
  s.in.run_for(10s);
  ask(s, why);
  BOOST_TEST(why == make_error_code(error::closed));
}

BOOST_AUTO_TEST_CASE(over_tls_they_name_the_version_the_cipher_and_the_certificate) {
  wss_scenario s;
  const auto shown = s.authority.issue();
  s.show(shown);
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  error_code why;
  const auto facts = ask(s, why);
  BOOST_REQUIRE(!why);
  BOOST_TEST(facts->origin == "wss://server");
  BOOST_TEST(facts->tls_version == "TLSv1.3");
  BOOST_TEST(facts->cipher.starts_with("TLS_"));
  BOOST_TEST(!facts->peer_certificate.empty());
  BOOST_TEST(shown.certificate_pem.starts_with(facts->peer_certificate));  // the chain follows
}

BOOST_AUTO_TEST_SUITE_END()
