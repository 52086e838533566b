// What is shown of the body of a refusal: RFC 9112 section 6, and what careless servers send.
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast.core;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(http_bodies)

namespace {

using fields = std::vector<std::pair<std::string, std::string>>;

body_beginning read(fields headers, std::string body) {
  return beginning_of_body({.status = 503, .headers = std::move(headers), .body = std::move(body)});
}

void check(const body_beginning& got, std::string_view text, bool enough) {
  BOOST_TEST(got.text == text);
  BOOST_TEST(got.enough == enough);
}

const fields chunked{{"Transfer-Encoding", "chunked"}};

}  // namespace

BOOST_AUTO_TEST_CASE(a_body_of_a_given_length_ends_there) {
  const fields four{{"Content-Length", "4"}};
  check(read(four, "busy"), "busy", true);
  check(read(four, "busy, and the next answer"), "busy", true);
  check(read(four, "bu"), "bu", false);
  check(read({{"Content-Length", "0"}}, "x"), "", true);
}

BOOST_AUTO_TEST_CASE(of_a_long_body_the_beginning_is_enough) {
  const fields long_one{{"Content-Length", "100000"}};
  check(read(long_one, std::string(79, 'x')), std::string(79, 'x'), false);
  check(read(long_one, std::string(80, 'x')), std::string(80, 'x'), true);
}

BOOST_AUTO_TEST_CASE(without_a_length_what_has_come_is_enough) { check(read({}, "busy"), "busy", true); }

BOOST_AUTO_TEST_CASE(chunks_are_put_together) {
  check(read(chunked, "2\r\nbu\r\n2;name=value\r\nsy\r\n0\r\n\r\n"), "busy", true);
  check(read(chunked, "2\nbu\n02\nsy\n0\n\n"), "busy", true);
  check(read({{"transfer-encoding", "Chunked"}}, "4\r\nbusy\r\n0\r\n\r\n"), "busy", true);
}

BOOST_AUTO_TEST_CASE(a_chunk_that_has_not_come_is_waited_for) {
  const std::string whole = "2\r\nbu\r\n2\r\nsy\r\n0\r\n";
  for (std::size_t size = 0; size + 3 < whole.size(); ++size) {
    const auto got = read(chunked, whole.substr(0, size));
    BOOST_TEST(!got.enough, size << " bytes");
    BOOST_TEST(std::string("busy").starts_with(got.text));
  }
  check(read(chunked, whole), "busy", true);
}

BOOST_AUTO_TEST_CASE(a_chunk_whose_size_is_nonsense_ends_the_text) {
  check(read(chunked, "2\r\nbu\r\nsize\r\nsy\r\n"), "bu", true);
  check(read(chunked, "-1\r\nbu"), "", true);
  check(read(chunked, "fffffffffffffffff\r\nbu"), "", true);
  check(read(chunked, "ffffffffffffffff\r\nbu"), "bu", false);
}

BOOST_AUTO_TEST_CASE(a_body_that_is_no_text_is_not_shown) {
  check(read({{"Content-Encoding", "gzip"}, {"Content-Length", "2"}}, "\x1f\x8b"), "", true);
  check(read({{"Transfer-Encoding", "gzip, chunked"}}, "2\r\nbu\r\n"), "", true);
  check(read({{"Content-Encoding", "Identity"}, {"Content-Length", "2"}}, "ok"), "ok", true);
}

BOOST_AUTO_TEST_SUITE_END()
