// Moves from one session to the next without a break. move() dials while the old session is open, and has it
// closed once the new socket is open; the loop then goes on with that socket (next_socket). Observers see no
// state but connected, and messages that are sent meanwhile wait in the outbox. In each direction the
// messages of the old socket come before those of the new one: the server has read ours when it answers the
// close frame, and the new socket is not read before the old session has ended.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
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

void actor::migrate(run_operation op) {
  const auto id = ++last_operation_;
  op.on_cancel(cancellation_with_effects, [weak = weak_from_this(), id] {
    const auto alive = weak.lock();
    if (!alive) return;
    net::post(alive->strand, [alive, id] {
      if (alive->migration_) alive->migration_->cancel_waiter(id);  // not the move: others may wait for it
    });
  });
  net::post(strand, [alive = shared_from_this(), op = std::move(op), id]() mutable {
    const bool is_open = alive->ready_since_ && alive->intent_.goes_on();
    if (!is_open) return op.complete(alive->intent_.is_closed() ? error::closed : error::no_connection);
    alive->trace_command("migrate");
    alive->begin_to_move(clock::now());
    alive->migration_->add_waiter(id, std::move(op));
  });
}

// A stopping server asks all its clients to leave at once. A random delay spreads their arrival at the next
// one.
void actor::on_go_away(const departure& how) {
  if (!how.endpoint.empty()) server_names(how.endpoint);
  trace_event("go_away", how.reason);
  if (!how.may_move) return;
  note(log_level::info, describe(change_reason{.error = error::server_going_away, .detail = how.reason}));
  rotation_.failed(rotation_.current(), clock::now());
  const auto spread = clock::duration(settings->retry.first_spread).count();
  begin_to_move(clock::now() +
                clock::duration(std::uniform_int_distribution<clock::rep>(0, spread)(random_)));
}

void actor::server_names(const std::string& url) {
  const auto origin_of = [](const std::string& of) { return to_origin(read_url(of).to); };
  std::vector<std::string> ours{settings->url};
  std::ranges::copy(settings->endpoints.further_urls, std::back_inserter(ours));
  const auto found = std::ranges::find(ours, origin_of(url), origin_of);
  if (!read_url(url).problem.empty() || found == ours.end())
    return note(log_level::warning,
                "the server asked us to move to an endpoint that is neither url nor one of "
                "endpoints.further_urls; ignored");
  rotation_.next_is(static_cast<std::size_t>(found - ours.begin()));
}

void actor::begin_to_move(clock::time_point when) {
  if (migration_) return migration_->begin_by(when);
  start_move(std::make_shared<migration>(strand, when));
}

// A session has just begun, or could not be left.
void actor::plan_departure(const departure_time& when) {
  start_move(std::make_shared<migration>(strand, when));
}

void actor::start_move(std::shared_ptr<migration> planned) {
  migration_ = std::move(planned);
  net::co_spawn(
      strand, [alive = shared_from_this()] { return alive->move(); },
      [alive = shared_from_this()](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
}

net::awaitable<void> actor::move() {
  const auto mine = migration_;
  const auto goes_on = [&] { return !mine->over() && intent_.goes_on(); };
  while (goes_on()) {
    const auto now = clock::now();
    const auto wanted = mine->begins(session_->heard_at(), out->taken().taken, now);
    const auto begins = std::max(wanted, rotation_.allowed_at(now));
    if (now >= begins) break;
    co_await mine->wake.wait_until(begins);
  }
  if (!goes_on()) co_return;  // end_session() ends the move
  auto rotation = rotation_;
  const auto attempt = attempt_at_endpoint(rotation);
  const auto on_news = [weak = std::weak_ptr(mine)] {
    if (const auto alive = weak.lock()) alive->wake.notify();
  };
  std::shared_ptr<gate_visit> admitted;
  if (settings->gate) {
    admitted = visit_gate(attempt->origin(), on_news);
    co_await wait_at_gate(admitted, mine->wake, goes_on, clock::time_point::max());
    if (!goes_on()) co_return admitted->give_up();
  }
  mine->dials(attempt);
  life_.dialled();
  const auto begun = clock::now();
  co_await see_through(attempt, mine->wake, on_news, goes_on);
  admitted.reset();
  if (attempt->record().reason.at != stage::provider) refused_ = false;  // the provider has answered
  auto socket = goes_on() ? attempt->take_socket() : std::nullopt;
  mine->dialled(socket ? std::make_unique<opened_socket>(std::move(*socket)) : nullptr);
  if (!goes_on()) co_return;
  if (!mine->has_socket()) co_return move_failed(*attempt, rotation.current());
  times->add(&measured_times::dials, clock::now() - begun);
  if (settings->retry.is_stable(session_length())) rotation.was_stable(rotation_.current());
  rotation_ = rotation;
  session_->hand_over();
}

void actor::move_failed(const dial_attempt& attempt, std::size_t endpoint) {
  const auto& why = attempt.record().reason;
  memory_->attempt_failed(attempt.found(), why);
  life_.failed(why);
  const auto& record = attempt.record();
  // Credentials that were refused are of no use to the next one.
  if (why.error == error::unauthorized && record.may_refresh && !record.credentials_fresh) refused_ = true;
  note(log_level::warning,
       "could not move to another socket, so the session stays on its present one: " + describe(why));
  auto wish = wish_of(attempt.record(), settings->retry);
  if (attempt.record().retry_after_unreadable) wish = std::max(wish, unreadable_wish(settings->retry));
  rotation_.failed(endpoint, clock::now(), wish);
  if (wish > clock::duration{}) note_wish();
  auto planned = migration_->planned();
  end_move(why.error);
  if (!planned) return;
  planned->try_again(clock::now(), settings->retry.base, settings->retry.cap, random_);
  plan_departure(*planned);
}

// Returns null if no session follows at once. The new socket is used unless the old session ended for a
// reason that the new one would share.
std::unique_ptr<opened_socket> actor::next_socket() {
  if (!migration_ || !migration_->has_socket()) return nullptr;
  auto next = migration_->take_socket();
  const auto& why = session_->reason().error;
  const bool may_follow =
      why == error::moved || why == error::closed_by_peer || why == error::connection_lost;
  return may_follow && intent_.goes_on() ? std::move(next) : nullptr;
}

// Completes the waiters. An empty `why` means that the next session is usable.
void actor::end_move(error_code why) {
  if (const auto over = std::exchange(migration_, nullptr)) over->end(why);
}

}  // namespace holdfast
