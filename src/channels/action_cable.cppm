/// :action_cable — Action Cable v1 (guides.rubyonrails.org, "Action Cable Overview") as a dialect: a channel
/// is the name of its class with its parameters; events are published to one by an action.
module;
#include <functional>
#include <memory>

export module holdfast.channels:action_cable;

import :dialect;

namespace holdfast::channels {

/// Returns the dialect for `client`. `subscribe("RoomChannel", {.params = {{"room", 1}}})` asks for a
/// channel, and `publish(data, "speak")` of the subscription performs an action of it. There are no calls:
/// `call()` is refused. A server that sends nothing for 10 s (a ping is due every 3 s) is lost.
export dialect_factory action_cable();

}  // namespace holdfast::channels
