// An entry for each bucket. Who has seen it unchanged for the interval changes it by compare-and-set: only
// one of all that wait succeeds, and that one dials.
module;
#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
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
#include <utility>

module holdfast.fleet_core;

import :entry_names;
import :fleet_gate;

namespace holdfast::fleet {
namespace {

using namespace std::chrono_literals;

class gate_over_broker final : public dial_gate, public std::enable_shared_from_this<gate_over_broker> {
 public:
  gate_over_broker(std::shared_ptr<coordinator> broker, gate_options how)
      : broker_(std::move(broker)), how_(std::move(how)), random_(std::random_device()()) {}

  net::awaitable<dial_permit> enter(dial_request) override {
    const auto alive = shared_from_this();
    timer waits(co_await net::this_coro::executor);
    const auto name = std::string(gate_prefix) + to_name(how_.name) + '.' + std::to_string(next_bucket());
    for (;;) {
      const auto found = co_await broker_->get(name);
      if (found) {
        if (*found)
          co_await waits.async_wait_until(clock::now() + how_.interval + latest_,
                                          net::as_tuple(net::deferred));
        const auto asked = clock::now();
        const auto mark = std::to_string(drawn());
        const auto expected = *found ? (*found)->revision : 0;
        const auto granted = co_await broker_->update(name, mark, expected);
        if (granted && clock::now() <= asked + latest_) co_return dial_permit();
        if (granted) continue;  // too late: the next one counts from when the broker granted it
        if (granted.error() == error::stale) continue;
        note(granted.error());
      } else {
        note(found.error());
      }
      // Whether it was granted is not known: it counts as granted to somebody.
      co_await waits.async_wait_until(clock::now() + 200ms, net::as_tuple(net::deferred));
    }
  }

 private:
  std::uint32_t next_bucket() {
    const std::lock_guard lock(mutex_);
    return next_++ % how_.buckets;
  }
  std::uint64_t drawn() {
    const std::lock_guard lock(mutex_);
    return random_();
  }
  void note(error_code why) const {
    if (how_.log) how_.log(log_level::warning, "fleet gate " + how_.name + ": " + why.message());
  }

  const std::shared_ptr<coordinator> broker_;
  const gate_options how_;
  const clock::duration latest_ =
      std::min<clock::duration>(250ms, how_.interval / 4);  // an answer of the broker
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::uint32_t next_ = 0;
};

}  // namespace

std::shared_ptr<dial_gate> gate(std::shared_ptr<coordinator> broker, gate_options how) {
  if (!broker) throw std::invalid_argument("fleet gate: the coordinator must not be null");
  if (how.name.empty() || how.name.size() > 128)
    throw option_error("gate_options.name", "must have 1 to 128 bytes");
  if (how.buckets < 1 || how.buckets > 100'000)
    throw option_error("gate_options.buckets", "must be from 1 to 100,000");
  if (how.interval < 10ms || how.interval > 1h)
    throw option_error("gate_options.interval", "must be from 10 ms to an hour");
  return std::make_shared<gate_over_broker>(std::move(broker), std::move(how));
}

}  // namespace holdfast::fleet
