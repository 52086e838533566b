/// :graphql_ws — the protocol graphql-transport-ws (github.com/enisdenjo/graphql-ws, PROTOCOL.md) as a
/// dialect: a call is a query or a mutation, a channel is a subscription.
module;
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>

export module holdfast.channels:graphql_ws;

import :dialect;

namespace holdfast::channels {

/// What a GraphQL server wants to know when a session begins.
export struct graphql_ws_options {
  json::value init{};  ///< the payload of connection_init, an object; null: none
  std::string
      token_field{};  ///< of the payload, for the credential provider's token; empty: it is not sent there
};

/// Returns the dialect for `client`. The text of the operation is the name of the call or the channel, and
/// its variables are the parameters. Events, and the answers of calls, are execution results as the server
/// gave them, with `data`, and `errors` if there are some; a call whose result has errors and no data is
/// refused. The protocol does not confirm subscriptions, so one counts as subscribed once it was asked for.
/// It has no position. Variables are an
/// object. Throws std::invalid_argument if `init` is neither an object nor null.
export dialect_factory graphql_ws(graphql_ws_options how = {});

}  // namespace holdfast::channels
