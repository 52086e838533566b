// The real network, with a count of the sockets that are open at once.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "loopback.hpp"

// Any thread.
struct socket_count {
  std::atomic<int> open{0};
  std::atomic<int> most{0};

  void opened() {
    const int now = ++open;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
  }
};

class counted_stream final : public byte_stream {
 public:
  counted_stream(net::ip::tcp::socket socket, std::shared_ptr<socket_count> count)
      : socket_(std::move(socket)), count_(std::move(count)) {
    socket_.non_blocking(true);
    count_->opened();
  }
  counted_stream(const counted_stream&) = delete;
  counted_stream& operator=(const counted_stream&) = delete;
  ~counted_stream() override { close(); }

  std::size_t read_some(std::span<char> into, error_code& ec) override {
    return socket_.read_some(net::buffer(into.data(), into.size()), ec);
  }
  std::size_t write_some(std::span<const char> from, error_code& ec) override {
    return socket_.write_some(net::buffer(from.data(), from.size()), ec);
  }
  void async_wait(readiness kind, ready_handler handler) override {
    using socket = net::ip::tcp::socket;
    socket_.async_wait(kind == readiness::readable ? socket::wait_read : socket::wait_write,
                       std::move(handler));
  }
  void close() noexcept override {
    if (!socket_.is_open()) return;
    error_code ignored;
    socket_.close(ignored);
    --count_->open;
  }

 private:
  net::ip::tcp::socket socket_;
  std::shared_ptr<socket_count> count_;  // shared by all streams of a network and by the test
};

class counting_network final : public network {
 public:
  explicit counting_network(std::shared_ptr<socket_count> count) : count_(std::move(count)) {}

  net::awaitable<result<std::vector<peer_address>>> resolve(std::string host, std::uint16_t port) override {
    return real_network()->resolve(std::move(host), port);
  }
  net::awaitable<result<transport>> connect(peer_address peer) override {
    net::ip::tcp::socket socket(co_await net::this_coro::executor);
    const auto [ec] = co_await socket.async_connect({peer.address, peer.port}, net::as_tuple(net::deferred));
    if (ec) co_return ec;
    // Abandoned when it had just succeeded: nobody will use this one, and the next may already be open.
    const auto cancelled = co_await net::this_coro::cancellation_state;
    if (cancelled.cancelled() != net::cancellation_type::none) co_return net::error::operation_aborted;
    co_return transport(std::make_unique<counted_stream>(std::move(socket), count_));
  }

 private:
  std::shared_ptr<socket_count> count_;
};
