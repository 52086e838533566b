// The gate of one process: for each origin a queue and the times of its last dials, for all of them a number
// of dials under way. Only the first of a queue looks at the clock; the others wait until it is their turn.
module;
#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>

module holdfast.core;

import :dial_gate;
import :wakeup;

namespace holdfast {
namespace {

class shared_gate final : public dial_gate, public std::enable_shared_from_this<shared_gate> {
 public:
  explicit shared_gate(const dial_gate_options& how)
      : how_(how), random_(how.random_seed ? *how.random_seed : std::random_device()()) {}

  net::awaitable<dial_permit> enter(dial_request wanted) override {
    const auto where = co_await net::this_coro::executor;
    const place mine(*this, std::move(wanted.origin), where);
    for (;;) {
      const auto again_at = try_to_go(mine.self(), clock::now());
      if (!again_at) break;
      co_await mine.self().wake.wait_until(*again_at);
    }
    co_return dial_permit([weak = weak_from_this()] {
      if (const auto alive = weak.lock()) alive->over();
    });
  }

 private:
  struct waiter {
    waiter(std::string to, const net::any_io_executor& on) : origin(std::move(to)), where(on), wake(where) {}
    const std::string origin;
    const net::any_io_executor where;
    wakeup wake;  // on `where`
    std::uint64_t ticket = 0;
    bool is_blocked = false;  // it stands in `blocked_`
  };
  struct origin_state {
    std::map<std::uint64_t, std::weak_ptr<waiter>> waiting{};  // by ticket
    std::deque<clock::time_point> last{};                      // dials, the oldest first: as many as count
    clock::time_point not_before{};
  };
  // In the queue until it is destroyed, or its turn has come.
  class place {
   public:
    place(shared_gate& gate, std::string origin, const net::any_io_executor& where)
        : gate_(gate), self_(std::make_shared<waiter>(std::move(origin), where)) {
      gate_.join(self_);
    }
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    ~place() { gate_.leave(*self_); }
    [[nodiscard]] waiter& self() const noexcept { return *self_; }

   private:
    shared_gate& gate_;
    std::shared_ptr<waiter> self_;  // shared with the queue, which may be about to wake it
  };

  void join(const std::shared_ptr<waiter>& one) {
    const std::lock_guard lock(mutex_);
    forget_idle_origins();
    one->ticket = ++last_ticket_;
    origins_[one->origin].waiting.emplace(one->ticket, one);
  }

  void leave(const waiter& one) {
    const std::lock_guard lock(mutex_);
    auto& at = origins_[one.origin];
    if (at.waiting.erase(one.ticket) != 0) wake_first(at);
    wake_blocked();
  }

  // Empty: it goes now. Else when to ask again, unless it is woken before.
  std::optional<clock::time_point> try_to_go(waiter& one, clock::time_point now) {
    const std::lock_guard lock(mutex_);
    auto& at = origins_[one.origin];
    if (at.waiting.begin()->first != one.ticket) return clock::time_point::max();
    if (is_full()) {
      if (!std::exchange(one.is_blocked, true)) blocked_.push_back(at.waiting.begin()->second);
      return clock::time_point::max();
    }
    const auto allowed = allowed_at(at);
    if (allowed <= now) {
      at.waiting.erase(one.ticket);
      one.is_blocked = false;  // its place there is passed over
      goes(at, now);
      wake_first(at);
    }
    wake_blocked();
    return allowed <= now ? std::nullopt : std::optional(allowed);
  }

  [[nodiscard]] clock::time_point allowed_at(const origin_state& at) const {
    if (at.last.size() < how_.dials) return at.not_before;
    return std::max(at.not_before, at.last.front() + how_.interval);
  }

  void goes(origin_state& at, clock::time_point now) {
    ++under_way_;
    if (at.last.size() == how_.dials) at.last.pop_front();
    at.last.push_back(now);
    const auto longest = clock::duration(how_.interval).count() / how_.dials;
    at.not_before = now + clock::duration(std::uniform_int_distribution<clock::rep>(0, longest)(random_));
  }

  void over() {
    const std::lock_guard lock(mutex_);
    --under_way_;
    wake_blocked();
  }

  [[nodiscard]] bool is_full() const noexcept { return how_.under_way != 0 && under_way_ >= how_.under_way; }

  // As many as there is room for. Those that cannot go all the same wake the next.
  void wake_blocked() {
    for (auto room = how_.under_way - std::min(under_way_, how_.under_way); room != 0 && !blocked_.empty();) {
      const auto one = blocked_.front().lock();
      blocked_.pop_front();
      if (!one || !std::exchange(one->is_blocked, false)) continue;
      wake(one);
      --room;
    }
  }

  void wake_first(origin_state& at) {
    if (at.waiting.empty()) return;
    if (const auto first = at.waiting.begin()->second.lock()) wake(first);
  }

  static void wake(const std::shared_ptr<waiter>& one) {
    net::post(one->where, [one] { one->wake.notify(); });
  }

  void forget_idle_origins() {
    if (origins_.size() < many_origins_) return;
    const auto now = clock::now();
    std::erase_if(origins_, [&](const auto& each) {
      const auto& last = each.second.last;
      return each.second.waiting.empty() && (last.empty() || last.back() + how_.interval < now);
    });
    many_origins_ = std::max(fewest_to_forget, 2 * origins_.size());
  }

  static constexpr std::size_t fewest_to_forget = 1024;

  const dial_gate_options how_;
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::map<std::string, origin_state> origins_;
  std::deque<std::weak_ptr<waiter>> blocked_;  // first of their queues, and only `under_way` holds them back
  std::size_t many_origins_ = fewest_to_forget;
  std::uint64_t last_ticket_ = 0;
  unsigned under_way_ = 0;
};

}  // namespace

std::shared_ptr<dial_gate> make_dial_gate(const dial_gate_options& how) {
  if (how.dials < 1 || how.dials > 1'000'000)
    throw option_error("dial_gate_options.dials", "must be from 1 to a million");
  if (how.interval < std::chrono::milliseconds(1) || how.interval > std::chrono::hours(24))
    throw option_error("dial_gate_options.interval", "must be from 1 ms to a day");
  return std::make_shared<shared_gate>(how);
}

}  // namespace holdfast
