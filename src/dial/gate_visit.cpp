// Asks until there is an answer.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

module holdfast.core;

import :gate_visit;

namespace holdfast {
namespace {

constexpr std::chrono::seconds wait_after_exception{1};

}  // namespace

gate_visit::gate_visit(std::shared_ptr<dial_gate> gate, dial_request wanted, note_function note)
    : gate_(std::move(gate)), wanted_(std::move(wanted)), note_(std::move(note)) {}

void gate_visit::start(const net::any_io_executor& strand, std::function<void()> on_news) {
  on_news_ = std::move(on_news);
  const auto answered = [self = shared_from_this()](const std::exception_ptr& thrown, dial_permit got) {
    if (thrown || self->given_up_) return;  // then `got` gives itself back
    self->permit_ = std::move(got);
    self->admitted_ = true;
    std::exchange(self->on_news_, nullptr)();
  };
  net::co_spawn(
      strand, [self = shared_from_this()] { return ask(self); },
      net::bind_cancellation_slot(cancel_.slot(), answered));
}

void gate_visit::give_up() {
  given_up_ = true;
  permit_ = dial_permit();
  on_news_ = nullptr;
  cancel_.emit(net::cancellation_type::all);
}

net::awaitable<dial_permit> gate_visit::ask(std::shared_ptr<gate_visit> self) {
  const auto strand = co_await net::this_coro::executor;
  dial_permit got;
  for (;;) {
    const bool answered = co_await ask_once(*self, got);
    if (answered || self->given_up_) co_return got;
    timer pause(strand);
    co_await pause.async_wait_until(clock::now() + wait_after_exception, net::as_tuple(net::deferred));
  }
}

// False: the gate has thrown.
net::awaitable<bool> gate_visit::ask_once(gate_visit& self, dial_permit& got) {
  try {
    got = co_await self.gate_->enter(self.wanted_);
    co_return true;
  } catch (...) {
    if (!self.given_up_) self.note_(log_level::warning, "the dial gate " + describe_thrown());
    co_return false;
  }
}

}  // namespace holdfast
