// What happens, as records: for options::trace, and each step of a dial as a line for options::log, too.
// docs/insight.md lists them.
module;
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :actor;
import :log_record;
import :state_json;

namespace holdfast {
namespace {

namespace json = boost::json;

double to_seconds(clock::duration value) { return std::chrono::duration<double>(value).count(); }

}  // namespace

void actor::trace_step(unsigned attempt, const dial_step& step) {
  if (step.failure == nullptr) times->add_stage(step.at, step.took);
  if (!log->traces() && !log->takes_debug()) return;
  log_record record{
      .time = clock::now(),
      .event = "dial_step",
      .fields = {{"stage", to_string(step.at)}, {"seconds", to_seconds(step.took)}, {"attempt", attempt}}};
  if (step.failure == nullptr) {
    record.fields["outcome"] = "ok";
    if (!step.detail.empty()) record.fields["detail"] = step.detail;
  } else {
    record.fields["outcome"] = "failed";
    record.fields["detail"] = describe(*step.failure);
  }
  record.fields["origin"] = step.origin;
  log->record(record);
  if (log->takes_debug()) log->write(log_level::debug, describe(record));
}

void actor::trace_login(const change_reason* failure) {
  if (!spoken) return;
  trace_step(opened_as_.attempt, {.at = stage::login,
                                  .took = clock::now() - opened_as_.login_began,
                                  .origin = origin_,
                                  .failure = failure});
}

void actor::trace_state(const state_change& change) {
  if (!log->traces()) return;
  log_record record{.time = clock::now(), .event = "state", .fields = to_json(change)};
  record.fields.erase("subprotocol");  // a provider's can be a token
  log->record(record);
}

void actor::trace_round_trip(clock::duration took, clock::duration deadline) {
  if (!log->traces()) return;
  log->record({.time = clock::now(),
               .event = "round_trip",
               .fields = {{"seconds", to_seconds(took)}, {"pong_deadline", to_seconds(deadline)}}});
}

void actor::trace_command(std::string_view name) {
  if (log->traces()) log->record({.time = clock::now(), .event = "command", .fields = {{"name", name}}});
}

void actor::trace_event(std::string_view event, std::string_view detail) {
  if (!log->traces()) return;
  log_record record{.time = clock::now(), .event = event};
  if (!detail.empty()) record.fields["detail"] = detail;
  log->record(record);
}

}  // namespace holdfast
