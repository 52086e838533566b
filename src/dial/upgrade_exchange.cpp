// Sends a request, and reads the head of the answer and the beginning of its body.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :upgrade_exchange;

namespace holdfast {
namespace {

// The length is all that is known of a header that was cut off.
std::string cut_off(std::size_t bytes) {
  return bytes == 0 ? ""
                    : "the server's answer ends within the header, after " + std::to_string(bytes) + " bytes";
}

}  // namespace

net::awaitable<std::size_t> read_bytes(transport& from, std::span<char> into, error_code& ec,
                                       const bool& abandoned) {
  for (;;) {
    auto [failed, count] = co_await from.async_read_some(into, net::as_tuple(net::deferred));
    ec = failed;
    if (would_block(ec) && !abandoned) count = from.read_some(into, ec);
    if (!abandoned && from.unsent()) {
      const auto failed_write = co_await write_all(from, {});
      if (failed_write && count == 0 && would_block(ec)) count = from.read_some(into, ec);  // the reason
      if (failed_write && count == 0 && would_block(ec)) ec = failed_write;
    }
    if (count != 0 || abandoned || !would_block(ec)) co_return count;
  }
}

net::awaitable<answer_reading> upgrade_exchange::ask(std::string request) {
  const auto not_sent = co_await write_all(stream_, request);
  if (not_sent && !abandoned_) co_return answer_reading{.error = not_sent, .detail = stream_.error_detail()};
  std::string bytes;
  std::size_t read_again_at = 0;  // a peer that sends byte by byte shall not have all parsed for each
  std::array<char, 2048> piece{};
  while (!abandoned_) {
    const auto room = std::min(piece.size(), limit_bytes_ - bytes.size());
    if (room == 0) {
      co_return answer_reading{
          .error = error::upgrade_invalid,
          .detail = "the header is longer than limits.upgrade_bytes (" + std::to_string(limit_bytes_) + ')'};
    }
    error_code ec;
    const auto count = co_await read_bytes(stream_, {piece.data(), room}, ec, abandoned_);
    if (abandoned_) break;
    bytes.append(piece.data(), count);
    if (ec) {
      auto detail = stream_.error_detail();
      if (detail.empty()) detail = cut_off(bytes.size());
      if (ec == net::error::eof) ec = error::connection_lost;
      co_return answer_reading{.error = ec, .detail = std::move(detail)};
    }
    const bool has_line = std::string_view(piece.data(), count).find('\n') != std::string_view::npos;
    if (!has_line && bytes.size() < read_again_at) continue;
    read_again_at = 2 * bytes.size();
    auto reading = read_answer(bytes);
    if (reading.head || reading.error) co_return reading;
  }
  co_return answer_reading{};
}

net::awaitable<void> upgrade_exchange::read_body(http_head answer, std::string& text) {
  std::array<char, useful_body_bytes> piece{};
  error_code ec;
  while (!abandoned_) {
    const auto begun = beginning_of_body(answer);
    if (!begun.text.empty())
      text = without_cut_character(std::string_view(begun.text).substr(0, useful_body_bytes));
    if (begun.enough || ec || answer.body.size() >= limit_bytes_) break;
    const auto count = co_await read_bytes(stream_, piece, ec, abandoned_);
    answer.body.append(piece.data(), count);
  }
}

}  // namespace holdfast
