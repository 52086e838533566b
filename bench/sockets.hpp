// What both servers do with blocking sockets: listen on a free port of the loopback address, and answer the
// upgrade. Knows nothing of what follows the upgrade.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bench {

struct listening_socket {
  int fd = -1;
  std::uint16_t port = 0;
};

// Throws if there is none.
listening_socket listen_on_loopback(int backlog);
bool send_all(int fd, std::string_view bytes);
// The path of the URL; empty: the client is gone, or wanted something else.
std::optional<std::string> answer_upgrade(int fd);

}  // namespace bench
