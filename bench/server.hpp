// The other side: a thread per connection that moves bytes made beforehand, so that it is never the
// bottleneck. What it does with a connection is said by the path of the URL.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "sockets.hpp"

namespace bench {

enum class behaviour { echo, flood, sink, drop, compressed };

// What a client is to meet.
struct job {
  behaviour what = behaviour::echo;
  std::size_t payload_bytes = 0;
  bool text = false;  // what the server sends; both sides send ASCII
};

class server {
 public:
  // With `identity`, over TLS; it must outlive the server.
  explicit server(const tls_identity* identity = nullptr);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  // How many bytes a compressed message of the last client takes on the wire; 0: it has sent none.
  [[nodiscard]] double compressed_bytes() const noexcept { return compressed_bytes_; }
  // "/echo/128/binary": for each message of so many bytes, one of the same size; "/flood/128/text": without
  // end; "/sink/128/binary"; "/drop/1/binary": closes the socket behind the answer to the upgrade;
  // "/compressed/1024/text": for each compressed message, one of a conversation.
  static std::string path(const job& wanted);

 private:
  void accept();

  const tls_identity* identity_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<double> compressed_bytes_{0};
  std::thread acceptor_;
};

// Binds the calling thread to one processor, if there are several: the client has one, the server the other.
void use_processor(unsigned index);

}  // namespace bench
