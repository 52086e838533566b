/// :time — the library's clock and its timer, the seam through which a test replaces time.
/// Every deadline in holdfast is a `clock::time_point`; no other room reads a clock or owns an Asio timer.
/// The wall clock is only for dates of others, and for what the steady clock does not see (a suspend).
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

export module holdfast.core:time;

import :error;
export import :initiation;

namespace holdfast {

namespace net = boost::asio;
using std::chrono::milliseconds;

export class time_source;

/// Monotonic clock. Reads `std::chrono::steady_clock`, or the virtual source that the current thread has set.
export struct clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  /// A point in time of this clock: what every deadline in holdfast is.
  using time_point = std::chrono::time_point<clock>;
  /// True: the clock never goes back.
  static constexpr bool is_steady = true;

  /// Returns the present: of the virtual source of the calling thread if it has one, else of the machine.
  static time_point now() noexcept;
  /// Returns the time of the calendar: `std::chrono::system_clock`, or that of the virtual source. It may
  /// jump either way; in a suspend it goes on while `now()` stands still.
  static std::chrono::system_clock::time_point wall() noexcept;
  /// Returns a steady time that goes on in a suspend (CLOCK_BOOTTIME on Linux; `now()` where the system has
  /// no such clock). Only to be compared with itself.
  static time_point boot() noexcept;

  /// Makes `source` the time of the calling thread (null: real time again); returns the previous source.
  /// For tests: all parts of a virtual world must be made and run on one thread.
  static time_source* use(time_source* source) noexcept;
  /// Returns the source of the calling thread; null: real time.
  static time_source* source() noexcept;
};

// A hundred years stand for ever: what is added to a present must not overflow.
inline constexpr std::chrono::hours for_ever{24 * 365 * 100};

/// Returns the moment that lies `span` after `begin`; spans of a program's own may be as long as their type
/// allows.
export template <class Rep, class Period>
clock::time_point later(clock::time_point begin, std::chrono::duration<Rep, Period> span) {
  return begin +
         (span > for_ever ? clock::duration(for_ever) : std::chrono::duration_cast<clock::duration>(span));
}

/// A replacement for time: what a simulator implements. Called only on the thread that set it.
export class time_source {
 public:
  /// What schedule() calls: with success at the expiry, with operation_aborted after cancel().
  using handler = net::any_completion_handler<void(error_code)>;
  /// Names one wait of this source.
  using timer_id = std::uint64_t;

  virtual ~time_source() = default;
  /// Returns the present of this source. It never goes back.
  [[nodiscard]] virtual clock::time_point now() const noexcept = 0;
  /// Returns the wall clock; unless overridden, it began in 1970 when `now()` was zero, and never jumps.
  [[nodiscard]] virtual std::chrono::system_clock::time_point wall() const noexcept;
  /// Returns what clock::boot() returns; unless overridden, `now()`.
  [[nodiscard]] virtual clock::time_point boot() const noexcept { return now(); }
  /// Calls `handler` on `executor` when `now()` has reached `expiry`; never from within this call.
  virtual timer_id schedule(clock::time_point expiry, net::any_io_executor executor, handler on_expiry) = 0;
  /// Completes the wait with operation_aborted; false if it has already expired or is unknown.
  virtual bool cancel(timer_id id) = 0;
};

/// One wait at a time until a point of `clock`. Not thread-safe: use it on one strand.
export class timer {
 public:
  /// The type of get_executor().
  using executor_type = net::any_io_executor;

  /// Waits on `executor`, by the time source that the calling thread has at this moment.
  explicit timer(const net::any_io_executor& executor);
  /// Takes over the other timer, which may then only be assigned to or destroyed. A wait goes on.
  timer(timer&&) noexcept;
  timer& operator=(timer&&) noexcept;
  /// Cancels the wait under way.
  ~timer();

  /// Returns the executor on which it waits.
  [[nodiscard]] executor_type get_executor() const noexcept;

  /// Completes with success at `expiry`, with operation_aborted after `cancel()` or a newer wait.
  /// An old wait whose expiry was already on its way may still complete with success (an Asio trap):
  /// a caller that re-arms must compare the time, not the error. Cancellation: terminal, partial and total.
  template <net::completion_token_for<void(error_code)> Token = net::deferred_t>
  auto async_wait_until(clock::time_point expiry, Token&& token = Token()) {
    using operation = initiation<&timer::start, &timer::executor_of, timer*>;
    return net::async_initiate<Token, void(error_code)>(operation{this}, token, expiry);
  }
  /// Completes the wait under way with operation_aborted. A wait whose expiry is already on its way completes
  /// with success all the same.
  void cancel();

 private:
  static executor_type executor_of(const timer* of) noexcept;
  static void start(timer* of, time_source::handler handler, clock::time_point expiry);
  struct implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace holdfast
