// The handle: passes commands to the actor, and all other calls to its state channel, inbox and outbox.
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
import :lazy_message;
import :message_handler;

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

// Throws unless a client may send this close frame (RFC 6455 section 7.4, as in browsers).
close_reason checked(close_reason how) {
  const bool allowed = how.code == close_codes::normal || how.code == close_codes::going_away ||
                       (how.code >= 3000 && how.code <= 4999);
  if (!allowed) throw std::invalid_argument("close_reason.code: must be 1000, 1001, or from 3000 to 4999");
  if (how.text.size() > 123)
    throw std::invalid_argument(
        "close_reason.text: must not be longer than 123 bytes (RFC 6455 section 5.5)");
  if (!is_valid_utf8(how.text)) throw std::invalid_argument("close_reason.text: must be UTF-8");
  return how;
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

connection::connection(net::any_io_executor executor, options given)
    : actor_(actor::make(std::move(executor), std::move(given))) {}

connection::connection(net::any_io_executor executor, std::shared_ptr<const options> shared)
    : actor_(actor::make(std::move(executor), std::move(shared))) {}

connection::connection(connection&&) noexcept = default;

connection& connection::operator=(connection&& other) noexcept {
  if (this != &other) {
    if (actor_) actor_->abandon();
    actor_ = std::move(other.actor_);
  }
  return *this;
}

connection::~connection() {
  if (actor_) actor_->abandon();
}

connection::executor_type connection::get_executor() const noexcept { return executor_of(actor_); }
connection::executor_type connection::executor_of(const actor_pointer& self) noexcept {
  return self->executor;
}

net::awaitable<void> connection::run() { return run(net::use_awaitable); }

void connection::retry_now(bool reset_backoff) { actor_->retry_now(reset_backoff); }
void connection::network_changed() { actor_->network_changed(); }
void connection::enter_background() { actor_->enter_background(); }
void connection::enter_foreground() { actor_->enter_foreground(); }
void connection::tell_connect() { actor_->connect(); }
void connection::tell_disconnect(close_reason how) { actor_->disconnect(checked(std::move(how))); }
void connection::tell_close(close_reason how) { actor_->close(error::closed, checked(std::move(how))); }
std::size_t connection::discard_waiting() { return actor_->out->discard_waiting(); }

connection_state connection::status() const noexcept { return actor_->channel->status(); }
connection_stats connection::stats() const { return actor_->stats(); }
state_change connection::snapshot() const { return actor_->channel->snapshot(); }
bool connection::is_throttled(std::string_view feature) const {
  if (status() != connection_state::feature_throttled) return false;
  const auto features = snapshot().features;
  return std::ranges::find(features, feature, &throttled_feature::name) != features.end();
}
state_watch connection::watch() const { return state_watch(actor_->channel); }

bool connection::add_connection_listener(std::string id, connection_listener callbacks,
                                         listener_options how) {
  return actor_->channel->add_listener(std::move(id), std::move(callbacks), std::move(how));
}
bool connection::remove_connection_listener(std::string_view id) {
  return actor_->channel->remove_listener(id);
}

void connection::start_run(const actor_pointer& self, any_handler<error_code> handler) {
  self->run({std::move(handler), self->executor});
}
void connection::start_settled(const actor_pointer& self, any_handler<error_code> handler) {
  self->when_settled({std::move(handler), self->executor});
}
void connection::start_ping(const actor_pointer& self, any_handler<error_code, clock::duration> handler) {
  self->ping({std::move(handler), self->executor});
}
void connection::start_migrate(const actor_pointer& self, any_handler<error_code> handler) {
  self->migrate({std::move(handler), self->executor});
}
void connection::start_next(const actor_pointer& self, any_handler<error_code, observed_change> handler) {
  self->channel->next({std::move(handler), self->executor});
}
void connection::start_next_after(const actor_pointer& self, any_handler<error_code, observed_change> handler,
                                  std::uint64_t after) {
  self->channel->next_after(after, {std::move(handler), self->executor});
}
void connection::start_reach(const actor_pointer& self, any_handler<error_code, observed_change> handler,
                             connection_state wanted) {
  self->channel->reach(wanted, {std::move(handler), self->executor});
}
void connection::start_connected(const actor_pointer& self,
                                 any_handler<error_code, observed_change> handler) {
  self->when_connected({std::move(handler), self->executor});
}
void connection::start_send(const actor_pointer& self, any_handler<send_result> handler,
                            const lazy_message& what) {
  self->out->send(what.payload(), what.options(), std::move(handler), self->executor);
}
void connection::start_receive(const actor_pointer& self, any_handler<error_code, message> handler) {
  self->in->receive(inbox::single(std::move(handler), self->executor));
}
void connection::start_receive_batch(const actor_pointer& self,
                                     any_handler<error_code, message_batch> handler) {
  self->in->receive(inbox::batch(std::move(handler), self->executor));
}
void connection::start_receive_json(const actor_pointer& self,
                                    any_handler<error_code, json_message> handler) {
  self->in->receive(inbox::single(json_receiver{std::move(handler)}, self->executor));
}
// These coroutines return a result that is known at once without suspending: in Asio that costs no trip
// through an executor. The inbox and the outbox limit how often that may happen in a row.
template <class Result>
net::awaitable<Result> connection::take(actor_pointer self) {
  using received = receiving<Result>;
  using kind = received::kind;
  if (auto there = take_at_once<kind>(*self->in)) co_return received::result(std::move(*there));
  const auto where = place_of(co_await net::this_coro::executor, *self);
  using operation = initiation<&start_take<kind>, &executor_of, actor_pointer>;
  constexpr auto token = received::token;
  co_return co_await net::async_initiate<decltype(token), void(error_code, kind)>(operation(std::move(self)),
                                                                                  token, where);
}
template net::awaitable<message> connection::take(actor_pointer self);
template net::awaitable<message_batch> connection::take(actor_pointer self);
template net::awaitable<json_message> connection::take(actor_pointer self);
template net::awaitable<received_tuple<message>> connection::take(actor_pointer self);
template net::awaitable<received_tuple<message_batch>> connection::take(actor_pointer self);
template net::awaitable<received_tuple<json_message>> connection::take(actor_pointer self);

net::awaitable<send_result> connection::send_one(actor_pointer self, lazy_message what) {
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
void connection::set_message_handler(std::function<void(const message_view&)> handler,
                                     net::any_io_executor executor) {
  const auto& self = *actor_;
  if (!executor) executor = self.executor;
  const auto present = self.in->handler();
  if (present && present->executor() == executor) return present->set(std::move(handler));
  const auto next = std::make_shared<message_handler>(std::move(executor), *self.in, self.log);
  if (const auto before = self.in->exchange_handler(next)) before->retire();
  next->set(std::move(handler));
}

}  // namespace holdfast
