// What a test can observe of the backend, and what it can make the backend do.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.testing;

import holdfast;
import holdfast.wire;
import :v1_memory;
import :v1_sockets;
import :v1_wire;

namespace holdfast::testing {

v1_server::v1_server(server& behind) : implementation_(std::make_shared<implementation>()) { serve(behind); }

v1_server::~v1_server() {
  on_hello({});
  on_message({});
}

void v1_server::serve(server& also) {
  also.on_upgrade([self = implementation_](const http_head& request) { return self->judge(request); });
  also.on_session([self = implementation_](server_session& socket) { return self->serve(socket); });
}

std::vector<v1_message> v1_server::messages() const {
  const std::lock_guard lock(implementation_->mutex);
  return implementation_->memory.messages();
}

std::size_t v1_server::arrivals() const {
  const std::lock_guard lock(implementation_->mutex);
  return implementation_->arrivals;
}

std::vector<v1_hello> v1_server::hellos() const {
  const std::lock_guard lock(implementation_->mutex);
  return implementation_->hellos;
}

std::size_t v1_server::sessions() const {
  const std::lock_guard lock(implementation_->mutex);
  return implementation_->memory.sessions();
}

std::size_t v1_server::resumes() const {
  const std::lock_guard lock(implementation_->mutex);
  return implementation_->resumes;
}

std::vector<std::string> v1_server::connected() const {
  const std::lock_guard lock(implementation_->mutex);
  std::vector<std::string> out;
  for (const auto& each : implementation_->links) {
    if (each->session) out.push_back(each->hello->client);
  }
  return out;
}

std::vector<std::string> v1_server::violations() const {
  const std::lock_guard lock(implementation_->mutex);
  return implementation_->violations;
}

void v1_server::on_message(message_handler next) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->on_message = std::move(next);
}

void v1_server::tell(std::string_view data, std::string_view client) {
  if (!is_one_json_text(data)) throw std::invalid_argument("v1_server::tell: data must be one JSON text");
  const std::lock_guard lock(implementation_->mutex);
  for (const auto& session : implementation_->memory.tell(data, client)) {
    for (const auto& each : implementation_->links) {
      if (each->session == session) implementation_->say(each, write_event(session->last(), data));
    }
  }
}

void v1_server::throttle(std::vector<v1_throttled> features) {
  const std::lock_guard lock(implementation_->mutex);
  auto& all = implementation_->features;
  all.clear();
  for (auto& each : features) {
    const auto lasts = each.lasts;
    all.push_back({std::move(each)});
    if (lasts) all.back().until = clock::now() + *lasts;
  }
  for (const auto& each : implementation_->links) {
    if (each->session) implementation_->say_throttled(each);
  }
}

void v1_server::go_away(const v1_go_away& how) { send_raw_frame(write(how)); }

void v1_server::send_error(const v1_error& what) { send_raw_frame(write(what)); }

void v1_server::send_raw_frame(std::string_view text) {
  const std::lock_guard lock(implementation_->mutex);
  for (const auto& each : implementation_->links) implementation_->say(each, std::string(text));
}

void v1_server::drop() {
  const std::lock_guard lock(implementation_->mutex);
  for (const auto& each : implementation_->links) implementation_->say(each, std::nullopt);
}

void v1_server::heartbeat_every(std::optional<std::chrono::milliseconds> interval) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->heartbeat = interval;
}

void v1_server::retain(std::size_t events) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->memory.retain(events);
}

void v1_server::on_hello(gate next) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->on_hello = std::move(next);
}

void v1_server::refuse_logins(const v1_error& with) {
  on_hello([with](const v1_hello&) { return with; });
}

void v1_server::delay_logins(clock::duration by) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->login_delay = by;
}

void v1_server::never_answer_logins() {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->never_answers_logins = true;
}

void v1_server::accept_logins() {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->on_hello = nullptr;
  implementation_->login_delay = {};
  implementation_->never_answers_logins = false;
}

void v1_server::hold_acks(bool held) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->holds_acks = held;
  if (held) return;
  for (const auto& each : implementation_->links) {
    if (each->session && implementation_->memory.last_id(each->hello->client) > each->acknowledged_id)
      implementation_->acknowledge(each);
  }
}

void v1_server::drop_before_ack(std::size_t messages) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->drops = messages;
}

void v1_server::answer_pings(bool answered) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->answers_pings = answered;
}

void v1_server::forget_sessions() {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->memory.forget_sessions();
}

}  // namespace holdfast::testing
