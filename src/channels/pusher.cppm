/// :pusher — the protocol of Pusher Channels, version 7 (pusher.com/docs, "WebSocket protocol"), which soketi
/// and others speak, too, as a dialect. It has channels, but no calls.
module;
#include <functional>
#include <memory>
#include <string>

export module holdfast.channels:pusher;

import holdfast.core;
import :channel_token;
import :dialect;

namespace holdfast::channels {

/// How a Pusher server is reached.
export struct pusher_options {
  std::string key{};  ///< of the app, which becomes the path "/app/KEY"; empty: the URL has it
};

/// Returns the dialect for `client`. The query of the protocol is added to the URL if it is not there.
///
/// - **Channels.** `private-…` and `presence-…` need `client_options::channel_tokens`; encrypted ones are
///   refused. `subscribed::data` of a presence channel is {"presence": {"ids", "hash", "count"}}; the events
///   "pusher:member_added" and "pusher:member_removed" say who comes and goes.
/// - **Publishing** is a client event: `publish_options::event_name` must begin with "client-", the channel's
///   name with "private-" or "presence-". The server drops what exceeds its rate, and says so in a
///   "pusher:error" for client::set_call_handler().
/// - **Codes.** 4000 to 4099 are refusals as login_refused, but 4009 asks for new credentials (unauthorized).
///   After 4100 to 4199 the client waits for a second at least. 4200 to 4299 count as server_going_away.
export dialect_factory pusher(pusher_options how = {});

/// Where a web application of one's own answers who may join a channel.
export struct pusher_authorizer_options {
  std::string url{};      ///< asked by POST, as pusher-js does; https:// or http://
  header_list headers{};  ///< of the request, such as Authorization
  options way{};          ///< TLS, proxy and deadlines of the request: see http_fetch()
};

/// Returns a provider for `client_options::channel_tokens` that asks as pusher-js does ("authEndpoint"): the
/// form fields `socket_id` and `channel_name`, and an answer of JSON with `auth` and perhaps `channel_data`.
/// A status of 4xx but 408 and 429 counts as a refusal of the server. For a token that changes write a
/// provider with http_fetch(). Throws option_error if the URL is wrong.
export channel_token_provider pusher_authorizer(pusher_authorizer_options how);

}  // namespace holdfast::channels
