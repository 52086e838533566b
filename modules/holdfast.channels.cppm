/// holdfast.channels — calls and subscriptions over a connection that lasts: they come back by themselves,
/// and their ends are told truthfully. One client, in the terms of one dialect: JSON-RPC, OCPP-J, GraphQL,
/// Action Cable, Socket.IO, Pusher, or one of your own.
export module holdfast.channels;

export import :call;
export import :subscription_item;
export import :channel_token;
export import :client_options;
export import :dialect;
export import :client;
export import :json_rpc;
export import :ocpp;
export import :graphql_ws;
export import :action_cable;
export import :socket_io;
export import :pusher;
