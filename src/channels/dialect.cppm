/// :dialect — what one protocol of calls and subscriptions says on the wire. Pure: text in, meaning out, and
/// back; no clock, no socket, no memory of calls and subscriptions, which are the client's.
module;
#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

export module holdfast.channels:dialect;

import holdfast.core;
import :call;
import :subscription_item;

namespace holdfast::channels {

/// A channel that the server is asked for.
export struct channel_request {
  std::string_view name{};        ///< as the program has given it
  const json::value& params;      ///< null: none
  std::string_view position{};    ///< behind which events are wanted; empty: from now on
  std::string_view alias{};       ///< that the server has given it in this session; to unsubscribe
  std::string_view token{};       ///< see `channel_token`; empty: the channel needs none
  std::string_view token_data{};  ///< that goes with it
};

/// Names a subscription in a frame of the server.
export struct channel_reference {
  std::uint64_t id = 0;      ///< of the request that began it; zero: see `alias`
  std::string_view alias{};  ///< the server's name for it, or that of the channel
};

/// What the reply to the request for a channel says.
export struct channel_reply {
  std::string alias{};  ///< the server's name for the subscription; empty: that of the channel
  std::optional<call_error> refusal{};  ///< the channel is refused, for good
  subscribed how{};                     ///< what it says of a loss before; `again` is found out by itself
};

/// What a dialect finds in the frames of the server. Valid during the call of the dialect that gets it.
export class dialect_events {
 public:
  virtual ~dialect_events() = default;

  /// Sends a frame of the protocol itself, ahead of calls that wait.
  virtual void send(std::string_view frame) = 0;
  /// Reports that the login is done. `resumed`: the server goes on with the session before, and with its
  /// subscriptions: they are not asked for again.
  virtual void ready(bool resumed) = 0;
  /// Returns whether the request `id` asked for a channel that is wanted still.
  [[nodiscard]] virtual bool is_channel(std::uint64_t id) const = 0;
  /// Returns whether a channel with this name, or alias, is wanted.
  [[nodiscard]] virtual bool is_channel(std::string_view alias) const = 0;
  /// Reports the answer to the request `id`, of a call or of a subscription.
  virtual void reply(std::uint64_t id, json::value value, std::vector<std::string> attachments) = 0;
  /// Reports that the server has refused the request `id`. `permanent`: to ask again is of no use.
  virtual void refuse(std::uint64_t id, call_error why, bool permanent) = 0;
  /// Reports that a subscription is accepted. For protocols that say it in another way than by a reply.
  virtual void subscribed(channel_reference to, channels::subscribed how) = 0;
  /// Reports an event, and the position behind it; empty: the protocol has none. `size` is that of the frames
  /// that brought it, in bytes; zero: of the present one.
  virtual void publish(channel_reference to, channels::event what, std::string_view position,
                       std::size_t size) = 0;
  void publish(channel_reference to, channels::event what, std::string_view position) {
    publish(to, std::move(what), position, 0);
  }
  /// Reports that the server has ended a subscription. `will_return`: it is to be asked for again.
  virtual void unsubscribed(channel_reference to, std::optional<call_error> why, bool will_return) = 0;
  /// Reports a call of the server. `id` is what its answer has to name; empty: it wants none.
  virtual void call(std::string_view id, std::string_view method, json::value params,
                    std::vector<std::string> attachments) = 0;
  /// Has dialect::heartbeat() called every so often; zero: not any more. The answer is due within
  /// `heartbeat.pong_deadline`.
  virtual void heartbeat_every(clock::duration interval) = 0;
  /// Reports that the server has answered the heartbeat.
  virtual void heartbeat_answered() = 0;
  /// Declares the server lost when nothing of it has come for so long; zero: not any more.
  virtual void expect_within(clock::duration silence) = 0;
  /// Reports that the server asks us to leave, and not to come back before `wait` is over.
  virtual void go_away(std::string reason, clock::duration wait) = 0;
  /// Ends the session: see protocol_link::fail().
  virtual void fail(protocol_failure why) = 0;
};

/// One protocol. An object serves one client, through all of its sessions; its calls come one at a time, but
/// for call(), notify(), publish() and answer(), which come on any thread and must not read what the others
/// change.
export class dialect {
 public:
  virtual ~dialect() = default;

  /// Sets what the protocol needs of the connection, such as its subprotocol. Called by the client's
  /// constructor.
  virtual void prepare(options&) const {}
  /// Returns how many attachments (see `attachment`) these data name: as many must be given with them. Zero:
  /// the protocol has none. Any thread.
  [[nodiscard]] virtual std::size_t attachments_in(const json::value& data) const;
  /// Begins a session: sends the login, or reports ready().
  virtual void opened(const session_facts& session, dialect_events& events) = 0;
  /// Takes a message of the server.
  virtual void received(message_view frame, dialect_events& events) = 0;
  /// Returns the heartbeat; see dialect_events::heartbeat_every().
  [[nodiscard]] virtual std::string heartbeat() { return {}; }
  /// Judges the end of a session, as protocol::ended() does.
  virtual end_verdict ended(const session_end&) { return {}; }

  /// Returns the request with this id.
  virtual result<std::string> call(std::uint64_t id, std::string_view method,
                                   const json::value& params) const = 0;
  /// Returns a request that wants no answer.
  virtual result<std::string> notify(std::string_view method, const json::value& params) const;
  /// Returns what publishes `data` to a channel.
  virtual result<std::string> publish(const channel_request& channel, std::string_view event_name,
                                      const json::value& data) const;
  /// Returns the answer to a call of the server: a value, or an error.
  virtual result<std::string> answer(std::string_view id, const json::value& value,
                                     const call_error* error) const;
  /// Returns whether a channel needs a token: it is then asked for with one of
  /// `client_options::channel_tokens`.
  [[nodiscard]] virtual bool needs_token(std::string_view name) const;
  /// Returns the server's name for the present session, for who gives the tokens; empty: it has none.
  [[nodiscard]] virtual std::string session_name() const;
  /// Returns what asks for a channel. An empty text: nothing has to be sent, and the channel counts as
  /// subscribed.
  virtual result<std::string> subscribe(std::uint64_t id, const channel_request& channel) = 0;
  /// Returns the server's name for a channel, if that is known before it has answered; empty: that of the
  /// channel.
  [[nodiscard]] virtual std::string alias_of(const channel_request& channel) const;
  /// Returns what ends the subscription that the request `id` began; an empty text: nothing has to be sent.
  virtual result<std::string> unsubscribe(std::uint64_t id, const channel_request& channel) = 0;
  /// Returns what tells the server that the answer to the request `id` is not wanted any more; empty:
  /// nothing.
  [[nodiscard]] virtual std::string cancel(std::uint64_t id) const;

  /// Returns whether the server is asked for channels. Otherwise all that a session subscribes to is
  /// subscribed at once, and nothing is paced.
  [[nodiscard]] virtual bool asks_for_channels() const noexcept { return true; }
  /// Returns whether the server confirms subscriptions. Otherwise one counts as subscribed once it was asked
  /// for.
  [[nodiscard]] virtual bool confirms() const noexcept { return true; }
  /// Reads the reply to the request for the channel `name`.
  [[nodiscard]] virtual channel_reply read_reply(std::string_view name, const json::value& reply) const;
  /// Returns how many calls the server takes before it has answered the first of them; zero: any number.
  [[nodiscard]] virtual std::size_t calls_in_flight() const noexcept { return 0; }
};

/// The code of the error with which a call of the server is answered if the program has no such method. A
/// dialect puts that of its protocol in its place.
export inline constexpr std::string_view method_not_found = "method_not_found";

/// Makes the dialect of a client.
export using dialect_factory = std::function<std::unique_ptr<dialect>()>;

}  // namespace holdfast::channels
