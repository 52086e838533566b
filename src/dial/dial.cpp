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
#include <boost/system/errc.hpp>
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

module holdfast;

import :address_race;
import :dial;

namespace holdfast {
namespace {

// A look-up has this error for one thing alone.
std::string about_zone(error_code why) {
  return why == boost::system::errc::no_such_device
             ? "the address has a zone that names no network interface of this machine"
             : "";
}

}  // namespace

dial_attempt::dial_attempt(std::shared_ptr<const options> given, std::shared_ptr<dial_memory> memory,
                           credential_request ask, note_function note)
    : options_(std::move(given)),
      memory_(std::move(memory)),
      ask_(std::move(ask)),
      note_(std::move(note)),
      deadline_(clock::now() + options_->deadlines.attempt),
      place_{.url = ask_.url, .to = parse_url(ask_.url)},
      is_fallback_(memory_->has_secure_url && !place_.to.secure) {
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
  fail(why, why == error::timed_out && stream_ ? stream_->error_detail() : std::string());
  over_ = true;
  on_news_ = nullptr;
  if (stop_race_) stop_race_();
  if (stream_) stream_->close();
  if (socket_) socket_->stream.close();
  cancel_.emit(net::cancellation_type::terminal);
}

net::awaitable<void> dial_attempt::run() {
  if (options_->provider) {
    if (const bool asked = co_await ask_provider(); !asked) co_return;
  }
  while (!over_) {
    if (const bool there = co_await reach(); !there) co_return;
    if (const bool done = co_await upgrade(); !done || socket_) co_return;
    // else the server has sent us elsewhere
  }
}

// A stream to the server at `place_`, through a proxy or not: what is written from here on, the server reads.
net::awaitable<bool> dial_attempt::reach() {
  stream_.reset();
  const auto proxy = choose_way();
  if (record_.reason.error) co_return false;
  if (proxy) {
    if (const bool there = co_await connect(stage::proxy, proxy->host, proxy->port); !there) co_return false;
    if (const bool passed = co_await pass(*proxy); !passed) co_return false;
  } else {
    const bool there = co_await connect(stage::connect, place_.to.host, place_.to.port);
    if (!there) co_return false;
  }
  if (!place_.to.secure) co_return true;
  co_return co_await start_tls();
}

// To the server or to a proxy. The first address that answers is taken. Whether it is good, the rest of the
// attempt will show.
net::awaitable<bool> dial_attempt::connect(stage shown, std::string host, std::uint16_t port) {
  const bool through_proxy = shown == stage::proxy;
  peer_.reset();  // that of the way before a redirect
  found_.addresses = {};
  found_.routes = peer_routes();
  enter(through_proxy ? shown : stage::resolve, options_->deadlines.resolve);
  auto resolved = co_await memory_->network->resolve(std::move(host), port);
  if (over_) co_return false;
  if (resolved.has_error()) co_return fail(resolved.error(), about_zone(resolved.error()));
  if (resolved->empty()) co_return fail(error::host_not_found);

  enter(shown, options_->deadlines.connect);
  auto& trial = found_.addresses;
  trial.network = memory_->addresses.network();
  trial.resolved = memory_->addresses.order(std::move(*resolved));
  peer_ = trial.resolved.front();  // if none answers before the deadline
  if (options_->watch_network) found_.routes.dialled(trial.resolved);
  auto race = co_await connect_to_any(memory_->network, trial.resolved, options_->deadlines.address_step,
                                      trial.begun, stop_race_);
  if (over_) co_return false;
  peer_ = race.peer;
  if (!race.stream) co_return fail(race.failure);
  stream_.emplace(std::move(*race.stream));
  trial.reached = race.peer;
  if (options_->watch_network) found_.routes.settled(race.peer);
  co_return true;
}

// True: `socket_` is there, or `place_` is another one.
net::awaitable<bool> dial_attempt::upgrade() {
  enter(stage::upgrade, options_->deadlines.upgrade);
  found_.to = named_target();
  auto fields = headers();
  found_.sent_cookies = add_cookies(fields);
  const auto& offered = subprotocols();
  const auto key = make_websocket_key();
  auto request = upgrade_request(place_.to, terms_of(*options_), fields, offered, found_.to.host_header, key);
  if (const bool written = co_await write(std::move(request)); !written) co_return false;
  auto answer = co_await read_head();
  if (!answer || over_) co_return false;
  if (is_redirect(answer->status)) co_return follow(*answer);
  auto checked = check_answer(*answer, terms_of(*options_), offered, key);
  if (checked.error) {
    co_await refused(std::move(*answer), checked.error, std::move(checked.detail));
    co_return false;
  }
  found_.answer = answer->headers;
  socket_.emplace(opened_socket{.stream = std::move(*stream_),
                                .endpoint = to_string(*peer_),
                                .origin = origin(),
                                .first_bytes = std::move(answer->body),
                                .subprotocol = std::move(checked.opened.subprotocol),
                                .compression = checked.opened.compression,
                                .token = may_show_credentials() ? credentials_.token : std::string(),
                                .headers = without_handshake(std::move(answer->headers)),
                                .found = std::move(found_)});
  co_return true;
}

// The next place has addresses of its own; its way, its TLS and its upgrade begin anew.
bool dial_attempt::follow(const http_head& answer) {
  auto decision = follow_redirect(place_, answer.status, answer.header("Location"));
  if (!decision.to) {
    record_.reason.http_status = answer.status;
    record_.http_headers = answer.headers;
    const auto wish = read_retry_after(answer);
    record_.retry_after = wish.after;
    record_.retry_after_unreadable = wish.unreadable;
    return fail(error::redirect_refused, std::move(decision.refusal));
  }
  place_ = std::move(*decision.to);
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
