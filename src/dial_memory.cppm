// :dial_memory — what one attempt leaves for the next ones, and what all of them share. Names are never
// remembered: every attempt resolves afresh (R10).
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

module holdfast:dial_memory;

import :credentials;
import :error;
import :network;
import :options;
import :proxy;
import :tls;
import :url;

namespace holdfast {

// On the strand of the actor; shared by the actor and its attempts, because an abandoned one may outlive it.
// An abandoned attempt must not write here: the next one is already under way.
class dial_memory {
 public:
  // Reads the files and variables that the options name; throws option_error. With a network other than the
  // real one, the environment of the process means nothing.
  explicit dial_memory(const options& given)
      : network(given.network ? given.network : real_network()),
        variables(given.proxy.from_environment && network == real_network()
                      ? process_environment()
                      : [](std::string_view) { return std::optional<std::string>(); }) {
    const auto to = parse_url(given.url);
    choose_proxy(given.proxy, to.secure, to.host, to.port, variables);
    bool secure = to.secure;
    for (const auto& url : given.endpoints.further_urls) secure = secure || parse_url(url).secure;
    if (secure) tls_for(given.tls);
  }

  // One context for all attempts, because it holds the sessions that can be resumed. Made when it is first
  // needed: a trust store is large, and ws:// needs none.
  std::shared_ptr<tls_context> tls_for(const tls_options& given) {
    if (!tls_) tls_ = std::make_shared<tls_context>(given);
    return tls_;
  }

  const std::shared_ptr<holdfast::network> network;  // shared with other connections
  const environment variables;                       // as they were when the connection was made
  // The address of the last attempt that became a session; empty once it fails behind the connect, or on
  // another network (RFC 8305 section 4).
  std::optional<endpoint> last_good{};
  std::uint64_t credentials_serial = 0;  // of the last ones that were used

 private:
  std::shared_ptr<tls_context> tls_{};
};

}  // namespace holdfast
