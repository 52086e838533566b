/// :http_head — the head of a request or an answer of HTTP/1, read from bytes. Both roles. Knows nothing of
/// what the fields mean to a WebSocket.
module;
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

export module holdfast.core:http_head;

import :error;
import :headers;

namespace holdfast {

/// A request or an answer of HTTP/1, as far as a handshake needs it.
export struct http_head {
  unsigned status = 0;    ///< of an answer
  std::string path{};     ///< of a request, with its query
  header_list headers{};  ///< all fields, in their order
  std::string body{};     ///< what came behind the header: of a 101 these are frames
  /// How many of the given bytes belong to the header, and to the interim answers before it.
  std::size_t size_bytes = 0;
  unsigned version = 11;  ///< of an answer: 10 for HTTP/1.0, 11 for HTTP/1.1 and higher
  /// Returns the value of the first field of this name; empty if there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
  /// Returns whether there is a field of this name, with a value or without.
  [[nodiscard]] bool has(std::string_view name) const noexcept;
  /// Returns the values of all fields of this name, joined by commas (RFC 9110 section 5.3).
  [[nodiscard]] std::string joined(std::string_view name) const;
};

/// What the beginning of an answer holds. Neither a head nor an error: the header is not complete yet.
export struct answer_reading {
  std::optional<http_head> head{};  ///< empty while the header is not complete, and after an error
  error_code error{};               ///< upgrade_invalid: what came is not HTTP/1
  std::string detail{};             ///< one line about the error; what the server wrote is quoted, and cut
};

/// Reads the head of the final answer (RFC 9112) from the beginning of `bytes`. Passes over at most 20
/// interim answers (1xx but 101, RFC 9110 section 15.2). Takes what old or careless servers send where it
/// cannot be misunderstood: a status line without a reason, bare line feeds, folded lines, white space before
/// a colon. Control characters are refused.
export answer_reading read_answer(std::string_view bytes);
/// Reads as read_answer() does, without the line about the error. Empty: the header is not complete yet.
export result<std::optional<http_head>> parse_answer(std::string_view bytes);
/// Reads the head of a request, strictly. Empty: the header is not complete yet.
export result<std::optional<http_head>> parse_request(std::string_view bytes);

// What a peer wrote, for a line that people read: in quotes, cut to about 40 characters, what cannot be
// printed as \xNN.
std::string in_quotes(std::string_view text);

}  // namespace holdfast
