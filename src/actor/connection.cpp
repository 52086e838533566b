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

connection::connection(net::any_io_executor executor, options given)
    : connection_base(actor::make(std::move(executor), std::move(given))) {}

connection::connection(net::any_io_executor executor, std::shared_ptr<const options> shared)
    : connection_base(actor::make(std::move(executor), std::move(shared))) {}

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

net::awaitable<void> connection::run() { return run(net::use_awaitable); }

void connection::retry_now(bool reset_backoff) { actor_->retry_now(reset_backoff); }
void connection::network_changed() { actor_->network_changed(); }
void connection::enter_background() { actor_->enter_background(); }
void connection::enter_foreground() { actor_->enter_foreground(); }
void connection::tell_connect() { actor_->connect(); }
void connection::tell_disconnect(close_reason how) { actor_->disconnect(checked(std::move(how))); }
void connection::tell_close(close_reason how) { actor_->close(error::closed, checked(std::move(how))); }
std::size_t connection::discard_waiting() { return actor_->out->discard_waiting(); }

void connection::import_state(std::string_view state) { actor_->import_state(state); }

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
