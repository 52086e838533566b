#include "idle_clients.hpp"

#include <algorithm>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>

import holdfast;

namespace bench {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using net::ip::tcp;

class idle_holdfast final : public idle_clients {
 public:
  idle_holdfast(net::io_context& context, std::uint16_t port)
      : context_(context),
        // The server answers no ping.
        options_(std::make_shared<const holdfast::options>(
            holdfast::options{.url = "ws://127.0.0.1:" + std::to_string(port) + "/",
                              .heartbeat = {.pong_deadline = std::chrono::minutes(2)}})) {}

  void start_one() override {
    auto& made = connections_.emplace_back(context_.get_executor(), options_);
    made.run(net::detached);
    net::co_spawn(context_, receive(made), net::detached);
  }
  [[nodiscard]] std::size_t open_count() const override {
    return static_cast<std::size_t>(std::ranges::count(connections_, holdfast::connection_state::connected,
                                                       &holdfast::connection::status));
  }

 private:
  static net::awaitable<void> receive(holdfast::connection& from) {
    for (;;) co_await from.receive();
  }

  net::io_context& context_;
  const std::shared_ptr<const holdfast::options> options_;  // shared by all
  std::deque<holdfast::connection> connections_;
};

class idle_beast final : public idle_clients {
 public:
  idle_beast(net::io_context& context, std::uint16_t port)
      : context_(context), server_(net::ip::address_v4::loopback(), port) {}

  void start_one() override { net::co_spawn(context_, live(), net::detached); }
  [[nodiscard]] std::size_t open_count() const override { return open_; }

 private:
  net::awaitable<void> live() {
    beast::websocket::stream<tcp::socket> socket(context_);
    co_await socket.next_layer().async_connect(server_, net::use_awaitable);
    co_await socket.async_handshake("127.0.0.1", "/", net::use_awaitable);
    ++open_;
    beast::flat_buffer buffer;
    for (;;) {
      const auto [ec, bytes] = co_await socket.async_read(buffer, net::as_tuple(net::use_awaitable));
      if (ec) break;
      buffer.clear();
    }
    --open_;
  }

  net::io_context& context_;
  const tcp::endpoint server_;
  std::size_t open_ = 0;
};

}  // namespace

std::unique_ptr<idle_clients> make_idle_holdfast(net::io_context& context, std::uint16_t port) {
  return std::make_unique<idle_holdfast>(context, port);
}
std::unique_ptr<idle_clients> make_idle_beast(net::io_context& context, std::uint16_t port) {
  return std::make_unique<idle_beast>(context, port);
}

}  // namespace bench
