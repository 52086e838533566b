// What a provider may return, and that nothing said about it repeats a secret.
#include <boost/test/unit_test.hpp>
#include <concepts>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast.core;

using namespace holdfast;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(credentials_are_checked)

namespace {

using list = std::vector<std::string>;

template <class T>
concept printable = requires(std::ostream& out, const T& value) { out << value; };

// Refused with a text about `field`, of one line, without the word that stands for a secret in all tests.
void check_refused(const credentials& given, std::string_view field) {
  const auto problem = check_credentials(given);
  BOOST_TEST_CONTEXT("said: " << problem) {
    BOOST_TEST(problem.starts_with("credentials." + std::string(field) + ": "));
    BOOST_TEST(problem.find("hunter2") == std::string::npos);
    BOOST_TEST(problem.find_first_of("\r\n") == std::string::npos);
  }
}

void check_header_refused(std::string name, std::string value) {
  check_refused({.headers = {{"X-First", "fine"}, {std::move(name), std::move(value)}}}, "headers[1]");
}

}  // namespace

// covers R41
BOOST_AUTO_TEST_CASE(usual_credentials_are_accepted) {
  BOOST_TEST(check_credentials({}) == "");
  for (const auto* token : {"eyJhbGciOi.J9-_~+/a==", "12|laravel", "xoxb-1-2", "a:b", "{x}"}) {
    BOOST_TEST(check_credentials({.token = token}) == "");
  }
  BOOST_TEST(check_credentials({.token = "t",
                                .headers = {{"Cookie", "a=b; c=d"}, {"X-Tab", "a\tb"}, {"X-Empty", ""}},
                                .url = "wss://a/?ticket=t"}) == "");
  BOOST_TEST(check_credentials({.headers = {{"Authorization", "Basic dTpw"}}}) == "");
}

BOOST_AUTO_TEST_CASE(a_token_that_could_break_the_request_is_refused_and_never_repeated) {
  for (const auto& token : {"hunter2\r\nX-Evil: 1"s, "hunter2\n"s, "hunter2\r"s, "hunter2\0"s, "hunter2\t"s,
                            " hunter2"s, "hunter2 hunter2"s, "hunter2\x7f"s, "hunter2\xC3\xBC"s}) {
    check_refused({.token = token}, "token");
  }
}

BOOST_AUTO_TEST_CASE(a_header_that_could_break_the_request_is_refused_and_never_repeated) {
  for (const auto* name : {"", "X Y", "X:", "hunter2\r\nX-Evil", "hunter2(x)", "hunter2\xC3\xBC"}) {
    check_header_refused(name, "v");
  }
  for (const auto& value : {"hunter2\r\nX-Evil: 1"s, "hunter2\n"s, "a\0hunter2"s, "hunter2\x1b[31m"s}) {
    check_header_refused("X-Mine", value);
  }
}

// A secret in the place of the name is still a secret.
BOOST_AUTO_TEST_CASE(a_name_and_a_value_in_each_others_place_are_not_repeated) {
  check_header_refused("hunter2", "X-Api-Key\n");
}

BOOST_AUTO_TEST_CASE(headers_of_the_handshake_are_reserved_in_any_case) {
  for (const auto* name : {"UPGRADE", "connection", "Sec-WebSocket-Key", "sec-websocket-version",
                           "Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding", "User-Agent"}) {
    check_header_refused(name, "hunter2");
  }
}

// covers R56
BOOST_AUTO_TEST_CASE(what_belongs_to_one_attempt_is_accepted) {
  BOOST_TEST(check_credentials({.url = "ws://a/",
                                .allow_plaintext = true,
                                .subprotocols = list{"chat", "base64url.bearer.authorization.k8s.io.dDpw"},
                                .host = "virtual.example:8080",
                                .server_name = "inner.example"}) == "");
  BOOST_TEST(check_credentials({.subprotocols = list{}}) == "");
  for (const auto* host : {"a", "a.example:1", "192.0.2.1", "[2001:db8::1]:8080"})
    BOOST_TEST(check_credentials({.host = host}) == "");
  BOOST_TEST(check_credentials({.headers = {{"host", "a.example"},
                                            {"Sec-WebSocket-Protocol", "chat, t0ken"},
                                            {"sec-websocket-protocol", " ,v2"}}}) == "");
}

// covers R56
BOOST_AUTO_TEST_CASE(each_field_of_an_attempt_that_cannot_be_sent_is_named_and_not_repeated) {
  check_refused({.subprotocols = list{"chat", "hunter2 x"}}, "subprotocols[1]");
  check_refused({.subprotocols = list{"hunter2\r\nX-Evil: 1"}}, "subprotocols[0]");
  check_refused({.subprotocols = list{""}}, "subprotocols[0]");
  check_refused({.subprotocols = list{"hunter2", "chat", "hunter2"}}, "subprotocols[2]");
  for (const auto* host : {"hunter2/", "hunter2/x", "me@hunter2", "hunter2?x", "hunter2#x", "hunter2 x",
                           "hunter2\r\nX-Evil: 1", "hunter2:0", "[fe80::1%25hunter2]", ":80"}) {
    check_refused({.host = host}, "host");
    check_refused({.headers = {{"Host", host}}}, "headers[0]");
  }
  for (const auto* name : {"hunter2 x", "hunter2\n", "hunter2\xC3\xBC"})
    check_refused({.server_name = name}, "server_name");
  check_refused({.headers = {{"Sec-WebSocket-Protocol", "chat, hunter2 x"}}}, "headers[0]");
  check_refused({.headers = {{"Sec-WebSocket-Protocol", "hunter2"}, {"Sec-WebSocket-Protocol", "hunter2"}}},
                "headers[1]");
}

BOOST_AUTO_TEST_CASE(a_field_and_its_header_contradict_each_other) {
  check_refused({.headers = {{"Host", "hunter2"}}, .host = "hunter2"}, "headers[0]");
  check_refused({.headers = {{"Host", "hunter2"}, {"host", "hunter2"}}}, "headers[1]");
  check_refused({.headers = {{"Sec-WebSocket-Protocol", "hunter2"}}, .subprotocols = list{"hunter2"}},
                "headers[0]");
}

BOOST_AUTO_TEST_CASE(a_token_and_an_authorization_of_ones_own_contradict_each_other) {
  check_refused({.token = "hunter2", .headers = {{"authorization", "Basic hunter2"}}}, "headers[0]");
}

BOOST_AUTO_TEST_CASE(a_url_is_checked_like_that_of_the_options) {
  for (const auto* url : {"", "http://a/?hunter2", "ws://hunter2@a/", "ws://a/#hunter2", "ws://a:0/?hunter2",
                          "ws://a/?hunter2\r\nX-Evil: 1"}) {
    check_refused({.url = url}, "url");
  }
}

BOOST_AUTO_TEST_CASE(nothing_prints_credentials) { BOOST_TEST(!printable<credentials>); }

BOOST_AUTO_TEST_SUITE_END()
