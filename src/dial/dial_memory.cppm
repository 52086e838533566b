// :dial_memory — what one attempt leaves for the next ones, and what all of them share. Names are never
// remembered: every attempt resolves afresh (R10).
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core:dial_memory;

import :addresses;
import :cookies;
import :credentials;
import :endpoints;
import :error;
import :headers;
import :network;
import :options;
import :proxy;
import :route;
import :state;
import :time;
import :tls_source;
import :url;

namespace holdfast {

// What an attempt has learned. It keeps this to itself; the actor hands it to the memory, unless it has given
// the attempt up.
struct dial_findings {
  address_trial addresses{};
  peer_routes routes{};  // to the addresses that were dialled; only where the network is watched
  target to{};           // of the last request for an upgrade, under the name that the request had
  bool sent_cookies = false;
  header_list answer{};  // of a 101: all its fields
};

// On the strand of the actor; shared by the actor and its attempts, because an abandoned one may outlive it.
// An abandoned attempt must not write here: the next one is already under way.
class dial_memory {
 public:
  // Reads the files and variables that the options name; throws option_error. With a network other than the
  // real one, the environment of the process means nothing.
  explicit dial_memory(const options& given) : dial_memory(given, parse_url(given.url)) {}

  // An attempt has failed that the program did not stop: see address_book::attempt_failed().
  bool attempt_failed(const dial_findings& found, const change_reason& why) {
    if (found.sent_cookies) cookies.forget(found.to);  // they may have led to a backend that is gone
    return addresses.attempt_failed(found.addresses, why);
  }
  // An attempt has become the present session.
  void session_opened(dial_findings found) {
    addresses.session_opened(std::move(found.addresses));
    if (keeps_cookies_) cookies.store(found.to, found.answer, clock::wall());
    if (keeps_answer_) last_answer = std::move(found.answer);
  }
  // The present session has ended: see address_book::session_ended().
  bool session_ended(const change_reason& why, bool stable) { return addresses.session_ended(why, stable); }
  void network_changed() { addresses.forget(); }

  const std::shared_ptr<holdfast::network> network;  // shared with other connections
  std::vector<std::string> environment_problems;     // that were logged: each once
  const environment variables;                       // as they were when the connection was made
  const bool has_secure_url;                         // a URL of the options is wss://
  tls_source tls;  // read when it is first needed: a trust store is large, and ws:// needs none
  address_book addresses;
  cookie_jar cookies;
  header_list last_answer{};             // of the last 101, if there is a provider that may want it
  std::uint64_t credentials_serial = 0;  // of the last ones that were used

 private:
  // `to` is where options::url leads.
  dial_memory(const options& given, const target& to)
      : network(given.network ? given.network : real_network()),
        variables(given.proxy.from_environment && network == real_network()
                      ? process_environment()
                      : [](std::string_view) { return std::optional<std::string>(); }),
        has_secure_url(to.secure || any_is_secure(given.endpoints)),
        keeps_cookies_(given.keep_cookies),
        keeps_answer_(given.provider != nullptr) {
    choose_proxy(given.proxy, to.secure, to.host, to.port, variables);
    if (has_secure_url) tls.current(given.tls);
  }

  static bool any_is_secure(const endpoint_options& given) {
    return std::ranges::any_of(given.further_urls, [](const auto& url) { return parse_url(url).secure; });
  }

  const bool keeps_cookies_;
  const bool keeps_answer_;
};

}  // namespace holdfast
