// :tenant — one key that is held here: the program's coroutine, the connection that is attached to it, and
// how both end. The coroutine has a strand of its own; all other members are called on the worker's.
module;
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

module holdfast.fleet_core:tenant;

import holdfast.core;
import :coordinator;
import :lease;

namespace holdfast::fleet {

// Until when the holder of a lease may act, by the boot clock.
class term final : public authority {
 public:
  [[nodiscard]] bool holds() const noexcept override {
    return clock::boot().time_since_epoch().count() < until_.load(std::memory_order_relaxed);
  }
  void extend(clock::time_point until) noexcept { until_.store(until.time_since_epoch().count()); }
  [[nodiscard]] clock::time_point ends() const noexcept {
    return clock::time_point(clock::duration(until_.load(std::memory_order_relaxed)));
  }
  void end() noexcept { until_.store(0); }
  // Numbers events of the whole epoch, whichever coroutine publishes them.
  [[nodiscard]] std::uint64_t next_number() noexcept { return ++published_; }

 private:
  std::atomic<clock::rep> until_{0};
  std::atomic<std::uint64_t> published_{0};
};

class tenant : public std::enable_shared_from_this<tenant> {
 public:
  using program = std::function<net::awaitable<void>(lease&)>;
  using log_function = std::function<void(log_level, std::string_view)>;

  struct facts {
    std::string key{};
    std::string value{};
    std::uint64_t epoch = 0;
    std::string state{};  // of the last holder's session
  };
  struct surroundings {
    net::any_io_executor executor;  // the program's
    std::shared_ptr<coordinator> broker;
    std::shared_ptr<const program> run;
    std::shared_ptr<const log_function> log;
  };

  tenant(facts of, std::shared_ptr<term> until, surroundings around);

  // Begins; `on_end` is called on any thread, once, when the program's coroutine has ended for good.
  void start(std::function<void()> on_end);
  // To be handed over: calls `then` with the state of the session, on any thread, once, when the connection
  // is closed.
  void leave(std::function<void(std::string)> then);
  // The lease is lost, or patience is over: the connection is closed at once, and the coroutine cancelled.
  void stop();
  // The connection may act again.
  void renewed();
  // Calls `then` with a new snapshot of the session, or an empty text. Returns false if there is no
  // connection.
  bool snapshot(std::function<void(std::string)> then);
  void snapshot_stored(std::string state);
  // Sends through the connection; calls `then` with the fate, on any thread. False: there is none.
  bool send(std::string_view text, const send_options& how, std::function<void(send_result)> then);

  // For the lease.
  [[nodiscard]] const facts& known() const noexcept { return facts_; }
  [[nodiscard]] bool holds() const noexcept { return term_->holds(); }
  void attach(connection& conn);
  net::awaitable<result<std::uint64_t>> publish(std::string payload, std::string id);
  net::awaitable<void> ended();

 private:
  net::awaitable<void> live();
  void note(log_level level, std::string_view what) const;
  [[nodiscard]] std::shared_ptr<held_connection> attached();
  void tell_end();

  facts facts_;
  const std::shared_ptr<term> term_;  // shared with the connection and the worker
  const surroundings around_;
  const net::any_io_executor strand_;
  net::cancellation_signal cancel_;
  std::atomic<bool> is_ending_{false};
  timer end_;         // of ended(), on the strand
  timer pause_;       // between two runs of the coroutine, on the strand
  std::mutex mutex_;  // of what follows
  std::weak_ptr<held_connection> connection_{};
  bool is_attached_ = false;
};

}  // namespace holdfast::fleet
