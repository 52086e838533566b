// Leaves the session to another connection, perhaps of another process, and takes over what such a one has
// left.
module;
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
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
import :exported_state;

namespace holdfast {

// Like close(), but what was accepted and not acknowledged is kept for the other one.
void actor::export_state(export_operation op) {
  const auto id = ++last_operation_;
  op.on_cancel(cancellation_with_effects, [weak = weak_from_this(), id] {
    const auto alive = weak.lock();
    if (!alive) return;
    net::post(alive->strand, [alive, id] {
      if (alive->export_id_ != id) return;
      if (auto waiting = std::exchange(alive->exporter_, {}))
        waiting.complete(net::error::operation_aborted, std::string());
    });
  });
  net::post(strand, [self = shared_from_this(), op = std::move(op), id]() mutable {
    if (self->intent_.is_closed()) return op.complete(error::closed, {});
    self->trace_command("export_state");
    self->exporter_ = std::move(op);
    self->export_id_ = id;
    self->keeps_rest_ = true;
    self->intent_.close(error::closed);
    self->stop_trying(error::closed, {.code = close_codes::going_away});
    self->out->retire_for_another(error::closed);
    if (self->running_) return;  // else finished() calls these
    self->channel->finish(error::closed);
    self->in->finish(error::closed);
    self->hand_rest_over();
  });
}

// No session follows. If nobody takes the messages over, their senders are told that they have waited in
// vain.
void actor::hand_rest_over() {
  if (!std::exchange(keeps_rest_, false)) return;
  auto waiting = std::exchange(exporter_, {});
  if (!waiting) return out->retire(error::closed, error::closed);
  exported_state state;
  try {
    if (spoken) state.protocol = spoken->export_state();
  } catch (...) {
    note(log_level::error, "export_state() of the protocol " + describe_thrown());
    out->retire(error::closed, error::protocol_failed);
    return waiting.complete(error::protocol_failed, {});
  }
  auto rest = out->take_rest();
  out->retire(error::closed, error::closed);
  state.last_number = rest.last_number;
  state.messages = std::move(rest.messages);
  waiting.complete({}, write_state(state));
}

// The handle is gone: nobody goes on.
void actor::stop_export() {
  if (!std::exchange(keeps_rest_, false)) return;
  out->retire(net::error::operation_aborted, net::error::operation_aborted);
  if (auto waiting = std::exchange(exporter_, {}))
    waiting.complete(net::error::operation_aborted, std::string());
}

// Before run(): nothing else uses the protocol yet.
void actor::import_state(std::string_view text) {
  if (has_begun_) throw std::logic_error("import_state: run() has been called already");
  auto state = read_state(text);
  if (spoken) {
    spoken->import_state(state.protocol);
  } else if (!state.protocol.empty()) {
    throw std::invalid_argument("import_state: protocol: the state is one of a protocol, but there is none");
  }
  out->restore({std::move(state.messages), state.last_number});
}

}  // namespace holdfast
