// The states that an actor publishes. live(), its steps, and the session that it serves call these functions.
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

void actor::publish_connecting() {
  life_.dialled();
  publish({.to = connection_state::connecting, .attempt = attempt_});
}

// The session is usable. Does nothing if the program has given the session up during the login.
void actor::publish_connected(const login_result& result) {
  if (!intent_.goes_on()) return;
  ready_since_ = clock::now();
  life_.usable(*ready_since_, result.resumed, result.gap.has_value());
  login_.reset();
  trace_login(nullptr);
  retry_.session_opened();  // here, because decide() skips a session that the program ends
  out->ready();
  take_snapshot();
  publish(
      {.to = connection_state::connected, .attempt = attempt_, .resumed = result.resumed, .gap = result.gap});
  end_move({});
  const auto& lifetime = settings->session.lifetime;
  if (lifetime > milliseconds::zero()) plan_departure(departure_time(lifetime, opened_as_.at, random_));
}

// `features` are all features that must not be used now, throttled by the server or by the session itself.
void actor::publish_throttled(const std::vector<throttled_feature>& features) {
  const bool was_throttled = channel->status() == connection_state::feature_throttled;
  if (!ready_since_ || (features.empty() && !was_throttled)) return;
  out->throttle(features);
  const auto to = features.empty() ? connection_state::connected : connection_state::feature_throttled;
  publish({.to = to, .attempt = attempt_, .features = features});
}

void actor::publish_disconnected(attempt_record& ended, const retry_decision& next) {
  publish({.to = connection_state::disconnected,
           .attempt = ended.attempt,
           .reason = std::move(ended.reason),
           .retry_in = next.retry_in,
           .rule = next.rule,
           .final = intent_.is_final()});
}

// Publishes a wait that the server has asked for, unless observers know of one.
void actor::publish_wait_for_server(clock::time_point allowed) {
  if (channel->snapshot().retry_in) return;  // they know of one from decide()
  publish({.to = connection_state::disconnected,
           .attempt = attempt_,
           .reason = {.error = intent_.why_not()},
           .retry_in = allowed - clock::now(),
           .rule = "retry-after"});
}

// Publishes that an attempt waits for its turn. Observers may know already that one is to begin.
void actor::publish_wait_at_gate() {
  publish({.to = connection_state::disconnected,
           .attempt = channel->snapshot().attempt,
           .reason = {.error = error::dial_gate_closed},
           .retry_in = clock::duration::zero(),
           .rule = "gate"});
}

// The peer does not answer, or answers again. The state is what it was.
void actor::publish_responsiveness() {
  if (!ready_since_ || !intent_.goes_on()) return;
  auto last = channel->snapshot();
  publish({.to = last.to,
           .attempt = attempt_,
           .rule = unresponsive_ ? "late" : "answered",
           .features = std::move(last.features)});
}

// If no session is wanted, publishes that, unless the last state shows it already. If a later command has
// undone a connect(), it is published again.
void actor::publish_end_of_hope() {
  if (intent_.wants_session()) return;
  const auto last = channel->snapshot();
  const bool was_final = last.sequence != 0 ? last.final : settings->mode == connect_mode::manual;
  const bool is_final = intent_.is_final();
  if (!last.retry_in && was_final == is_final && !(intent_.is_asked() && is_final)) return;
  publish({.to = connection_state::disconnected,
           .attempt = attempt_,
           .reason = {.error = intent_.why_not()},
           .final = is_final});
}

void actor::publish(state_change change) {
  change.session = generation_;
  change.flapping = retry_.flapping();
  change.origin = origin_;
  if (change.to != connection_state::connecting) change.peer = peer_;
  if (change.to == connection_state::connected || change.to == connection_state::feature_throttled) {
    change.subprotocol = subprotocol_;
    change.unresponsive = unresponsive_;
  }
  if (change.to == connection_state::connected) change.headers = headers_;
  intent_.published();
  if (change.final) out->expect_no_session(change.reason.error);
  trace_state(change);
  channel->publish(std::move(change));
  log->sum_up();
}

}  // namespace holdfast
