/// :http_fetch — one HTTP request on the way that a connection would take: the same TLS, proxies, addresses
/// and deadlines. For what a backend wants besides the WebSocket: a token, a URL, an authorisation.
module;
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <string>

export module holdfast.core:http_fetch;

import :headers;
import :options;

namespace holdfast {

/// What is asked for.
export struct http_request {
  std::string url{};           ///< "https://host[:port][/path][?query]" or the same with http://
  std::string method = "GET";  ///< a token (RFC 9110 section 9.1)
  header_list headers{};       ///< besides Host, User-Agent, Content-Length and Connection
  std::string body{};          ///< sent if it is not empty, or if the method is POST, PUT or PATCH
  std::size_t limit =
      1 << 20U;  ///< of the body of the answer, in bytes; of its header `limits.upgrade_bytes`
};

/// What the server has said.
export struct http_response {
  unsigned status = 0;    ///< any but 1xx: also 404, and a redirect, which is not followed
  header_list headers{};  ///< in their order
  std::string body{};     ///< out of its transfer coding, whole
};

/// Sends one request of HTTP/1.1 over a connection of its own, and reads the answer. Of `how` count `tls`,
/// `proxy`, `deadlines`, `network`, `user_agent`, `limits.upgrade_bytes` and `log`; nothing is sent of its
/// credentials, headers and cookies.
///
/// - Throws option_error if the request or an option is wrong, before any I/O.
/// - Throws boost::system::system_error with the error for which an attempt of a connection would have
/// failed,
///   timed_out after a stage's deadline or `deadlines.attempt`, upgrade_invalid if the answer is not HTTP/1,
///   and message_too_big beyond `limit`.
/// - Cancellation: terminal. Throws operation_aborted.
/// - May be called on any executor; the coroutine is resumed on its own.
export net::awaitable<http_response> http_fetch(http_request what, options how);

}  // namespace holdfast
