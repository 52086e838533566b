// A connection that belongs to a lease: it acts only while the lease holds, and leaves now and then what
// another process needs to go on.
module;
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :actor;
import :backlog;
import :exported_state;

namespace holdfast {
namespace {

// Of messages that this process may have sent after its last snapshot: the next one must not use their
// numbers.
constexpr std::uint64_t numbers_left_out = 1ULL << 32U;

}  // namespace

std::shared_ptr<held_connection> held(const connection& of) { return of.actor_; }

std::string state_for_third(std::string_view state) try {
  auto read = read_state(state);
  read.last_number += numbers_left_out;
  read.messages.remove_if([](const kept_message& each) { return each.number == 0; });
  return write_state(read);
} catch (const std::invalid_argument&) {
  return {};
}

void actor::act_while(std::shared_ptr<const authority> given) {
  if (has_begun_) throw std::logic_error("lease::attach: run() of the connection has been called already");
  in->depend_on(given);
  out->depend_on(std::move(given));
  if (spoken) spoken->use_checkpoints();
  leaves_snapshots_ = true;
}

void actor::authority_renewed() {
  net::post(strand, [self = shared_from_this()] {
    self->in->look_again();
    if (self->session_) self->session_->look_again();
    self->wake_up();
  });
}

// Like the end of the handle, but listeners learn of it.
void actor::authority_lost() {
  net::post(strand, [self = shared_from_this()] {
    if (const auto dropped = self->in->drop_all(); dropped != 0)
      self->note(log_level::warning,
                 std::to_string(dropped) + " messages were dropped, because the lease has ended");
    if (self->intent_.is_closed() && !self->session_) return;
    self->trace_event("lease_lost");
    self->intent_.close(error::lease_lost);
    if (!self->run_result_) self->run_result_ = error::lease_lost;
    self->stop_trying(error::lease_lost, {.code = close_codes::going_away});
    if (self->session_) self->session_->end({.error = error::lease_lost, .at = stage::session});
    self->out->retire(error::lease_lost, error::lease_lost);
    if (self->running_) return;  // else finished() calls these
    self->channel->finish(error::lease_lost);
    self->in->finish(error::lease_lost);
  });
}

void actor::leave(snapshot_handler then) {
  export_state(export_operation(
      net::bind_executor(strand,
                         [then = std::move(then)](error_code, std::string state) { then(std::move(state)); }),
      strand));
}

void actor::send_for_another(std::string_view payload, const send_options& how,
                             std::function<void(send_result)> then) {
  out->send(payload, how, net::bind_executor(strand, std::move(then)), strand);
}

void actor::snapshot(snapshot_handler then) {
  net::post(strand, [self = shared_from_this(), then = std::move(then)] { then(self->next_snapshot()); });
}

// What is not done with is left out: another process gets it again. So a snapshot waits until the program has
// done what had come when it was taken. The first is taken as soon as a session is usable: a program that is
// busy with its first message leaves a session to go on with, too.
void actor::take_snapshot() {
  if (!leaves_snapshots_ || !spoken || snapshot_) return;
  try {
    snapshot_ = std::make_unique<unfinished_snapshot>(in->mark(), spoken->checkpoint());
  } catch (...) {
    note(log_level::error, "checkpoint() of the protocol " + describe_thrown());
  }
}

std::string actor::next_snapshot() {
  const bool has_waited = snapshot_ != nullptr;
  auto state = finished_snapshot();
  if (!has_waited || state.empty()) return state;
  auto newer = finished_snapshot();
  return newer.empty() ? state : newer;
}

std::string actor::finished_snapshot() {
  take_snapshot();
  if (!snapshot_ || !in->is_done_with(snapshot_->mark)) return {};
  auto protocol = std::move(std::exchange(snapshot_, nullptr)->protocol);
  if (protocol.empty()) return {};
  return write_state({.protocol = std::move(protocol), .last_number = out->last_number() + numbers_left_out});
}

void actor::snapshot_stored(std::string state) {
  net::post(strand, [self = shared_from_this(), state = std::move(state)] {
    if (!self->spoken) return;
    try {
      self->spoken->checkpoint_stored(read_state(state).protocol);
    } catch (...) {
      self->note(log_level::error, "checkpoint_stored() of the protocol " + describe_thrown());
    }
  });
}

}  // namespace holdfast
