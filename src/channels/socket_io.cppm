/// :socket_io — Socket.IO v5 over Engine.IO v4 (github.com/socketio/socket.io-protocol), by WebSocket alone,
/// as a dialect: a call is an event that wants an acknowledgement, a channel is the name of an event.
module;
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>

export module holdfast.channels:socket_io;

import :dialect;

namespace holdfast::channels {

/// What a Socket.IO server wants to know when a session begins.
export struct socket_io_options {
  std::string name_space = "/";  ///< that the client joins: "/" and a name
  json::value auth{};            ///< what `socket.handshake.auth` is on the server, an object; null: nothing
  std::string token_field{};  ///< of `auth`, for the credential provider's token; empty: it is not sent there
};

/// Returns the dialect for `client`. One client speaks in one namespace. The URL needs neither the path
/// "/socket.io/" nor the query "EIO=4&transport=websocket": what is not there is added; that of a credential
/// provider must have them.
///
/// - **Arguments** are an array, in both directions: the data of an event, and the value of an
/// acknowledgement,
///   are arrays; parameters that are no array are one argument, null none.
/// - **Calls.** An acknowledgement answers a call; the protocol has no error for one.
/// - **Channels.** Events that have no subscription, and those that want an acknowledgement, go to
///   client::set_call_handler(). Nothing is sent to subscribe.
/// - **Binary arguments** are attachments, for which `attachment(n)` stands in the arguments.
/// - **Connection state recovery.** Where the server has it, and still knows the session, the events since
/// the
///   loss follow, and subscriptions are `recovered`. Such a server adds the position to its events as their
///   last argument.
/// - **Refusals.** A middleware of the server that refuses the namespace ends the session as unauthorized, a
///   namespace that does not exist and `socket.disconnect()` as login_refused.
///
/// Throws std::invalid_argument if `name_space` or `auth` is wrong.
export dialect_factory socket_io(socket_io_options how = {});

}  // namespace holdfast::channels
