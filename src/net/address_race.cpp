// The race: each connect is a coroutine of its own on the strand, and reports its end to the race. The race
// starts the connects that are due, sleeps, and checks again, so the order of events does not matter.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

module holdfast.core;

import :address_race;
import :wakeup;

namespace holdfast {
namespace {

// Returns whether the failure is ours: we have no way to addresses of this family, and the server was not
// asked.
bool is_about_us(error_code ec) {
  namespace errc = boost::system::errc;
  return ec == errc::network_unreachable || ec == errc::address_family_not_supported ||
         ec == errc::address_not_available;
}

// On one strand. Shared by the race and its runners, because a runner that cannot be cancelled outlives the
// race.
class address_race : public std::enable_shared_from_this<address_race> {
 public:
  address_race(net::any_io_executor strand, std::shared_ptr<network> through,
               std::vector<peer_address> ordered, clock::duration step)
      : strand_(std::move(strand)),
        network_(std::move(through)),
        ordered_(std::move(ordered)),
        step_(step),
        wake_(strand_) {}

  [[nodiscard]] bool decided() const { return result_.stream || thrown_ || failures_ == ordered_.size(); }
  void start_what_is_due();
  [[nodiscard]] std::span<const peer_address> begun() const { return {ordered_.data(), runners_.size()}; }
  net::awaitable<void> wait() { return wake_.wait_until(all_started() ? never : next_start_); }
  void cancel_runners();
  // Cancels the runners and drops the stream, because the caller no longer wants one.
  void stop();
  race_result take_result();

 private:
  static constexpr auto never = clock::time_point::max();

  [[nodiscard]] bool all_started() const { return runners_.size() == ordered_.size(); }
  void start(std::size_t index);
  net::awaitable<void> run(std::size_t index);
  void ended(std::size_t index, const std::exception_ptr& thrown);
  void failed(std::size_t index, error_code why);

  const net::any_io_executor strand_;
  const std::shared_ptr<network> network_;  // shared with the actor
  const std::vector<peer_address> ordered_;
  const clock::duration step_;
  wakeup wake_;
  std::deque<net::cancellation_signal> runners_;  // of the connects that have started
  clock::time_point next_start_ = clock::now();
  std::size_t failures_ = 0;
  std::size_t told_failure_ = 0;  // the address that result_.failure is about
  race_result result_;
  std::exception_ptr thrown_;
  bool over_ = false;
};

void address_race::start_what_is_due() {
  while (!decided() && !all_started() && clock::now() >= next_start_) {
    next_start_ = clock::now() + step_;
    start(runners_.size());
  }
}

// The connect may complete within this call.
void address_race::start(std::size_t index) {
  auto& cancel = runners_.emplace_back();
  net::co_spawn(
      strand_, [self = shared_from_this(), index] { return self->run(index); },
      net::bind_cancellation_slot(cancel.slot(),
                                  [self = shared_from_this(), index](const std::exception_ptr& thrown) {
                                    if (thrown) self->ended(index, thrown);
                                  }));
}

net::awaitable<void> address_race::run(std::size_t index) {
  auto connected = co_await network_->connect(ordered_[index]);
  if (connected.has_error()) co_return failed(index, connected.error());
  if (over_ || decided()) co_return connected->close();  // too late, or the second one in the same instant
  result_.stream.emplace(std::move(*connected));
  result_.peer = ordered_[index];
  wake_.notify();
}

// A system_error that the network throws counts like an error that it returns. Any other exception is a bug:
// the race rethrows it to the caller.
void address_race::ended(std::size_t index, const std::exception_ptr& thrown) {
  if (over_ || decided()) return;  // most likely our own cancellation
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& e) {
    failed(index, e.code());
  } catch (...) {
    thrown_ = thrown;
    wake_.notify();
  }
}

void address_race::failed(std::size_t index, error_code why) {
  const bool first = failures_++ == 0;
  if (first || std::pair(is_about_us(why), index) < std::pair(is_about_us(result_.failure), told_failure_)) {
    result_.failure = why;
    told_failure_ = index;
  }
  const bool newest = index + 1 == runners_.size();
  if (newest) next_start_ = clock::now();  // RFC 8305 section 5: there is nothing to wait for
  wake_.notify();
}

void address_race::cancel_runners() {
  over_ = true;
  for (auto& each : runners_) each.emit(net::cancellation_type::terminal);
}

void address_race::stop() {
  cancel_runners();
  result_.stream.reset();
}

race_result address_race::take_result() {
  if (thrown_) std::rethrow_exception(thrown_);
  if (!result_.stream && ordered_.empty()) result_.failure = error::host_not_found;
  if (!result_.stream && failures_ != 0) result_.peer = ordered_[told_failure_];
  return std::move(result_);
}

// Connects to the only address, without a race. If the stream is no longer wanted, the caller closes it.
net::awaitable<race_result> connect_alone(std::shared_ptr<network> through, peer_address peer) {
  co_await net::this_coro::reset_cancellation_state(net::enable_terminal_cancellation());
  auto connected = co_await through->connect(peer);
  race_result result{.peer = peer};
  if (connected.has_error()) {
    result.failure = connected.error();
  } else {
    result.stream.emplace(std::move(*connected));
  }
  co_return result;
}

}  // namespace

net::awaitable<race_result> connect_to_any(std::shared_ptr<network> through,
                                           std::vector<peer_address> ordered, clock::duration step,
                                           std::vector<peer_address>& begun, std::function<void()>& stop) {
  if (ordered.size() == 1) {
    begun = ordered;
    co_return co_await connect_alone(std::move(through), ordered.front());
  }
  const auto race = std::make_shared<address_race>(co_await net::this_coro::executor, std::move(through),
                                                   std::move(ordered), step);
  stop = [weak = std::weak_ptr(race)] {
    if (const auto alive = weak.lock()) alive->stop();
  };
  // Enables cancellation again: the network's resolve() shares our cancellation state and may have turned it
  // off.
  co_await net::this_coro::reset_cancellation_state(net::enable_terminal_cancellation());
  const auto cancelled = co_await net::this_coro::cancellation_state;
  while (!race->decided() && cancelled.cancelled() == net::cancellation_type::none) {
    race->start_what_is_due();
    begun.assign(race->begun().begin(), race->begun().end());
    co_await race->wait();
  }
  // Not in a destructor: when the context ends, the runners' frames may be gone before ours, and with them
  // what a cancellation would touch.
  race->cancel_runners();
  co_return race->take_result();
}

}  // namespace holdfast
