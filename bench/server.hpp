// The other side: a thread per connection that moves bytes made beforehand, so that it is never the
// bottleneck. What it does with a connection is said by the path of the URL.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

namespace bench {

enum class behaviour { echo, flood, sink, drop };

class server {
 public:
  server();
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  // "/echo/128": for each message of so many bytes, one of the same size; "/flood/128": without end;
  // "/sink/128"; "/drop/1": closes the socket behind the answer to the upgrade.
  static std::string path(behaviour what, std::size_t payload_bytes);

 private:
  void accept();

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread acceptor_;
};

// Binds the calling thread to one processor, if there are several: the client has one, the server the other.
void use_processor(unsigned index);

}  // namespace bench
