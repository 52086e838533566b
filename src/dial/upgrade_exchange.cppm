// :upgrade_exchange — one request for an upgrade and the server's answer, over an open stream. Knows a limit
// of bytes; knows no options, no redirects, no cookies, and nothing of other attempts. Keeps no time: at a
// deadline its owner abandons it.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

module holdfast.core:upgrade_exchange;

import :error;
import :http_head;
import :network;
import :time;

namespace holdfast {

// Reads at least one byte, or fails with the error in `ec`. What the stream itself has to write before it can
// read on (TLS) leaves, too: nothing else may write meanwhile. If `abandoned` becomes true, the caller has
// closed the stream, and drops what this returns.
net::awaitable<std::size_t> read_bytes(transport& from, std::span<char> into, error_code& ec,
                                       const bool& abandoned);

// Belongs to one attempt, which outlives its coroutines. If the attempt closes the stream and sets
// `abandoned`, a coroutine that waits ends, without effect.
class upgrade_exchange {
 public:
  // How long read_body() is worth waiting for.
  static constexpr milliseconds body_patience{500};

  upgrade_exchange(transport& stream, std::size_t limit_bytes, const bool& abandoned) noexcept
      : stream_(stream), limit_bytes_(limit_bytes), abandoned_(abandoned) {}

  // Sends the request. Returns the head of the final answer, or the error for which none was read, with one
  // line about it; neither if the attempt was abandoned. Interim answers count against the limit, too.
  net::awaitable<answer_reading> ask(std::string request);

  // Reads the beginning of the body of `answer`, as far as it is useful. Keeps in `text` what has come of it,
  // so that the attempt has that at its deadline; leaves `text` as it is while nothing has come.
  net::awaitable<void> read_body(http_head answer, std::string& text);

 private:
  transport& stream_;
  const std::size_t limit_bytes_;
  const bool& abandoned_;
};

}  // namespace holdfast
