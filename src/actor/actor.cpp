// The reconnect loop, top to bottom: live() is the story, the functions below are its steps.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

module holdfast;

import :actor;

namespace holdfast {
namespace {

std::chrono::system_clock::time_point to_calendar(clock::duration from_now) {
  return clock::wall() + std::chrono::duration_cast<std::chrono::system_clock::duration>(from_now);
}

}  // namespace

// Holds little: whatever a coroutine holds, an idle connection holds for days.
net::awaitable<void> actor::live() {
  while ([[maybe_unused]] const bool wanted = co_await told_to_connect()) {
    if (const bool allowed = co_await until_allowed(); !allowed) continue;
    ++attempt_;
    auto attempt = choose_endpoint(rotation_);
    origin_ = attempt->origin();
    tell_connecting();
    auto ended = co_await open(std::move(attempt));
    if (!ended) {
      do co_await session_->serve();  // connected as soon as the protocol is ready
      while (take_next_session());
      ended = end_session();
    }
    co_await wait(conclude(std::move(ended)));
  }
  finished();
}

// False: never again. No socket is open here, which is what when_settled() waits for.
net::awaitable<bool> actor::told_to_connect() {
  for (;;) {
    take_promise_back();
    settlers_.complete_all({});
    told_to_stop_ = false;
    if (closing_) co_return false;
    if (may_connect()) co_return true;
    co_await wake_.wait();
  }
}

// A server that has asked not to be dialled before some time is left alone until then, whatever has woken us:
// only the program itself overrides that (R53). False: no attempt is wanted any more.
net::awaitable<bool> actor::until_allowed() {
  while (may_connect() && !told_to_stop_) {
    const auto now = clock::now();
    if (clock::wall() >= wish_ends_) rotation_.forget_wishes();
    const auto allowed = rotation_.allowed_at(now);
    if (now >= allowed) co_return true;
    if (!promised_retry_) {
      publish({.to = connection_state::disconnected,
               .attempt = attempt_,
               .reason = {.error = stop_reason_},
               .retry_in = allowed - now,
               .rule = "retry-after"});
    }
    co_await wake_.wait_until(allowed);
  }
  co_return false;
}

std::shared_ptr<dial_attempt> actor::choose_endpoint(endpoint_rotation& among) {
  auto choice = among.next(clock::now(), random_);
  if (!choice.problem.empty()) note(log_level::warning, choice.problem);
  const auto& further = settings->endpoints.further_urls;
  return std::make_shared<dial_attempt>(
      settings, memory_,
      credential_request{.attempt = attempt_,
                         .refused = refused_,
                         .serial = memory_->credentials_serial,
                         .url = choice.index == 0 ? settings->url : further[choice.index - 1],
                         .answer = memory_->last_answer},
      [weak = weak_from_this()](log_level level, std::string_view line) {
        if (const auto alive = weak.lock()) alive->note(level, line);
      });
}

// The attempt runs beside us, so that neither a resolver nor a peer that hangs can keep us from stopping
// (R30).
net::awaitable<actor::failure> actor::open(std::shared_ptr<dial_attempt> attempt) {
  const auto number = attempt_;
  attempt->start(strand, [self = weak_from_this()] {
    if (const auto alive = self.lock()) alive->wake_.notify();
  });
  const auto wanted = [this] { return may_connect() && !told_to_stop_; };
  while (!attempt->over() && wanted() && clock::now() < attempt->deadline()) {
    co_await wake_.wait_until(attempt->deadline());
  }
  if (!wanted()) {
    attempt->abandon(stop_reason_);
  } else if (!attempt->over()) {
    attempt->abandon(error::timed_out);
  }
  const auto& record = attempt->record();
  origin_ = attempt->origin();
  if (record.reason.at != stage::provider) refused_ = false;  // it has been asked
  auto socket = wanted() ? attempt->take_socket() : std::nullopt;
  if (socket) {
    opened_as_ = {number, record.may_refresh, record.credentials_fresh};
    begin_session(std::move(*socket));
    co_return nullptr;
  }
  auto failed = std::make_unique<attempt_record>(record);
  failed->attempt = number;
  if (wanted()) {
    keep_routes(attempt->found().routes);
    failed->untried_address = memory_->attempt_failed(attempt->found(), failed->reason);
  } else {
    failed->reason.error = stop_reason_;  // also if it had just succeeded
  }
  co_return failed;
}

void actor::keep_routes(const peer_routes& found) {
  if (settings->watch_network) routes_ = std::make_unique<peer_routes>(found);
}

void actor::begin_session(opened_socket socket) {
  ++generation_;
  origin_ = socket.origin;
  endpoint_ = socket.endpoint;
  subprotocol_ = socket.subprotocol;
  headers_ = socket.headers;
  keep_routes(socket.found.routes);
  memory_->session_opened(std::move(socket.found));
  network_changed_ = false;
  wake_.release();
  const auto agreed = socket.compression;
  const session_facts facts{generation_, socket.subprotocol, std::move(socket.token), last_end_,
                            spoken ? headers_ : header_list()};
  session_ = std::make_shared<session>(session::surroundings{where, settings, in, out, log, generation_},
                                       std::move(socket), random_);
  session_->open(agreed);
  session_->watch_congestion([this](const auto& features) { throttle(features); });
  if (!spoken) return session_is_ready({});
  session_->speak(
      spoken, facts,
      {.on_ready = [this](const login_result& result) { session_is_ready(result); },
       .on_throttle = [this](const auto& features) { throttle(session_->throttled_by_server(features)); },
       .on_endpoint = [this](const std::string& url) { server_names(url); },
       .on_go_away = [this](const std::string& why) { server_goes_away(why); }});
}

// The session is ours: it calls from within its own work, while we live.
void actor::session_is_ready(const login_result& result) {
  if (!may_connect() || told_to_stop_) return;
  ready_since_ = clock::now();
  retry_.session_opened();  // also if the program ends it, and nothing is decided
  out->ready();
  publish(
      {.to = connection_state::connected, .attempt = attempt_, .resumed = result.resumed, .gap = result.gap});
  end_move({});
}

void actor::throttle(const std::vector<throttled_feature>& features) {
  const bool was_throttled = channel->status() == connection_state::feature_throttled;
  if (!ready_since_ || (features.empty() && !was_throttled)) return;
  out->throttle(features);
  const auto to = features.empty() ? connection_state::connected : connection_state::feature_throttled;
  publish({.to = to, .attempt = attempt_, .features = features});
}

actor::failure actor::end_session() {
  auto ended =
      std::make_unique<attempt_record>(attempt_record{.reason = session_->reason(),
                                                      .attempt = opened_as_.attempt,
                                                      .retry_after = session_->retry_after(),
                                                      .may_refresh = opened_as_.may_refresh,
                                                      .credentials_fresh = opened_as_.credentials_fresh});
  const auto& why = ended->reason.error;
  last_end_ = why;
  if (ready_since_) ended->session_length = clock::now() - *std::exchange(ready_since_, {});
  const bool stable = ended->session_length && *ended->session_length >= settings->retry.stable_after;
  ended->untried_address = memory_->session_ended(ended->reason, stable);
  if (stable) rotation_.was_stable(rotation_.current());
  session_.reset();
  out->give_up_hold(why);
  end_move(why);
  return ended;
}

retry_decision actor::decide(attempt_record& record) {
  const auto& why = record.reason.error;
  if (!may_connect()) return {};
  // The program closed it, and has changed its mind since.
  if (why == error::disconnect_requested || why == error::in_background)
    return {clock::duration::zero(), "asked"};
  record.after_network_change = std::exchange(network_changed_, false);
  const auto now = clock::now();
  rotation_.fill(record, retry_.is_refusal(record), settings->retry);
  auto decision = rotation_.ended(record, retry_.decide(record, random_), settings->retry, now);
  refused_ = refused_ || decision.refresh;  // until the provider has been asked
  if (!decision.retry_in) give_up(why);
  if (record.retry_after || record.retry_after_unreadable) note_wish();
  if (record.session_length && *record.session_length >= settings->retry.stable_after) attempt_ = 0;
  return decision;
}

// A suspend that is longer ends it, too: so its end is known by the calendar.
void actor::note_wish() {
  wish_ends_ = std::max(wish_ends_, to_calendar(rotation_.last_wish_ends() - clock::now()));
}

// Nobody has asked for this: in automatic mode the program must not wait for ever on a connection that will
// not come back (R73).
void actor::give_up(error_code why) {
  wanted_ = false;
  if (settings->mode != connect_mode::automatic || settings->keep_running) return;
  closing_ = true;
  run_result_ = why;
  out->retire(error::closed, why);
}

net::awaitable<void> actor::wait(std::optional<clock::duration> delay) {
  if (!delay) co_return;
  settlers_.complete_all({});  // no socket is open, even if connect() has followed disconnect()
  interrupted_ = false;
  const auto until = clock::now() + *delay;
  while (!interrupted_ && may_connect() && clock::now() < until) co_await wake_.wait_until(until);
}

// Observers were told that there will be another attempt, or may still hope for one; now they are told
// otherwise.
void actor::take_promise_back() {
  const bool is_final = !wanted_ || closing_;
  const bool owed = promised_retry_ || told_final_ != is_final || (asked_ && is_final);
  if (may_connect() || !owed) return;
  publish({.to = connection_state::disconnected,
           .attempt = attempt_,
           .reason = {.error = stop_reason_},
           .final = is_final});
}

void actor::tell_connecting() { publish({.to = connection_state::connecting, .attempt = attempt_}); }

// Decides what follows, and says so.
std::optional<clock::duration> actor::conclude(failure ended) {
  const auto decision = decide(*ended);
  publish({.to = connection_state::disconnected,
           .attempt = ended->attempt,
           .reason = std::move(ended->reason),
           .retry_in = decision.retry_in,
           .rule = decision.rule,
           .final = !wanted_ || closing_});
  return decision.retry_in;
}

void actor::publish(state_change change) {
  change.session = generation_;
  change.flapping = retry_.flapping();
  change.origin = origin_;
  if (change.to != connection_state::connecting) change.endpoint = endpoint_;
  if (change.to == connection_state::connected || change.to == connection_state::feature_throttled) {
    change.subprotocol = subprotocol_;
  }
  if (change.to == connection_state::connected) change.headers = headers_;
  promised_retry_ = change.retry_in.has_value();
  told_final_ = change.final;
  asked_ = false;
  if (change.final) out->expect_no_session(change.reason.error);
  channel->publish(std::move(change));
  log->sum_up();
}

void actor::finished() {
  running_ = false;
  registry_->run_ends(this);
  const auto why = run_result_ ? run_result_ : make_error_code(error::closed);
  channel->finish(why);
  in->finish(why);
  background_wake_.notify();
  // Behind the last call of a listener, on whatever executor (R74).
  const bool told = channel->when_told([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self) net::post(self->strand, [self] { self->run_.complete(self->run_result_); });
  });
  if (told) run_.complete(run_result_);
}

}  // namespace holdfast
