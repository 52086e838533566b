// The clock seam: a thread-local pointer that is null in production, so that reading time costs one branch
// more.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

module holdfast;

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

std::chrono::system_clock::time_point time_source::wall() const noexcept {
  using calendar = std::chrono::system_clock;
  return calendar::time_point(std::chrono::duration_cast<calendar::duration>(now().time_since_epoch()));
}

time_source* clock::use(time_source* source) noexcept { return std::exchange(virtual_source, source); }

time_source* clock::source() noexcept { return virtual_source; }

struct timer::implementation {
  explicit implementation(const net::any_io_executor& on) : executor(on), source(clock::source()) {
    if (source == nullptr) real.emplace(on);
  }
  net::any_io_executor executor;
  time_source* source;
  time_source::timer_id pending = 0;
  std::optional<net::steady_timer> real;
};

timer::timer(const net::any_io_executor& executor)
    : implementation_(std::make_unique<implementation>(executor)) {}
timer::timer(timer&&) noexcept = default;
timer& timer::operator=(timer&&) noexcept = default;

timer::~timer() {
  if (implementation_) cancel();
}

void timer::start(clock::time_point expiry, time_source::handler handler) {
  auto& self = *implementation_;
  if (self.source != nullptr) {
    self.source->cancel(self.pending);
    auto slot = net::get_associated_cancellation_slot(handler);
    self.pending = self.source->schedule(expiry, self.executor, std::move(handler));
    if (slot.is_connected()) {
      slot.assign([source = self.source, id = self.pending](net::cancellation_type) { source->cancel(id); });
    }
    return;
  }
  self.real->expires_at(std::chrono::steady_clock::time_point(expiry.time_since_epoch()));
  self.real->async_wait(std::move(handler));
}

void timer::cancel() {
  auto& self = *implementation_;
  if (self.source != nullptr) {
    self.source->cancel(self.pending);
  } else {
    self.real->cancel();
  }
}

}  // namespace holdfast
