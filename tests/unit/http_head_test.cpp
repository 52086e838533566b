// How the head of an answer is read: all that RFC 9110 and 9112 allow and what careless servers send, without
// ever taking a byte of the frames behind it for a part of the head.
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast;
import holdfast.wire;

using namespace holdfast;
using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(http_heads)

namespace {

const std::string status_line = "HTTP/1.1 101 Switching Protocols\r\n";
const std::string frames = "\x81\x05hello\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\0"s;

http_head read(const std::string& bytes) {
  auto reading = read_answer(bytes);
  BOOST_TEST_REQUIRE(!reading.error, reading.detail);
  BOOST_TEST_REQUIRE(reading.head.has_value());
  return std::move(*reading.head);
}

std::string problem_of(const std::string& bytes) {
  const auto reading = read_answer(bytes);
  BOOST_TEST(!reading.head.has_value());
  BOOST_TEST(reading.error == make_error_code(error::upgrade_invalid));
  BOOST_TEST(parse_answer(bytes).has_error());
  return reading.detail;
}

// Neither whole nor wrong, as each beginning of a good answer is.
void check_incomplete(const std::string& bytes) {
  const auto reading = read_answer(bytes);
  BOOST_TEST(!reading.error, reading.detail);
  BOOST_TEST(!reading.head.has_value());
}

}  // namespace

// covers R50
BOOST_AUTO_TEST_CASE(a_status_line_needs_no_reason_and_no_space_before_it) {
  for (const auto* line :
       {"HTTP/1.1 101", "HTTP/1.1 101 ", "HTTP/1.1 101  ", "HTTP/1.1  101\t", "HTTP/1.1 101 OK",
        "HTTP/1.1 101 Web Socket Protocol Handshake", "HTTP/1.1 101 B\xe4h"}) {
    for (const auto* end : {"\r\n", "\n"}) {
      const auto head = read(std::string(line) + end + "Upgrade: websocket" + end + end + frames);
      BOOST_TEST(head.status == 101U);
      BOOST_TEST(head.version == 11U);
      BOOST_TEST(head.header("upgrade") == "websocket");
      BOOST_TEST(head.body == frames);
    }
  }
}

// covers R50
BOOST_AUTO_TEST_CASE(the_version_is_known_for_the_check_of_the_answer) {
  BOOST_TEST(read("HTTP/1.0 101 Old\r\n\r\n").version == 10U);
  BOOST_TEST(read("HTTP/1.0 503 Old\r\n\r\n").status == 503U);
  BOOST_TEST(read("HTTP/1.2 101 New\r\n\r\n").version == 11U);
  BOOST_TEST(read("HTTP/1.1 999\r\n\r\n").status == 999U);
}

// covers R50
BOOST_AUTO_TEST_CASE(fields_are_read_whatever_the_white_space_around_them) {
  const std::vector<std::string> lines{"X-A: b c",     "X-A:b c",    "X-A:\tb c\t ",      "x-a:   b c   ",
                                       "X-A : b c",    "X-A\t:b c",  "X-A: b\r\n c",      "X-A: b\r\n\t  c  ",
                                       "X-A:\r\n b c", "X-A: b\n c", "X-A: b\r\n \r\n c", "X-A: b c\r\n  "};
  for (const auto& line : lines) {
    for (const auto* end : {"\r\n", "\n"}) {
      BOOST_TEST_CONTEXT(line) {
        auto text = status_line;
        text.append(line).append(end).append("X-B: d").append(end).append(end).append(frames);
        const auto head = read(text);
        BOOST_REQUIRE(head.headers.size() == 2U);
        BOOST_TEST(head.header("X-A") == "b c");
        BOOST_TEST(head.header("X-B") == "d");
        BOOST_TEST(head.body == frames);
      }
    }
  }
}

// covers R50
BOOST_AUTO_TEST_CASE(a_folded_line_may_be_longer_than_any_buffer) {
  std::string folded = "X-A: begin";
  for (int i = 0; i < 100; ++i) folded += "\r\n " + std::string(100, 'x');
  BOOST_TEST(read(status_line + folded + "\r\n\r\n").header("X-A").size() == 5 + 100U * 101);
}

// covers R50
BOOST_AUTO_TEST_CASE(an_empty_value_is_a_field_and_the_values_of_a_name_are_joined) {
  const auto head = read(status_line + "X-Empty:\r\nX-List: a\r\nX-Other: o\r\nx-list: b, c\r\n\r\n");
  BOOST_TEST(head.has("x-empty"));
  BOOST_TEST(head.header("X-Empty") == "");
  BOOST_TEST(!head.has("X-None"));
  BOOST_TEST(head.joined("X-LIST") == "a, b, c");
}

// covers R50
BOOST_AUTO_TEST_CASE(interim_answers_are_passed_over) {
  for (const auto* status :
       {"100 Continue", "102 Processing", "103 Early Hints", "199 Whatever", "100", "110 "}) {
    const auto interim = "HTTP/1.1 "s + status + "\r\nLink: </style.css>\r\nContent-Length: 7\r\n\r\n";
    for (const std::size_t count : {1U, 2U, 20U}) {
      std::string all;
      for (std::size_t i = 0; i < count; ++i) all += interim;
      check_incomplete(all);
      const auto whole = all + status_line + "X-A: b\r\n\r\n";
      const auto head = read(whole + frames);
      BOOST_TEST(head.status == 101U);
      BOOST_TEST(head.headers.size() == 1U);
      BOOST_TEST(head.size_bytes == whole.size());
      BOOST_TEST(head.body == frames);
    }
  }
  BOOST_TEST(read("HTTP/1.1 100\r\n\r\nHTTP/1.1 503 Busy\r\n\r\nlunch").body == "lunch");
}

// covers R50
BOOST_AUTO_TEST_CASE(interim_answers_without_an_end_are_refused) {
  std::string all;
  for (int i = 0; i < 21; ++i) all += "HTTP/1.1 100 Continue\r\n\r\n";
  BOOST_TEST(problem_of(all) == "more than 20 interim answers (1xx) came");
  BOOST_TEST(problem_of(all + status_line + "\r\n") == "more than 20 interim answers (1xx) came");
}

// covers R50
BOOST_AUTO_TEST_CASE(a_101_is_final_and_what_follows_it_is_not_read) {
  const auto whole = status_line + "\r\n";
  for (const auto& behind :
       {frames, status_line, "\r\n"s, "\n"s, std::string(300, '\0'), " folded: no\r\n\r\n"s}) {
    const auto head = read(whole + behind);
    BOOST_TEST(head.status == 101U);
    BOOST_TEST(head.headers.empty());
    BOOST_TEST(head.size_bytes == whole.size());
    BOOST_TEST(head.body == behind);
  }
  // RFC 9112 section 6.3: whatever its fields say, it has no body.
  const auto lengths =
      status_line + "Content-Length: 5\r\nContent-Length: six\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto head = read(lengths + frames);
  BOOST_TEST(head.body == frames);
  BOOST_TEST(head.headers.size() == 3U);
}

// covers R50
BOOST_AUTO_TEST_CASE(a_head_may_come_byte_by_byte) {
  for (const auto& whole :
       {"\r\nHTTP/1.1 100 Continue\r\nX-A: b\r\n c\r\n\r\n" + status_line + "X-A : b\r\n c\r\n\r\n",
        "HTTP/1.1 103\n\nHTTP/1.1 101\nUpgrade:websocket\n\n"s}) {
    for (std::size_t i = 0; i < whole.size(); ++i) check_incomplete(whole.substr(0, i));
    const auto head = read(whole);
    BOOST_TEST(head.status == 101U);
    BOOST_TEST(head.size_bytes == whole.size());
    BOOST_TEST(head.body == "");
  }
}

// covers R51
BOOST_AUTO_TEST_CASE(what_is_not_http_is_shown_by_its_beginning) {
  const auto begins = [](const std::string& bytes) { return problem_of(bytes); };
  const std::string text = "the answer is not HTTP: it begins with ";
  BOOST_TEST(begins("SSH-2.0-OpenSSH_9.2\r\n") == text + "\"SSH-2.0-OpenSSH_9.2\"");
  BOOST_TEST(begins("220 mail.example.org ESMTP\r\n") == text + "\"220 mail.example.org ESMTP\"");
  BOOST_TEST(begins("<html>") == text + "\"<html>\"");
  BOOST_TEST(begins("http/1.1 101\r\n") == text + "\"http/1.1 101\"");
  BOOST_TEST(begins("\n\n\n") == text + "\"\\x0a\"");
  BOOST_TEST(begins("\x15\x03\x03") == text + "\"\\x15\\x03\\x03\", as TLS does: should the URL be wss://?");
  BOOST_TEST(begins(std::string(500, 'x')) == text + '"' + std::string(40, 'x') + "...\"");
  BOOST_TEST(begins("HTTP/1.1 100\r\n\r\nwhat?") == text + "\"what?\"");
}

// covers R50 R51
BOOST_AUTO_TEST_CASE(each_line_that_cannot_be_read_has_a_text_of_its_own) {
  const std::string head = status_line + "X: y\r\n";
  const std::vector<std::pair<std::string, std::string>> rows{
      {"HTTP/2 101\r\n", R"(the answer is "HTTP/2", wanted "HTTP/1.1")"},
      {"HTTP/0.9 101\r\n", R"(the answer is "HTTP/0.9", wanted "HTTP/1.1")"},
      {"HTTP/1.10 101\r\n", R"(the answer is "HTTP/1.10", wanted "HTTP/1.1")"},
      {"HTTP/1.1 99 Low\r\n", R"(the status line is "HTTP/1.1 99 Low", wanted a status of three digits)"},
      {"HTTP/1.1 099\r\n", R"(the status line is "HTTP/1.1 099", wanted a status of three digits)"},
      {"HTTP/1.1 1010\r\n", R"(the status line is "HTTP/1.1 1010", wanted a status of three digits)"},
      {"HTTP/1.1 OK\r\n", R"(the status line is "HTTP/1.1 OK", wanted a status of three digits)"},
      {"HTTP/1.1\r\n", R"(the status line is "HTTP/1.1", wanted a status of three digits)"},
      {"HTTP/1.1 101 a\rb\r\n", R"(the status line has a control character: "HTTP/1.1 101 a\x0db")"},
      {"HTTP/1.1 101 a\0b\r\n"s, R"(the status line has a control character: "HTTP/1.1 101 a\x00b")"},
      {head + "Foo\r\n", R"(a header line has no colon: "Foo")"},
      {head + ": bar\r\n", R"(a header line has no name: ": bar")"},
      {head + "Foo bar: x\r\n", R"(a header field has a name that is not allowed: "Foo bar")"},
      {head + "F\xc3\xbc: x\r\n", "a header field has a name that is not allowed: \"F\xc3\xbc\""},
      {status_line + " Foo: bar\r\n", R"(white space comes before the first header field: " Foo: bar")"},
      {head + "Foo: a\0b\r\n"s, R"(a header line has a control character: "Foo: a\x00b")"},
      {head + "Foo: a\rb\r\n", R"(a header line has a control character: "Foo: a\x0db")"},
      {head + "Foo: a\r\r\n", R"(a header line has a control character: "Foo: a\x0d")"},
      {head + "Foo: a\x7f\r\n", R"(a header line has a control character: "Foo: a\x7f")"},
      {head + "Fo\0o: a\r\n"s, R"(a header line has a control character: "Fo\x00o: a")"},
      {head + "Foo: a\r\n b\x01\r\n", R"(a header line has a control character: " b\x01")"},
  };
  for (const auto& [bytes, text] : rows) {
    BOOST_TEST(problem_of(bytes) == text);
    BOOST_TEST(problem_of("HTTP/1.1 103 Early Hints\r\n\r\n" + bytes) == text);
  }
}

// covers R50 R51
BOOST_AUTO_TEST_CASE(lengths_that_contradict_each_other_are_refused_with_the_field_that_does) {
  const auto of = [](const std::string& fields) {
    return problem_of("HTTP/1.1 503 Busy\r\n" + fields + "\r\n");
  };
  const auto both = of("Content-Length: 5\r\nContent-Length: 6\r\n");
  BOOST_TEST(both.starts_with("Content-Length is \"5, 6\", which is not valid"), both);
  const auto word = of("Content-Length: five\r\n");
  BOOST_TEST(word.starts_with("Content-Length is \"five\", which is not valid"), word);
  const auto twice = of("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n");
  BOOST_TEST(twice.starts_with("Transfer-Encoding is \"chunked, chunked\", which is not valid"), twice);
  const auto list = problem_of(status_line + "Connection: [Upgrade]\r\n\r\n");
  BOOST_TEST(list.starts_with("Connection is \"[Upgrade]\", which is not valid"), list);
}

// covers R51
BOOST_AUTO_TEST_CASE(what_a_server_wrote_is_cut_between_characters_and_printable) {
  const auto shown = [](const std::string& text) {
    const auto line = problem_of(text + "\r\n");
    return line.substr(line.find('"'));
  };
  std::string wide;
  for (int i = 0; i < 30; ++i) wide += "\xe2\x82\xac";
  BOOST_TEST(shown(wide) == '"' + wide.substr(0, 14U * 3) + "...\"");
  BOOST_TEST(shown("\x1b[2J") == R"("\x1b[2J")");
  BOOST_TEST(shown("a\xc2\x9b"
                   "b\xff\xe2\x82") == R"("a\xc2\x9bb\xff\xe2\x82")");
  BOOST_TEST(shown("a\xe2\x80\xae"
                   "b\xe2\x80\xa8") == R"("a\xe2\x80\xaeb\xe2\x80\xa8")");
  BOOST_TEST(shown("gr\xc3\xbc\xc3\x9f") == "\"gr\xc3\xbc\xc3\x9f\"");
}

// A test server reads strictly, so that a client of ours cannot get careless.
BOOST_AUTO_TEST_CASE(a_request_is_read_strictly) {
  const auto good = parse_request("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\nrest");
  BOOST_REQUIRE((good.has_value() && good->has_value()));
  BOOST_TEST((*good)->path == "/a?b");
  BOOST_TEST((*good)->header("host") == "x");
  BOOST_TEST((*good)->body == "rest");
  const auto half = parse_request("GET / HTTP/1.1\r\nHost: x\r\n");
  BOOST_TEST((half.has_value() && !half->has_value()));
  for (const auto* bad :
       {"GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET /\r\n\r\n"})
    BOOST_TEST(parse_request(bad).has_error());
}

BOOST_AUTO_TEST_SUITE_END()
