/// :http_body — the beginning of the body of an HTTP answer, out of its transfer coding, for people to read.
/// Knows no stream: as long as the beginning is not enough, the caller may read on.
module;
#include <cstddef>
#include <string>

export module holdfast.core:http_body;

import :http_head;

namespace holdfast {

/// Enough to see what a body is about.
export inline constexpr std::size_t useful_body_bytes = 80;

/// What is there of a body.
export struct body_beginning {
  std::string text{};   ///< what has come of it; may be longer than is useful, and end within a character
  bool enough = false;  ///< more bytes would add nothing useful
};

/// Returns the beginning of the body of `answer`, as far as it has come (RFC 9112 section 6). Of a body that
/// is compressed, or in a transfer coding other than chunked, the text is empty, and that is enough. A body
/// without a length ends with the stream, which may be never: what came with the head is enough. Thread-safe.
export body_beginning beginning_of_body(const http_head& answer);

}  // namespace holdfast
