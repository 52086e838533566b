// One WebSocket at the server: a reader that runs beside the script, and the script's operations.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.testing;

import holdfast;
import holdfast.wire;

namespace holdfast::testing {
namespace {

constexpr std::size_t message_limit_bytes = 64 << 20;

}  // namespace

server_session::server_session(net::any_io_executor strand, transport stream, http_head request,
                               std::string first_bytes, const std::optional<agreed_compression>& compression)
    : strand_(std::move(strand)),
      stream_(std::move(stream)),
      request_(std::move(request)),
      compression_(compression),
      decoder_(peer_role::server, message_limit_bytes),
      wake_(strand_) {
  if (compression_) {
    decoder_.agree(*compression_);
    encoder_.agree(*compression_);
  }
  received_bytes_ = first_bytes.size();
  decoder_.feed(first_bytes);
}

void server_session::start() {
  net::co_spawn(
      strand_, [self = shared_from_this()] { return self->read(); },
      [self = shared_from_this()](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
}

net::awaitable<void> server_session::read() {
  const auto place_for_bytes = std::make_unique<std::array<char, 16 * 1024>>();
  timer pause(strand_);
  while (!ended_ && !deaf_) {
    while (clock::now() < reads_from_) co_await pause.async_wait_until(reads_from_, net::use_awaitable);
    for (auto event = decoder_.next(); event.event != frame_event::none && !ended_; event = decoder_.next())
      handle(event);
    co_await flush();
    if (ended_ || deaf_) break;
    if (clock::now() < reads_from_) continue;
    error_code ec;
    const auto count = stream_.read_some(decoder_.prepare(*place_for_bytes), ec);
    received_bytes_ += count;
    decoder_.commit(count);
    if (would_block(ec)) {
      decoder_.park();
      const auto [failed] =
          co_await stream_.async_wait(readiness::readable, net::as_tuple(net::use_awaitable));
      ec = failed;
    }
    if (ec) drop();
  }
}

void server_session::handle(const frame_result& event) {
  switch (event.event) {
    case frame_event::message:
      messages_.push_back({event.kind, decoder_.take_message(event)});
      break;
    case frame_event::ping:
      ++pings_;
      encoder_.frame(output_, opcode::pong, event.payload);
      break;
    case frame_event::close:
      close_code_ = event.close_code;
      encoder_.close(output_, event.close_code, {});
      [[fallthrough]];
    case frame_event::failed: {
      error_code ignored;
      const auto answer = output_.view();
      stream_.write_some({answer.data(), answer.size()}, ignored);
      drop();
      break;
    }
    case frame_event::pong:
    case frame_event::none:
      break;
  }
  wake();
}

// Only one runs at a time. It also writes the bytes that are added meanwhile.
net::awaitable<void> server_session::flush() {
  if (std::exchange(flushing_, true)) co_return;
  while ((!output_.empty() || stream_.unsent()) && !ended_) {
    error_code ec;
    const auto bytes = output_.view();
    output_.consume(stream_.write_some({bytes.data(), bytes.size()}, ec));
    if (would_block(ec)) {
      const auto [failed] =
          co_await stream_.async_wait(readiness::writable, net::as_tuple(net::use_awaitable));
      ec = failed;
    }
    if (ec) drop();
  }
  flushing_ = false;
}

net::awaitable<void> server_session::wait_until(clock::time_point when) {
  const auto self = shared_from_this();
  co_await wake_.async_wait_until(when, net::as_tuple(net::use_awaitable));
}

void server_session::wake() { wake_.cancel(); }

net::awaitable<std::optional<message>> server_session::receive() {
  while (messages_.empty() && !ended_) co_await wait_until(clock::time_point::max());
  if (messages_.empty()) co_return std::nullopt;
  auto first = std::move(messages_.front());
  messages_.pop_front();
  co_return first;
}

net::awaitable<void> server_session::send(std::string_view payload, message_kind kind) {
  if (ended_) co_return;
  encoder_.message(output_, kind, payload);
  co_await flush();
}

net::awaitable<void> server_session::send_raw(std::string_view bytes) {
  if (ended_) co_return;
  if (const auto ec = co_await write_all(stream_, bytes)) drop();
}

net::awaitable<void> server_session::echo() {
  while (auto next = co_await receive()) co_await send(next->payload, next->kind);
}

net::awaitable<bool> server_session::echo_for(clock::duration span) {
  const auto until = clock::now() + span;
  while (!ended_ && clock::now() < until) {
    while (!messages_.empty()) {
      const auto next = std::move(messages_.front());
      messages_.pop_front();
      co_await send(next.payload, next.kind);
    }
    if (!ended_ && messages_.empty()) co_await wait_until(until);
  }
  co_return !ended_;
}

net::awaitable<void> server_session::fall_silent_for(clock::duration span) {
  deaf_ = true;
  const auto until = clock::now() + span;
  while (clock::now() < until) co_await wait_until(until);
}

net::awaitable<void> server_session::stop_reading_for(clock::duration span) {
  reads_from_ = clock::now() + span;
  while (!ended_ && clock::now() < reads_from_) co_await wait_until(reads_from_);
}

net::awaitable<void> server_session::close(std::uint16_t code, std::string_view reason,
                                           clock::duration patience) {
  encoder_.close(output_, code, reason);
  co_await flush();
  const auto until = clock::now() + patience;
  while (!ended_ && clock::now() < until) co_await wait_until(until);
}

void server_session::drop() {
  if (std::exchange(ended_, true)) return;
  stream_.close();
  wake();
}

}  // namespace holdfast::testing
