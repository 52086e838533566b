// CONNECT: the request as it leaves, and every kind of answer, byte by byte and all at once.
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy_dialogue.hpp"

import holdfast;
import holdfast.wire;

using namespace holdfast;
using namespace proxy_test;

BOOST_AUTO_TEST_SUITE(an_http_proxy)

namespace {

proxy_handshake make_plain() { return {{.host = "proxy", .port = 3128}, "example.org", 443, "holdfast"}; }

proxy_handshake make_with_credentials() {
  return {{.host = "proxy", .port = 3128, .username = "user", .password = "hunter2"},
          "example.org",
          443,
          "holdfast"};
}

std::string request_to(std::string_view host, std::uint16_t port, std::string_view agent = {}) {
  return proxy_handshake({.host = "proxy", .port = 3128}, host, port, agent).take_output();
}

constexpr std::string_view plain_request =
    "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nUser-Agent: holdfast\r\n\r\n";

void check_answer(const std::string& answer, const outcome& expected) {
  BOOST_TEST_CONTEXT("answer " << answer.substr(0, 100)) {
    check_dialogue(make_plain, {{std::string(plain_request), answer}}, expected);
  }
}

// What is said about an answer that has come in one piece.
std::string detail_of(proxy_handshake proxy, std::string_view answer) {
  proxy.feed(answer);
  BOOST_TEST(proxy.progress() == proxy_progress::failed);
  return proxy.detail();
}

constexpr auto opens = proxy_progress::open;
constexpr auto failed = proxy_progress::failed;
constexpr auto needs_input = proxy_progress::needs_input;

}  // namespace

// RFC 9110 sections 7.2 and 9.3.6.
// covers R43
BOOST_AUTO_TEST_CASE(is_asked_by_host_and_port) {
  BOOST_TEST(request_to("example.org", 443, "mine/1.0") ==
             "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nUser-Agent: mine/1.0\r\n\r\n");
  BOOST_TEST(request_to("192.0.2.1", 80) == "CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n");
  BOOST_TEST(request_to("2001:db8::1", 65535) ==
             "CONNECT [2001:db8::1]:65535 HTTP/1.1\r\nHost: [2001:db8::1]:65535\r\n\r\n");
}

// RFC 7617, with its own example (section 2) and that of UTF-8 (section 2.1).
// covers R43
BOOST_AUTO_TEST_CASE(gets_the_credentials_at_once) {
  const auto line = [](const char* username, const char* password) {
    const auto request = proxy_handshake({.host = "p", .port = 1, .username = username, .password = password},
                                         "example.org", 443, "")
                             .take_output();
    const auto begin = request.find("Proxy-Authorization");
    return request.substr(begin, request.find("\r\n", begin) - begin);
  };
  BOOST_TEST(line("Aladdin", "open sesame") == "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  BOOST_TEST(line("test", "123\u00a3") == "Proxy-Authorization: Basic dGVzdDoxMjPCow==");
  BOOST_TEST(line("user", "") == "Proxy-Authorization: Basic dXNlcjo=");
  BOOST_TEST(line("", "token") == "Proxy-Authorization: Basic OnRva2Vu");
  BOOST_TEST(request_to("example.org", 443).find("Proxy-Authorization") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(can_never_be_sent_a_line_break_by_way_of_a_field) {
  for (const auto& host :
       {"exam\r\nX-Evil: 1"s, "exam ple"s, "a\0b"s, "a\x7f"s, "b\u00fccher"s, ""s, std::string(256, 'a')}) {
    proxy_handshake proxy({.host = "proxy", .port = 3128}, host, 443, "holdfast");
    BOOST_TEST(proxy.take_output().empty());
    BOOST_TEST(proxy.progress() == failed);
    BOOST_TEST(proxy.error() == make_error_code(error::host_not_found));
    check_sane(proxy);
  }
  BOOST_TEST(request_to("example.org", 443, "mine\r\nX-Evil: 1").find("\r\nX-Evil") == std::string::npos);
}

// covers R43
BOOST_AUTO_TEST_CASE(opens_the_way_with_any_2xx) {
  check_answer("HTTP/1.1 200 OK\r\n\r\n", {opens, {}, 200});
  check_answer("HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\nX-Empty:\r\n\r\n", {opens, {}, 200});
  check_answer("HTTP/1.1 204 No Content\r\n\r\n", {opens, {}, 204});
  check_answer("HTTP/1.1 299 Odd\r\n\r\n", {opens, {}, 299});
}

// Byte for byte what tinyproxy 1.11 answers.
// covers R43
BOOST_AUTO_TEST_CASE(may_speak_http_1_0) {
  check_answer("HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n",
               {opens, {}, 200});
}

BOOST_AUTO_TEST_CASE(may_be_odd) {
  check_answer("HTTP/1.1 200\r\n\r\n", {opens, {}, 200});
  check_answer("HTTP/1.1 200 \r\n\r\n", {opens, {}, 200});
  check_answer("HTTP/1.0 200 OK\n\n", {opens, {}, 200});
  check_answer("HTTP/1.0 200 OK\nVia: a\r\n\n", {opens, {}, 200});
  check_answer("HTTP/1.1 200 OK\r\nX-Folded: a\r\n\tb\r\n c\r\n\r\n", {opens, {}, 200});
  check_answer("HTTP/1.1 200 OK\r\nX Space : a:b\r\n\r\n", {opens, {}, 200});
  check_answer("HTTP/1.1 200 B\xe4h\r\n\r\n", {opens, {}, 200});
}

// covers R43
BOOST_AUTO_TEST_CASE(hands_over_what_came_behind_its_answer) {
  check_answer("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching\r\n\r\n",
               {opens, {}, 200, "", "HTTP/1.1 101 Switching\r\n\r\n"});
  const auto binary = "\x16\x03\x03\0\r\n\r\n\xff"s;
  check_answer("HTTP/1.1 200 OK\r\n\r\n" + binary, {opens, {}, 200, "", binary});
  check_answer("HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'x'),
               {opens, {}, 200, "", std::string(100'000, 'x')});
}

// RFC 9110 section 9.3.6: a client must ignore both fields in a successful answer to CONNECT.
BOOST_AUTO_TEST_CASE(has_no_body_in_a_success_whatever_its_header_says) {
  check_answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", {opens, {}, 200, "", "abcdef"});
  check_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
               {opens, {}, 200, "", "3\r\nabc\r\n"});
  check_answer("HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\nContent-Length: 7\r\n\r\n", {opens, {}, 200});
}

BOOST_AUTO_TEST_CASE(may_send_interim_answers_first) {
  check_answer(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest",
      {opens, {}, 200, "", "rest"});
  check_answer("HTTP/1.1 100 Continue\r\n\r\n", {needs_input});
  check_answer("HTTP/1.1 100 Continue\r\n\r\nnonsense",
               {failed, error::proxy_invalid, 0, "HTTP: the proxy's answer is not valid: it is not HTTP"});
  check_answer("HTTP/1.1 101 Switching Protocols\r\n\r\n",
               {failed, error::proxy_invalid, 101,
                "HTTP: the proxy's answer is not valid: it switches to another protocol"});
}

// covers R43
BOOST_AUTO_TEST_CASE(that_refuses_says_why) {
  check_answer("HTTP/1.1 502 Bad Gateway\r\n\r\n",
               {failed, error::proxy_refused, 502, "HTTP 502 Bad Gateway"});
  check_answer("HTTP/1.1 403 Access violation\r\nServer: tinyproxy/1.11.1\r\n\r\n",
               {failed, error::proxy_refused, 403, "HTTP 403 Access violation"});
  check_answer("HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n",
               {failed, error::proxy_refused, 302, "HTTP 302 Found"});
  check_answer("HTTP/1.1 999\r\n\r\n", {failed, error::proxy_refused, 999, "HTTP 999"});
}

BOOST_AUTO_TEST_CASE(that_refuses_in_plain_words_is_quoted) {
  BOOST_TEST(detail_of(make_plain(), "HTTP/1.1 503 Service Unavailable\r\n\r\n no healthy\r\n upstream\n") ==
             "HTTP 503 Service Unavailable: no healthy upstream");
  BOOST_TEST(detail_of(make_plain(), "HTTP/1.1 500 Oops\r\n\r\n \n<html>") == "HTTP 500 Oops");
  BOOST_TEST(detail_of(make_plain(), "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno") ==
             "HTTP 500 Oops");
  BOOST_TEST(detail_of(make_plain(), "HTTP/1.1 500 Oops\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b") ==
             "HTTP 500 Oops");
  BOOST_TEST(detail_of(make_plain(), "HTTP/1.1 500 \u00c4rger\t!\r\n\r\n\x1b[31mred\x07") ==
             "HTTP 500 \u00c4rger !: [31mred");
  const auto bounded = detail_of(
      make_plain(), "HTTP/1.1 500 " + std::string(9'000, 'r') + "\r\n\r\n" + std::string(9'000, 'b'));
  BOOST_TEST(bounded.size() == 120U);
}

// A proxy made for debugging repeats the request in its answer.
BOOST_AUTO_TEST_CASE(that_repeats_the_credentials_is_not_quoted) {
  BOOST_TEST(detail_of(make_with_credentials(),
                       "HTTP/1.1 405 No\r\n\r\nProxy-Authorization: Basic dXNlcjpodW50ZXIy") ==
             "HTTP 405 No");
}

// covers R43
BOOST_AUTO_TEST_CASE(that_wants_other_credentials_is_told_apart) {
  check_answer("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
               {failed, error::proxy_unauthorized, 407,
                "HTTP 407 Proxy Authentication Required: no user name was given"});
  check_answer("HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: basic realm=\"Tinyproxy\"\r\n\r\n",
               {failed, error::proxy_unauthorized, 401, "HTTP 401 Unauthorized: no user name was given"});
  BOOST_TEST(detail_of(make_with_credentials(),
                       "HTTP/1.0 407 Who\r\nProxy-Authenticate: Basic\r\n\r\nbody") == "HTTP 407 Who");
  BOOST_TEST(detail_of(make_with_credentials(), "HTTP/1.0 407 Who\r\n\r\n") == "HTTP 407 Who");
}

BOOST_AUTO_TEST_CASE(that_wants_what_we_do_not_know_is_said_so) {
  const std::string head =
      "HTTP/1.1 407 Who\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate:NTLM abc==\r\n";
  BOOST_TEST(detail_of(make_with_credentials(), head + "\r\n") ==
             "HTTP 407 Who: the proxy requires Negotiate, NTLM, but only Basic is supported");
  BOOST_TEST(detail_of(make_with_credentials(), head + "Proxy-Authenticate: Basic\r\n\r\n") ==
             "HTTP 407 Who");
  std::string many = head;
  for (int i = 0; i < 200; ++i) many += "Proxy-Authenticate: " + std::string(50, 'x') + "\r\n";
  BOOST_TEST(detail_of(make_with_credentials(), many + "\r\n").size() <= 120U);
}

// covers R43
BOOST_AUTO_TEST_CASE(that_is_none_is_found_out_at_its_first_wrong_byte) {
  const outcome not_http{failed, error::proxy_invalid, 0,
                         "HTTP: the proxy's answer is not valid: it is not HTTP"};
  for (const auto& answer :
       {"\x05"s, "\x05\xff"s, "SSH-2.0-OpenSSH"s, "\x15\x03\x01"s, "\r\n"s, "\n"s, "http/1.1"s, "HTTP/2"s,
        "HTTP/1.x"s, "HTTP/1.1  "s, "HTTP/1.1 2x"s, "HTTP/1.1 2000"s, "HTTP/1.1 200\t"s, "HTTP\n"s,
        "HTTP/1.1 20\r\n"s, "HTTP/1.1\r\n"s, "\0"s, " HTTP/1.1 200 OK\r\n\r\n"s}) {
    check_answer(answer, not_http);
  }
  check_answer("HTTP/1.1 000 Zero\r\n",
               {failed, error::proxy_invalid, 0, "HTTP: the proxy's answer is not valid: it has no status"});
  check_answer("HTTP/1.1 200 OK", {needs_input});
  check_answer("HTTP", {needs_input});
}

BOOST_AUTO_TEST_CASE(with_a_broken_header_is_refused) {
  for (const auto& field : {"no colon"s, ": no name"s}) {
    check_answer("HTTP/1.1 200 OK\r\nVia: x\r\n" + field + "\r\n",
                 {failed, error::proxy_invalid, 200,
                  "HTTP: the proxy's answer is not valid: it has a header without a name"});
  }
  for (const auto& field : {"a: b\0c"s, "a: \x1b[0m"s, "a: b\rc: d"s, "a: \x7f"s}) {
    check_answer("HTTP/1.1 200 OK\r\n" + field + "\r\n",
                 {failed, error::proxy_invalid, 200,
                  "HTTP: the proxy's answer is not valid: it has a control character in its header"});
  }
}

BOOST_AUTO_TEST_CASE(cannot_make_us_hold_an_endless_header) {
  const std::string too_long = "HTTP: the proxy's answer is not valid: its header is longer than 16 KiB";
  const std::string begin = "HTTP/1.1 200 OK\r\n";
  check_answer(begin + "X: " + std::string(17'000, 'x'), {failed, error::proxy_invalid, 200, too_long});
  std::string fields = begin;
  while (fields.size() <= 16'384) fields += "X: y\r\n";
  check_answer(fields, {failed, error::proxy_invalid, 200, too_long});
  std::string interim;
  while (interim.size() <= 16'384) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  proxy_handshake proxy = make_plain();
  proxy.feed(interim);
  BOOST_TEST(proxy.error() == make_error_code(error::proxy_invalid));
  const std::string tail = "\r\n\r\n";
  const auto exact = begin + "X: " + std::string(16'384 - begin.size() - 3 - tail.size(), 'x') + tail;
  check_answer(exact + "rest", {opens, {}, 200, "", "rest"});
}

// covers R43
BOOST_AUTO_TEST_CASE(that_closes_is_told_apart_by_what_it_said_before) {
  auto silent = make_plain();
  silent.take_output();
  silent.eof();
  check_outcome(silent,
                {failed, error::proxy_refused, 0, "HTTP: the proxy closed the connection without an answer"});
  auto halfway = make_plain();
  halfway.take_output();
  halfway.feed("HTTP/1.1 200 OK\r\n");
  halfway.eof();
  check_outcome(halfway, {failed, error::proxy_invalid, 200,
                          "HTTP: the proxy's answer is not valid: it ends in the middle"});
  auto opened = make_plain();
  opened.take_output();
  opened.feed("HTTP/1.1 200 OK\r\n\r\n");
  opened.eof();
  check_outcome(opened, {opens, {}, 200});
}

BOOST_AUTO_TEST_CASE(that_goes_on_after_the_end_changes_nothing) {
  auto refused = make_plain();
  refused.take_output();
  refused.feed("HTTP/1.1 502 No\r\n\r\n");
  refused.feed("HTTP/1.1 200 OK\r\n\r\n");
  refused.eof();
  check_outcome(refused, {failed, error::proxy_refused, 502, "HTTP 502 No"});
  auto opened = make_plain();
  opened.take_output();
  opened.feed("HTTP/1.1 200 OK\r\n\r\nab");
  opened.feed("cd");
  check_outcome(opened, {opens, {}, 200, "", "abcd"});
}

BOOST_AUTO_TEST_CASE(that_sends_rubbish_harms_nobody) {
  const std::vector<std::string> good{
      "HTTP/1.1 200 OK\r\nVia: a\r\n\r\nrest", "HTTP/1.0 407 Who\r\nProxy-Authenticate: NTLM\r\n\r\n<html>",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nX: y\r\n\r\nbecause", "HTTP/1.1 500 No\n\nx"};
  for (unsigned seed = 0; seed < 4'000; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      rubbish random(seed);
      const auto answer = seed % 4 == 0 ? random.bytes(300) : random.spoiled(good[random.below(good.size())]);
      auto whole = make_with_credentials();
      auto in_pieces = make_with_credentials();
      whole.feed(answer);
      feed(in_pieces, answer, 1 + random.below(9));
      BOOST_TEST(whole.progress() == in_pieces.progress());
      BOOST_TEST(whole.error() == in_pieces.error());
      whole.eof();
      BOOST_TEST(whole.progress() != needs_input);
      check_sane(whole);
      check_sane(in_pieces);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
