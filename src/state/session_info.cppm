/// :session_info — the open session, for people, logs and checks: between whom, and how it is protected.
module;
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

export module holdfast.core:session_info;

import :time;

namespace holdfast {

/// The open session; see connection::session(). Texts that are not known, or do not apply, are empty.
export struct session_info {
  std::uint64_t number = 0;        ///< generation, as `state_change::session`
  clock::time_point opened{};      ///< when the server had answered the upgrade
  std::string origin{};            ///< "wss://host[:port]" (RFC 6454) of the server
  std::string local{};             ///< "address:port" of our own end
  std::string peer{};              ///< "address:port" of the server, or of the proxy that leads to it
  std::string subprotocol{};       ///< that the server chose
  std::string extensions{};        ///< that were agreed, in lower case, with parameters: "permessage-deflate"
  std::string tls_version{};       ///< such as "TLSv1.3"; empty for ws://
  std::string cipher{};            ///< such as "TLS_AES_256_GCM_SHA384"
  std::string peer_certificate{};  ///< of the server, PEM; without the chain
  /// The fields of the server's answer to the upgrade, but for those of the handshake itself. They can be
  /// secret (Set-Cookie).
  std::vector<std::pair<std::string, std::string>> headers{};
};

}  // namespace holdfast
