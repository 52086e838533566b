/// :json_rpc — JSON-RPC 2.0 (jsonrpc.org/specification) as a dialect, with the ways in which its servers
/// publish.
module;
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

export module holdfast.channels:json_rpc;

import :dialect;

namespace holdfast::channels {

/// How a JSON-RPC server publishes: the specification has no subscriptions.
export enum class json_rpc_channels : std::uint8_t {
  /// A notification whose method is the name of the channel. Nothing has to be asked for. Those that nobody
  /// has
  /// subscribed to are calls of the server that want no answer.
  by_method,
  /// subscribe_method is called with [NAME, …params] and returns an alias, which notifications name in
  /// params.subscription, beside params.result: Ethereum.
  by_alias,
  /// subscribe_method is called with [NAME], without parameters, and notifications are {"notification": NAME,
  /// "params": …}: the
  /// npm
  /// package rpc-websockets.
  by_event,
};

/// What a JSON-RPC client has to know of its server.
export struct json_rpc_options {
  json_rpc_channels channels = json_rpc_channels::by_method;  ///< how the server publishes
  std::string subscribe_method{};    ///< empty: "rpc.on" (by_event), "subscribe" (by_alias)
  std::string unsubscribe_method{};  ///< empty: "rpc.off" (by_event), "unsubscribe" (by_alias)
  std::string subprotocol{};         ///< to be offered; empty: none
};

/// Returns the dialect for `client`. `method_not_found` is answered as -32601; other codes of call_error that
/// are no numbers as -32000.
export dialect_factory json_rpc(json_rpc_options how = {});

}  // namespace holdfast::channels
