/// :upgrade — the opening handshake without I/O (RFC 6455 section 4): the request as text, the answer read
/// and checked. Knows no socket. Both roles, so that a test server speaks through the same code.
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

export module holdfast.core:upgrade;

import :compression;
import :error;
import :headers;
import :http_head;
import :url;

namespace holdfast {

/// What becomes of a server's choice among `options::subprotocols`.
export enum class subprotocol_rule : std::uint8_t {
  offered_or_none,  ///< one that was not offered ends the attempt (RFC 6455 section 4.1); none is accepted
  required,         ///< it must choose one of those offered
  any,              ///< whatever it says is accepted, for servers that are known to be odd
};

/// What the program's options say about the upgrade. The views must outlive it.
export struct upgrade_terms {
  std::string_view user_agent{};                ///< empty: the field is left out
  std::span<const std::string> subprotocols{};  ///< of the options; an error may quote only these
  subprotocol_rule subprotocol = subprotocol_rule::offered_or_none;  ///< what becomes of the server's choice
  compression_options compression{};                                 ///< what is offered
};

/// Returns a fresh, unpredictable value for Sec-WebSocket-Key.
export std::string make_websocket_key();
/// Returns what a server must answer to a key (RFC 6455 section 4.2.2).
export std::string websocket_accept(std::string_view key);

/// Returns the request, ready to be written; an empty `host_header` means that of `to`. What is given has
/// been validated, so no header can break a line, and `headers` hold none that has a parameter of its own
/// here.
export std::string upgrade_request(const target& to, const upgrade_terms& terms, const header_list& headers,
                                   std::span<const std::string> subprotocols, std::string_view host_header,
                                   std::string_view key);

/// What was agreed with the server.
export struct opened_upgrade {
  std::string subprotocol{};                        ///< that the server chose; empty: none
  std::optional<agreed_compression> compression{};  ///< empty: nothing may be compressed
  std::string extensions{};                         ///< the server's Sec-WebSocket-Extensions, in lower case
};
/// Whether an answer opens a WebSocket.
export struct checked_answer {
  opened_upgrade opened{};  ///< what was agreed, if there is no error
  error_code error{};       ///< why it does not
  /// What came and what was wanted instead, in one line; empty if the status says it all. Repeats no
  /// subprotocol of a credential provider: it can be a token.
  std::string detail{};
};
/// Checks `answer` (RFC 6455 section 4.1) to a request with `key` and the subprotocols `offered`.
export checked_answer check_answer(const http_head& answer, const upgrade_terms& terms,
                                   std::span<const std::string> offered, std::string_view key);

}  // namespace holdfast
