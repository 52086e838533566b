// The token source: a coroutine of its own runs the fetch. The askers wait on their own strands for the
// answer. The source knows them only weakly, so an asker may be destroyed without notice.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

module holdfast.core;

import :door;
import :wakeup;

namespace holdfast {
namespace {

// The answer to an asker: credentials, or what was thrown.
struct answer {
  credentials given{};
  std::exception_ptr failure{};
};

// One fetch. Shared with its coroutine, which may go on after we have given up on it.
struct flight {
  net::cancellation_signal cancel{};
  std::optional<answer> landed{};
};

std::exception_ptr thrown_with(error_code ec) {
  return std::make_exception_ptr(boost::system::system_error(ec));
}

void check(const token_source::fetch_function& fetch, const token_source_options& how) {
  if (!fetch) throw std::invalid_argument("token_source: fetch must not be empty");
  if (how.refresh_ahead < std::chrono::milliseconds::zero() ||
      how.refresh_ahead > std::chrono::hours(24 * 365))
    throw std::invalid_argument("token_source_options.refresh_ahead: must be from zero to a year");
  if (how.fetch_deadline <= std::chrono::milliseconds::zero() ||
      how.fetch_deadline > std::chrono::hours(24 * 365))
    throw std::invalid_argument(
        "token_source_options.fetch_deadline: must be longer than zero, up to a year");
}

}  // namespace

class token_source::implementation : public std::enable_shared_from_this<token_source::implementation> {
 public:
  implementation(const net::any_io_executor& executor, fetch_function fetch, token_source_options how)
      : strand_(net::make_strand(executor)), fetch_(std::move(fetch)), how_(how), news_(strand_) {}

  // Runs on any executor.
  static net::awaitable<credentials> provide(std::shared_ptr<implementation> self,
                                             credential_request request);

 private:
  struct waiting {
    std::uint64_t id;
    bool refused;
    std::uint64_t serial;
    way_to<answer> way;
  };

  static net::awaitable<credentials> wait_in_line(std::shared_ptr<implementation> self,
                                                  credential_request request, net::any_io_executor strand);
  void ask(waiting one);
  void leave(std::uint64_t id);
  net::awaitable<void> fly();
  net::awaitable<credentials> fetch() { co_return co_await fetch_(); }
  [[nodiscard]] bool anyone_waits();
  void take(answer landed);
  void tell_all(const answer& landed);
  [[nodiscard]] bool may_use_kept(const waiting& by, clock::duration at_least) const;

  const net::any_io_executor strand_;
  const fetch_function fetch_;
  const token_source_options how_;
  std::atomic<std::uint64_t> last_id_{0};

  // Used on the strand only.
  wakeup news_;  // wakes fly()
  bool flying_ = false;
  std::vector<waiting> line_;
  std::optional<credentials> kept_;
  std::uint64_t last_serial_ = 0;
};

token_source::token_source(net::any_io_executor executor, fetch_function fetch, token_source_options how) {
  check(fetch, how);
  implementation_ = std::make_shared<implementation>(executor, std::move(fetch), how);
}

credential_provider token_source::as_provider() const {
  return [self = implementation_](credential_request request) {
    return implementation::provide(self, std::move(request));
  };
}

// The asker's executor may run several threads. The strand keeps its wait and its answer from running at
// once.
net::awaitable<credentials> token_source::implementation::provide(std::shared_ptr<implementation> self,
                                                                  credential_request request) {
  const net::any_io_executor strand = net::make_strand(co_await net::this_coro::executor);
  co_return co_await net::co_spawn(strand, wait_in_line(std::move(self), std::move(request), strand),
                                   net::use_awaitable);
}

net::awaitable<credentials> token_source::implementation::wait_in_line(std::shared_ptr<implementation> self,
                                                                       credential_request request,
                                                                       net::any_io_executor strand) {
  // Checks for cancellation by hand: if a coroutine was cancelled before it began and throws before its first
  // wait, co_spawn of Boost 1.83 throws out of the executor.
  co_await net::this_coro::throw_if_cancelled(false);
  const auto cancelled = co_await net::this_coro::cancellation_state;
  if (cancelled.cancelled() != net::cancellation_type::none)
    throw boost::system::system_error(net::error::operation_aborted);
  const auto me = std::make_shared<asker<answer>>(strand);
  const auto id = ++self->last_id_;
  net::post(self->strand_,
            [self, one = waiting{id, request.refused, request.serial, way_to<answer>(me)}]() mutable {
              self->ask(std::move(one));
            });
  auto told = co_await me->wait();
  if (!told) {
    net::post(self->strand_, [self, id] { self->leave(id); });
    throw boost::system::system_error(net::error::operation_aborted);
  }
  if (told->failure) std::rethrow_exception(told->failure);
  co_return std::move(told->given);
}

void token_source::implementation::ask(waiting one) {
  if (one.way.leads_nowhere()) return;
  line_.push_back(std::move(one));
  if (flying_) return;
  if (may_use_kept(line_.back(), how_.refresh_ahead)) return tell_all({.given = *kept_});
  flying_ = true;
  net::co_spawn(
      strand_, [self = shared_from_this()] { return self->fly(); },
      [self = shared_from_this()](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
}

void token_source::implementation::leave(std::uint64_t id) {
  std::erase_if(line_, [id](const waiting& each) { return each.id == id; });
  news_.notify();
}

// The fetch is a coroutine of its own, so that a fetch that hangs does not keep the askers waiting for ever.
net::awaitable<void> token_source::implementation::fly() {
  const auto out = std::make_shared<flight>();
  const auto deadline = clock::now() + how_.fetch_deadline;
  const auto landed = [self = shared_from_this(), out](std::exception_ptr thrown, credentials given) {
    out->landed = answer{std::move(given), std::move(thrown)};
    self->news_.notify();
  };
  net::co_spawn(
      strand_, [self = shared_from_this()] { return self->fetch(); },
      net::bind_cancellation_slot(out->cancel.slot(), landed));
  while (!out->landed && anyone_waits() && clock::now() < deadline) co_await news_.wait_until(deadline);
  flying_ = false;
  if (out->landed) co_return take(std::move(*out->landed));
  out->cancel.emit(net::cancellation_type::terminal);
  tell_all({.failure = thrown_with(error::timed_out)});
}

// An asker whose coroutine was destroyed with its context has not called leave().
bool token_source::implementation::anyone_waits() {
  std::erase_if(line_, [](const waiting& each) { return each.way.leads_nowhere(); });
  return !line_.empty();
}

// Credentials that cannot be sent are passed on, so that each attempt reports what is wrong, but they are not
// kept.
void token_source::implementation::take(answer landed) {
  if (!landed.failure && check_credentials(landed.given).empty()) {
    landed.given.serial = ++last_serial_;
    kept_ = landed.given;
  }
  tell_all(landed);
}

// A failure is hidden from askers that the kept credentials can still serve.
void token_source::implementation::tell_all(const answer& landed) {
  for (const auto& each : std::exchange(line_, {})) {
    const bool spared = landed.failure && may_use_kept(each, clock::duration::zero());
    each.way.tell(spared ? answer{.given = *kept_} : landed);
  }
}

// Returns whether the kept credentials have more than `at_least` to live, and are not those that the server
// refused.
bool token_source::implementation::may_use_kept(const waiting& by, clock::duration at_least) const {
  if (!kept_) return false;
  if (kept_->expires_at && *kept_->expires_at <= clock::now() + at_least) return false;
  const bool newer = by.serial != 0 && by.serial < kept_->serial;
  return !by.refused || newer;
}

}  // namespace holdfast
