// One attempt, top to bottom: provider, resolve, connect, proxy, TLS, upgrade, redirects. A stage that fails
// writes its reason to the record and ends the attempt. After each wait a stage checks whether the attempt is
// over, because an abandoned attempt must not touch what the next one uses.
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
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <coroutine>
#include <cstddef>
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

module holdfast.core;

import :address_race;
import :attempt;
import :upgrade_exchange;

namespace holdfast {
namespace {

// A lookup returns this error only for an unknown zone.
std::string about_zone(error_code why) {
  return why == boost::system::errc::no_such_device
             ? "the address has a zone that names no network interface of this machine"
             : "";
}

// With TLS 1.3 a server refuses our certificate only after the handshake: the first read or write then fails
// with one of these errors.
bool is_about_tls(error_code ec) {
  return ec == error::client_certificate_refused || ec == error::tls_failed ||
         ec == error::renegotiation_refused;
}

}  // namespace

dial_attempt::dial_attempt(std::shared_ptr<const options> given, std::shared_ptr<dial_memory> memory,
                           credential_request ask, note_function note)
    : options_(std::move(given)),
      memory_(std::move(memory)),
      ask_(std::move(ask)),
      note_(std::move(note)),
      place_{.url = ask_.url, .to = parse_url(ask_.url)},
      is_fallback_(memory_->has_secure_url && !place_.to.secure) {
  record_.may_refresh = static_cast<bool>(options_->provider);
  record_.credentials_fresh = ask_.refused;
}

void dial_attempt::start(const net::any_io_executor& strand, std::function<void()> on_news) {
  on_news_ = std::move(on_news);
  deadline_ = clock::now() + options_->deadlines.attempt;
  record_.reason.at = stage::resolve;
  stage_deadline_ = std::min<clock::time_point>(deadline_, clock::now() + options_->deadlines.resolve);
  const auto ended = [self = shared_from_this()](const std::exception_ptr& thrown) {
    if (self->over_) return;  // abandoned: the exception is our own cancellation
    self->take_exception(thrown);
    self->over_ = true;
    self->stream_.reset();  // at most one socket may be open, that of the next attempt
    std::exchange(self->on_news_, nullptr)();
  };
  net::co_spawn(
      strand, [self = shared_from_this()] { return self->run(); },
      net::bind_cancellation_slot(cancel_.slot(), ended));
}

// A system_error that the network throws counts like an error that it returns. Any other exception is a bug,
// and propagates.
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
    if (user_) co_return co_await lend_stream();
    if (const bool done = co_await upgrade(); !done || socket_) co_return;
    // else a redirect has changed `place_`
  }
}

net::awaitable<bool> dial_attempt::ask_provider() {
  enter(stage::provider, options_->deadlines.provider);
  std::optional<credentials> given;
  try {
    given = co_await options_->provider(ask_);
  } catch (...) {
    provider_threw();
  }
  co_return given && !over_ && use(std::move(*given));
}

// Opens a stream to the server at `place_`, directly or through a proxy. Afterwards the server reads all that
// is written.
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

// Does not throw. A bad environment variable is logged; a bad proxy URL in the options ends the attempt.
std::optional<proxy_server> dial_attempt::choose_way() {
  const auto& to = place_.to;
  try {
    auto problem = environment_problem(options_->proxy, to.secure, to.host, to.port, memory_->variables);
    auto& known = memory_->environment_problems;
    const bool is_new = std::ranges::find(known, problem) == known.end();
    if (!problem.empty() && note_ && is_new) {
      known.push_back(problem);
      note_(log_level::warning, problem);
    }
    return choose_proxy(options_->proxy, to.secure, to.host, to.port, memory_->variables);
  } catch (const option_error& e) {
    enter(stage::proxy, options_->deadlines.proxy);
    fail(error::proxy_invalid, e.what());
    return std::nullopt;
  }
}

// Connects to the server or to a proxy, at the first address that answers. Only the rest of the attempt shows
// whether that address is the right one.
net::awaitable<bool> dial_attempt::connect(stage shown, std::string host, std::uint16_t port) {
  const bool through_proxy = shown == stage::proxy;
  peer_.reset();  // from before a redirect
  found_.addresses = {};
  found_.routes = peer_routes();
  enter(through_proxy ? shown : stage::resolve, options_->deadlines.resolve);
  auto resolved = co_await memory_->network->resolve(std::move(host), port);
  if (over_) co_return false;
  if (resolved.has_error()) co_return fail(resolved.error(), about_zone(resolved.error()));
  if (resolved->empty()) co_return fail(error::host_not_found);

  if (in_words_)
    step_.detail = std::to_string(resolved->size()) + (resolved->size() == 1 ? " address" : " addresses");
  enter(shown, options_->deadlines.connect);
  auto& trial = found_.addresses;
  trial.network = memory_->addresses.network();
  trial.resolved = memory_->addresses.order(std::move(*resolved));
  peer_ = trial.resolved.front();  // reported if no address answers before the deadline
  if (options_->watch_network) found_.routes.dialled(trial.resolved);
  auto race = co_await connect_to_any(memory_->network, trial.resolved, options_->deadlines.address_step,
                                      trial.begun, stop_race_);
  if (over_) co_return false;
  peer_ = race.peer;
  if (!race.stream) co_return fail(race.failure);
  stream_.emplace(std::move(*race.stream));
  trial.reached = race.peer;
  if (in_words_) step_.detail = to_string(*peer_);
  if (options_->watch_network) found_.routes.settled(race.peer);
  co_return true;
}

net::awaitable<bool> dial_attempt::pass(proxy_server proxy) {
  enter(stage::proxy, options_->deadlines.proxy);
  proxy_handshake talk(proxy, place_.to.host, place_.to.port, options_->user_agent);
  std::array<char, 1024> piece{};
  while (talk.progress() == proxy_progress::needs_input) {
    if (const auto output = talk.take_output(); !output.empty()) {
      const auto failed = co_await write_all(*stream_, output);
      if (over_) co_return false;
      if (failed) co_return stream_failed(failed, stream_->error_detail());
      continue;
    }
    error_code ec;
    const auto count = co_await read_bytes(*stream_, piece, ec, over_);
    if (over_) co_return false;
    if (ec && ec != net::error::eof) co_return fail(ec);
    if (ec) {
      talk.eof();
    } else {
      talk.feed({piece.data(), count});
    }
  }
  if (talk.progress() == proxy_progress::failed) co_return fail(talk.error(), talk.detail());
  // The server does not send first, so these bytes come from the proxy.
  if (!talk.take_rest().empty())
    co_return fail(error::proxy_invalid, "the proxy sent more bytes than its answer");
  co_return true;
}

net::awaitable<bool> dial_attempt::start_tls() {
  enter(stage::tls, options_->deadlines.tls);
  current_tls found;
  try {
    found = memory_->tls.current(options_->tls);
  } catch (const option_error& e) {
    co_return fail(error::tls_failed, e.what());
  }
  if (!found.warning.empty() && note_) note_(log_level::warning, found.warning);
  auto secured = std::make_unique<tls_stream>(std::move(*stream_), std::move(found.context),
                                              co_await net::this_coro::executor, place_.to.host,
                                              place_.to.port, server_name());
  auto& tls = *secured;  // stays valid when its owner moves
  stream_.emplace(std::move(secured));
  auto done = co_await tls.handshake();
  if (over_) co_return false;
  if (!done.ok()) co_return fail(done.error, std::move(done.detail));
  if (in_words_) step_.detail = tls.describe() + (tls.resumed() ? ", resumed" : "");
  co_return true;
}

net::awaitable<void> dial_attempt::lend_stream() {
  enter(stage::upgrade, options_->deadlines.upgrade);
  auto used = co_await user_(*stream_, over_);
  if (used.error) stream_failed(used.error, std::move(used.detail));
}

// Returns true if `socket_` is open, or a redirect has changed `place_`.
net::awaitable<bool> dial_attempt::upgrade() {
  enter(stage::upgrade, options_->deadlines.upgrade);
  found_.to = named_target();
  auto fields = headers();
  found_.sent_cookies = add_cookies(fields);
  const auto& offered = subprotocols();
  const auto key = make_websocket_key();
  auto request = upgrade_request(place_.to, terms_of(*options_), fields, offered, found_.to.host_header, key);
  upgrade_exchange exchange(*stream_, options_->limits.upgrade_bytes, over_);
  auto read = co_await exchange.ask(std::move(request));
  if (over_) co_return false;
  if (!read.head) co_return stream_failed(read.error, std::move(read.detail));
  auto& answer = *read.head;
  if (is_redirect(answer.status)) co_return follow(answer);
  auto checked = check_answer(answer, terms_of(*options_), offered, key);
  if (checked.error) {
    keep_answer(answer);
    fail(checked.error, std::move(checked.detail));
    answered_ = true;
    if (answer.status == 101) co_return false;
    // The text of the body is worth a short wait. If it does not come, the attempt is abandoned, and the
    // reason of the answer stays.
    enter(stage::upgrade, upgrade_exchange::body_patience);
    co_await exchange.read_body(std::move(answer), record_.reason.detail);
    co_return false;
  }
  end_step(nullptr);
  found_.answer = answer.headers;
  socket_.emplace(opened_socket{.stream = std::move(*stream_),
                                .peer = to_string(*peer_),
                                .origin = origin(),
                                .first_bytes = std::move(answer.body),
                                .subprotocol = std::move(checked.opened.subprotocol),
                                .compression = checked.opened.compression,
                                .extensions = std::move(checked.opened.extensions),
                                .token = may_show_credentials() ? credentials_.token : std::string(),
                                .headers = without_handshake(std::move(answer.headers)),
                                .found = std::move(found_)});
  co_return true;
}

// The new place has its own addresses, so the attempt starts again from the choice of a proxy.
bool dial_attempt::follow(const http_head& answer) {
  auto decision = follow_redirect(place_, answer.status, answer.header("Location"));
  if (!decision.to) {
    keep_answer(answer);
    return fail(error::redirect_refused, std::move(decision.refusal));
  }
  place_ = std::move(*decision.to);
  if (in_words_) step_.detail = "HTTP " + std::to_string(answer.status) + " to " + origin();
  return true;
}

// The actor sleeps until the deadline that it last read. If the new one is earlier, it must be woken.
void dial_attempt::enter(stage next, milliseconds limit) {
  const bool goes_on = !record_.reason.error;  // else it only waits for the text of a refusal
  if (goes_on && next != step_.at) {
    end_step(nullptr);
    step_.at = next;
    if (in_words_) step_.origin = origin();
    step_began_ = clock::now();
  }
  record_.reason.at = next;
  const auto before = std::exchange(stage_deadline_, std::min(deadline_, clock::now() + limit));
  if (stage_deadline_ < before && on_news_) on_news_();
}

void dial_attempt::end_step(const change_reason* failure) {
  auto ended = std::exchange(step_, {});
  if (!on_step_ || (ended.at == stage::none && failure == nullptr)) return;
  ended.took = ended.at == stage::none ? clock::duration() : clock::now() - step_began_;
  if (failure != nullptr) ended.at = failure->at;
  if (in_words_ && ended.origin.empty()) ended.origin = origin();
  ended.failure = failure;
  on_step_(ended);
}

bool dial_attempt::fail(error_code why, std::string detail) {
  if (over_ || answered_) return false;
  record_.reason.error = why;
  record_.reason.detail = std::move(detail);
  record_.reason.peer = peer_ ? to_string(*peer_) : std::string();
  end_step(&record_.reason);
  return false;
}

// Fails because a read or write has failed, or because the bytes read are not a valid answer.
bool dial_attempt::stream_failed(error_code why, std::string detail) {
  if (is_about_tls(why)) record_.reason.at = stage::tls;
  return fail(why, std::move(detail));
}

// Records an answer that did not open a WebSocket.
void dial_attempt::keep_answer(const http_head& answer) {
  const auto wish = read_retry_after(answer);
  record_.reason.http_status = answer.status;
  record_.http_headers = answer.headers;
  record_.retry_after = wish.after;
  record_.retry_after_unreadable = wish.unreadable;
}

}  // namespace holdfast
