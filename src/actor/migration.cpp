// From one session to the next without a break: move() dials beside the session that is open, and has it
// closed when the new socket is there; the loop goes on with that one (take_next_session). Observers see no
// state but connected, and messages that are sent meanwhile wait in the outbox. In each direction the
// messages of the old socket come before those of the new one: what was given to the old one has been read by
// the server when it answers the close frame, and the new one is not read before the old one has ended.
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

module holdfast;

import :actor;

namespace holdfast {

void actor::migrate(run_operation op) {
  const auto id = ++last_operation_;
  op.on_cancel([weak = weak_from_this(), id] {
    if (const auto alive = weak.lock()) alive->cancel_migration(id);
  });
  net::post(strand, [alive = shared_from_this(), op = std::move(op), id]() mutable {
    const bool is_open = alive->ready_since_ && alive->may_connect() && !alive->told_to_stop_;
    if (!is_open) return op.complete(alive->closing_ ? error::closed : error::no_connection);
    alive->begin_to_move({});
    alive->migration_->waiters.add(id, std::move(op));
  });
}

// Only the wait is given up: others may wait for the same.
void actor::cancel_migration(std::uint64_t id) {
  net::post(strand, [alive = shared_from_this(), id] {
    if (!alive->migration_) return;
    if (auto op = alive->migration_->waiters.take(id)) op.complete(net::error::operation_aborted);
  });
}

void actor::server_names(const std::string& url) {
  const auto origin_of = [](const std::string& of) { return to_origin(read_url(of).to); };
  std::vector<std::string> ours{settings->url};
  std::ranges::copy(settings->endpoints.further_urls, std::back_inserter(ours));
  const auto found = std::ranges::find(ours, origin_of(url), origin_of);
  if (!read_url(url).problem.empty() || found == ours.end())
    return note(log_level::warning, "server sends us to an endpoint that the options do not name; ignored");
  rotation_.next_is(static_cast<std::size_t>(found - ours.begin()));
}

// A server that is about to stop tells all its clients at once: they must not all come to the next one at
// once.
void actor::server_goes_away(const std::string& why) {
  note(log_level::info, describe(change_reason{.error = error::server_going_away, .close_text = why}));
  rotation_.failed(rotation_.current(), clock::now());
  const auto spread = clock::duration(settings->retry.first_spread).count();
  begin_to_move(clock::duration(std::uniform_int_distribution<clock::rep>(0, spread)(random_)));
}

void actor::begin_to_move(clock::duration after) {
  const auto begins = clock::now() + after;
  if (migration_) {
    migration_->begins = std::min(migration_->begins, begins);
    return migration_->wake.notify();
  }
  migration_ = std::make_shared<migration>(wakeup(strand), session_, begins);
  net::co_spawn(
      strand, [alive = shared_from_this()] { return alive->move(); },
      [alive = shared_from_this()](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
}

net::awaitable<void> actor::move() {
  const auto mine = migration_;
  const auto goes_on = [&] { return migration_ == mine && may_connect() && !told_to_stop_; };
  while (goes_on()) {
    const auto now = clock::now();
    const auto begins = std::max(mine->begins, rotation_.allowed_at(now));
    if (now >= begins) break;
    co_await mine->wake.wait_until(begins);
  }
  if (!goes_on()) co_return;  // the end of the session is told by end_session()
  auto rotation = rotation_;
  const auto attempt = mine->attempt = choose_endpoint(rotation);
  attempt->start(strand, [weak = std::weak_ptr(mine)] {
    if (const auto alive = weak.lock()) alive->wake.notify();
  });
  while (!attempt->over() && goes_on() && clock::now() < attempt->deadline()) {
    co_await mine->wake.wait_until(attempt->deadline());
  }
  mine->attempt.reset();
  if (!attempt->over()) attempt->abandon(goes_on() ? error::timed_out : error::moved);
  mine->next = attempt->take_socket();
  if (!goes_on()) {
    mine->next.reset();
  } else if (mine->next) {
    if (ready_since_ && clock::now() - *ready_since_ >= settings->retry.stable_after)
      rotation.was_stable(rotation_.current());
    rotation_ = rotation;
    mine->from->hand_over();
  } else {
    const auto& why = attempt->record().reason;
    memory_->attempt_failed(attempt->found(), why);
    note(log_level::warning, "could not move to another socket, so the present one stays: " + describe(why));
    const auto wish = std::clamp<clock::duration>(attempt->record().retry_after.value_or(clock::duration{}),
                                                  {}, settings->retry.retry_after_limit);
    rotation_.failed(rotation.current(), clock::now(), wish);
    if (wish > clock::duration{}) note_wish();
    end_move(why.error);
  }
}

// True: it has begun. How the old one has ended does not matter, but if it was for a reason that the new one
// would share.
bool actor::take_next_session() {
  if (!migration_ || !migration_->next) return false;
  auto next = std::exchange(migration_->next, std::nullopt);
  const auto& why = session_->reason().error;
  const bool may_follow =
      why == error::moved || why == error::closed_by_peer || why == error::connection_lost;
  if (!may_follow || !may_connect() || told_to_stop_) return false;
  last_end_ = why;
  const bool stable = ready_since_ && clock::now() - *ready_since_ >= settings->retry.stable_after;
  memory_->session_ended(session_->reason(), stable);
  begin_session(std::move(*next));
  return true;
}

// Empty: the next session is usable.
void actor::end_move(error_code why) {
  if (!migration_) return;
  const auto over = std::exchange(migration_, nullptr);
  if (over->attempt) over->attempt->abandon(why);  // at once: another one may follow
  over->waiters.complete_all(why);
  over->wake.notify();
}

}  // namespace holdfast
