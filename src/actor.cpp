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

net::awaitable<void> actor::live() {
  while (co_await told_to_connect()) {
    attempt_record record{.attempt = ++attempt_};
    publish({.to = connection_state::connecting, .attempt = attempt_});
    if (auto socket = co_await open(record)) co_await serve(std::move(*socket), record);
    const auto decision = decide(record);
    publish({.to = connection_state::disconnected,
             .attempt = record.attempt,
             .reason = record.reason,
             .retry_in = decision.retry_in,
             .rule = decision.rule,
             .final = !wanted_ || closing_});
    co_await wait(decision);
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

// The attempt runs beside us, so that neither a resolver nor a peer that hangs can keep us from stopping
// (R30).
net::awaitable<std::optional<opened_socket>> actor::open(attempt_record& record) {
  const auto attempt = std::make_shared<dial_attempt>(settings, target_, memory_);
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
  const auto number = record.attempt;
  record = attempt->record();
  record.attempt = number;
  if (!wanted()) {
    record.reason.error = stop_reason_;  // also if it had just succeeded
    co_return std::nullopt;
  }
  co_return attempt->take_socket();
}

net::awaitable<void> actor::serve(opened_socket socket, attempt_record& record) {
  const auto opened_at = clock::now();
  ++generation_;
  endpoint_ = socket.endpoint;
  network_changed_ = false;
  retry_.session_opened();  // also if the program ends it, and nothing is decided
  session_ = std::make_shared<session>(executor, strand, settings, in, out, std::move(socket), random_);
  session_->open();
  publish({.to = connection_state::connected, .attempt = attempt_});
  record.reason = co_await session_->serve();
  record.session_length = clock::now() - opened_at;
  session_.reset();
}

retry_decision actor::decide(attempt_record& record) {
  const auto& why = record.reason.error;
  if (!may_connect()) return {};
  // The program closed it, and has changed its mind since.
  if (why == error::disconnect_requested || why == error::in_background)
    return {clock::duration::zero(), "asked"};
  record.after_network_change = std::exchange(network_changed_, false);
  auto decision = retry_.decide(record, random_);
  if (!decision.retry_in) wanted_ = false;
  if (record.session_length && *record.session_length >= settings->retry.stable_after) attempt_ = 0;
  return decision;
}

net::awaitable<void> actor::wait(const retry_decision& decision) {
  if (!decision.retry_in) co_return;
  interrupted_ = false;
  const auto until = clock::now() + *decision.retry_in;
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

void actor::publish(state_change change) {
  change.session = generation_;
  change.flapping = retry_.flapping();
  if (change.to != connection_state::connecting) change.endpoint = endpoint_;
  promised_retry_ = change.retry_in.has_value();
  told_final_ = change.final;
  asked_ = false;
  channel->publish(std::move(change));
}

void actor::finished() {
  running_ = false;
  registry_->run_ends(this);
  const auto why = run_result_ ? run_result_ : make_error_code(error::closed);
  channel->finish(why);
  in->finish(why);
  background_wake_.notify();
  run_.complete(run_result_);
}

}  // namespace holdfast
