// How calls end. A request that was written and got no answer before its session ended is in doubt, and is
// sent again only if the program has called it idempotent.
module;
#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

module holdfast.channels;

import holdfast.core;
import :call_table;

namespace holdfast::channels {
namespace {

// The connection drops a message whose time is over; that it did so is known a moment later.
constexpr std::chrono::milliseconds patience_with_connection{100};
constexpr std::size_t fewest_to_clean = 1024;

}  // namespace

void call_table::add(request one, bool idempotent, operation op) {
  const auto id = one.id;
  if (one.deadline) watch(*one.deadline, id);
  calls_.emplace(id, entry{.what = std::move(one), .idempotent = idempotent, .op = std::move(op)});
  waiting_.push_back(id);
}

// Passes over those that wait no more.
bool call_table::any_may_leave() {
  while (!waiting_.empty()) {
    const auto* const one = find(waiting_.front());
    if (one != nullptr && one->at == place::waits) break;
    waiting_.pop_front();
  }
  return !waiting_.empty() && (most_in_flight_ == 0 || in_flight_ < most_in_flight_);
}

bool call_table::take_turn(clock::time_point now) {
  if (!pace_.allows(now) || (pace_.is_limited() && any_may_leave())) return false;
  pace_.take(now);
  return true;
}

bool call_table::is_throttled(clock::time_point now) { return any_may_leave() && !pace_.allows(now); }

std::vector<call_table::request> call_table::take_requests(clock::time_point now, bool ready) {
  std::vector<request> out;
  if (pace_.is_limited() && !ready) return out;
  while (any_may_leave() && pace_.allows(now)) {
    const auto id = waiting_.front();
    waiting_.pop_front();
    pace_.take(now);
    auto* const one = find(id);
    one->at = place::given;
    ++in_flight_;
    if (one->idempotent) {
      out.push_back(one->what);
    } else {
      out.push_back(std::exchange(one->what, {.id = id, .deadline = one->what.deadline}));
    }
  }
  return out;
}

void call_table::sent(std::uint64_t id, const send_result& fate) {
  auto* const one = find(id);
  if (one == nullptr) return;
  if (fate.ok()) {
    one->at = place::written;
    one->written_in = fate.session;
    if (fate.session <= last_ended_) return in_doubt(*one, why_ended_);
    if (one->late) end(id, {.outcome = call_outcome::in_doubt, .reason = error::timed_out});
    return;
  }
  const bool expired = fate.reason == error::message_expired;
  const bool in_doubt = fate.outcome == delivery::in_doubt || one->written_in != 0;
  end(id, {.outcome = in_doubt ? call_outcome::in_doubt : call_outcome::not_sent,
           .reason = expired ? make_error_code(error::timed_out) : fate.reason});
}

bool call_table::answer(std::uint64_t id, json::value value, std::vector<std::string> attachments) {
  if (find(id) == nullptr) return false;
  end(id,
      {.outcome = call_outcome::answered, .value = std::move(value), .attachments = std::move(attachments)});
  return true;
}

bool call_table::refuse(std::uint64_t id, call_error why) {
  if (find(id) == nullptr) return false;
  end(id, {.outcome = call_outcome::refused, .error = std::move(why)});
  return true;
}

void call_table::session_ended(std::uint64_t number, error_code why) {
  last_ended_ = number;
  why_ended_ = why;
  std::vector<std::uint64_t> concerned;
  for (const auto& [id, one] : calls_) {
    if (one.at == place::written) concerned.push_back(id);
  }
  std::sort(concerned.begin(), concerned.end());
  for (const auto id : concerned) in_doubt(*find(id), why);
}

void call_table::in_doubt(entry& one, error_code why) {
  const auto id = one.what.id;
  if (!one.idempotent || one.late) return end(id, {.outcome = call_outcome::in_doubt, .reason = why});
  one.at = place::waits;
  --in_flight_;
  waiting_.push_back(id);
}

std::vector<std::uint64_t> call_table::expire(clock::time_point now) {
  std::vector<std::uint64_t> sent;
  while (!deadlines_.empty() && deadlines_.top().at <= now) {
    const auto id = deadlines_.top().id;
    deadlines_.pop();
    auto* const one = find(id);
    if (one == nullptr) continue;
    if (one->at == place::given && !one->late) {
      one->late = true;
      watch(now + patience_with_connection, id);
      continue;
    }
    if (one->at != place::waits) sent.push_back(id);
    end(id, {.outcome = unless_it_left(*one), .reason = error::timed_out});
  }
  return sent;
}

clock::time_point call_table::next_time(bool ready) {
  while (!deadlines_.empty() && find(deadlines_.top().id) == nullptr) deadlines_.pop();
  const auto next = deadlines_.empty() ? clock::time_point::max() : deadlines_.top().at;
  const bool paced = pace_.is_limited() && ready && any_may_leave();
  return paced ? std::min(next, pace_.next()) : next;
}

bool call_table::cancel(std::uint64_t id) {
  auto* const one = find(id);
  if (one == nullptr) return false;
  const bool was_sent = one->at != place::waits;
  end(id, {.outcome = unless_it_left(*one), .reason = boost::asio::error::operation_aborted});
  return was_sent;
}

// Of the others the connection says what became of them.
void call_table::finish(error_code why) {
  std::vector<std::uint64_t> concerned;
  for (const auto& [id, one] : calls_) {
    if (one.at != place::given) concerned.push_back(id);
  }
  std::sort(concerned.begin(), concerned.end());
  for (const auto id : concerned) {
    end(id, {.outcome = unless_it_left(*find(id)), .reason = why});
  }
}

// An idempotent call that waits may have left in an earlier session.
call_outcome call_table::unless_it_left(const entry& one) {
  const bool never_left = one.at == place::waits && one.written_in == 0;
  return never_left ? call_outcome::not_sent : call_outcome::in_doubt;
}

call_table::entry* call_table::find(std::uint64_t id) {
  const auto found = calls_.find(id);
  return found == calls_.end() ? nullptr : &found->second;
}

void call_table::end(std::uint64_t id, call_result how) {
  const auto found = calls_.find(id);
  if (found->second.at != place::waits) --in_flight_;
  auto op = std::move(found->second.op);
  calls_.erase(found);
  op.complete(std::move(how));
}

// Calls that have ended leave their deadlines behind, which must not become many more than there are calls.
void call_table::watch(clock::time_point deadline, std::uint64_t id) {
  deadlines_.push({deadline, id});
  if (deadlines_.size() < fewest_to_clean || deadlines_.size() < 4 * calls_.size()) return;
  std::vector<due> living;
  for (; !deadlines_.empty(); deadlines_.pop()) {
    if (calls_.contains(deadlines_.top().id)) living.push_back(deadlines_.top());
  }
  deadlines_ = decltype(deadlines_)(std::greater<>(), std::move(living));
}

}  // namespace holdfast::channels
