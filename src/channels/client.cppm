/// :client — calls, channels and publications over one connection that lasts. Every member may be called from
/// any thread; asynchronous ones take any completion token, as those of `connection` do, on the same terms.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value.hpp>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

export module holdfast.channels:client;

import holdfast.core;
import :call;
import :channel_hub;
import :client_options;
import :dialect;
import :item_queue;
import :subscription_item;
import :subscription_table;

namespace holdfast::channels {

/// A channel that stays subscribed to until the handle is destroyed: after a loss it comes back by itself.
/// Move-only. Any thread may call any member; assigning, moving and destroying must not happen at the same
/// time as a call.
export class subscription {
 public:
  /// The type of get_executor().
  using executor_type = net::any_io_executor;

  subscription(subscription&&) noexcept = default;
  /// Unsubscribes from the present channel, and takes over the other.
  subscription& operator=(subscription&&) noexcept;
  /// Unsubscribes. A pending receiver gets `ended`.
  ~subscription();

  /// Returns the executor of the client.
  [[nodiscard]] executor_type get_executor() const noexcept;
  /// Returns the name of the channel.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Returns where the subscription stands: what the server has said, not what has been received.
  [[nodiscard]] subscription_state state() const;
  /// Returns the position behind the last event that was received, to be given to
  /// subscribe_options::position, also in another process; empty: the protocol has none.
  [[nodiscard]] std::string position() const;
  /// Publishes to the channel, with its parameters; otherwise as client::publish(). void(send_result).
  template <token_for<void(send_result)> Token = net::use_awaitable_t<>>
  auto publish(json::value data, publish_options how = {}, Token&& token = Token()) {
    if constexpr (std::is_same_v<std::decay_t<Token>, net::detached_t>) {
      start_publish(place_, {}, data, how);
    } else {
      using operation = initiation<&subscription::start_publish, &subscription::executor_of, pointer>;
      return net::async_initiate<Token, void(send_result)>(operation{place_}, token, std::move(data),
                                                           std::move(how));
    }
  }
  /// Ends the subscription: `ended` is the last item. Without effect if it has ended.
  void unsubscribe();

  /// Receives the next item. Receivers are served in the order in which they were started. void(error_code,
  /// item).
  ///
  /// - Completes with an item: an event, or what happened to the subscription. `ended` is the last one.
  /// - Errors: closed after `ended`; operation_aborted if it was cancelled.
  /// - Cancellation: terminal, partial and total. No item is lost.
  /// - Any thread.
  template <token_for<void(error_code, item)> Token = net::use_awaitable_t<>>
  [[nodiscard]] auto receive(Token&& token = Token()) {
    if constexpr (is_awaited<Token>) {
      return receive_one(place_);
    } else {
      return initiate<void(error_code, item), &subscription::start_receive>(std::forward<Token>(token));
    }
  }

 private:
  friend class client;
  struct place {
    std::shared_ptr<channel_hub> hub;  // shared with the client
    std::shared_ptr<item_queue> items;
    subscription_table::pointer channel{};
  };
  using pointer = std::shared_ptr<place>;  // shared with pending operations
  subscription(std::string name, pointer at) : name_(std::move(name)), place_(std::move(at)) {}

  template <class Signature, auto Start, class Token>
  auto initiate(Token&& token) {
    using operation = initiation<Start, &subscription::executor_of, pointer>;
    return net::async_initiate<Token, Signature>(operation{place_}, token);
  }
  static executor_type executor_of(const pointer& self) noexcept;
  static void start_receive(const pointer& self, net::any_completion_handler<void(error_code, item)> handler);
  static void start_publish(const pointer& self, net::any_completion_handler<void(send_result)> handler,
                            const json::value& data, const publish_options& how);
  static net::awaitable<item> receive_one(pointer self);

  std::string name_;
  pointer place_;
};

/// A call of the server, for client::set_call_handler(). Movable.
export class incoming_call {
 public:
  /// Returns the name of the method.
  [[nodiscard]] const std::string& method() const noexcept { return asked_.method; }
  /// Returns what the server has given with it.
  [[nodiscard]] const json::value& params() const noexcept { return asked_.params; }
  /// Returns the binary data that came with them, where the protocol has such: see `attachment`.
  [[nodiscard]] const std::vector<std::string>& attachments() const noexcept { return asked_.attachments; }
  /// Returns whether the server waits for an answer.
  [[nodiscard]] bool wants_answer() const noexcept { return !asked_.id.empty(); }
  /// Answers, once at most. Dropped if the session of the call has ended: the server has forgotten it.
  void answer(const json::value& value, const std::vector<std::string>& attachments = {});
  /// Answers with an error, once at most. Socket.IO has none: then no acknowledgement is sent.
  void refuse(const call_error& why);

 private:
  friend class client;
  incoming_call(std::weak_ptr<channel_hub> hub, server_call asked)
      : hub_(std::move(hub)), asked_(std::move(asked)) {}

  std::weak_ptr<channel_hub> hub_;
  server_call asked_;
};

/// Makes calls, subscribes and publishes, in the terms of one dialect, over a connection of its own.
/// Move-only. The destructor ends everything at once: pending operations complete with operation_aborted.
export class client {
 public:
  /// The type of get_executor().
  using executor_type = net::any_io_executor;

  /// Connects to nothing yet. `given.protocol` must be empty, and the dialect sets what it needs besides,
  /// such as `subprotocols`. Throws option_error as the constructor of `connection` does, and
  /// std::invalid_argument if a field of `how` is wrong.
  client(net::any_io_executor executor, options given, const dialect_factory& speaks,
         client_options how = {});
  /// Takes an execution context, such as `net::io_context`, in place of its executor.
  template <class Context>
    requires requires(Context& context) {
      { context.get_executor() } -> std::convertible_to<net::any_io_executor>;
    }
  client(Context& context, options given, const dialect_factory& speaks, client_options how = {})
      : client(context.get_executor(), std::move(given), speaks, how) {}
  client(client&&) noexcept = default;
  /// Ends the present client as the destructor does, then takes over the other.
  client& operator=(client&&) noexcept;
  ~client();

  /// Returns the executor that was given to the constructor.
  [[nodiscard]] executor_type get_executor() const noexcept;
  /// Returns the connection, for its states, listeners and commands. Do not run it, send on it, or
  /// receive from it: that is what the client does.
  [[nodiscard]] holdfast::connection& connection() noexcept { return *conn_; }

  /// Runs the client, as connection::run() runs a connection. When it has ended, all calls and subscriptions
  /// end.
  template <token_for<void(error_code)> Token = net::use_awaitable_t<>>
  auto run(Token&& token = Token()) {
    return initiate<void(error_code), &client::start_run>(std::forward<Token>(token));
  }
  /// Closes for good: see connection::close(). Calls under way end in doubt.
  void close() { conn_->close(); }
  /// Closes gracefully: refuses calls from now on (closed), waits until those under way have ended, which
  /// their timeouts bound, unsubscribes, and closes. Returns at once; run() completes when it is done. Any
  /// thread.
  void drain();

  /// Calls a method of the server. Waits for a session if there is none, for `how.timeout` at most.
  /// void(call_result).
  ///
  /// - Completes exactly once, with what became of the call: see `call_outcome`. There is no error_code, so
  /// nothing
  ///   is thrown.
  /// - not_sent: timed_out before there was a session; outbound_full, message_too_big, message_invalid (the
  /// protocol
  ///   cannot carry it); closed after the end.
  /// - in_doubt: timed_out after it was sent; or the reason for which the session ended before the answer.
  /// - Cancellation: terminal and partial. Ends the wait: in_doubt with operation_aborted. The request may
  /// still be
  ///   sent. If the protocol has a frame for it, the client tells the server that it wants no answer.
  /// - Any thread.
  template <token_for<void(call_result)> Token = net::use_awaitable_t<>>
  [[nodiscard]] auto call(std::string_view method, json::value params = {}, call_options how = {},
                          Token&& token = Token()) {
    return initiate<void(call_result), &client::start_call>(std::forward<Token>(token), std::string(method),
                                                            std::move(params), how, std::string(how.feature));
  }
  /// Calls a method that answers nothing. Refused without a session, as connection::send() is.
  /// void(send_result).
  template <token_for<void(send_result)> Token = net::use_awaitable_t<>>
  auto notify(std::string_view method, json::value params = {}, Token&& token = Token()) {
    return initiate_send(std::forward<Token>(token), &client::start_notify, std::string(method),
                         std::move(params), {});
  }
  /// Publishes to a channel. Refused without a session, as connection::send() is. void(send_result).
  template <token_for<void(send_result)> Token = net::use_awaitable_t<>>
  auto publish(std::string_view channel, json::value data, publish_options how = {},
               Token&& token = Token()) {
    return initiate_send(std::forward<Token>(token), &client::start_publish, std::string(channel),
                         std::move(data), std::move(how));
  }
  /// Subscribes to a channel. Subscriptions with the same name and parameters share one of the server, and
  /// each gets all items. Throws std::invalid_argument if a limit of `how` is zero.
  [[nodiscard]] subscription subscribe(std::string_view name, const subscribe_options& how = {});
  /// Calls `handler` with each call of the server from now on, on the client's executor; an empty one ends
  /// this, and then such calls are refused. What it throws ends the thread that runs the executor.
  void set_call_handler(std::function<void(incoming_call)> handler);

 private:
  using hub_pointer = std::shared_ptr<channel_hub>;
  using send_handler = net::any_completion_handler<void(send_result)>;
  template <class Signature, auto Start, class Token, class... Arguments>
  auto initiate(Token&& token, Arguments&&... arguments) {
    using operation = initiation<Start, &client::executor_of, hub_pointer>;
    return net::async_initiate<Token, Signature>(operation{hub_}, token,
                                                 std::forward<Arguments>(arguments)...);
  }
  using sender = void (*)(const hub_pointer&, send_handler, const std::string&, const json::value&,
                          const publish_options&);
  template <class Token>
  auto initiate_send(Token&& token, sender start, std::string name, json::value data, publish_options how) {
    if constexpr (std::is_same_v<std::decay_t<Token>, net::detached_t>) {
      start(hub_, {}, name, data, how);  // nobody hears the result: a loss goes to the log
    } else {
      return initiate<void(send_result), &client::start_send>(
          std::forward<Token>(token), start, std::move(name), std::move(data), std::move(how));
    }
  }
  static executor_type executor_of(const hub_pointer& self) noexcept;
  static void start_run(const hub_pointer& self, net::any_completion_handler<void(error_code)> handler);
  static void start_call(const hub_pointer& self, net::any_completion_handler<void(call_result)> handler,
                         const std::string& method, const json::value& params, call_options how,
                         const std::string& feature);
  static void start_send(const hub_pointer& self, send_handler handler, sender start, const std::string& name,
                         const json::value& data, const publish_options& how);
  static void start_notify(const hub_pointer& self, send_handler handler, const std::string& method,
                           const json::value& params, const publish_options& unused);
  static void start_publish(const hub_pointer& self, send_handler handler, const std::string& channel,
                            const json::value& data, const publish_options& how);

  hub_pointer hub_;  // shared with subscriptions, the session, and pending operations
  std::shared_ptr<holdfast::connection> conn_;  // shared with the hub until the client is gone
};

}  // namespace holdfast::channels
