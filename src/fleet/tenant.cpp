// One key that is held here.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

module holdfast.fleet_core;

import :entry_names;
import :tenant;

namespace holdfast::fleet {
namespace {

constexpr std::chrono::seconds first_pause{1};  // before a coroutine that has ended by itself is run again
constexpr std::chrono::seconds longest_pause{60};

// Of what the program's coroutine has thrown; empty: it has returned.
std::string describe_end(const std::exception_ptr& thrown) {
  if (!thrown) return "has returned";
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& e) {
    return "has failed: " + e.code().message();
  } catch (const std::exception& e) {
    return "has failed: " + std::string(e.what());
  } catch (...) {
    return "has failed";
  }
}

}  // namespace

tenant::tenant(facts of, std::shared_ptr<term> until, surroundings around)
    : facts_(std::move(of)),
      term_(std::move(until)),
      around_(std::move(around)),
      strand_(net::make_strand(around_.executor)),
      end_(strand_),
      pause_(strand_) {}

void tenant::note(log_level level, std::string_view what) const {
  if (*around_.log) (*around_.log)(level, "key " + one_line(facts_.key, 100) + ": " + std::string(what));
}

void tenant::start(std::function<void()> on_end) {
  net::co_spawn(
      strand_, [self = shared_from_this()] { return self->live(); },
      net::bind_cancellation_slot(cancel_.slot(), [self = shared_from_this(), on_end = std::move(on_end)](
                                                      const std::exception_ptr&) { on_end(); }));
}

// The coroutine of the program should end only when the lease does. If it ends before, it is run again.
net::awaitable<void> tenant::live() {
  const auto alive = shared_from_this();
  clock::duration pause = first_pause;
  while (!is_ending_) {
    std::exception_ptr thrown;
    try {
      lease granted(*this);
      co_await (*around_.run)(granted);
    } catch (...) {
      thrown = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      is_attached_ = false;
    }
    if (is_ending_) break;
    note(log_level::warning, "the coroutine " + describe_end(thrown) + "; it is run again");
    co_await pause_.async_wait_until(clock::now() + pause, net::as_tuple(net::deferred));
    pause = std::min<clock::duration>(2 * pause, longest_pause);
  }
}

std::shared_ptr<held_connection> tenant::attached() {
  const std::lock_guard lock(mutex_);
  return is_attached_ ? connection_.lock() : nullptr;
}

void tenant::tell_end() {
  is_ending_ = true;
  net::post(strand_, [self = shared_from_this()] {
    self->end_.cancel();
    self->pause_.cancel();
  });
}

void tenant::leave(std::function<void(std::string)> then) {
  tell_end();
  if (const auto conn = attached()) return conn->leave(std::move(then));
  // Nothing has acted since: what this key began with, or its newest snapshot, is for the next holder.
  std::string state;
  {
    const std::lock_guard lock(mutex_);
    state = facts_.state;
  }
  net::post(strand_, [then = std::move(then), state = std::move(state)] { then(state); });
}

void tenant::stop() {
  tell_end();
  if (const auto conn = attached()) conn->authority_lost();
  net::post(strand_, [self = shared_from_this()] { self->cancel_.emit(net::cancellation_type::terminal); });
}

void tenant::renewed() {
  if (const auto conn = attached()) conn->authority_renewed();
}

bool tenant::snapshot(std::function<void(std::string)> then) {
  const auto conn = attached();
  if (!conn) return false;
  conn->snapshot([self = shared_from_this(), then = std::move(then)](const std::string& state) {
    if (!state.empty()) {
      const std::lock_guard lock(self->mutex_);
      self->facts_.state = state;
    }
    then(state);
  });
  return true;
}

void tenant::snapshot_stored(std::string state) {
  if (const auto conn = attached()) conn->snapshot_stored(std::move(state));
}

bool tenant::send(std::string_view text, const send_options& how, std::function<void(send_result)> then) {
  const auto conn = attached();
  if (conn) conn->send_for_another(text, how, std::move(then));
  return conn != nullptr;
}

void tenant::attach(connection& conn) {
  const auto to = held(conn);
  std::string state;
  {
    const std::lock_guard lock(mutex_);
    // leave() has not seen this connection: it was too early for it.
    if (is_ending_) throw boost::system::system_error(make_error_code(holdfast::error::lease_lost));
    if (is_attached_) throw std::logic_error("lease::attach: another connection is attached already");
    to->act_while(term_);
    connection_ = to;
    is_attached_ = true;
    // What is left is for the next run of the coroutine, unless a newer checkpoint replaces it.
    state = facts_.state;
    if (!state.empty()) facts_.state = state_for_third(state);
  }
  if (state.empty()) return;
  try {
    to->resume(state);
  } catch (const std::invalid_argument& e) {
    note(log_level::warning, std::string("the session of the last holder cannot go on: ") + e.what());
  }
}

net::awaitable<result<std::uint64_t>> tenant::publish(std::string payload, std::string id) {
  if (!holds()) co_return holdfast::error::lease_lost;
  const auto name = to_name(facts_.key);
  const auto number = term_->next_number();
  auto whole = id.empty() ? name + '.' + std::to_string(facts_.epoch) + '.' + std::to_string(number)
                          : name + ".." + to_name(id);
  co_return co_await around_.broker->publish("events." + name, std::move(payload), std::move(whole));
}

net::awaitable<void> tenant::ended() {
  const auto alive = shared_from_this();
  co_await net::post(strand_, net::use_awaitable);
  if (!is_ending_) co_await end_.async_wait_until(clock::time_point::max(), net::as_tuple(net::deferred));
}

const std::string& lease::key() const noexcept { return tenant_.known().key; }
const std::string& lease::value() const noexcept { return tenant_.known().value; }
std::uint64_t lease::epoch() const noexcept { return tenant_.known().epoch; }
bool lease::holds() const noexcept { return tenant_.holds(); }
void lease::attach(connection& conn) { tenant_.attach(conn); }
net::awaitable<result<std::uint64_t>> lease::publish(std::string payload, std::string id) {
  return tenant_.publish(std::move(payload), std::move(id));
}
net::awaitable<void> lease::ended() { return tenant_.ended(); }

}  // namespace holdfast::fleet
