// :registry — what all actors of an execution context share. It tells them of the end of the context, and,
// while one of them runs, of jumps of the clock and changes of the network: one timer and one watcher for
// all, so that ten thousand idle connections do not wake the machine ten thousand times. Knows nothing of
// states.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

module holdfast.core:registry;

import :error;
import :jump_detector;
import :netlink;
import :network_watcher;
import :options;
import :stats;
import :time;

namespace holdfast {

namespace net = boost::asio;

// One per context. Asio destroys what it holds itself; what an actor holds (operations that wait) must go at
// the same moment, because it refers to the context, and may hold the coroutine that holds the connection.
class registry : public net::execution_context::service {
 public:
  class member {
   public:
    virtual ~member() = default;
    // At most once; nothing else is told afterwards.
    virtual void context_ends() noexcept = 0;
    // Any thread, none of our locks held.
    virtual void time_jumped() = 0;
    virtual void network_changed(const network_news& news) = 0;
    virtual void note(log_level level, std::string_view line) = 0;
    [[nodiscard]] virtual connection_state state() const noexcept = 0;
    [[nodiscard]] virtual connection_stats stats() const = 0;
  };
  static inline net::execution_context::id id;
  explicit registry(net::execution_context& context) : service(context) {}

  static registry& of(const net::any_io_executor& executor) {
    return net::use_service<registry>(net::query(executor, net::execution::context));
  }
  void add(const std::shared_ptr<member>& one) {
    const std::lock_guard lock(mutex_);
    members_.emplace(one.get(), entry{.who = one, .number = ++last_number_});
  }
  // `last` are its numbers, which stay in the sum, but for what waits: nothing does any more.
  void remove(member* one, connection_stats last) {
    last.unread_messages = last.waiting_bytes = 0;
    const std::lock_guard lock(mutex_);
    gone_ += last;
    const auto found = members_.find(one);
    if (found == members_.end()) return;
    leave(found->second);
    members_.erase(found);
  }
  // From here to run_ends() it is told of jumps of the clock, and of changes of the network if it wants to
  // know.
  void run_begins(member* one, const net::any_io_executor& executor, bool watches_network) {
    const std::lock_guard lock(mutex_);
    const auto found = members_.find(one);
    if (found == members_.end()) return;
    found->second.runs = true;
    found->second.watches_network = watches_network;
    if (++running_ == 1) begin_to_look(executor);
    if (watches_network && ++network_watchers_ == 1) watch_network(executor);
  }
  void run_ends(member* one) {
    const std::lock_guard lock(mutex_);
    const auto found = members_.find(one);
    if (found != members_.end()) leave(found->second);
  }

  // Where the members write down what they measure; shared with them.
  [[nodiscard]] const std::shared_ptr<measurements>& times() const noexcept { return times_; }
  // Any thread, without a lock that a message waits for.
  [[nodiscard]] context_stats stats() {
    // A member that is about to go waits in remove() meanwhile, so none is missing, and none counts twice.
    const std::lock_guard lock(mutex_);
    context_stats out{.total = gone_, .times = times_->read()};
    for (const auto& [one, unused] : members_) {
      ++out.connections[static_cast<std::size_t>(one->state())];
      out.total += one->stats();
    }
    return out;
  }

 private:
  struct entry {
    std::weak_ptr<member> who{};
    std::uint64_t number = 0;
    bool runs = false;
    bool watches_network = false;
  };

  // A suspend is noticed up to this long after waking.
  static constexpr std::chrono::seconds look_interval{5};

  // Under the lock, as all down to look().
  void leave(entry& one) {
    if (std::exchange(one.runs, false) && --running_ == 0) {
      timer_.reset();
      ++round_;
    }
    if (std::exchange(one.watches_network, false) && --network_watchers_ == 0) watcher_.reset();
  }
  void begin_to_look(const net::any_io_executor& executor) {
    detector_.emplace(clock::now(), clock::wall());
    timer_.emplace(executor);
    look_later();
  }
  void look_later() {
    timer_->async_wait_until(clock::now() + look_interval,
                             [this, round = round_](error_code) { look(round); });
  }
  void watch_network(const net::any_io_executor& executor) {
    watcher_.emplace(
        executor,
        [this](const network_news& news) {
          for (const auto& one : living(&entry::watches_network)) one->network_changed(news);
        },
        [this](log_level level, std::string_view line) {
          for (const auto& one : living(&entry::watches_network)) one->note(level, line);
        });
  }

  void look(std::uint64_t round) {
    {
      const std::lock_guard lock(mutex_);
      if (round != round_) return;  // of a timer that was given up
      look_later();
      if (!detector_->looked(clock::now(), clock::wall())) return;
    }
    tell(&entry::runs, &member::time_jumped);
  }
  void tell(bool entry::* those, void (member::*what)()) {
    for (const auto& one : living(those)) ((*one).*what)();
  }
  // In the order in which they were made: the same seed must give the same
  // world.
  std::vector<std::shared_ptr<member>> living(bool entry::* those) {
    std::map<std::uint64_t, std::weak_ptr<member>> wanted;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [self, each] : members_) {
        if (each.*those) wanted.emplace(each.number, each.who);
      }
    }
    std::vector<std::shared_ptr<member>> found;
    for (const auto& [number, who] : wanted) {
      if (auto held = who.lock()) found.push_back(std::move(held));
    }
    return found;
  }

  void shutdown() noexcept override {
    std::vector<std::shared_ptr<member>> alive;
    {
      const std::lock_guard lock(mutex_);
      for (auto& [self, each] : std::exchange(members_, {})) {
        if (auto held = each.who.lock()) alive.push_back(std::move(held));
      }
      timer_.reset();
      watcher_.reset();
    }
    for (const auto& one : alive) one->context_ends();
  }

  std::mutex mutex_;
  std::unordered_map<member*, entry> members_;
  connection_stats gone_{};  // the sum of connections that exist no more
  const std::shared_ptr<measurements> times_ = std::make_shared<measurements>();
  std::uint64_t last_number_ = 0;
  std::size_t running_ = 0;
  std::size_t network_watchers_ = 0;
  std::uint64_t round_ = 0;  // of looking, from the first run that begins to the last one that ends
  std::optional<timer> timer_;
  std::optional<jump_detector> detector_;
  std::optional<network_watcher> watcher_;
};

}  // namespace holdfast
