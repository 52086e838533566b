// Messages of clients, through the connection of whoever holds the key.
module;
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

module holdfast.fleet_core;

import :entry_names;
import :worker_core;

namespace holdfast::fleet {

void worker_core::on_request(const std::string& payload, std::function<void(std::string)> reply) {
  if (payload == drain_request) {
    reply("{}");
    return drain();
  }
  const auto asked = read_request(payload);
  if (!asked)
    return reply(write_answer({.result = {.reason = make_error_code(holdfast::error::message_invalid)}}));
  const auto at = shards_.find(shard_of(asked->key, how_.shards));
  if (at == shards_.end()) return reply(write_answer({.held = false}));
  auto& one = *at->second;
  const auto found = one.tenants.find(asked->key);
  if (found == one.tenants.end() || one.is_leaving || !one.until || !one.until->holds())
    return reply(write_answer({.held = false}));
  {
    const std::lock_guard lock(mutex_);
    ++counted_.requests;
  }
  const send_options how{.kind = asked->kind,
                         .when_offline = asked->wait_ms != 0 ? offline_rule::wait : offline_rule::fail,
                         .time_to_live = std::chrono::milliseconds(asked->wait_ms)};
  const bool sent = found->second->send(asked->text, how, [reply](send_result fate) {
    const bool is_unsent = fate.outcome == delivery::not_sent;
    // Nothing was sent, and another worker holds the key soon.
    if (is_unsent && (fate.reason == holdfast::error::lease_lost || fate.reason == holdfast::error::closed))
      return reply(write_answer({.held = false}));
    // The next holder has it, and this one does not hear what becomes of it.
    if (is_unsent && fate.reason == holdfast::error::handed_over) fate.outcome = delivery::in_doubt;
    reply(write_answer({.result = fate}));
  });
  if (!sent) reply(write_answer({.result = {.reason = make_error_code(error::no_connection_here)}}));
}

}  // namespace holdfast::fleet
