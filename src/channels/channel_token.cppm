/// :channel_token — what lets a program into a channel that is not for everybody, and who gives it.
module;
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

export module holdfast.channels:channel_token;

import holdfast.core;

namespace holdfast::channels {

namespace net = boost::asio;

/// The channel that needs a token.
export struct channel_token_request {
  std::string channel{};  ///< its name
  std::string session{};  ///< the server's name for the present session, such as Pusher's socket_id
};

/// What one subscription shows to the server. There is deliberately nothing that prints it.
export struct channel_token {
  std::string token{};  ///< that the server checks, such as Pusher's "auth"
  std::string data{};   ///< that goes with it as it is, such as Pusher's "channel_data"; empty: nothing
};

/// Asked before each request for a channel that needs a token, on a strand of the client's executor: it must
/// not block. What it returns after `client_options::subscription_deadline`, or when the session has ended,
/// is dropped, and it is cancelled then. permanent_failure counts as a refusal of the server, with that text;
/// after any other exception the channel is asked for again, after a wait. Let it take the request by value:
/// a coroutine outlives what it has only a reference to.
export using channel_token_provider = std::function<net::awaitable<channel_token>(channel_token_request)>;

}  // namespace holdfast::channels
