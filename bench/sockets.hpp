// What the servers do with blocking sockets: listen on a free port of the loopback address, speak TLS if
// wanted, and answer the upgrade. Knows nothing of what follows the upgrade.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bench {

struct listening_socket {
  int fd = -1;
  std::uint16_t port = 0;
};

// Throws if there is none.
listening_socket listen_on_loopback(int backlog);

// A connected socket, which its owner closes. Blocks.
class byte_pipe {
 public:
  virtual ~byte_pipe() = default;
  // Returns whether all has left.
  virtual bool send_all(std::string_view bytes) = 0;
  // Returns how many bytes came; 0: the client is gone.
  virtual std::size_t receive(std::span<char> into) = 0;
};

std::unique_ptr<byte_pipe> plain_pipe(int fd);

// What a server shows to its clients over TLS.
class tls_identity {
 public:
  // Throws if they cannot be read.
  tls_identity(const std::string& certificate_pem, const std::string& key_pem);
  // Shakes hands. Null: that failed.
  [[nodiscard]] std::unique_ptr<byte_pipe> accept(int fd) const;

 private:
  std::shared_ptr<void> context_;  // an SSL_CTX
};

// The path of the URL; empty: the client is gone, or wanted something else. Agrees on compression, without
// context takeover of what the server sends, if the path begins with `compressed`.
std::optional<std::string> answer_upgrade(byte_pipe& from, std::string_view compressed = "/compressed/");

}  // namespace bench
