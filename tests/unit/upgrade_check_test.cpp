// What is asked of a server, and whether its answer opens a WebSocket: each check that fails has a text of
// its own, with what came and what was wanted.
#include <boost/test/unit_test.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast;
import holdfast.wire;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(upgrade_checks)

namespace {

const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455 section 1.3
const std::string accept_value = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// A good answer with these fields in place of its own of the same names.
http_head answer(header_list fields = {}) {
  http_head out{.status = 101};
  for (const auto& [name, value] : header_list{
           {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", accept_value}}) {
    const http_head given{.headers = fields};
    if (!given.has(name)) out.headers.emplace_back(name, value);
  }
  out.headers.insert(out.headers.end(), fields.begin(), fields.end());
  return out;
}

http_head without(std::string_view name) {
  auto out = answer();
  std::erase_if(out.headers, [&](const auto& each) { return is_same_header(each.first, name); });
  return out;
}

checked_answer check(const http_head& head, const options& given = {}) {
  return check_answer(head, terms_of(given), given.subprotocols, key);
}

std::string problem_of(const http_head& head, const options& given = {}, error why = error::upgrade_invalid) {
  const auto checked = check(head, given);
  BOOST_TEST(checked.error == make_error_code(why));
  return checked.detail;
}

options offering(std::vector<std::string> subprotocols,
                 subprotocol_rule rule = subprotocol_rule::offered_or_none) {
  options out;
  out.subprotocols = std::move(subprotocols);
  out.subprotocol = rule;
  return out;
}

options compressing() {
  options out;
  out.compression.enabled = true;
  return out;
}

}  // namespace

// covers R50
BOOST_AUTO_TEST_CASE(lists_may_be_spread_and_written_in_any_case) {
  const std::vector<http_head> good{
      answer(),
      answer({{"UPGRADE", "WebSocket"}, {"connection", "UPGRADE"}}),
      answer({{"Connection", "keep-alive"}, {"Connection", "Upgrade"}}),
      answer({{"Connection", "keep-alive, ,upgrade ,"}}),
      answer({{"Connection", ""}, {"Connection", "keep-alive,Upgrade"}}),
      answer({{"Upgrade", "h2c"}, {"Upgrade", "websocket"}}),
      answer({{"sec-websocket-accept", accept_value}, {"Sec-WebSocket-Accept", accept_value}}),
      answer({{"Sec-WebSocket-Protocol", ""}, {"Sec-WebSocket-Extensions", " , "}}),
  };
  for (const auto& each : good) {
    const auto checked = check(each);
    BOOST_TEST(!checked.error, checked.detail);
  }
}

// covers R50
BOOST_AUTO_TEST_CASE(extensions_are_read_from_several_lines_and_in_any_case) {
  for (const header_list& fields :
       {header_list{{"Sec-WebSocket-Extensions", "Permessage-Deflate; Server_No_Context_Takeover"}},
        header_list{{"Sec-WebSocket-Extensions", ""},
                    {"sec-websocket-extensions", " permessage-deflate ;server_no_context_takeover"}}}) {
    const auto checked = check(answer(fields), compressing());
    BOOST_TEST(!checked.error, checked.detail);
    BOOST_REQUIRE(checked.opened.compression.has_value());
    BOOST_TEST(!checked.opened.compression->server.context_takeover);
  }
}

// covers R50
BOOST_AUTO_TEST_CASE(http_1_0_cannot_open_a_web_socket) {
  auto old = answer();
  old.version = 10;
  BOOST_TEST(problem_of(old) ==
             "HTTP/1.0 has no status 101: wanted HTTP/1.1 or higher (RFC 6455 section 4.1)");
}

// covers R51
BOOST_AUTO_TEST_CASE(each_check_of_the_handshake_has_a_text_of_its_own) {
  const std::vector<std::pair<http_head, std::string>> rows{
      {without("Upgrade"), "the answer has no Upgrade field"},
      {without("Connection"), "the answer has no Connection field"},
      {without("Sec-WebSocket-Accept"), "the answer has no Sec-WebSocket-Accept field"},
      {answer({{"Upgrade", "h2c"}}), R"(Upgrade is "h2c", wanted "websocket")"},
      {answer({{"Upgrade", ""}}), R"(Upgrade is "", wanted "websocket")"},
      {answer({{"Upgrade", "h2c"}, {"Upgrade", "web socket"}}),
       R"(Upgrade is "h2c, web socket", wanted "websocket")"},
      {answer({{"Connection", "close"}}), R"(Connection is "close", wanted "Upgrade")"},
      {answer({{"Sec-WebSocket-Accept", "AAAA"}}),
       R"(Sec-WebSocket-Accept does not belong to our key: it is "AAAA", wanted ")" + accept_value + '"'},
      {answer({{"Sec-WebSocket-Accept", accept_value}, {"Sec-WebSocket-Accept", "BBBB"}}),
       R"(Sec-WebSocket-Accept does not belong to our key: it is "BBBB", wanted ")" + accept_value + '"'},
      {answer({{"Sec-WebSocket-Extensions", "x-foo"}}),
       R"(the server chose the extension "x-foo", which was not offered)"},
      {answer({{"Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=10"}}),
       R"(the server chose the extension "permessage-deflate", which was not offered)"},
  };
  std::set<std::string> texts;
  for (const auto& [head, text] : rows) {
    BOOST_TEST(problem_of(head) == text);
    texts.insert(text);
  }
  BOOST_TEST(texts.size() == rows.size());
}

// covers R51
BOOST_AUTO_TEST_CASE(an_answer_to_the_offer_of_compression_that_is_none_is_shown_beside_it) {
  const auto of = [](const std::string& value) {
    return problem_of(answer({{"Sec-WebSocket-Extensions", value}}), compressing());
  };
  BOOST_TEST(of("permessage-deflate, x-foo; a=1") ==
             R"(the server chose the extension "x-foo", which was not offered)");
  BOOST_TEST(of("permessage-deflate, permessage-deflate") ==
             R"(the server chose the extension "permessage-deflate" 2 times)");
  BOOST_TEST(of("permessage-deflate; x=1") ==
             R"(Sec-WebSocket-Extensions is "permessage-deflate; x=1", which does not answer our offer )"
             R"("permessage-deflate; client_max_window_bi...")");
}

// covers R51
BOOST_AUTO_TEST_CASE(a_subprotocol_that_was_not_wanted_is_named_beside_those_that_were) {
  constexpr auto mismatch = error::subprotocol_mismatch;
  const auto chose = [](const std::string& value) { return answer({{"Sec-WebSocket-Protocol", value}}); };
  BOOST_TEST(problem_of(chose("a"), offering({"b"}), mismatch) ==
             R"(the server chose the subprotocol "a", offered: "b")");
  BOOST_TEST(problem_of(chose("a"), {}, mismatch) ==
             R"(the server chose the subprotocol "a", none was offered)");
  BOOST_TEST(problem_of(chose("B"), offering({"b", "c"}), mismatch) ==
             R"(the server chose the subprotocol "B", offered: "b, c")");
  BOOST_TEST(problem_of(answer(), offering({"b"}, subprotocol_rule::required), mismatch) ==
             R"(the server chose no subprotocol, offered: "b")");
  BOOST_TEST(problem_of(chose("b, c"), offering({"b", "c"}), mismatch) ==
             R"(the server chose 2 subprotocols "b, c", offered: "b, c")");
  for (const auto& good : {chose("b"), chose("b, b"),
                           answer({{"Sec-WebSocket-Protocol", ""}, {"sec-websocket-protocol", " b"}})}) {
    const auto checked = check(good, offering({"b"}));
    BOOST_TEST(!checked.error, checked.detail);
    BOOST_TEST(checked.opened.subprotocol == "b");
  }
  BOOST_TEST(check(chose("a"), offering({"b"}, subprotocol_rule::any)).opened.subprotocol == "a");
}

// covers R51
BOOST_AUTO_TEST_CASE(a_subprotocol_of_the_credential_provider_is_not_repeated) {
  const std::vector<std::string> offered{"chat", "Token.s3cret"};
  const auto given = offering({"chat", "other"});
  for (const auto* chosen : {"token.s3cret", "Token.s3cret,chat", "s3cret", "xToken.s3cretx", "another"}) {
    const auto checked =
        check_answer(answer({{"Sec-WebSocket-Protocol", chosen}}), terms_of(given), offered, key);
    BOOST_TEST(checked.error == make_error_code(error::subprotocol_mismatch));
    BOOST_TEST(checked.detail.find("cret") == std::string::npos, checked.detail);
    BOOST_TEST(checked.detail.ends_with(R"(offered: "chat" and 1 by the credential provider)"),
               checked.detail);
  }
  const auto taken =
      check_answer(answer({{"Sec-WebSocket-Protocol", "Token.s3cret"}}), terms_of(given), offered, key);
  BOOST_TEST(taken.opened.subprotocol == "Token.s3cret");
}

// covers R51
BOOST_AUTO_TEST_CASE(a_refusal_says_by_its_status_why_and_which_version_the_server_speaks) {
  for (const unsigned status : {200U, 400U, 404U, 426U, 503U}) {
    const http_head plain{.status = status};
    BOOST_TEST(problem_of(plain, {}, error::upgrade_refused) == "");
    const http_head old{.status = status,
                        .headers = {{"Sec-WebSocket-Version", "8"}, {"Sec-WebSocket-Version", "7"}}};
    BOOST_TEST(problem_of(old, {}, error::upgrade_refused) ==
               R"(Sec-WebSocket-Version is "8, 7", wanted "13")");
    const http_head same{.status = status, .headers = {{"Sec-WebSocket-Version", "13, 8"}}};
    BOOST_TEST(problem_of(same, {}, error::upgrade_refused) == "");
  }
  for (const unsigned status : {401U, 403U}) {
    const http_head refusal{.status = status};
    BOOST_TEST(problem_of(refusal, {}, error::unauthorized) == "");
  }
}

// covers R51
BOOST_AUTO_TEST_CASE(a_text_of_the_server_is_cut_and_cannot_break_the_line) {
  const auto text = problem_of(answer({{"Upgrade", "\x1b[2J\"" + std::string(1000, 'x')}}));
  BOOST_TEST(text.size() < 120U);
  BOOST_TEST(text.find('\x1b') == std::string::npos);
  BOOST_TEST(text.ends_with(R"(x...", wanted "websocket")"), text);
}

BOOST_AUTO_TEST_CASE(the_request_names_what_the_attempt_offers) {
  options given;
  given.user_agent = "phone/7";
  given.subprotocols = {"of-the-options"};
  const target to{.host = "example.org", .port = 8080, .host_header = "example.org:8080", .path = "/a?b"};
  const std::vector<std::string> offered{"one", "two"};
  const auto request =
      parse_request(upgrade_request(to, terms_of(given), {{"X-Own", "yes"}}, offered, "other.example", key));
  BOOST_REQUIRE((request.has_value() && request->has_value()));
  const auto& head = **request;
  BOOST_TEST(head.path == "/a?b");
  BOOST_TEST(head.joined("Host") == "other.example");
  BOOST_TEST(head.joined("Sec-WebSocket-Protocol") == "one, two");
  BOOST_TEST(head.joined("Sec-WebSocket-Key") == key);
  BOOST_TEST(head.joined("User-Agent") == "phone/7");
  BOOST_TEST(head.joined("X-Own") == "yes");
  const auto plain = parse_request(upgrade_request(to, terms_of(given), {}, {}, {}, key));
  BOOST_REQUIRE((plain.has_value() && plain->has_value()));
  BOOST_TEST((*plain)->joined("Host") == "example.org:8080");
  BOOST_TEST(!(*plain)->has("Sec-WebSocket-Protocol"));
}

BOOST_AUTO_TEST_SUITE_END()
