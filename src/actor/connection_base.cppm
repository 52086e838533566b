// :connection_base — how the operations of a connection are started. Beneath `connection`, so that what
// programs read is not mixed with it.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

module holdfast.core:connection_base;

import :error;
import :initiation;
import :json;
import :lazy_message;
import :message;
import :session_info;
import :state;
import :state_channel;
import :time;

namespace holdfast {
class actor;

class connection_base {
 protected:
  template <class... Results>
  using any_handler = net::any_completion_handler<void(Results...)>;
  using actor_pointer = std::shared_ptr<actor>;
  template <class Signature, auto Start, class Token, class... Arguments>
  auto initiate(Token&& token, Arguments&&... arguments) {
    using operation = initiation<Start, &connection_base::executor_of, actor_pointer>;
    return net::async_initiate<Token, Signature>(operation{actor_}, token,
                                                 std::forward<Arguments>(arguments)...);
  }
  template <class Signature, auto Start, class Token>
  auto initiate_optional(Token&& token) {
    if constexpr (std::is_same_v<std::decay_t<Token>, net::deferred_t>) {
      return optional_operation(initiate<Signature, Start>(std::forward<Token>(token)));
    } else {
      return initiate<Signature, Start>(std::forward<Token>(token));
    }
  }
  template <class Result, auto Start, class Token>
  auto initiate_receive(Token&& token) {
    if constexpr (is_awaited<Token>) {
      return take<Result>(actor_);
    } else if constexpr (is_awaited_as_tuple<Token>) {
      return take<std::tuple<error_code, Result>>(actor_);
    } else {
      return initiate<void(error_code, Result), Start>(std::forward<Token>(token));
    }
  }
  template <class Token>
  auto initiate_send(lazy_message what, Token&& token) {
    if constexpr (std::is_same_v<std::decay_t<Token>, net::detached_t>) {
      start_send(actor_, {}, what);  // nobody hears the result, so none is made
    } else if constexpr (is_awaited<Token>) {
      return send_one(actor_, std::move(what));
    } else {
      return initiate<void(send_result), &connection_base::start_send>(std::forward<Token>(token),
                                                                       std::move(what));
    }
  }

  connection_base() = default;
  explicit connection_base(actor_pointer of) : actor_(std::move(of)) {}

  static net::any_io_executor executor_of(const actor_pointer& self) noexcept;
  static void start_run(const actor_pointer& self, any_handler<error_code> handler);
  static void start_settled(const actor_pointer& self, any_handler<error_code> handler);
  static void start_ping(const actor_pointer& self, any_handler<error_code, clock::duration> handler);
  static void start_migrate(const actor_pointer& self, any_handler<error_code> handler);
  static void start_session(const actor_pointer& self, any_handler<error_code, session_info> handler);
  static void start_export(const actor_pointer& self, any_handler<error_code, std::string> handler);
  static void start_next(const actor_pointer& self, any_handler<error_code, observed_change> handler);
  static void start_next_after(const actor_pointer& self, any_handler<error_code, observed_change> handler,
                               std::uint64_t after);
  static void start_reach(const actor_pointer& self, any_handler<error_code, observed_change> handler,
                          connection_state wanted);
  static void start_connected(const actor_pointer& self, any_handler<error_code, observed_change> handler);
  // Result: message, message_batch or json_message, or a tuple of an error_code and one of them.
  template <class Result>
  static net::awaitable<Result> take(actor_pointer self);
  static net::awaitable<send_result> send_one(actor_pointer self, lazy_message what);
  static void start_send(const actor_pointer& self, any_handler<send_result> handler,
                         const lazy_message& what);
  static void start_receive(const actor_pointer& self, any_handler<error_code, message> handler);
  static void start_receive_batch(const actor_pointer& self, any_handler<error_code, message_batch> handler);
  static void start_receive_json(const actor_pointer& self, any_handler<error_code, json_message> handler);

  std::shared_ptr<actor> actor_;  // shared with run() and with pending operations
};

}  // namespace holdfast
