/// :upgrade — the opening handshake without I/O (RFC 6455 section 4): the request as text, the answer read
/// and checked, and how long a server that refuses wants to be left alone. Knows no socket; both roles, so
/// that a test server speaks through the same code.
module;
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

export module holdfast:upgrade;

import :compression;
import :error;
import :time;
import :options;
import :headers;
import :url;

namespace holdfast {

/// A fresh, unpredictable value for Sec-WebSocket-Key.
export std::string make_websocket_key();
/// What a server must answer to a key (RFC 6455 section 4.2.2).
export std::string websocket_accept(std::string_view key);

/// The request, ready to be written; an empty `host_header` means that of `to`. What is given has been
/// validated, so no header can break a line, and `headers` hold none that has a parameter of its own here.
export std::string upgrade_request(const target& to, const options& given, const header_list& headers,
                                   std::span<const std::string> subprotocols, std::string_view host_header,
                                   std::string_view key);

/// A request or an answer of HTTP/1, as far as a handshake needs it.
export struct http_head {
  unsigned status = 0;  ///< of an answer
  std::string path{};   ///< of a request, with its query
  header_list headers{};
  std::string body{};  ///< what came behind the header: of a 101 these are frames
  /// How many of the given bytes belong to the header, and to the interim answers before it.
  std::size_t size_bytes = 0;
  unsigned version = 11;  ///< of an answer: 10 for HTTP/1.0, 11 for HTTP/1.1 and higher
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;  ///< empty if there is none
  [[nodiscard]] bool has(std::string_view name) const noexcept;
  /// The values of all fields of this name, joined by commas (RFC 9110 section 5.3).
  [[nodiscard]] std::string joined(std::string_view name) const;
};

/// What the beginning of an answer holds. Neither a head nor an error: the header is not complete yet.
export struct answer_reading {
  std::optional<http_head> head{};
  error_code error{};    ///< upgrade_invalid: what came is not HTTP/1
  std::string detail{};  ///< one line about the error; what the server wrote is quoted, and cut
};

/// Reads the head of the final answer (RFC 9112) from the beginning of `bytes`. Passes over at most 20
/// interim answers (1xx but 101, RFC 9110 section 15.2). Takes what old or careless servers send where it
/// cannot be misunderstood: a status line without a reason, bare line feeds, folded lines, white space before
/// a colon. Control characters are refused.
export answer_reading read_answer(std::string_view bytes);
/// The same without the line about the error. Empty: the header is not complete yet.
export result<std::optional<http_head>> parse_answer(std::string_view bytes);
/// Reads the head of a request, strictly.
export result<std::optional<http_head>> parse_request(std::string_view bytes);

/// What was agreed with the server.
export struct opened_upgrade {
  std::string subprotocol{};
  std::optional<agreed_compression> compression{};
};
/// Whether an answer opens a web-socket.
export struct checked_answer {
  opened_upgrade opened{};
  error_code error{};  ///< why it does not
  /// What came and what was wanted instead, in one line; empty if the status says it all. Repeats no
  /// subprotocol of a credential provider: it can be a token.
  std::string detail{};
};
/// Checks `answer` (RFC 6455 section 4.1) to a request with `key` and the subprotocols `offered`.
export checked_answer check_answer(const http_head& answer, const options& given,
                                   std::span<const std::string> offered, std::string_view key);

/// How long the server wants to be left alone.
export struct retry_wish {
  std::optional<clock::duration> after{};  ///< the longest of its wishes: from zero to a year
  bool unreadable = false;                 ///< one of them could not be read
};
/// Reads the wish of an answer that refuses (any status from 300 on): Retry-After (RFC 9110 section 10.2.3)
/// as seconds or date, the fields of rate limits that mean the same, and what servers write although they
/// should not: fractions, units, Unix time, ISO 8601, quotes, lists. A date counts from the answer's own
/// Date.
export retry_wish read_retry_after(const http_head& answer);

// What a peer wrote, for a line that people read: in quotes, cut to about 40 characters, what cannot be
// printed as \xNN.
std::string in_quotes(std::string_view text);

}  // namespace holdfast
