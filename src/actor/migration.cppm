// :migration — a move from the session that is open to another socket: its beginning, its attempt, the socket
// that waits for the old session to end, and the operations that wait for the move. On the strand of the
// actor.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

module holdfast.core:migration;

import :attempt;
import :completion;
import :error;
import :lifetime;
import :time;
import :wakeup;

namespace holdfast {

// Shared by the actor and the coroutine that dials: the actor may have ended the move, and begun another one,
// before the coroutine notices.
class migration {
 public:
  using operation = pending_operation<error_code>;

  migration(const net::any_io_executor& strand, clock::time_point begins) : wake(strand), begins_(begins) {}

  // Nobody has asked for it: the session will reach its lifetime.
  migration(const net::any_io_executor& strand, const departure_time& when)
      : wake(strand), begins_(clock::time_point::max()), planned_(when) {}
  [[nodiscard]] const std::optional<departure_time>& planned() const noexcept { return planned_; }
  // Begins at `when`, or sooner if that was planned already.
  void begin_by(clock::time_point when) {
    begins_ = std::min(begins_, when);
    wake.notify();
  }
  // When to begin, or to look again: see departure_time::go_at().
  [[nodiscard]] clock::time_point begins(clock::time_point heard, std::uint64_t sent, clock::time_point now) {
    return planned_ ? std::min(begins_, planned_->go_at(heard, sent, now)) : begins_;
  }

  // Completes `op` at the end of the move.
  void add_waiter(std::uint64_t id, operation op) { waiters_.add(id, std::move(op)); }
  void cancel_waiter(std::uint64_t id) {
    if (auto op = waiters_.take(id)) op.complete(net::error::operation_aborted);
  }

  // An attempt is under way, until dialled() or end().
  void dials(std::shared_ptr<dial_attempt> attempt) { attempt_ = std::move(attempt); }
  // The attempt is over. `socket` is null if it has failed.
  void dialled(std::unique_ptr<opened_socket> socket) {
    attempt_.reset();
    socket_ = std::move(socket);
  }
  // The next session has its socket, and waits for the present one to end.
  [[nodiscard]] bool has_socket() const noexcept { return socket_ != nullptr; }
  std::unique_ptr<opened_socket> take_socket() { return std::exchange(socket_, nullptr); }

  // The end. Empty `why`: the next session is usable.
  void end(error_code why) {
    over_ = true;
    if (attempt_) attempt_->abandon(why);  // at once: another attempt may follow
    waiters_.complete_all(why);
    wake.notify();
  }
  [[nodiscard]] bool over() const noexcept { return over_; }

  wakeup wake;  // wakes the coroutine that dials

 private:
  clock::time_point begins_;  // as was asked for; max: it was not
  std::optional<departure_time> planned_{};
  bool over_ = false;
  std::shared_ptr<dial_attempt> attempt_{};
  std::unique_ptr<opened_socket> socket_{};
  waiting_list<error_code> waiters_{};
};

}  // namespace holdfast
