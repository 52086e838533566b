// :initiation — what Asio calls to start an operation of ours, and what an operation returns that need not be
// started. Knows neither the operations nor what they are about.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <type_traits>
#include <utility>

export module holdfast.core:initiation;

namespace holdfast {

namespace net = boost::asio;

/// Starts an operation. `Start` takes the subject, the handler, and what else async_initiate() was given.
/// Tokens that need an executor of the operation find it here, as net::cancel_after does for its timer (Boost
/// 1.86): `ExecutorOf` takes the subject. A subject is what the operation must keep until it is started, and
/// no more: a program may keep many of them. For the modules of this library.
export template <auto Start, auto ExecutorOf, class Subject>
struct initiation {
  /// The type of get_executor().
  using executor_type = net::any_io_executor;

  /// Keeps the subject. A constructor, because coroutines make initiations where they await
  /// (await_temporaries_test.py).
  explicit initiation(Subject of) : subject(std::move(of)) {}

  /// Returns the executor of the operation.
  [[nodiscard]] executor_type get_executor() const noexcept { return ExecutorOf(subject); }
  /// Starts the operation.
  template <class Handler, class... Arguments>
  void operator()(Handler&& handler, Arguments&&... arguments) const {
    Start(subject, std::forward<Handler>(handler), std::forward<Arguments>(arguments)...);
  }

  Subject subject;  ///< what is operated on
};

/// Whether `Token` is that of a coroutine, which need not suspend for a result that is known already.
export template <class Token>
inline constexpr bool is_awaited = std::is_same_v<std::decay_t<Token>, net::use_awaitable_t<>>;
// The same, for a result without an exception.
template <class Token>
inline constexpr bool is_awaited_as_tuple =
    std::is_same_v<std::decay_t<Token>, net::as_tuple_t<net::use_awaitable_t<>>>;

// What a command that has been given already returns: await it or let it be (unlike Asio's deferred
// operations, which the compiler wants to see used).
template <class Operation>
struct optional_operation : Operation {
  explicit optional_operation(Operation operation) : Operation(std::move(operation)) {}
};

}  // namespace holdfast
