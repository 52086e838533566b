// The connection that all this befalls: its options, what it says of its states, and the messages that it
// exchanges. The same over real sockets and in the prediction, so that only the world around it differs.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

import holdfast;

namespace chaos {

namespace net = boost::asio;

using line_sink = std::function<void(const std::string&)>;

// Short times, so that a scene takes seconds. Log lines go to `say` as well, behind "log: ".
holdfast::options options_for(std::string url, std::uint64_t seed, std::chrono::seconds ping_interval,
                              const line_sink& say);

// From now on each transition is a line: the state, and for a disconnected its reason and what follows, as
// in the traces of docs/states.md. Without the address, which is another one in each world.
void tell_changes(holdfast::connection& conn, const line_sink& say);

// Sends `count` messages to an echo server, one after the other, and says "echoed COUNT" if all came back.
net::awaitable<void> exchange(holdfast::connection& conn, std::size_t count, line_sink say);

}  // namespace chaos
