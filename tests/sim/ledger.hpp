// Every operation that a user starts: it completes exactly once, in time if it has promised that, and never
// after the handle is gone.
#pragma once

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "journal.hpp"

namespace sim {

namespace net = boost::asio;

class ledger {
 public:
  explicit ledger(journal& log) : log_(log) {}

  // The token of a new operation; `then` gets what it completes with.
  template <class Then>
  auto start(std::string_view what, Then then, bool may_be_cancelled = true) {
    const auto id = entries_.size();
    auto& entry = entries_.emplace_back(what);
    if (may_be_cancelled) pending_.push_back(id);
    log_.note(what, " #", id);
    return net::bind_cancellation_slot(entry.signal.slot(),
                                       [this, id, then = std::move(then)](auto&&... results) mutable {
                                         completed(id);
                                         then(std::forward<decltype(results)>(results)...);
                                       });
  }
  [[nodiscard]] std::size_t last() const noexcept { return entries_.size() - 1; }
  // It must be over by then.
  void expect(std::size_t id, clock::time_point by) {
    entries_[id].due = std::min(entries_[id].due, by);
    limited_.push_back(id);
  }

  // One of those that wait, chosen by any number.
  void cancel(std::size_t number) {
    std::erase_if(pending_, [this](std::size_t id) { return entries_[id].completions != 0; });
    if (pending_.empty()) return;
    const auto id = pending_[number % pending_.size()];
    auto& entry = entries_[id];
    log_.note("cancel ", entry.what, " #", id);
    expect(id, clock::now());
    entry.cancelled = true;
    entry.signal.emit(net::cancellation_type::terminal);
  }
  void cancel_one(std::size_t id) { entries_[id].signal.emit(net::cancellation_type::terminal); }
  [[nodiscard]] bool was_cancelled(std::size_t id) const { return entries_[id].cancelled; }
  [[nodiscard]] bool completed_already(std::size_t id) const { return entries_[id].completions != 0; }

  // The handle is gone, and all has settled: of what was started until now nothing may be left, and nothing
  // may complete any more.
  void close_books() {
    closed_count_ = entries_.size();
    for (std::size_t id = 0; id < entries_.size(); ++id) {
      if (entries_[id].completions == 0) {
        log_.violated(entries_[id].what, " #", id, " has never completed, though the handle is gone");
      }
    }
  }
  void check() {
    std::erase_if(limited_, [this](std::size_t id) { return entries_[id].completions != 0; });
    for (const auto id : limited_) {
      if (entries_[id].due >= clock::now()) continue;
      log_.violated(entries_[id].what, " #", id, " is late: not complete after ",
                    clock::now() - entries_[id].started);
    }
  }

 private:
  struct entry {
    explicit entry(std::string_view name) : what(name), started(clock::now()) {}
    std::string_view what;
    clock::time_point started;
    clock::time_point due = clock::time_point::max();
    int completions = 0;
    bool cancelled = false;
    net::cancellation_signal signal;
  };

  void completed(std::size_t id) {
    auto& one = entries_[id];
    if (++one.completions > 1) log_.violated(one.what, " #", id, " completed ", one.completions, " times");
    if (id < closed_count_)
      log_.violated(one.what, " #", id, " completed long after the handle was destroyed");
    if (clock::now() > one.due) {
      log_.violated(one.what, " #", id, " completed late, after ", clock::now() - one.started);
    }
  }

  journal& log_;
  std::deque<entry> entries_;         // handlers refer to them
  std::vector<std::size_t> pending_;  // and some that have completed since
  std::vector<std::size_t> limited_;  // those that must be over by some time
  std::size_t closed_count_ = 0;
};

}  // namespace sim
