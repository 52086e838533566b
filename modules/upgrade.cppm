/// :upgrade — the opening handshake without I/O (RFC 6455 section 4): the request as text, the answer
/// checked. Knows no socket; both roles, so that a test server speaks through the same code.
module;
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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

// The request, ready to be written. The options have been validated: no header can break a line.
std::string upgrade_request(const target& to, const options& given, const header_list& headers,
                            std::string_view key);

/// A request or an answer of HTTP/1.1, as far as a handshake needs it.
export struct http_head {
  unsigned status = 0;  ///< of an answer
  std::string path{};   ///< of a request, with its query
  header_list headers{};
  std::string body{};          ///< what came behind the header: of a 101 these are frames
  std::size_t size_bytes = 0;  ///< how many of the given bytes belong to the header
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;  ///< empty if there is none
  /// The values of all fields of this name, joined by commas (RFC 9110 section 5.3).
  [[nodiscard]] std::string joined(std::string_view name) const;
};

/// Reads the head of an answer (RFC 9112) from the beginning of `bytes`. Empty: it is not complete yet.
/// upgrade_invalid: it is not HTTP/1.1.
export result<std::optional<http_head>> parse_answer(std::string_view bytes);
/// The same for a request.
export result<std::optional<http_head>> parse_request(std::string_view bytes);

// What was agreed with the server.
struct opened_upgrade {
  std::string subprotocol{};
  std::optional<agreed_compression> compression{};
};
// Why `answer` does not open a web-socket (RFC 6455 section 4.1), or else what holds in it.
result<opened_upgrade> check_answer(const http_head& answer, const options& given, std::string_view key);

// Retry-After as seconds or as a date (RFC 9110 section 10.2.3); negative if the date has passed.
std::optional<clock::duration> retry_after(const http_head& answer);

}  // namespace holdfast
