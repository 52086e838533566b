// The loop of a world: runs all handlers that are ready, then jumps to the next timer.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

module holdfast.testing;

import holdfast;

namespace holdfast::testing {
namespace {

constexpr std::size_t endless = 5'000'000;  // handlers without time passing: they start one another

void complete(const net::any_io_executor& executor, time_source::handler handler, error_code ec) {
  net::post(executor, [executor, ec, handler = std::move(handler)]() mutable {
    const auto own = net::get_associated_executor(handler, executor);
    net::dispatch(own, net::append(std::move(handler), ec));
  });
}

}  // namespace

std::chrono::system_clock::time_point virtual_time::wall() const noexcept {
  return time_source::wall() + std::chrono::duration_cast<std::chrono::system_clock::duration>(wall_offset_);
}

virtual_time::timer_id virtual_time::schedule(clock::time_point expiry, net::any_io_executor executor,
                                              handler on_expiry) {
  const auto id = ++last_id_;
  if (expiry <= now_) {
    complete(executor, std::move(on_expiry), {});
    return id;
  }
  pending_.emplace(key{expiry, id}, pending{std::move(executor), std::move(on_expiry)});
  expiries_.emplace(id, expiry);
  return id;
}

bool virtual_time::cancel(timer_id id) {
  const auto expiry = expiries_.find(id);
  if (expiry == expiries_.end()) return false;
  auto found = pending_.extract({expiry->second, id});
  expiries_.erase(expiry);
  complete(found.mapped().executor, std::move(found.mapped().on_expiry), net::error::operation_aborted);
  return true;
}

std::optional<clock::time_point> virtual_time::next_expiry() const {
  if (pending_.empty() || pending_.begin()->first.first == clock::time_point::max()) return std::nullopt;
  return pending_.begin()->first.first;
}

void virtual_time::advance_to(clock::time_point when) {
  now_ = when;
  while (!pending_.empty() && pending_.begin()->first.first <= now_) {
    auto due = pending_.extract(pending_.begin());
    expiries_.erase(due.key().second);
    complete(due.mapped().executor, std::move(due.mapped().on_expiry), {});
  }
}

void virtual_time::release() {
  const auto now = now_;
  advance_to(clock::time_point::max());
  now_ = now;
}

world::world(std::uint64_t seed)
    : outer_(clock::use(&time_)),
      began_(time_.now()),
      random_(seed),
      network_(std::make_shared<simulated_network>(context_.get_executor(), time_, random_)) {}

world::~world() {
  network_->shut_down();
  for (const auto& each : further_networks_) each->shut_down();
  time_.release();
  clock::use(outer_);
}

std::shared_ptr<simulated_network> world::add_network() {
  return further_networks_.emplace_back(
      std::make_shared<simulated_network>(context_.get_executor(), time_, random_));
}

void world::spawn(net::awaitable<void> routine) {
  net::co_spawn(context_, std::move(routine), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
}

void world::settle() {
  context_.restart();
  for (std::size_t handled = 0; context_.poll_one() != 0;) {
    if (++handled > endless)
      throw std::runtime_error("the world does not settle: handlers start one another, and no time passes");
  }
}

// Advances to the next timer that is due by `end`, and runs what becomes ready. Returns false if there is
// none.
bool world::step(clock::time_point end) {
  const auto next = time_.next_expiry();
  if (!next || *next > end) return false;
  time_.advance_to(*next);
  settle();
  return true;
}

void world::run_for(clock::duration span) {
  const auto end = now() + span;
  settle();
  while (step(end)) {
  }
  time_.advance_to(end);
}

bool world::run_until(const std::function<bool()>& fact, clock::duration limit) {
  const auto end = now() + limit;
  settle();
  while (!fact()) {
    if (step(end)) continue;
    time_.advance_to(end);
    return fact();
  }
  return true;
}

}  // namespace holdfast::testing
