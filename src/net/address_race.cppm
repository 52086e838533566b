// :address_race — several addresses of one host, one stream: Happy Eyeballs, RFC 8305 section 5.
// Knows nothing of deadlines, WebSockets or what comes after: a caller that wants it to end cancels it.
module;
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

module holdfast.core:address_race;

import :error;
import :network;
import :time;

namespace holdfast {

struct race_result {
  std::optional<transport> stream{};  // of the first address that answered
  peer_address peer{};                // that address, or the one that `failure` is about
  error_code failure{};               // if there is no stream
};

// Tries the addresses in their order, on the strand of the caller: the next one begins `step` after the one
// before it, or at once when that has failed; the first to connect wins, and the others are closed.
// If none does, `failure` is that of the first address in the order, but one that only says that we have no
// way to addresses of its family gives precedence to those that say something about the server. If there is
// no address at all, it is host_not_found.
// `begun` gets each address when its connect begins: whoever abandons the race knows them too.
// `stop` is set to what ends the race from outside, at once: a cancelled coroutine runs again only later, and
// until then a socket that has just connected would be one too many.
// Can be cancelled, and abandoned: it then returns without a stream (or with one, to be dropped, if that came
// in the same turn), and what a connect that cannot be cancelled brings later is closed.
// Throws what a connect throws, unless that is a system_error, which counts as a failure of its address.
net::awaitable<race_result> connect_to_any(std::shared_ptr<network> through,
                                           std::vector<peer_address> ordered, clock::duration step,
                                           std::vector<peer_address>& begun, std::function<void()>& stop);

}  // namespace holdfast
