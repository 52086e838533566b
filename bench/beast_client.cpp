#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <exception>
#include <functional>
#include <stdexcept>

#include "clients.hpp"

namespace bench {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using net::ip::tcp;

class beast_client final : public client {
 public:
  beast_client(std::uint16_t port, const std::string& path)
      : server_(net::ip::address_v4::loopback(), port),
        host_("127.0.0.1:" + std::to_string(port)),
        path_(path),
        socket_(context_) {
    socket_.next_layer().connect(server_);
    socket_.next_layer().set_option(tcp::no_delay(true));
    socket_.handshake(host_, path_);
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
  // A stream of Beast's is good for one session.
  void redial(std::size_t count) override {
    run([&]() -> net::awaitable<void> {
      for (std::size_t i = 0; i < count; ++i) {
        beast::websocket::stream<tcp::socket> socket(context_);
        co_await socket.next_layer().async_connect(server_, net::use_awaitable);
        socket.next_layer().set_option(tcp::no_delay(true));
        co_await socket.async_handshake(host_, path_, net::use_awaitable);
        beast::flat_buffer buffer;
        const auto [ec, bytes] = co_await socket.async_read(buffer, net::as_tuple(net::use_awaitable));
        if (ec != net::error::eof) throw std::runtime_error("not dropped: " + ec.message());
      }
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

  const tcp::endpoint server_;
  const std::string host_;
  const std::string path_;
  net::io_context context_{1};
  beast::websocket::stream<tcp::socket> socket_;
};

}  // namespace

std::unique_ptr<client> make_beast_client(std::uint16_t port, const std::string& path) {
  return std::make_unique<beast_client>(port, path);
}

}  // namespace bench
