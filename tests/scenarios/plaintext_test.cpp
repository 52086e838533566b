// Endpoints with TLS and without: nothing leads from the one to the other unless the program says so.
#include <optional>
#include <string>
#include <vector>

#include "secure.hpp"
#include "way.hpp"

BOOST_AUTO_TEST_SUITE(plaintext)

namespace {

// The primary is wss://server/, which is down; ws://second/ is up.
struct mixed_fleet {
  mixed_fleet() : second(s.in, other_at) {
    s.in.network()->add_name("second", {other_at.address});
    s.in.network()->behave(secure_server_at, port_behaviour::refuses);
    s.given.endpoints.further_urls = {"ws://second/"};
  }
  wss_scenario s;
  server second;
};

server::gate redirects_to(std::string location) {
  return answers_with(302, {{"Location", std::move(location)}});
}

}  // namespace

// covers R60
BOOST_AUTO_TEST_CASE(plaintext_beside_tls_is_refused_when_the_connection_is_made) {
  mixed_fleet t;
  BOOST_CHECK_EXCEPTION(connection(t.s.in.executor(), t.s.given), option_error,
                        [](const option_error& problem) {
                          const std::string text = problem.what();
                          return problem.field() == "endpoints.further_urls[0]" &&
                                 text.find("list it in endpoints.plaintext_urls") != std::string::npos;
                        });
  t.s.in.run_for(1min);
  BOOST_TEST(t.second.accepted() == 0U);
}

// covers R60
BOOST_AUTO_TEST_CASE(plaintext_that_is_listed_is_dialled_when_tls_is_down) {
  mixed_fleet t;
  t.s.given.endpoints.plaintext_urls = {"ws://second/"};
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_TEST(rules(seen) == "next-endpoint");
  BOOST_TEST(seen.changes().front().origin == "wss://server");
  BOOST_TEST(t.s.conn->snapshot().origin == "ws://second");
  BOOST_TEST(t.second.sessions() == 1U);
}

// covers R60
BOOST_AUTO_TEST_CASE(a_listed_url_counts_in_each_of_its_spellings) {
  mixed_fleet t;
  t.s.given.endpoints.further_urls = {"ws://second/my room"};
  t.s.given.endpoints.plaintext_urls = {"WS://Second:80/my%20room"};
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::connected));
  BOOST_TEST(t.s.conn->snapshot().origin == "ws://second");
}

// covers R60
BOOST_AUTO_TEST_CASE(a_listed_url_does_not_open_the_way_out_of_tls_to_redirects) {
  mixed_fleet t;
  t.s.in.network()->behave(secure_server_at, port_behaviour::accepts);
  t.s.backend.on_upgrade(redirects_to("ws://second/"));
  t.s.given.endpoints.plaintext_urls = {"ws://second/"};
  t.s.given.endpoints.next_at_once = false;
  auto seen = start_recorded(t.s);
  BOOST_REQUIRE(t.s.reaches(connection_state::disconnected));
  BOOST_TEST(rules(seen) == "redirect-refused");
  BOOST_TEST(t.second.accepted() == 0U);
}

// covers R60
BOOST_AUTO_TEST_CASE(an_attempt_that_came_to_tls_by_a_redirect_does_not_leave_it) {
  wss_scenario s;
  server plain(s.in, other_at);
  s.in.network()->add_name("plain", {other_at.address});
  plain.on_upgrade(redirects_to("https://server/"));
  s.backend.on_upgrade(redirects_to("http://plain/again"));
  s.given.url = "ws://plain/";
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST(rules(seen) == "redirect-refused");
  BOOST_TEST(s.conn->snapshot().reason.detail == "the redirect leads out of TLS, from wss:// to ws://");
  BOOST_TEST(s.conn->snapshot().origin == "wss://server");
  BOOST_TEST(plain.accepted() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
