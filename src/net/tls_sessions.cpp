// The sessions that an actor's next connections may resume.
module;
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :tls_engine;

namespace holdfast {

constexpr std::size_t most_servers = 8;  // a server and those that it redirects to

openssl_ptr<SSL_SESSION> tls_sessions::take(std::string_view server) {
  const auto found = std::ranges::find(entries_, server, &entry::server);
  if (found == entries_.end()) return nullptr;
  if (SSL_SESSION_get_protocol_version(found->session.get()) < TLS1_3_VERSION) {
    SSL_SESSION_up_ref(found->session.get());
    return openssl_ptr<SSL_SESSION>(found->session.get());
  }
  auto session = std::move(found->session);
  entries_.erase(found);
  return session;
}

void tls_sessions::put(std::string_view server, openssl_ptr<SSL_SESSION> session) {
  std::erase_if(entries_, [&](const entry& each) { return each.server == server; });
  if (entries_.size() >= most_servers) entries_.erase(entries_.begin());
  entries_.push_back({std::string(server), std::move(session)});
}

}  // namespace holdfast
