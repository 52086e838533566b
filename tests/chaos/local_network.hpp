// What the machine of the client itself can do to a connection, over the simulated network: have no way to
// the server, and destroy a socket (ss -K, or a system that knows that the socket's address is gone).
#pragma once

#include <boost/asio.hpp>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

import holdfast;

namespace chaos {

namespace net = boost::asio;

// Shared by the stream, which its connection owns, and by the network that can destroy it.
struct local_socket {
  holdfast::transport below;
  bool destroyed = false;
};

class local_stream final : public holdfast::byte_stream {
 public:
  explicit local_stream(std::shared_ptr<local_socket> socket) : socket_(std::move(socket)) {}

  std::size_t read_some(std::span<char> into, holdfast::error_code& ec) override {
    return is_destroyed(ec) ? 0 : socket_->below.read_some(into, ec);
  }
  std::size_t write_some(std::span<const char> from, holdfast::error_code& ec) override {
    return is_destroyed(ec) ? 0 : socket_->below.write_some(from, ec);
  }
  // An error is not told to who waits, but to who reads or writes then.
  void async_wait(holdfast::readiness kind, ready_handler handler) override {
    const auto executor = net::get_associated_executor(handler);
    auto told = [socket = socket_, handler = std::move(handler)](holdfast::error_code ec) mutable {
      std::move(handler)(socket->destroyed ? holdfast::error_code() : ec);
    };
    socket_->below.async_wait(kind, net::bind_executor(executor, std::move(told)));
  }
  void close() noexcept override { socket_->below.close(); }

 private:
  bool is_destroyed(holdfast::error_code& ec) const {
    if (socket_->destroyed) ec = net::error::connection_aborted;
    return socket_->destroyed;
  }

  std::shared_ptr<local_socket> socket_;
};

class local_network final : public holdfast::network {
 public:
  explicit local_network(std::shared_ptr<holdfast::network> below) : below_(std::move(below)) {}

  // From now on connects fail at once with `why`; empty: they do no longer.
  void has_no_way(holdfast::error_code why) { no_way_ = why; }
  // The socket that was opened last.
  void destroy_socket() {
    const auto socket = latest_.lock();
    if (!socket) return;
    socket->destroyed = true;
    socket->below.close();
  }

  net::awaitable<holdfast::result<std::vector<holdfast::peer_address>>> resolve(std::string host,
                                                                                std::uint16_t port) override {
    return below_->resolve(std::move(host), port);
  }
  net::awaitable<holdfast::result<holdfast::transport>> connect(holdfast::peer_address peer) override {
    if (no_way_) co_return no_way_;
    auto opened = co_await below_->connect(std::move(peer));
    if (!opened) co_return opened.error();
    const auto socket = std::make_shared<local_socket>(std::move(*opened));
    latest_ = socket;
    co_return holdfast::transport(std::make_unique<local_stream>(socket));
  }

 private:
  const std::shared_ptr<holdfast::network> below_;  // shared with the world
  holdfast::error_code no_way_{};
  std::weak_ptr<local_socket> latest_;
};

}  // namespace chaos
