#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <exception>
#include <functional>

#include "clients.hpp"

namespace bench {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using net::ip::tcp;

class beast_client final : public client {
 public:
  beast_client(std::uint16_t port, const std::string& path) : socket_(context_) {
    socket_.next_layer().connect({net::ip::address_v4::loopback(), port});
    socket_.next_layer().set_option(tcp::no_delay(true));
    socket_.handshake("127.0.0.1:" + std::to_string(port), path);
    socket_.binary(true);
  }

  void echo(std::size_t count, std::size_t in_flight, std::size_t payload_bytes) override {
    run([&]() -> net::awaitable<void> {
      const std::string payload(payload_bytes, 'x');
      beast::flat_buffer buffer;
      for (std::size_t i = 0; i < in_flight; ++i)
        co_await socket_.async_write(net::buffer(payload), net::use_awaitable);
      for (std::size_t received = 0; received < count; ++received) {
        buffer.clear();
        co_await socket_.async_read(buffer, net::use_awaitable);
        if (received + in_flight < count)
          co_await socket_.async_write(net::buffer(payload), net::use_awaitable);
      }
    });
  }
  void receive(std::size_t count) override {
    run([&]() -> net::awaitable<void> {
      beast::flat_buffer buffer;
      for (std::size_t i = 0; i < count; ++i) {
        buffer.clear();
        co_await socket_.async_read(buffer, net::use_awaitable);
      }
    });
  }
  void send(std::size_t count, std::size_t payload_bytes) override {
    run([&]() -> net::awaitable<void> {
      const std::string payload(payload_bytes, 'x');
      for (std::size_t i = 0; i < count; ++i)
        co_await socket_.async_write(net::buffer(payload), net::use_awaitable);
    });
  }

 private:
  void run(const std::function<net::awaitable<void>()>& work) {
    net::co_spawn(context_, work, [](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
    });
    context_.restart();
    context_.run();
  }

  net::io_context context_{1};
  beast::websocket::stream<tcp::socket> socket_;
};

}  // namespace

std::unique_ptr<client> make_beast_client(std::uint16_t port, const std::string& path) {
  return std::make_unique<beast_client>(port, path);
}

}  // namespace bench
