// One attempt, top to bottom. A stage that fails leaves its reason in the record and ends the attempt.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast;

import :address_race;
import :dial;

namespace holdfast {

constexpr std::size_t body_bytes = 80;  // of an HTTP answer's body, enough to see what it is about

void dial_attempt::start(const net::any_io_executor& strand, std::function<void()> on_progress) {
  on_progress_ = std::move(on_progress);
  enter(stage::resolve, options_->deadlines.resolve);
  const auto ended = [self = shared_from_this()](const std::exception_ptr& thrown) {
    if (self->over_) return;  // abandoned: what it threw is our own cancellation
    self->take_exception(thrown);
    self->over_ = true;
    std::exchange(self->on_progress_, nullptr)();
  };
  net::co_spawn(
      strand, [self = shared_from_this()] { return self->run(); },
      net::bind_cancellation_slot(cancel_.slot(), ended));
}

// A network that throws has failed like one that returns an error; anything but a system_error is a bug to be
// heard of.
void dial_attempt::take_exception(const std::exception_ptr& thrown) {
  if (!thrown) return;
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& e) {
    fail(e.code());
  }
}

void dial_attempt::abandon(error_code why) {
  fail(why);
  over_ = true;
  on_progress_ = nullptr;
  if (stream_) stream_->close();
  cancel_.emit(net::cancellation_type::terminal);
}

net::awaitable<void> dial_attempt::run() {
  auto addresses = co_await resolve();
  if (!addresses) co_return;
  const auto peer = co_await connect(std::move(*addresses));
  if (!peer) co_return;
  auto first_bytes = co_await upgrade();
  if (!first_bytes || over_) co_return;
  memory_->last_good = *peer;
  socket_.emplace(std::move(*stream_), to_string(*peer), std::move(*first_bytes));
}

net::awaitable<std::optional<std::vector<endpoint>>> dial_attempt::resolve() {
  auto found = co_await options_->network->resolve(target_.host, target_.port);
  if (over_) co_return std::nullopt;
  if (found.has_error() || found->empty()) {
    fail(found.has_error() ? found.error() : make_error_code(error::host_not_found));
    co_return std::nullopt;
  }
  co_return std::move(*found);
}

// The first address that answers is taken. Whether it is good, the rest of the attempt will show.
net::awaitable<std::optional<endpoint>> dial_attempt::connect(std::vector<endpoint> addresses) {
  enter(stage::connect, options_->deadlines.connect);
  auto ordered = interleave(std::move(addresses), memory_->last_good);
  record_.reason.address = to_string(ordered.front());  // if none answers before the deadline
  auto race =
      co_await connect_to_any(options_->network, std::move(ordered), options_->deadlines.address_step);
  if (over_) co_return std::nullopt;
  record_.reason.address = to_string(race.peer);
  if (!race.stream) {
    fail(race.failure);
    co_return std::nullopt;
  }
  stream_.emplace(std::move(*race.stream));
  memory_->last_good.reset();
  co_return race.peer;
}

// Returns what the server sent behind its answer.
net::awaitable<std::optional<std::string>> dial_attempt::upgrade() {
  enter(stage::upgrade, options_->deadlines.upgrade);
  const auto key = make_websocket_key();
  const auto request = upgrade_request(target_, *options_, key);
  if (const auto ec = co_await write_all(*stream_, request)) {
    fail(ec);
    co_return std::nullopt;
  }
  auto answer = co_await read_head();
  if (!answer) co_return std::nullopt;
  if (const auto wrong = check_answer(*answer, *options_, key)) {
    fail(wrong);
    record_.reason.http_status = answer->status;
    if (answer->status != 101) record_.reason.close_text = answer->body.substr(0, body_bytes);
    record_.retry_after = retry_after(*answer);
    record_.http_headers = std::move(answer->headers);
    co_return std::nullopt;
  }
  compression_ = *read_compression(*answer, *options_);
  co_return std::move(answer->body);
}

net::awaitable<std::optional<http_head>> dial_attempt::read_head() {
  std::string bytes;
  std::array<char, 2048> piece{};
  while (!over_) {
    error_code ec;
    const auto room = std::min(piece.size(), options_->limits.upgrade_bytes - bytes.size());
    const auto count = room == 0 ? 0 : stream_->read_some({piece.data(), room}, ec);
    bytes.append(piece.data(), count);
    if (count != 0) {
      auto head = parse_answer(bytes);
      if (head.has_error()) fail(head.error());
      if (head.has_error()) co_return std::nullopt;
      if (*head) co_return std::move(**head);
      continue;
    }
    if (would_block(ec)) {
      const auto [failed] =
          co_await stream_->async_wait(readiness::readable, net::as_tuple(net::use_awaitable));
      ec = failed;
      if (!ec) continue;
    }
    fail(room == 0               ? make_error_code(error::upgrade_invalid)
         : ec == net::error::eof ? make_error_code(error::connection_lost)
                                 : ec);
    co_return std::nullopt;
  }
  co_return std::nullopt;
}

void dial_attempt::enter(stage next, milliseconds limit) {
  record_.reason.at = next;
  stage_deadline_ = std::min(deadline_, clock::now() + limit);
  if (on_progress_) on_progress_();
}

void dial_attempt::fail(error_code why) {
  if (!over_) record_.reason.error = why;
}

}  // namespace holdfast
