#include "sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/system/error_code.hpp>
#include <optional>
#include <stdexcept>

import holdfast;
import holdfast.wire;

namespace bench {

listening_socket listen_on_loopback(int backlog) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(fd, backlog) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    throw std::runtime_error("the benchmark's server cannot listen on the loopback address");
  }
  return {fd, ntohs(at.sin_port)};
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::optional<std::string> answer_upgrade(int fd) {
  std::string bytes;
  for (char piece[4096];;) {
    const auto count = ::recv(fd, piece, sizeof piece, 0);
    if (count <= 0) return std::nullopt;
    bytes.append(piece, static_cast<std::size_t>(count));
    const auto head = holdfast::parse_request(bytes);
    if (head.has_error()) return std::nullopt;
    if (!*head) continue;
    const bool sent =
        send_all(fd,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: " +
                     holdfast::websocket_accept((*head)->header("Sec-WebSocket-Key")) + "\r\n\r\n");
    return sent ? std::optional((*head)->path) : std::nullopt;
  }
}

}  // namespace bench
