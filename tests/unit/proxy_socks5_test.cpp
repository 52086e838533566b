// SOCKS5: every message as bytes of RFC 1928 and RFC 1929, byte by byte and all at once.
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy_dialogue.hpp"

import holdfast;
import holdfast.wire;

using namespace holdfast;
using namespace proxy_test;

BOOST_AUTO_TEST_SUITE(a_socks5_proxy)

namespace {

proxy_handshake make(std::string_view host, std::string username = {}, std::string password = {}) {
  return {
      {proxy_kind::socks5, "proxy", 1080, std::move(username), std::move(password)}, host, 443, "holdfast"};
}

proxy_handshake make_plain() { return make("example.org"); }
proxy_handshake make_with_credentials() { return make("example.org", "user", "hunter2"); }

const auto greeting = "\x05\x01\x00"s;
const auto greeting_with_credentials = "\x05\x02\x00\x02"s;
const auto login_bytes = "\x01\x04user\x07hunter2"s;
const auto request = "\x05\x01\x00\x03\x0b"s + "example.org\x01\xbb"s;
const auto accepted = "\x05\x00"s;
const auto wants_credentials = "\x05\x02"s;
const auto bound = "\x00\x01\x00\x00\x00\x00\x00\x00"s;  // RSV ATYP BND.ADDR BND.PORT
const auto granted = "\x05\x00"s + bound;

// The answer to the request, after nothing went wrong before it.
void check_reply(const std::string& reply, const outcome& expected) {
  BOOST_TEST_CONTEXT("reply " << as_hex(reply.substr(0, 30))) {
    check_dialogue(make_plain, {{greeting, accepted}, {request, reply}}, expected);
  }
}

void check_invalid(const std::vector<exchange>& script, const std::string& problem) {
  check_dialogue(make_with_credentials, script,
                 {proxy_progress::failed, error::proxy_invalid, 0,
                  "SOCKS5: the proxy's answer is not valid: " + problem});
}

// What is asked for a host.
std::string request_to(std::string_view host) {
  auto proxy = make(host);
  proxy.take_output();
  proxy.feed(accepted);
  return proxy.take_output();
}

constexpr auto opens = proxy_progress::open;
constexpr auto failed = proxy_progress::failed;
constexpr auto needs_input = proxy_progress::needs_input;

}  // namespace

// covers R43
BOOST_AUTO_TEST_CASE(opens_the_way_without_credentials) {
  check_dialogue(make_plain, {{greeting, accepted}, {request, granted}}, {opens});
}

// covers R43
BOOST_AUTO_TEST_CASE(opens_the_way_with_credentials) {
  check_dialogue(
      make_with_credentials,
      {{greeting_with_credentials, wants_credentials}, {login_bytes, "\x01\x00"s}, {request, granted}},
      {opens});
}

BOOST_AUTO_TEST_CASE(may_do_without_the_credentials_that_we_have) {
  check_dialogue(make_with_credentials, {{greeting_with_credentials, accepted}, {request, granted}}, {opens});
}

// covers R43
BOOST_AUTO_TEST_CASE(looks_names_up_itself_and_gets_addresses_as_such) {
  const auto port = "\x01\xbb"s;
  BOOST_TEST(as_hex(request_to("a")) == as_hex("\x05\x01\x00\x03\x01"s + "a" + port));
  BOOST_TEST(as_hex(request_to("192.0.2.1")) == as_hex("\x05\x01\x00\x01\xc0\x00\x02\x01"s + port));
  BOOST_TEST(as_hex(request_to("2001:db8::1")) ==
             as_hex("\x05\x01\x00\x04\x20\x01\x0d\xb8"s + std::string(11, '\0') + '\x01' + port));
  const std::string longest(255, 'x');
  BOOST_TEST(as_hex(request_to(longest)) == as_hex("\x05\x01\x00\x03\xff"s + longest + port));
}

BOOST_AUTO_TEST_CASE(is_not_asked_for_what_is_no_name) {
  for (const auto& host : {""s, std::string(256, 'x'), "a\0b"s, "a b"s, "b\u00fccher"s, "a\r\n"s}) {
    auto proxy = make(host);
    check_outcome(proxy, {failed, error::host_not_found, 0,
                          "SOCKS5: the server's host is not a name that can be sent to a proxy"});
  }
}

BOOST_AUTO_TEST_CASE(gets_credentials_of_up_to_255_bytes_each) {
  const std::string longest(255, 'x');
  auto proxy = make("example.org", longest, longest);
  proxy.take_output();
  proxy.feed(wants_credentials);
  BOOST_TEST(as_hex(proxy.take_output()) == as_hex("\x01\xff" + longest + '\xff' + longest));
  auto too_long = make("example.org", "user", longest + 'x');
  BOOST_TEST(too_long.error() == make_error_code(error::proxy_unauthorized));
  check_sane(too_long);
  auto no_password = make("example.org", "user", "");
  no_password.take_output();
  no_password.feed(wants_credentials);
  BOOST_TEST(as_hex(no_password.take_output()) == as_hex("\x01\x04user\x00"s));
}

// covers R43
BOOST_AUTO_TEST_CASE(may_name_its_end_by_an_address_of_any_type) {
  for (const auto& end : {"\x01\x7f\x00\x00\x01"s, "\x03\x00"s, "\x03\x05proxy"s,
                          "\x03\xff"s + std::string(255, 'x'), "\x04"s + std::string(16, '\xff')}) {
    const auto reply = "\x05\x00\x00"s + end + "\x12\x34";
    check_reply(reply, {opens});
    check_reply(reply + "rest\0\r\n"s, {opens, {}, 0, "", "rest\0\r\n"s});
    check_reply(reply.substr(0, reply.size() - 1), {needs_input});
  }
  check_reply("\x05\x00\xaa\x01"s + std::string(6, '\0'), {opens});  // RSV is nobody's business
  check_reply(granted + std::string(100'000, 'x'), {opens, {}, 0, "", std::string(100'000, 'x')});
}

// RFC 1928 section 6.
// covers R43
BOOST_AUTO_TEST_CASE(that_refuses_says_why) {
  const std::vector<std::string> texts{"general failure of the proxy",
                                       "not allowed by the proxy's rules",
                                       "network unreachable",
                                       "host unreachable",
                                       "connection refused",
                                       "time to live expired",
                                       "the proxy does not support CONNECT",
                                       "the proxy does not support this type of address",
                                       "failure 9"};
  for (std::size_t code = 1; code <= texts.size(); ++code) {
    const outcome refused{failed, error::proxy_refused, 0, "SOCKS5: " + texts[code - 1]};
    check_reply("\x05"s + static_cast<char>(code) + bound, refused);
    check_reply("\x05"s + static_cast<char>(code), refused);  // some proxies say no more
  }
  check_reply("\x05\xff"s + bound, {failed, error::proxy_refused, 0, "SOCKS5: failure 255"});
}

// covers R43
BOOST_AUTO_TEST_CASE(that_wants_other_credentials_is_told_apart) {
  check_dialogue(
      make_plain, {{greeting, "\x05\xff"s}},
      {failed, error::proxy_unauthorized, 0, "SOCKS5: the proxy requires a user name and password"});
  check_dialogue(
      make_with_credentials, {{greeting_with_credentials, "\x05\xff"s}},
      {failed, error::proxy_unauthorized, 0, "SOCKS5: the proxy accepts no user name and password"});
  for (const auto& verdict : {"\x01\x01"s, "\x01\x02"s, "\x01\xff"s}) {
    check_dialogue(
        make_with_credentials, {{greeting_with_credentials, wants_credentials}, {login_bytes, verdict}},
        {failed, error::proxy_unauthorized, 0, "SOCKS5: the proxy refused the user name or password"});
  }
}

// covers R43
BOOST_AUTO_TEST_CASE(that_is_none_is_found_out_at_its_first_wrong_byte) {
  const auto version = "it has another version"s;
  for (const auto& wrong : {"\x04"s, "\x00"s, "\xff"s, "\x04\x5a"s, "SSH"s}) {
    check_invalid({{greeting_with_credentials, wrong}}, version);
    check_invalid({{greeting_with_credentials, wants_credentials}, {login_bytes, wrong}}, version);
    check_invalid({{greeting_with_credentials, accepted}, {request, wrong}}, version);
  }
  check_invalid({{greeting_with_credentials, wants_credentials}, {login_bytes, "\x05"s}}, version);
  check_invalid({{greeting_with_credentials, "HTTP/1.1 400 Bad Request\r\n\r\n"s}}, "it looks like HTTP");
}

BOOST_AUTO_TEST_CASE(that_wants_what_was_not_offered_is_refused) {
  for (const auto& method : {"\x05\x01"s, "\x05\x03"s, "\x05\x80"s, "\x05\xfe"s}) {
    check_invalid({{greeting_with_credentials, method}}, "it chooses a method that was not offered");
  }
  check_dialogue(make_plain, {{greeting, wants_credentials}},
                 {failed, error::proxy_invalid, 0,
                  "SOCKS5: the proxy's answer is not valid: it chooses a method that was not offered"});
}

BOOST_AUTO_TEST_CASE(that_answers_before_it_was_asked_is_refused) {
  const auto too_long = "it is longer than expected"s;
  check_invalid({{greeting_with_credentials, accepted + "\x05"}}, too_long);
  check_invalid({{greeting_with_credentials, wants_credentials + "\x01\x00"s}}, too_long);
  check_invalid({{greeting_with_credentials, wants_credentials}, {login_bytes, "\x01\x00"s + granted}},
                too_long);
  auto impatient = make_plain();
  impatient.feed(accepted);
  BOOST_TEST(impatient.error() == make_error_code(error::proxy_invalid));
}

BOOST_AUTO_TEST_CASE(with_an_unknown_type_of_address_is_refused) {
  for (const auto& type : {"\x00"s, "\x02"s, "\x05"s, "\xff"s}) {
    check_reply("\x05\x00\x00"s + type + "abcdefgh",
                {failed, error::proxy_invalid, 0,
                 "SOCKS5: the proxy's answer is not valid: it has an unknown type of address"});
  }
}

// covers R43
BOOST_AUTO_TEST_CASE(that_closes_is_told_apart_by_what_it_said_before) {
  const auto close_after = [](const std::vector<std::string>& answers) {
    auto proxy = make_with_credentials();
    proxy.take_output();
    for (const auto& each : answers) {
      proxy.feed(each);
      proxy.take_output();
    }
    proxy.eof();
    BOOST_TEST(proxy.progress() == failed);
    BOOST_TEST((proxy.error() == error::proxy_refused || proxy.error() == error::proxy_invalid));
    return proxy.detail();
  };
  BOOST_TEST(close_after({}) == "SOCKS5: the proxy closed the connection without an answer");
  BOOST_TEST(close_after({wants_credentials}) ==
             "SOCKS5: the proxy closed the connection after user name and password");
  BOOST_TEST(close_after({accepted}) == "SOCKS5: the proxy closed the connection without an answer");
  BOOST_TEST(close_after({"\x05"s}) == "SOCKS5: the proxy's answer is not valid: it ends in the middle");
  BOOST_TEST(close_after({accepted, granted.substr(0, 9)}) ==
             "SOCKS5: the proxy's answer is not valid: it ends in the middle");
  auto opened = make_plain();
  opened.take_output();
  opened.feed(accepted);
  opened.take_output();
  opened.feed(granted + "ab");
  opened.eof();
  opened.feed("cd");
  check_outcome(opened, {opens, {}, 0, "", "abcd"});
}

BOOST_AUTO_TEST_CASE(that_sends_rubbish_harms_nobody) {
  for (unsigned seed = 0; seed < 4'000; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      rubbish random(seed);
      auto whole = make_with_credentials();
      auto in_pieces = make_with_credentials();
      for (const auto& good : {wants_credentials, "\x01\x00"s, granted + "rest"}) {
        whole.take_output();
        in_pieces.take_output();
        const auto dice = random.below(4);
        const auto answer = dice == 0 ? random.bytes(300) : dice == 1 ? random.spoiled(good) : good;
        whole.feed(answer);
        feed(in_pieces, answer, 1 + random.below(9));
      }
      BOOST_TEST(whole.progress() == in_pieces.progress());
      BOOST_TEST(whole.error() == in_pieces.error());
      BOOST_TEST(whole.take_rest() == in_pieces.take_rest());
      whole.eof();
      BOOST_TEST(whole.progress() != needs_input);
      check_sane(whole);
      check_sane(in_pieces);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
