// The server of the idle connections: a process of its own, so that its memory is not measured, and its
// sockets do not count against our limit. Answers the upgrade, then holds the socket until the client closes
// it, and reads nothing.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "sockets.hpp"

namespace bench {

class idle_server {
 public:
  // Forks: to be made before any thread is started. Raises the limit of open files as far as it may. With
  // `identity`, over TLS.
  explicit idle_server(const tls_identity* identity = nullptr);
  ~idle_server();
  idle_server(const idle_server&) = delete;
  idle_server& operator=(const idle_server&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  // How many connections the limit of open files leaves room for, here and in the other process.
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  std::uint16_t port_ = 0;
  std::size_t capacity_ = 0;
  int lifeline_ = -1;  // a pipe: the other process ends when we have closed it, also by dying
  pid_t child_ = -1;
};

}  // namespace bench
