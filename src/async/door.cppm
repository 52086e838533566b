// :door — how another thread answers a coroutine that waits on its own strand, although the strand's context
// may end at any moment, on any thread. Knows neither what is asked nor who answers.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <coroutine>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

module holdfast.core:door;

import :wakeup;

namespace holdfast {

namespace net = boost::asio;

class door;

// One per context. Asio destroys a context in two steps: its services shut down, the newest first, and then
// the oldest, the scheduler, takes its queue apart without a lock. From then on nobody may post; but the
// frames that own doors may be among the last that it destroys.
class door_keeper : public net::execution_context::service {
 public:
  static inline net::execution_context::id id;
  explicit door_keeper(net::execution_context& context) : service(context) {}

  static door_keeper& of(const net::any_io_executor& executor) {
    return net::use_service<door_keeper>(net::query(executor, net::execution::context));
  }
  void add(const std::shared_ptr<door>& one) {
    const std::lock_guard lock(mutex_);
    open_.emplace(one.get(), one);
  }
  void remove(const door* one) {
    const std::lock_guard lock(mutex_);
    open_.erase(one);
  }

 private:
  void shutdown() noexcept override;

  std::mutex mutex_;
  std::unordered_map<const door*, std::weak_ptr<door>> open_;
};

// Leads to a strand for as long as its owner, and the strand's context, lives. Any thread. A function that is
// posted later is dropped. The lock is held while it is posted, so shut() returns only when nobody uses the
// strand any more.
class door {
 public:
  static std::shared_ptr<door> open(const net::any_io_executor& to) {
    auto made = std::make_shared<door>(to, door_keeper::of(to));
    made->keeper_.add(made);
    return made;
  }
  door(net::any_io_executor to, door_keeper& keeper) : keeper_(keeper), to_(std::move(to)) {}

  template <class Function>
  void post(Function function) {
    const std::lock_guard lock(mutex_);
    if (to_) net::post(*to_, std::move(function));
  }
  // By the owner, whose context still exists.
  void shut() {
    close_way();
    keeper_.remove(this);
  }
  void close_way() {
    const std::lock_guard lock(mutex_);
    to_.reset();
  }

 private:
  door_keeper& keeper_;
  std::mutex mutex_;
  std::optional<net::any_io_executor> to_;
};

inline void door_keeper::shutdown() noexcept {
  std::unordered_map<const door*, std::weak_ptr<door>> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(open_);
  }
  for (const auto& [self, each] : all) {
    if (const auto alive = each.lock()) alive->close_way();
  }
}

// A coroutine that waits for one answer. Its frame must be the only owner, so that the asker ends with the
// frame, also if the context destroys it. On the strand that the frame runs on.
template <class Answer>
class asker {
 public:
  explicit asker(const net::any_io_executor& strand)
      : way_(door::open(strand)), strand_(strand), news_(strand_) {}
  asker(const asker&) = delete;
  asker& operator=(const asker&) = delete;
  ~asker() { way_->shut(); }

  // Returns the answer; empty: the wait was cancelled. The coroutine must not have been cancelled before, and
  // must have switched off throw_if_cancelled.
  net::awaitable<std::optional<Answer>> wait() {
    co_await news_.wait();
    co_return std::exchange(told_, std::nullopt);
  }
  void take(Answer told) {
    told_.emplace(std::move(told));
    news_.notify();
  }
  [[nodiscard]] const std::shared_ptr<door>& way() const noexcept { return way_; }

 private:
  const std::shared_ptr<door> way_;  // shared with those who may answer
  const net::any_io_executor strand_;
  wakeup news_;
  std::optional<Answer> told_{};
};

// What the one who answers keeps of an asker. Any thread.
template <class Answer>
class way_to {
 public:
  explicit way_to(const std::shared_ptr<asker<Answer>>& who) : who_(who), door_(who->way()) {}

  // An asker that has ended is passed over. It is locked on its own strand only, so that it never ends here.
  void tell(Answer told) const {
    door_->post([who = who_, told = std::move(told)]() mutable {
      if (const auto alive = who.lock()) alive->take(std::move(told));
    });
  }
  [[nodiscard]] bool leads_nowhere() const noexcept { return who_.expired(); }
  [[nodiscard]] bool leads_to(const asker<Answer>& one) const noexcept { return door_ == one.way(); }

 private:
  std::weak_ptr<asker<Answer>> who_;
  std::shared_ptr<door> door_;
};

}  // namespace holdfast
