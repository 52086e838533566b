// Bodies of a given length, in chunks, or up to the end of the stream.
module;
#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

module holdfast.core;

namespace holdfast {
namespace {

// RFC 9112 section 7.1. As in a header, a line may end with a line feed alone.
body_beginning read_chunks(std::string_view bytes) {
  std::string text;
  while (text.size() < useful_body_bytes) {
    const auto line = bytes.find('\n');
    if (line == std::string_view::npos) return {std::move(text), false};
    const auto begin = bytes.substr(0, line).find_first_not_of(" \t");
    std::size_t size = 0;
    const auto [end, failed] =
        std::from_chars(bytes.data() + std::min(begin, line), bytes.data() + line, size, 16);
    if (failed != std::errc{} || size == 0) break;  // invalid, or the last chunk
    bytes.remove_prefix(line + 1);
    text += bytes.substr(0, size);
    bytes.remove_prefix(std::min(size, bytes.size()));
    const std::size_t line_end = bytes.starts_with('\r') ? 2 : 1;
    if (bytes.size() < line_end) return {std::move(text), false};
    bytes.remove_prefix(line_end);
  }
  return {std::move(text), true};
}

}  // namespace

body_beginning beginning_of_body(const http_head& answer) {
  const auto packing = answer.joined("Content-Encoding");
  if (!packing.empty() && !boost::beast::iequals(packing, "identity")) return {{}, true};  // not text
  const auto coding = answer.joined("Transfer-Encoding");
  if (boost::beast::iequals(coding, "chunked")) return read_chunks(answer.body);
  if (!coding.empty()) return {{}, true};  // not text either
  const auto length = answer.header("Content-Length");
  if (length.empty()) return {answer.body, true};
  std::size_t announced = 0;
  std::from_chars(length.data(), length.data() + length.size(), announced);
  return {answer.body.substr(0, announced), answer.body.size() >= std::min(announced, useful_body_bytes)};
}

}  // namespace holdfast
