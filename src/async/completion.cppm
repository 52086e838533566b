// :completion — a pending operation of a user: its handler, the executor on which that is called, and its
// work guard; and the list of such operations that wait for the same thing.
module;
#include <algorithm>
#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/strand.hpp>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

export module holdfast.core:completion;

namespace holdfast {

namespace net = boost::asio;

// While it lives, the first operation that this thread completes is kept; leave() calls its handler. So that
// runs right behind the strand's turn that completed it, on the same thread but off the strand: one trip
// through the executor less between a socket that has bytes and the program that waits for them. Further ones
// are posted at once, ahead of what the strand posts for its next turn (R64).
class completion_scope {
 public:
  using call = net::any_completion_handler<void()>;

  explicit completion_scope(net::any_io_executor executor)
      : executor_(std::move(executor)), outer_(std::exchange(current_, this)) {}
  completion_scope(const completion_scope&) = delete;
  completion_scope& operator=(const completion_scope&) = delete;
  ~completion_scope() { current_ = outer_; }

  // The scope of this thread; null if there is none, or if it belongs to another executor: in the turn of one
  // connection a program may complete an operation of another one, whose context has threads of its own.
  static completion_scope* current_for(const net::any_io_executor& executor) noexcept {
    return current_ != nullptr && current_->executor_ == executor ? current_ : nullptr;
  }
  void add(call one) {
    if (first_) {
      net::post(executor_, std::move(one));
    } else {
      first_ = std::move(one);
    }
  }
  void leave() {
    current_ = outer_;
    if (first_) std::move(first_)();
  }

 private:
  static inline thread_local completion_scope* current_ = nullptr;

  net::any_io_executor executor_;
  completion_scope* outer_;
  call first_;
};

// Nearly every strand of ours is one of these. Asked by its type it costs half: the type-erased executor is
// asked for other properties of itself first, and counts the strand's owners each time.
using concrete_strand = net::strand<net::io_context::executor_type>;

// Runs `call` on the strand, at once if that is free.
template <class Call>
void dispatch_to(const net::any_io_executor& strand, Call call) {
  if (const auto* on = strand.target<concrete_strand>()) return on->execute(std::move(call));
  net::dispatch(strand, std::move(call));
}

// Runs `call` on the strand, behind all that waits for it. No executor of its own is asked for.
template <class Call>
void post_to(const net::any_io_executor& strand, Call call) {
  if (const auto* on = strand.target<concrete_strand>()) return net::post(*on, std::move(call));
  net::post(strand, std::move(call));
}

// The types of a cancellation (boost/asio/cancellation_type.hpp) that an operation obeys. Any of them, if it
// can end without an effect; all but `total`, if it cannot promise that.
inline constexpr auto any_cancellation =
    net::cancellation_type::terminal | net::cancellation_type::partial | net::cancellation_type::total;
/// The types of a cancellation that an operation obeys which cannot promise to have had no effect.
export inline constexpr auto cancellation_with_effects =
    net::cancellation_type::terminal | net::cancellation_type::partial;

// On which executor the handler of an operation is called. To ask a type-erased handler costs two
// allocations.
enum class called_on : std::uint8_t {
  its_own,         // the handler is asked
  the_connection,  // it is the connection's, and cannot run out of work: the handler resumes a coroutine
};

/// Keeps the handler of an operation until it completes, which it does exactly once. complete() never calls
/// the handler: its caller may hold a lock or run on the strand, and the code of a user must delay neither.
/// It posts to the connection's executor, and dispatches from there to the handler's own, which may be of any
/// kind (the type-erased executor of Asio can dispatch, but not post). For the modules of this library.
export template <class... Results>
class pending_operation {
 public:
  /// What is called in the end.
  using handler_type = net::any_completion_handler<void(Results...)>;

  /// Makes an operation without a handler.
  pending_operation() = default;
  /// Takes the handler. If it has no executor of its own, `fallback` is used: the connection's.
  pending_operation(handler_type handler, const net::any_io_executor& fallback)
      : connection_executor_(fallback),
        executor_(net::prefer(net::get_associated_executor(handler, fallback),
                              net::execution::outstanding_work.tracked)),
        runs_there_(net::get_associated_executor(handler, fallback) ==
                    net::any_completion_executor(fallback)),
        handler_(std::move(handler)) {}
  /// The same, if it is known where the handler is to be called.
  pending_operation(handler_type handler, const net::any_io_executor& fallback, called_on where)
      : pending_operation(where == called_on::the_connection
                              ? pending_operation(fallback, std::move(handler))
                              : pending_operation(std::move(handler), fallback)) {}

  /// Returns whether there is a handler.
  explicit operator bool() const noexcept { return static_cast<bool>(handler_); }

  /// Has `cancel` called on the user's side, for as long as the handler has not been called, if one of the
  /// requested types is among `obeyed`. It takes those that are, or nothing. Must be set before the operation
  /// is where another thread could complete it.
  template <class Cancel>
  void on_cancel(net::cancellation_type obeyed, Cancel cancel) {
    auto slot = net::get_associated_cancellation_slot(handler_);
    if (!slot.is_connected()) return;
    slot.assign([obeyed, cancel = std::move(cancel)](net::cancellation_type requested) {
      const auto type = requested & obeyed;
      if (type == net::cancellation_type::none) return;
      if constexpr (std::is_invocable_v<const Cancel&, net::cancellation_type>) {
        cancel(type);
      } else {
        cancel();
      }
    });
  }
  /// The same, for an operation that obeys all types.
  template <class Cancel>
  void on_cancel(Cancel cancel) {
    on_cancel(any_cancellation, std::move(cancel));
  }

  /// Completes the operation. Once.
  void complete(Results... results) {
    auto call = [handler = std::exchange(handler_, {}), ... values = std::move(results)]() mutable {
      // The slot belongs to the user's executor: it must not be touched where the operation was completed.
      net::get_associated_cancellation_slot(handler).clear();
      std::move(handler)(std::move(values)...);
    };
    auto pass_on = [arrived = runs_there_, executor = std::exchange(executor_, {}),
                    call = std::move(call)]() mutable {
      if (arrived) return call();
      net::dispatch(executor, std::move(call));
    };
    if (auto* scope = completion_scope::current_for(connection_executor_)) {
      scope->add(std::move(pass_on));
    } else {
      net::post(connection_executor_, std::move(pass_on));
    }
  }

 private:
  pending_operation(const net::any_io_executor& connection, handler_type handler)
      : connection_executor_(connection), runs_there_(true), handler_(std::move(handler)) {}

  net::any_io_executor connection_executor_;
  net::any_completion_executor executor_;  // empty: the connection's, see called_on
  bool runs_there_ = false;                // the handler's own executor is the connection's
  handler_type handler_;
};

// Operations in order of arrival. Not thread-safe: the owner guards it by its lock or its strand.
template <class... Results>
class waiting_list {
 public:
  using operation = pending_operation<Results...>;

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

  void add(std::uint64_t id, operation op) { entries_.push_back({id, std::move(op)}); }
  // An empty operation if it has already been completed.
  operation take(std::uint64_t id) {
    const auto found = std::ranges::find(entries_, id, &entry::id);
    if (found == entries_.end()) return {};
    auto op = std::move(found->op);
    entries_.erase(found);
    return op;
  }
  void complete_all(const Results&... results) {
    for (auto& each : std::exchange(entries_, {})) each.op.complete(results...);
  }

 private:
  struct entry {
    std::uint64_t id;
    operation op;
  };
  std::vector<entry> entries_;
};

}  // namespace holdfast
