// Starts the operations: each is the affair of the actor, or of its channel, inbox or outbox.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

module holdfast.core;

import :actor;
import :connection_base;
import :lazy_message;

namespace holdfast {
namespace {

template <class Kind>
using received_tuple = std::tuple<error_code, Kind>;

received_tuple<json_message> read_received(message given) {
  auto read = read_json(std::move(given));
  const auto ec = read.problem.empty() ? error_code() : make_error_code(error::message_not_json);
  return {ec, std::move(read)};
}

// What waits in the inbox already.
template <class Kind>
std::optional<received_tuple<Kind>> take_at_once(inbox& from) {
  if constexpr (std::is_same_v<Kind, message_batch>) {
    if (auto all = from.take_all()) return received_tuple<Kind>(error_code(), std::move(*all));
  } else if (auto one = from.take_one()) {
    if constexpr (std::is_same_v<Kind, message>) return received_tuple<Kind>(error_code(), std::move(*one));
    if constexpr (std::is_same_v<Kind, json_message>) return read_received(std::move(*one));
  }
  return std::nullopt;
}

// How a coroutine gets what was received: an error is thrown, or is the first element of a tuple.
template <class Result>
struct receiving {
  using kind = Result;
  static constexpr auto token = net::deferred_t();
  static Result result(received_tuple<Result> given) {
    auto& [ec, received] = given;
    if (ec) throw boost::system::system_error(ec);
    return std::move(received);
  }
};
template <class Kind>
struct receiving<received_tuple<Kind>> {
  using kind = Kind;
  static constexpr auto token = net::as_tuple(net::deferred);
  static received_tuple<Kind> result(received_tuple<Kind> given) { return given; }
};

void start_await(const std::shared_ptr<actor>& self, net::any_completion_handler<void(send_result)> handler,
                 outbox::begun& what, called_on where) {
  self->out->await(what, {std::move(handler), self->executor, where});
}

// For a coroutine that runs on `mine`.
called_on place_of(const net::any_io_executor& mine, const actor& self) {
  return mine == self.executor ? called_on::the_connection : called_on::its_own;
}

// Parses the JSON on the executor of the receiver's handler.
struct json_receiver {
  net::any_completion_handler<void(error_code, json_message)> handler;

  void operator()(error_code ec, message given) {
    if (ec) return std::move(handler)(ec, json_message());
    auto [problem, read] = read_received(std::move(given));
    std::move(handler)(problem, std::move(read));
  }
};

template <class Kind>
void start_take(const std::shared_ptr<actor>& self,
                net::any_completion_handler<void(error_code, Kind)> handler, called_on where) {
  if constexpr (std::is_same_v<Kind, message>) {
    self->in->receive(inbox::single(std::move(handler), self->executor, where));
  } else if constexpr (std::is_same_v<Kind, message_batch>) {
    self->in->receive(inbox::batch(std::move(handler), self->executor, where));
  } else {
    self->in->receive(inbox::single(json_receiver{std::move(handler)}, self->executor, where));
  }
}

}  // namespace
}  // namespace holdfast

// A json_receiver has the executor, allocator and cancellation slot of the handler inside.
template <template <class, class> class Associator, class Default>
struct boost::asio::associator<Associator, holdfast::json_receiver, Default> {
  using inside = Associator<decltype(holdfast::json_receiver::handler), Default>;
  using type = typename inside::type;
  static auto get(const holdfast::json_receiver& of) noexcept { return inside::get(of.handler); }
  static auto get(const holdfast::json_receiver& of, const Default& otherwise) noexcept {
    return inside::get(of.handler, otherwise);
  }
};

namespace holdfast {

net::any_io_executor connection_base::executor_of(const actor_pointer& self) noexcept {
  return self->executor;
}

void connection_base::start_run(const actor_pointer& self, any_handler<error_code> handler) {
  self->run({std::move(handler), self->executor});
}
void connection_base::start_settled(const actor_pointer& self, any_handler<error_code> handler) {
  self->when_settled({std::move(handler), self->executor});
}
void connection_base::start_ping(const actor_pointer& self,
                                 any_handler<error_code, clock::duration> handler) {
  self->ping({std::move(handler), self->executor});
}
void connection_base::start_migrate(const actor_pointer& self, any_handler<error_code> handler) {
  self->migrate({std::move(handler), self->executor});
}
void connection_base::start_session(const actor_pointer& self,
                                    any_handler<error_code, session_info> handler) {
  self->session_facts_for({std::move(handler), self->executor});
}
void connection_base::start_export(const actor_pointer& self, any_handler<error_code, std::string> handler) {
  self->export_state({std::move(handler), self->executor});
}
void connection_base::start_next(const actor_pointer& self,
                                 any_handler<error_code, observed_change> handler) {
  self->channel->next({std::move(handler), self->executor});
}
void connection_base::start_next_after(const actor_pointer& self,
                                       any_handler<error_code, observed_change> handler,
                                       std::uint64_t after) {
  self->channel->next_after(after, {std::move(handler), self->executor});
}
void connection_base::start_reach(const actor_pointer& self, any_handler<error_code, observed_change> handler,
                                  connection_state wanted) {
  self->channel->reach(wanted, {std::move(handler), self->executor});
}
void connection_base::start_connected(const actor_pointer& self,
                                      any_handler<error_code, observed_change> handler) {
  self->when_connected({std::move(handler), self->executor});
}
void connection_base::start_send(const actor_pointer& self, any_handler<send_result> handler,
                                 const lazy_message& what) {
  self->out->send(what.payload(), what.options(), std::move(handler), self->executor);
}
void connection_base::start_receive(const actor_pointer& self, any_handler<error_code, message> handler) {
  self->in->receive(inbox::single(std::move(handler), self->executor));
}
void connection_base::start_receive_batch(const actor_pointer& self,
                                          any_handler<error_code, message_batch> handler) {
  self->in->receive(inbox::batch(std::move(handler), self->executor));
}
void connection_base::start_receive_json(const actor_pointer& self,
                                         any_handler<error_code, json_message> handler) {
  self->in->receive(inbox::single(json_receiver{std::move(handler)}, self->executor));
}
// These coroutines return a result that is known at once without suspending: in Asio that costs no trip
// through an executor. The inbox and the outbox limit how often that may happen in a row.
template <class Result>
net::awaitable<Result> connection_base::take(actor_pointer self) {
  using received = receiving<Result>;
  using kind = received::kind;
  if (auto there = take_at_once<kind>(*self->in)) co_return received::result(std::move(*there));
  const auto where = place_of(co_await net::this_coro::executor, *self);
  using operation = initiation<&start_take<kind>, &executor_of, actor_pointer>;
  constexpr auto token = received::token;
  co_return co_await net::async_initiate<decltype(token), void(error_code, kind)>(operation(std::move(self)),
                                                                                  token, where);
}
template net::awaitable<message> connection_base::take(actor_pointer self);
template net::awaitable<message_batch> connection_base::take(actor_pointer self);
template net::awaitable<json_message> connection_base::take(actor_pointer self);
template net::awaitable<received_tuple<message>> connection_base::take(actor_pointer self);
template net::awaitable<received_tuple<message_batch>> connection_base::take(actor_pointer self);
template net::awaitable<received_tuple<json_message>> connection_base::take(actor_pointer self);

net::awaitable<send_result> connection_base::send_one(actor_pointer self, lazy_message what) {
  using operation = void(send_result);
  auto begun = self->out->send_at_once(what.payload(), what.options(), self->executor);
  if (begun.fate) co_return *begun.fate;
  if (begun.later) {
    const auto where = place_of(co_await net::this_coro::executor, *self);
    co_return co_await net::async_initiate<const net::deferred_t&, operation>(
        initiation<&start_await, &executor_of, actor_pointer>(std::move(self)), net::deferred,
        std::ref(begun), where);
  }
  co_return co_await net::async_initiate<const net::deferred_t&, operation>(
      initiation<&start_send, &executor_of, actor_pointer>(std::move(self)), net::deferred, std::cref(what));
}
}  // namespace holdfast
