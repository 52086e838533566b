// The handles: they start operations on the hub, and end what is theirs.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.channels;

import holdfast.core;

namespace holdfast::channels {

namespace {

// The same as the connection's, which keeps it for itself.
std::unique_ptr<journal> log_of(const options& given) {
  auto to = given.log ? std::make_shared<const journal::function>(given.log) : nullptr;
  return std::make_unique<journal>(std::move(to), given.log_to_clog);
}

}  // namespace

subscription& subscription::operator=(subscription&& other) noexcept {
  if (this != &other) {
    if (place_) place_->hub->leave(place_->channel, place_->items);
    name_ = std::move(other.name_);
    place_ = std::move(other.place_);
  }
  return *this;
}

subscription::~subscription() {
  if (place_) place_->hub->leave(place_->channel, place_->items);
}

subscription::executor_type subscription::get_executor() const noexcept { return executor_of(place_); }
subscription::executor_type subscription::executor_of(const pointer& self) noexcept {
  return self->hub->executor();
}

subscription_state subscription::state() const { return place_->hub->state_of(*place_->channel); }
std::string subscription::position() const { return place_->hub->position_of(*place_->items); }
void subscription::unsubscribe() { place_->hub->leave(place_->channel, place_->items); }

void subscription::start_receive(const pointer& self,
                                 net::any_completion_handler<void(error_code, item)> handler) {
  self->hub->receive(self->items, {std::move(handler), self->hub->executor()});
}

void subscription::start_publish(const pointer& self, net::any_completion_handler<void(send_result)> handler,
                                 const json::value& data, const publish_options& how) {
  const auto& channel = *self->channel;
  self->hub->publish({.name = channel.name, .params = channel.params}, data, how, std::move(handler));
}

// An item that waits is returned without suspending, as connection::receive() does.
net::awaitable<item> subscription::receive_one(pointer self) {
  if (auto there = self->hub->take(self->items)) co_return std::move(*there);
  using operation = initiation<&subscription::start_receive, &subscription::executor_of, pointer>;
  operation start(std::move(self));
  co_return co_await net::async_initiate<const net::deferred_t&, void(error_code, item)>(std::move(start),
                                                                                         net::deferred);
}

void incoming_call::answer(const json::value& value, const std::vector<std::string>& attachments) {
  if (const auto hub = hub_.lock()) hub->answer(asked_, value, nullptr, attachments);
  asked_.id.clear();
}

void incoming_call::refuse(const call_error& why) {
  if (const auto hub = hub_.lock()) hub->answer(asked_, {}, &why, {});
  asked_.id.clear();
}

client::client(net::any_io_executor executor, options given, const dialect_factory& speaks,
               client_options how) {
  if (!speaks) throw std::invalid_argument("channels::client: the dialect must not be empty");
  check(how);
  if (given.protocol)
    throw std::invalid_argument(
        "channels::client: options.protocol must be empty, because the dialect is spoken");
  auto spoken = speaks();
  spoken->prepare(given);
  hub_ = std::make_shared<channel_hub>(executor, std::move(spoken), std::move(how), log_of(given));
  given.protocol = [hub = hub_] { return std::make_unique<channel_protocol>(hub); };
  conn_ = std::make_shared<holdfast::connection>(std::move(executor), std::move(given));
  hub_->attach(conn_);
}

client& client::operator=(client&& other) noexcept {
  if (this != &other) {
    if (hub_) hub_->abandon();
    hub_ = std::move(other.hub_);
    conn_ = std::move(other.conn_);
  }
  return *this;
}

client::~client() {
  if (hub_) hub_->abandon();
}

client::executor_type client::get_executor() const noexcept { return executor_of(hub_); }
client::executor_type client::executor_of(const hub_pointer& self) noexcept { return self->executor(); }

void client::start_run(const hub_pointer& self, net::any_completion_handler<void(error_code)> handler) {
  const auto slot = net::get_associated_cancellation_slot(handler);
  const auto where = net::get_associated_executor(handler, self->executor());
  pending_operation<error_code> op(std::move(handler), self->executor());
  const auto conn = self->conn();
  if (!conn) return op.complete(net::error::operation_aborted);
  auto ended = [self, op = std::move(op)](error_code ec) mutable {
    if (ec != error::already_running) self->finish(ec);
    op.complete(ec);
  };
  conn->run(net::bind_executor(where, net::bind_cancellation_slot(slot, std::move(ended))));
}

void client::start_call(const hub_pointer& self, net::any_completion_handler<void(call_result)> handler,
                        const std::string& method, const json::value& params, call_options how,
                        const std::string& feature) {
  how.feature = feature;
  self->call(method, params, how, {std::move(handler), self->executor()});
}

void client::start_send(const hub_pointer& self, send_handler handler, sender start, const std::string& name,
                        const json::value& data, const publish_options& how) {
  start(self, std::move(handler), name, data, how);
}

void client::start_notify(const hub_pointer& self, send_handler handler, const std::string& method,
                          const json::value& params, const publish_options& /*unused*/) {
  self->notify(method, params, std::move(handler));
}

void client::start_publish(const hub_pointer& self, send_handler handler, const std::string& channel,
                           const json::value& data, const publish_options& how) {
  const json::value none;
  self->publish({.name = channel, .params = none}, data, how, std::move(handler));
}

subscription client::subscribe(std::string_view name, const subscribe_options& how) {
  if (how.limit == 0) throw std::invalid_argument("subscribe_options.limit: must be at least 1");
  if (how.limit_bytes == 0) throw std::invalid_argument("subscribe_options.limit_bytes: must be at least 1");
  auto place = std::make_shared<subscription::place>(
      subscription::place{hub_, std::make_shared<item_queue>(how.when_slow, how.limit, how.limit_bytes)});
  place->channel = hub_->join(name, how, place->items);
  return {std::string(name), std::move(place)};
}

void client::drain() { hub_->drain(); }

void client::set_call_handler(std::function<void(incoming_call)> handler) {
  if (!handler) return hub_->set_call_handler({});
  hub_->set_call_handler([weak = std::weak_ptr(hub_), handler = std::move(handler)](server_call asked) {
    handler(incoming_call(weak, std::move(asked)));
  });
}

}  // namespace holdfast::channels
