/// :channel_server — a backend of calls and channels, for tests of a program that uses `channels::client`:
/// the program gets its dialect in place of that of the real backend, and the test says what happens. It
/// stands on a `server`, and so in a world, or behind a real port.
module;
#include <boost/json/value.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

export module holdfast.testing:channel_server;

import holdfast;
import holdfast.channels;
import :server;

namespace holdfast::testing {

/// A backend of calls and channels. All members may be called from any thread. The functions given to it run
/// on the strand of the socket concerned; they may call all members. What they throw comes out of the
/// function that runs the executor.
export class channel_server {
 public:
  /// The answer to a call: a value, or the error with which it is refused.
  using answer = std::variant<boost::json::value, channels::call_error>;
  /// Answers a call; empty: never.
  using call_handler =
      std::function<std::optional<answer>(std::string_view method, const boost::json::value& params)>;
  /// Decides about a channel: the error with which it is refused; empty: it is served.
  using gate = std::function<std::optional<channels::call_error>(std::string_view channel,
                                                                 const boost::json::value& params)>;

  /// Sets on_session() of `behind`.
  explicit channel_server(server& behind);
  /// Sockets that are open are served on, but no function of the test is called any more.
  ~channel_server();
  channel_server(const channel_server&) = delete;
  channel_server& operator=(const channel_server&) = delete;

  /// Returns the dialect that this backend speaks, for the client under test. Its channels have positions,
  /// and are confirmed.
  [[nodiscard]] static channels::dialect_factory dialect();

  /// Answers calls by `next` from now on. Before, each is answered with its parameters.
  void on_call(call_handler next);
  /// Asks `next` about each channel from now on. Before, all are served.
  void on_subscribe(gate next);
  /// Says whether requests for channels that are served are answered. By default they are.
  void confirm(bool wanted);
  /// Keeps so many events of each channel, at first 100. A client that comes back receives those that it has
  /// missed, as `recovered`; if they are not kept any more, `missed` says how many. One that had received no
  /// event of the channel gets neither.
  void retain(std::size_t events);

  /// Publishes to a channel: to all who have subscribed to this name, whatever their parameters. A client
  /// that publishes does the same.
  void publish(std::string_view channel, const boost::json::value& data);
  /// Ends a channel for all who have it. `will_return`: they are to ask for it again; `why`, if there is one,
  /// is the error with which it ends otherwise.
  void end(std::string_view channel, bool will_return, const std::optional<channels::call_error>& why = {});
  /// Calls a method of all clients, without asking for an answer.
  void notify(std::string_view method, const boost::json::value& params);
  /// Drops all sockets, without a word.
  void drop();

  /// Returns how many clients have a channel now.
  [[nodiscard]] std::size_t subscribers(std::string_view channel) const;
  /// Returns how many clients are connected.
  [[nodiscard]] std::size_t clients() const;
  /// Returns how many calls have come so far.
  [[nodiscard]] std::size_t calls() const;

 private:
  class implementation;
  std::shared_ptr<implementation> implementation_;  // shared with the sessions under way
};

}  // namespace holdfast::testing
