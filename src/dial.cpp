// One attempt, top to bottom. A stage that fails leaves its reason in the record and ends the attempt.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
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
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "planted_bugs.hpp"

module holdfast;

import :address_race;
import :dial;

namespace holdfast {

dial_attempt::dial_attempt(std::shared_ptr<const options> given, std::shared_ptr<dial_memory> memory,
                           credential_request ask)
    : options_(std::move(given)),
      memory_(std::move(memory)),
      ask_(std::move(ask)),
      deadline_(clock::now() + options_->deadlines.attempt),
      place_{.url = ask_.url, .to = parse_url(ask_.url)} {
  record_.may_refresh = static_cast<bool>(options_->provider);
  record_.credentials_fresh = ask_.refused;
}

void dial_attempt::start(const net::any_io_executor& strand, std::function<void()> on_news) {
  on_news_ = std::move(on_news);
  enter(stage::resolve, options_->deadlines.resolve);
  const auto ended = [self = shared_from_this()](const std::exception_ptr& thrown) {
    if (self->over_) return;  // abandoned: what it threw is our own cancellation
    self->take_exception(thrown);
    self->over_ = true;
    self->stream_.reset();  // at most one socket is open, the next attempt's
    std::exchange(self->on_news_, nullptr)();
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
  on_news_ = nullptr;
  if (stop_race_) stop_race_();
  if (planted::has(planted::bug::abandoned_socket_left_open)) return;
  if (stream_) stream_->close();
  if (socket_) socket_->stream.close();
  cancel_.emit(net::cancellation_type::terminal);
}

net::awaitable<void> dial_attempt::run() {
  if (options_->provider && !co_await ask_provider()) co_return;
  while (!over_ && co_await reach() && co_await upgrade()) {
    if (socket_) break;  // else the server has sent us elsewhere
  }
}

// What a provider throws may carry its secrets: only an error code is passed on. One that may heal, such as a
// token service out of reach, is no reason to stop for good.
net::awaitable<bool> dial_attempt::ask_provider() {
  enter(stage::provider, options_->deadlines.provider);
  try {
    credentials_ = co_await options_->provider(ask_);
  } catch (const boost::system::system_error& e) {
    if (e.code() == condition::transient) co_return fail(e.code());
    co_return fail(error::provider_failed, e.code().message());
  } catch (...) {
    co_return fail(error::provider_failed);
  }
  if (over_) co_return false;
  memory_->credentials_serial = credentials_.serial;
  if (auto problem = check_credentials(credentials_); !problem.empty()) {
    co_return fail(error::provider_failed, std::move(problem));
  }
  if (credentials_.url) place_ = {.url = *credentials_.url, .to = parse_url(*credentials_.url)};
  co_return true;
}

// A stream to the server at `place_`, through a proxy or not: what is written from here on, the server reads.
net::awaitable<bool> dial_attempt::reach() {
  stream_.reset();
  const auto proxy = choose_way();
  if (record_.reason.error) co_return false;
  if (proxy) {
    if (!co_await connect(stage::proxy, proxy->host, proxy->port)) co_return false;
    if (!co_await pass(*proxy)) co_return false;
  } else if (!co_await connect(stage::connect, place_.to.host, place_.to.port)) {
    co_return false;
  }
  co_return !place_.to.secure || co_await start_tls();
}

// To the server or to a proxy. The first address that answers is taken. Whether it is good, the rest of the
// attempt will show: until then none is.
net::awaitable<bool> dial_attempt::connect(stage shown, std::string host, std::uint16_t port) {
  const bool through_proxy = shown == stage::proxy;
  peer_.reset();  // that of the way before a redirect
  enter(through_proxy ? shown : stage::resolve, options_->deadlines.resolve);
  auto found = co_await memory_->network->resolve(std::move(host), port);
  if (over_) co_return false;
  if (found.has_error()) co_return fail(found.error());
  if (found->empty()) co_return fail(error::host_not_found);

  enter(shown, options_->deadlines.connect);
  auto ordered = interleave(std::move(*found), memory_->last_good);
  peer_ = ordered.front();  // if none answers before the deadline
  auto race = co_await connect_to_any(memory_->network, std::move(ordered), options_->deadlines.address_step,
                                      stop_race_);
  if (over_) co_return false;
  peer_ = race.peer;
  if (!race.stream) co_return fail(race.failure);
  stream_.emplace(std::move(*race.stream));
  memory_->last_good.reset();
  co_return true;
}

// True: `socket_` is there, or `place_` is another one.
net::awaitable<bool> dial_attempt::upgrade() {
  enter(stage::upgrade, options_->deadlines.upgrade);
  const auto key = make_websocket_key();
  if (!co_await write(upgrade_request(place_.to, *options_, headers(), key))) co_return false;
  auto answer = co_await read_head();
  if (!answer || over_) co_return false;
  if (is_redirect(answer->status)) co_return follow(*answer);
  auto opened = check_answer(*answer, *options_, key);
  if (opened.has_error()) {
    co_await refused(std::move(*answer), opened.error());
    co_return false;
  }
  memory_->last_good = peer_;
  socket_.emplace(std::move(*stream_), to_string(*peer_), origin(), std::move(answer->body),
                  std::move(opened->subprotocol), opened->compression,
                  place_.same_origin ? credentials_.token : std::string());
  co_return true;
}

// The next place has addresses of its own; its way, its TLS and its upgrade begin anew.
bool dial_attempt::follow(const http_head& answer) {
  auto decision = follow_redirect(place_, answer.status, answer.header("Location"));
  if (!decision.to) {
    record_.reason.http_status = answer.status;
    record_.http_headers = answer.headers;
    return fail(error::redirect_refused, std::move(decision.refusal));
  }
  place_ = std::move(*decision.to);
  memory_->last_good.reset();
  return true;
}

// Whoever waits for the deadline looks again when the one that was known is over.
void dial_attempt::enter(stage next, milliseconds limit) {
  record_.reason.at = next;
  const auto before = std::exchange(stage_deadline_, std::min(deadline_, clock::now() + limit));
  if (stage_deadline_ < before && on_news_) on_news_();
}

bool dial_attempt::fail(error_code why, std::string detail) {
  if (over_ || answered_) return false;
  record_.reason.error = why;
  record_.reason.close_text = std::move(detail);
  record_.reason.address = peer_ ? to_string(*peer_) : std::string();
  return false;
}

}  // namespace holdfast
