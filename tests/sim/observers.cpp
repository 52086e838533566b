// Each observer checks the order of what it sees itself; contents are compared at the end.
#include "observers.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace sim {

using holdfast::connection_state;
using holdfast::error_code;
using holdfast::observed_change;

void observers::watch(const holdfast::connection& conn, clock::duration pause) {
  log_.note("a new cursor, one look each ", pause);
  world_.spawn(follow(conn.watch(), pause));
}

net::awaitable<void> observers::follow(holdfast::state_watch cursor, clock::duration pause) {
  holdfast::timer wait(world_.executor());
  std::optional<std::uint64_t> last;
  for (;;) {
    auto ended = std::make_shared<std::optional<std::pair<error_code, observed_change>>>();
    holdfast::timer news(world_.executor());
    // By callback, so that the ledger sees each one.
    cursor.next_state(
        operations_.start("watch", [ended, &news](error_code ec, const observed_change& change) {
          *ended = {ec, change};
          news.cancel();
        }));
    const auto id = operations_.last();
    while (!*ended)
      co_await news.async_wait_until(clock::time_point::max(), net::as_tuple(net::use_awaitable));
    const auto& [ec, change] = **ended;
    if (ec == net::error::operation_aborted && operations_.was_cancelled(id) && !gone_)
      continue;  // cancelled: nothing is lost
    if (ec) co_return;
    if (last && change.sequence != *last + 1 + change.missed) {
      log_.violated("a cursor sees ", change.sequence, " after ", *last, ", and is told of ", change.missed);
    }
    if (change.sequence == 0) log_.violated("a cursor yields what was before the first transition");
    last = change.sequence;
    seen_.push_back({"a cursor", change});
    if (pause != 0s) co_await wait.async_wait_until(clock::now() + pause, net::as_tuple(net::use_awaitable));
  }
}

void observers::next_state(holdfast::connection& conn) {
  const auto before = conn.snapshot().sequence;
  conn.next_state(
      operations_.start("next_state", [this, before](error_code ec, const observed_change& change) {
        if (ec) return;
        if (change.sequence != before + 1)
          log_.violated("next_state after ", before, " yields ", change.sequence);
        seen_.push_back({"next_state", change});
      }));
}

void observers::wait_for(holdfast::connection& conn, connection_state wanted) {
  conn.wait_for(wanted,
                operations_.start("wait_for", [this, wanted](error_code ec, const observed_change& change) {
                  if (change.sequence != 0) seen_.push_back({"wait_for", change});
                  if (!ec && change.to != wanted)
                    log_.violated("waited for ", to_string(wanted), ", got ", to_string(change.to));
                  if (ec && change.sequence != 0 && !change.final)
                    log_.violated("wait_for fails in a state that is not final");
                }));
}

void observers::add_listener(holdfast::connection& conn, std::size_t id, bool replay) {
  auto& place = listeners_[id % listeners_.size()];
  const auto one = std::make_shared<listener>();
  one->last = conn.snapshot().sequence;
  if (replay && one->last != 0) --one->last;
  const bool added = conn.add_connection_listener(
      std::to_string(id),
      {.on_state_change = [this, one](const observed_change& change) { called(*one, change); }},
      {.replay_current = replay});
  log_.note("add listener ", id, added ? "" : ": refused");
  if (added == static_cast<bool>(place))
    log_.violated("adding listener ", id, added ? " twice" : " is refused");
  if (added) place = one;
}

void observers::remove_listener(holdfast::connection& conn, std::size_t id) {
  auto& place = listeners_[id % listeners_.size()];
  const bool removed = conn.remove_connection_listener(std::to_string(id));
  log_.note("remove listener ", id, removed ? "" : ": unknown");
  if (removed != static_cast<bool>(place))
    log_.violated("removing listener ", id, removed ? " twice" : " fails");
  if (place) std::exchange(place, nullptr)->removed = true;
}

void observers::called(listener& one, const observed_change& change) {
  if (one.removed) log_.violated("a listener is called after it was removed");
  if (change.sequence != one.last + 1 + change.missed) {
    log_.violated("a listener sees ", change.sequence, " after ", one.last);
  }
  one.last = change.sequence;
  seen_.push_back({"a listener", change});
}

void observers::handle_destroyed() {
  gone_ = true;
  for (auto& one : listeners_) {
    if (one) std::exchange(one, nullptr)->removed = true;
  }
}

void observers::check(const std::vector<holdfast::state_change>& all) {
  for (const auto& [who, change] : seen_) {
    if (change.sequence > all.size())
      continue;  // the handle was destroyed before the first listener was called
    const auto& same = all[change.sequence - 1];
    const bool equal = same.sequence == change.sequence && same.from == change.from && same.to == change.to &&
                       same.time == change.time && same.session == change.session &&
                       same.attempt == change.attempt && same.final == change.final &&
                       same.retry_in == change.retry_in && same.rule == change.rule &&
                       same.reason.error == change.reason.error && same.peer == change.peer;
    if (!equal) log_.violated(who, " saw another transition ", change.sequence, ": ", describe(change));
  }
}

}  // namespace sim
