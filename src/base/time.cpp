// The clock seam: a thread-local pointer that is null in production, so that reading the time costs only one
// more branch.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

module holdfast.core;

namespace holdfast {
namespace {

thread_local time_source* virtual_source = nullptr;

}  // namespace

clock::time_point clock::now() noexcept {
  if (virtual_source != nullptr) return virtual_source->now();
  return time_point(
      std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

std::chrono::system_clock::time_point clock::wall() noexcept {
  return virtual_source != nullptr ? virtual_source->wall() : std::chrono::system_clock::now();
}

clock::time_point clock::boot() noexcept {
  if (virtual_source != nullptr) return virtual_source->boot();
#ifdef CLOCK_BOOTTIME
  std::timespec read{};
  if (::clock_gettime(CLOCK_BOOTTIME, &read) == 0)
    return time_point(std::chrono::seconds(read.tv_sec) + std::chrono::nanoseconds(read.tv_nsec));
#endif
  return now();
}

std::chrono::system_clock::time_point time_source::wall() const noexcept {
  using calendar = std::chrono::system_clock;
  return calendar::time_point(std::chrono::duration_cast<calendar::duration>(now().time_since_epoch()));
}

time_source* clock::use(time_source* source) noexcept { return std::exchange(virtual_source, source); }

time_source* clock::source() noexcept { return virtual_source; }

struct timer::implementation {
  struct virtual_wait {
    net::any_io_executor executor;
    time_source* source;
    time_source::timer_id pending = 0;
  };
  static std::variant<net::steady_timer, virtual_wait> make(const net::any_io_executor& on) {
    if (auto* source = clock::source()) return virtual_wait{on, source};
    return net::steady_timer(on);
  }
  explicit implementation(const net::any_io_executor& on) : wait(make(on)) {}

  std::variant<net::steady_timer, virtual_wait> wait;
};

timer::timer(const net::any_io_executor& executor)
    : implementation_(std::make_unique<implementation>(executor)) {}
timer::timer(timer&&) noexcept = default;
timer& timer::operator=(timer&&) noexcept = default;

timer::~timer() {
  if (implementation_) cancel();
}

timer::executor_type timer::get_executor() const noexcept { return executor_of(this); }

timer::executor_type timer::executor_of(const timer* of) noexcept {
  if (auto* real = std::get_if<net::steady_timer>(&of->implementation_->wait)) return real->get_executor();
  return std::get_if<implementation::virtual_wait>(&of->implementation_->wait)->executor;
}

void timer::start(timer* of, time_source::handler handler, clock::time_point expiry) {
  auto& wait = of->implementation_->wait;
  if (auto* real = std::get_if<net::steady_timer>(&wait)) {
    real->expires_at(std::chrono::steady_clock::time_point(expiry.time_since_epoch()));
    return real->async_wait(std::move(handler));
  }
  auto& self = std::get<implementation::virtual_wait>(wait);
  self.source->cancel(self.pending);
  auto slot = net::get_associated_cancellation_slot(handler);
  self.pending = self.source->schedule(expiry, self.executor, std::move(handler));
  if (slot.is_connected()) {
    slot.assign([source = self.source, id = self.pending](net::cancellation_type type) {
      if (type != net::cancellation_type::none) source->cancel(id);
    });
  }
}

void timer::cancel() {
  if (auto* real = std::get_if<net::steady_timer>(&implementation_->wait)) {
    real->cancel();
  } else {
    const auto& self = std::get<implementation::virtual_wait>(implementation_->wait);
    self.source->cancel(self.pending);
  }
}

}  // namespace holdfast
