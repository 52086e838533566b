// A machine: handlers of its executor wait in a queue while it is stopped, and run with its own clock as that
// of the thread.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <utility>

module holdfast.testing;

import holdfast;
import :machine;

namespace holdfast::testing {

// The clocks of a machine, over the world's.
class machine::time final : public time_source, public std::enable_shared_from_this<time> {
 public:
  time(virtual_time& of_world, net::any_io_executor outside, double rate)
      : world_(of_world), outside_(std::move(outside)), rate_(rate), born_(of_world.now()) {}

  [[nodiscard]] clock::time_point boot() const noexcept override {
    const auto passed = static_cast<double>((world_.now() - born_).count()) * rate_;
    return born_ + clock::duration(static_cast<clock::rep>(passed));
  }
  [[nodiscard]] clock::time_point now() const noexcept override {
    return suspended_at_ != clock::time_point() ? suspended_at_ : boot() - slept_;
  }
  [[nodiscard]] std::chrono::system_clock::time_point wall() const noexcept override {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(boot().time_since_epoch()));
  }

  timer_id schedule(clock::time_point expiry, net::any_io_executor executor, handler on_expiry) override {
    const auto id = ++last_id_;
    pending_.emplace(id, pending{expiry, std::move(executor), std::move(on_expiry), 0});
    arm(id);
    return id;
  }
  bool cancel(timer_id id) override {
    const auto found = pending_.find(id);
    if (found == pending_.end()) return false;
    world_.cancel(found->second.inner);
    complete(id, net::error::operation_aborted);
    return true;
  }

  void suspend() { suspended_at_ = now(); }
  // Timers that ran out meanwhile by the world's clock have not by this one.
  void go_on() {
    if (suspended_at_ == clock::time_point()) return;
    slept_ = boot() - suspended_at_;
    suspended_at_ = {};
    for (const auto& [id, one] : pending_) {
      if (one.inner == 0) arm(id);
    }
  }
  void release() { auto all = std::exchange(pending_, {}); }

 private:
  struct pending {
    clock::time_point expiry;
    net::any_io_executor executor;
    handler on_expiry;
    timer_id inner;  // of the world's clock; zero: not armed
  };

  void arm(timer_id id) {
    auto& one = pending_.at(id);
    one.inner = 0;
    if (one.expiry == clock::time_point::max() || suspended_at_ != clock::time_point()) return;
    const auto left = static_cast<double>((one.expiry - now()).count()) / rate_;
    const auto when = world_.now() + clock::duration(left > 0 ? static_cast<clock::rep>(left) + 1 : 0);
    one.inner = world_.schedule(when, outside_, [weak = weak_from_this(), id](error_code failed) {
      const auto self = weak.lock();
      if (failed || !self || !self->pending_.contains(id)) return;
      self->now() >= self->pending_.at(id).expiry ? self->complete(id, {}) : self->arm(id);
    });
  }
  void complete(timer_id id, error_code ec) {
    auto one = pending_.extract(id);
    net::post(one.mapped().executor,
              [where = one.mapped().executor, ec, handler = std::move(one.mapped().on_expiry)]() mutable {
                const auto own = net::get_associated_executor(handler, where);
                net::dispatch(own, net::append(std::move(handler), ec));
              });
  }

  virtual_time& world_;
  const net::any_io_executor outside_;
  const double rate_;
  const clock::time_point born_;
  clock::duration slept_{};
  clock::time_point suspended_at_{};  // by the steady clock; zero: it is not
  timer_id last_id_ = 0;
  std::map<timer_id, pending> pending_;
};

class machine::process : public std::enable_shared_from_this<process> {
 public:
  process(world& in, double rate)
      : outside(in.executor()),
        network(in.add_network()),
        clock_of_it(std::make_shared<time>(in.time(), outside, rate)) {}

  void run_later(std::function<void()> work) {
    if (is_dead) return;  // dropped
    queue_.push_back(std::move(work));
    if (!is_stopped) pump_later();
  }
  void go_on() {
    if (is_dead || !is_stopped) return;
    is_stopped = false;
    clock_of_it->go_on();
    for (auto left = queue_.size(); left != 0; --left) pump_later();
  }
  void kill() {
    is_stopped = is_dead = true;
    network->reset_links();
    // Handlers own what makes further ones.
    while (!queue_.empty()) auto dropped = std::exchange(queue_, {});
    clock_of_it->release();
  }

  const net::any_io_executor outside;
  const std::shared_ptr<simulated_network> network;
  const std::shared_ptr<time> clock_of_it;  // shared with the timers of the world's clock
  bool is_stopped = false;
  bool is_dead = false;

 private:
  void pump_later() {
    net::post(outside, [self = shared_from_this()] { self->pump(); });
  }
  void pump() {
    if (is_stopped || queue_.empty()) return;
    const auto work = std::move(queue_.front());
    queue_.pop_front();
    auto* const before = clock::use(clock_of_it.get());
    work();
    clock::use(before);
  }

  std::deque<std::function<void()>> queue_;
};

// Its executor. Never runs anything at once.
class machine::runs_on {
 public:
  explicit runs_on(std::shared_ptr<process> of) : process_(std::move(of)) {}

  template <class Function>
  void execute(Function function) const {
    const auto kept = std::make_shared<Function>(std::move(function));  // std::function wants copies
    process_->run_later([kept] { std::move (*kept)(); });
  }
  [[nodiscard]] net::execution_context& query(net::execution::context_t) const {
    return net::query(process_->outside, net::execution::context);
  }
  static constexpr net::execution::blocking_t query(net::execution::blocking_t) noexcept {
    return net::execution::blocking.never;
  }
  bool operator==(const runs_on&) const noexcept = default;

 private:
  std::shared_ptr<process> process_;
};

machine::machine(world& in, double rate) : process_(std::make_shared<process>(in, rate)) {}
machine::~machine() { kill(); }
net::any_io_executor machine::executor() const { return runs_on(process_); }
const std::shared_ptr<simulated_network>& machine::network() const noexcept { return process_->network; }
void machine::freeze() { process_->is_stopped = true; }
void machine::suspend() {
  process_->is_stopped = true;
  process_->clock_of_it->suspend();
}
void machine::go_on() { process_->go_on(); }
void machine::kill() { process_->kill(); }
void machine::within(const std::function<void()>& look) const {
  auto* const before = clock::use(process_->clock_of_it.get());
  look();
  clock::use(before);
}
bool machine::is_stopped() const noexcept { return process_->is_stopped; }
clock::time_point machine::boot() const noexcept { return process_->clock_of_it->boot(); }

}  // namespace holdfast::testing
