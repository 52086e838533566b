// Readiness wakes the coroutine through its timer, so that one wait covers time, input and output.
#include "line.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace sim {

using holdfast::error_code;
using holdfast::frame_event;

namespace {

bool would_block(error_code ec) { return ec == net::error::would_block || ec == net::error::try_again; }

}  // namespace

void line::hang_up() {
  over_ = true;
  stream_.close();
}

// All that leaves goes through one queue: a frame must not be cut by another.
void line::collect() {
  queue_.append(codec.output());
  codec.consume(codec.output_bytes());
}

void line::say(std::string_view bytes) {
  collect();
  queue_.append(bytes);
}

bool line::write() {
  collect();
  bool any = false;
  for (error_code ec; (!queue_.empty() || stream_.unsent()) && !over_ && !ec;) {
    const auto bytes = queue_.view();
    const auto count = stream_.write_some({bytes.data(), bytes.size()}, ec);
    queue_.consume(count);
    any = any || count != 0;
    if (ec && !would_block(ec)) hang_up();
  }
  return any;
}

std::size_t line::read(std::size_t most) {
  std::array<char, 4096> place;  // filled by what is read
  error_code ec;
  const auto count = stream_.read_some({place.data(), std::min(most, place.size())}, ec);
  codec.feed({place.data(), count});
  if (ec && !would_block(ec)) hang_up();
  return count;
}

bool line::exchange(std::size_t most, const std::function<void(const holdfast::frame_result&)>& handle) {
  const bool wrote = write();
  if (over_ || most == 0) return wrote;
  const auto count = read(most);
  for (auto event = codec.next(); event.event != frame_event::none; event = codec.next()) handle(event);
  return write() || wrote || count != 0;
}

net::awaitable<void> line::wait(clock::time_point when, bool reads) {
  const auto arm = [this](holdfast::readiness kind, bool& waits) {
    if (std::exchange(waits, true)) return;
    stream_.async_wait(kind, [self = weak_from_this(), flag = &waits](error_code) {
      const auto alive = self.lock();
      if (!alive) return;
      *flag = false;
      alive->wake_.cancel();
    });
  };
  if (over_) co_return;
  if (reads) arm(holdfast::readiness::readable, waits_readable_);
  if (unwritten() != 0 || stream_.unsent()) arm(holdfast::readiness::writable, waits_writable_);
  co_await wake_.async_wait_until(when, net::as_tuple(net::use_awaitable));
}

net::awaitable<void> line::idle(clock::time_point when) {
  while (!over_ && clock::now() < when)
    co_await wake_.async_wait_until(when, net::as_tuple(net::use_awaitable));
}

net::awaitable<void> line::flush(clock::time_point when) {
  while (!over_ && (unwritten() != 0 || stream_.unsent()) && clock::now() < when) {
    if (!write()) co_await wait(when, false);
  }
}

net::awaitable<std::optional<holdfast::http_head>> line::read_request() {
  std::string bytes;
  while (!over_) {
    std::array<char, 1024> place{};
    error_code ec;
    bytes.append(place.data(), stream_.read_some(place, ec));
    if (ec && !would_block(ec)) hang_up();
    auto head = holdfast::parse_request(bytes);
    if (head.has_value() && *head) {
      codec.feed((*head)->body);
      co_return std::move(**head);
    }
    if (ec) co_await wait(clock::time_point::max(), true);
  }
  co_return std::nullopt;
}

}  // namespace sim
