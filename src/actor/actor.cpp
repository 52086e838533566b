// The reconnect loop: live() shows the sequence, the functions below are its steps. The states that it
// publishes are built in publishing.cpp.
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

module holdfast.core;

import :actor;

namespace holdfast {
namespace {

constexpr std::chrono::milliseconds patience_at_gate{100};  // after which observers learn of the wait

std::chrono::system_clock::time_point to_calendar(clock::duration from_now) {
  return clock::wall() + std::chrono::duration_cast<std::chrono::system_clock::duration>(from_now);
}

// Whether the program has ended the session.
bool is_of_program(error_code why) {
  return why == error::closed || why == error::disconnect_requested || why == error::in_background ||
         why == error::lease_lost || why == net::error::operation_aborted;
}

// The protocol knows what a close code of its server means.
void heed(const end_verdict& verdict, attempt_record& record) {
  if (verdict.error) record.reason.error = verdict.error;
  if (verdict.retry_after) record.retry_after = std::max(*verdict.retry_after, clock::duration::zero());
}

}  // namespace

// Each published state has its own publish_… function. The loop and its steps call some of them; during
// serve() the session calls the others through on_ready() and on_throttle(), so that `connected` is published
// before any message of the same read is delivered. Keeps few locals: an idle connection holds them for days.
net::awaitable<void> actor::live() {
  while ([[maybe_unused]] const bool wanted = co_await until_wanted()) {
    auto attempt = next_attempt();
    std::shared_ptr<gate_visit> admitted;
    if (settings->gate) {
      admitted = co_await pass_gate(attempt->origin());
      if (!admitted) continue;
    }
    publish_connecting();
    auto ended = co_await dial(std::move(attempt));
    if (spoken && ended.socket) login_ = std::move(admitted);
    admitted.reset();
    while (ended.socket) {  // again after a move, on the next socket
      begin_session(std::move(ended.socket));
      co_await session_->serve();
      ended = end_session();
    }
    const auto next = decide(*ended.record);
    count_end(*ended.record, next);
    publish_disconnected(*ended.record, next);
    co_await wait(next.retry_in);
  }
  finished();
}

// Returns true once a session is wanted and may be dialled, false if none will ever be. No socket is open
// here, so when_settled() completes. If a server has asked not to be dialled before some time, only the
// program's connect() or retry_now() overrides that (R53).
net::awaitable<bool> actor::until_wanted() {
  for (;;) {
    publish_end_of_hope();
    settlers_.complete_all({});
    intent_.rest();
    if (intent_.is_closed()) co_return false;
    if (!intent_.wants_session()) {
      co_await wake_.wait();
      continue;
    }
    if (!out->may_act()) {  // until authority_renewed() or authority_lost()
      co_await wake_.wait();
      continue;
    }
    const auto now = clock::now();
    const auto allowed = next_allowed(now);
    if (now >= allowed) co_return true;
    publish_wait_for_server(allowed);
    co_await wake_.wait_until(allowed);
  }
}

clock::time_point actor::next_allowed(clock::time_point now) {
  if (clock::wall() >= wish_ends_) rotation_.forget_wishes();
  return rotation_.allowed_at(now);
}

std::shared_ptr<dial_attempt> actor::next_attempt() {
  ++attempt_;
  auto attempt = attempt_at_endpoint(rotation_);
  origin_ = attempt->origin();
  return attempt;
}

std::function<void()> actor::news_for_loop() {
  return [weak = weak_from_this()] {
    if (const auto alive = weak.lock()) alive->wake_.notify();
  };
}

std::shared_ptr<dial_attempt> actor::attempt_at_endpoint(endpoint_rotation& among) {
  auto choice = among.next(clock::now(), random_);
  if (!choice.problem.empty()) note(log_level::warning, choice.problem);
  const auto& further = settings->endpoints.further_urls;
  auto made = std::make_shared<dial_attempt>(
      settings, memory_,
      credential_request{.attempt = attempt_,
                         .refused = refused_,
                         .serial = memory_->credentials_serial,
                         .url = choice.index == 0 ? settings->url : further[choice.index - 1],
                         .answer = memory_->last_answer},
      [weak = weak_from_this()](log_level level, std::string_view line) {
        if (const auto alive = weak.lock()) alive->note(level, line);
      });
  made->report_steps_to(
      [weak = weak_from_this(), number = attempt_](const dial_step& step) {
        if (const auto alive = weak.lock()) alive->trace_step(number, step);
      },
      log->traces() || log->takes_debug());
  return made;
}

// Returns null if the attempt is not wanted any more.
net::awaitable<std::shared_ptr<gate_visit>> actor::pass_gate(std::string origin) {
  const auto goes_on = [this] { return intent_.goes_on(); };
  auto visit = visit_gate(std::move(origin), news_for_loop());
  co_await wait_at_gate(visit, wake_, goes_on, clock::now() + patience_at_gate);
  if (!visit->is_admitted() && goes_on()) {
    publish_wait_at_gate();
    co_await wait_at_gate(visit, wake_, goes_on, clock::time_point::max());
  }
  if (goes_on()) co_return visit;
  visit->give_up();
  attempt_ -= std::min(attempt_, 1U);  // it was none
  co_return nullptr;
}

// In a coroutine of its own for the same reason as an attempt.
std::shared_ptr<gate_visit> actor::visit_gate(std::string origin, std::function<void()> on_news) {
  auto visit =
      std::make_shared<gate_visit>(settings->gate, dial_request{.origin = std::move(origin)},
                                   [weak = weak_from_this()](log_level level, std::string_view line) {
                                     if (const auto alive = weak.lock()) alive->note(level, line);
                                   });
  visit->start(strand, std::move(on_news));
  return visit;
}

// Until the attempt may begin, but not after `end`, nor when it is not wanted any more.
net::awaitable<void> actor::wait_at_gate(std::shared_ptr<gate_visit> visit, wakeup& wake,
                                         std::function<bool()> goes_on, clock::time_point end) {
  while (!visit->is_admitted() && goes_on() && clock::now() < end) co_await wake.wait_until(end);
}

// Runs an attempt until it is over, its deadline has passed, or it is not wanted any more. The attempt runs
// in a coroutine of its own, so that a resolver or peer that hangs cannot delay a stop (R30).
net::awaitable<void> actor::see_through(std::shared_ptr<dial_attempt> attempt, wakeup& wake,
                                        std::function<void()> on_news, std::function<bool()> goes_on) {
  attempt->start(strand, std::move(on_news));
  while (!attempt->over() && goes_on() && clock::now() < attempt->deadline()) {
    co_await wake.wait_until(attempt->deadline());
  }
  if (!goes_on()) {
    attempt->abandon(intent_.why_not());
  } else if (!attempt->over()) {
    attempt->abandon(error::timed_out);
  }
}

net::awaitable<actor::ending> actor::dial(std::shared_ptr<dial_attempt> attempt) {
  const auto number = attempt_;
  const auto begun = clock::now();
  co_await see_through(attempt, wake_, news_for_loop(), [this] { return intent_.goes_on(); });
  const bool wanted = intent_.goes_on() && out->may_act();
  const auto& record = attempt->record();
  origin_ = attempt->origin();
  if (record.reason.at != stage::provider) refused_ = false;  // the provider has answered
  if (auto socket = wanted ? attempt->take_socket() : std::nullopt) {
    opened_as_ = {number, record.may_refresh, record.credentials_fresh, {}, {}, {}};
    times->add(&measured_times::dials, clock::now() - begun);
    co_return ending{.socket = std::make_unique<opened_socket>(std::move(*socket))};
  }
  ending failed{.record = std::make_unique<attempt_record>(record)};
  failed.record->attempt = number;
  if (wanted) {
    keep_routes(attempt->found().routes);
    failed.record->untried_address = memory_->attempt_failed(attempt->found(), record.reason);
  } else {
    // Even if the attempt has just succeeded.
    failed.record->reason.error = intent_.goes_on() ? error::lease_lost : intent_.why_not();
  }
  co_return failed;
}

void actor::keep_routes(const peer_routes& found) {
  if (settings->watch_network) routes_ = std::make_unique<peer_routes>(found);
}

void actor::begin_session(std::unique_ptr<opened_socket> opened) {
  auto& socket = *opened;
  ++generation_;
  opened_as_.at = socket.opened_at;
  opened_as_.extensions = std::move(socket.extensions);
  life_.opened(ready_since_.has_value());
  unresponsive_ = false;
  origin_ = socket.origin;
  peer_ = socket.peer;
  subprotocol_ = socket.subprotocol;
  headers_ = socket.headers;
  keep_routes(socket.found.routes);
  memory_->session_opened(std::move(socket.found));
  network_changed_ = false;
  wake_.release();
  const auto agreed = socket.compression;
  const session_facts facts{generation_, socket.subprotocol, std::move(socket.token), last_end_,
                            spoken ? headers_ : header_list()};
  session_ = std::make_shared<session>(
      session::surroundings{where, settings, in, out, log, generation_, &bytes_received_}, std::move(socket),
      random_, static_cast<session_listener&>(*this));
  session_->open(agreed);
  if (!spoken) return on_ready({});
  opened_as_.login_began = clock::now();
  session_->speak(spoken, facts);
}

std::optional<clock::duration> actor::session_length() const {
  if (!ready_since_) return std::nullopt;
  return clock::now() - *ready_since_;
}

actor::ending actor::end_session() {
  const auto& reason = session_->reason();
  last_end_ = reason.error;
  if (reason.at == stage::login) trace_login(&reason);
  const auto length = session_length();
  const bool stable = settings->retry.is_stable(length);
  auto next = next_socket();
  const auto verdict = session_->judge_end(next != nullptr);
  if (next) {
    memory_->session_ended(reason, stable);
    return {.socket = std::move(next)};
  }
  ready_since_.reset();
  if (const auto usable = life_.ended(clock::now())) times->add(&measured_times::sessions, *usable);
  ending ended{.record = std::make_unique<attempt_record>(
                   attempt_record{.reason = reason,
                                  .attempt = opened_as_.attempt,
                                  .session_length = length,
                                  .retry_after = session_->retry_after(),
                                  .may_refresh = opened_as_.may_refresh,
                                  .credentials_fresh = opened_as_.credentials_fresh,
                                  .untried_address = memory_->session_ended(reason, stable)})};
  if (!is_of_program(last_end_)) heed(verdict, *ended.record);
  if (stable) rotation_.was_stable(rotation_.current());
  session_.reset();
  login_.reset();
  out->give_up_hold(last_end_);
  end_move(last_end_);
  return ended;
}

void actor::count_end(const attempt_record& ended, const retry_decision& next) {
  if (ended.reason.error && !is_of_program(ended.reason.error)) life_.failed(ended.reason);
  if (ended.reason.error == error::liveness_lost && !unresponsive_) life_.missed_heartbeat();
  unresponsive_ = false;
  if (next.retry_in) times->add(&measured_times::waits, *next.retry_in);
}

void actor::on_round_trip(clock::duration took, clock::duration deadline) {
  life_.measured(took);
  times->add(&measured_times::round_trips, took);
  trace_round_trip(took, deadline);
}

void actor::on_unresponsive(bool now) {
  unresponsive_ = now;
  if (now) life_.missed_heartbeat();
  publish_responsiveness();
}

void actor::session_facts_for(session_operation op) {
  net::post(strand, [self = shared_from_this(), op = std::move(op)]() mutable {
    const bool is_usable = self->session_ && self->channel->snapshot().session == self->generation_;
    if (!self->ready_since_ || !is_usable)
      return op.complete(self->intent_.is_closed() ? error::closed : error::no_connection, {});
    auto known = self->session_->facts();
    op.complete({}, {.number = self->generation_,
                     .opened = self->opened_as_.at,
                     .origin = self->origin_,
                     .local = known.local ? to_string(*known.local) : std::string(),
                     .peer = self->peer_,
                     .subprotocol = self->subprotocol_,
                     .extensions = self->opened_as_.extensions,
                     .tls_version = std::move(known.tls_version),
                     .cipher = std::move(known.cipher),
                     .peer_certificate = std::move(known.peer_certificate),
                     .headers = self->headers_});
  });
}

connection_stats actor::stats() const {
  connection_stats sum{.bytes_received = bytes_received_.read()};
  life_.add_to(sum, clock::now());
  in->add_to(sum);
  out->add_to(sum);
  return sum;
}

retry_decision actor::decide(attempt_record& record) {
  const auto& why = record.reason.error;
  if (!intent_.wants_session()) return {};
  const auto now = clock::now();
  // The program closed the session, and wants one again. connect() has overruled a server's wish; a return to
  // the foreground has not.
  if (why == error::disconnect_requested || why == error::in_background) {
    const auto allowed = next_allowed(now);
    if (allowed > now) return {allowed - now, "retry-after"};
    return {clock::duration::zero(), "asked"};
  }
  record.after_network_change = std::exchange(network_changed_, false);
  rotation_.fill(record, retry_.is_refusal(record), settings->retry);
  auto decision = rotation_.ended(record, retry_.decide(record, random_), settings->retry, now);
  refused_ = refused_ || decision.refresh;  // until the provider has answered
  if (!decision.retry_in) give_up(why);
  if (record.retry_after || record.retry_after_unreadable) note_wish();
  if (settings->retry.is_stable(record.session_length)) attempt_ = 0;
  return decision;
}

// Time in a suspend counts for the wish, so its end is kept as a calendar time.
void actor::note_wish() {
  wish_ends_ = std::max(wish_ends_, to_calendar(rotation_.last_wish_ends() - clock::now()));
}

// The program did not ask for this end. In automatic mode it must not wait forever on a connection that will
// not come back (R73).
void actor::give_up(error_code why) {
  intent_.give_up();
  if (settings->mode != connect_mode::automatic || settings->keep_running) return;
  intent_.give_up_for_good();
  run_result_ = why;
  out->retire(error::closed, why);
}

net::awaitable<void> actor::wait(std::optional<clock::duration> delay) {
  if (!delay) co_return;
  settlers_.complete_all({});  // no socket is open, even if connect() has followed disconnect()
  retry_at_ = clock::now() + *delay;
  while (intent_.wants_session() && clock::now() < retry_at_) co_await wake_.wait_until(retry_at_);
}

void actor::finished() {
  running_ = false;
  registry_->run_ends(this);
  const auto why = run_result_ ? run_result_ : make_error_code(error::closed);
  channel->finish(why);
  in->finish(why);
  hand_rest_over();
  end_background_watch();
  // run() completes after the last listener call, on every executor (R74).
  const bool all_called = channel->when_told([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self) net::post(self->strand, [self] { self->run_.complete(self->run_result_); });
  });
  if (all_called) run_.complete(run_result_);
}

}  // namespace holdfast
