#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "clients.hpp"

namespace bench {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using net::ip::tcp;
using plain_stream = beast::websocket::stream<tcp::socket>;
using secure_stream = beast::websocket::stream<net::ssl::stream<tcp::socket>>;

// `Stream` is one of the two above.
template <class Stream>
class beast_client final : public client {
 public:
  explicit beast_client(const target& to)
      : server_(net::ip::address_v4::loopback(), to.port),
        host_("127.0.0.1:" + std::to_string(to.port)),
        path_(to.path),
        compressed_(to.compressed),
        socket_(make_stream(to)) {
    auto& lowest = beast::get_lowest_layer(*socket_);
    lowest.connect(server_);
    lowest.set_option(tcp::no_delay(true));
    if constexpr (std::is_same_v<Stream, secure_stream>)
      socket_->next_layer().handshake(net::ssl::stream_base::client);
    if (compressed_) {
      beast::websocket::permessage_deflate how;
      how.client_enable = true;
      socket_->set_option(how);
    }
    socket_->handshake(host_, path_);
    to.text ? socket_->text(true) : socket_->binary(true);
  }

  void echo(std::size_t count, std::size_t in_flight, std::size_t payload_bytes) override {
    run([&]() -> net::awaitable<void> {
      const payloads payload(payload_bytes, compressed_);
      beast::flat_buffer buffer;
      for (std::size_t i = 0; i < in_flight; ++i)
        co_await socket_->async_write(net::buffer(payload[i]), net::use_awaitable);
      for (std::size_t received = 0; received < count; ++received) {
        buffer.clear();
        co_await socket_->async_read(buffer, net::use_awaitable);
        if (received + in_flight < count)
          co_await socket_->async_write(net::buffer(payload[received + in_flight]), net::use_awaitable);
      }
    });
  }
  void receive(std::size_t count) override {
    run([&]() -> net::awaitable<void> {
      beast::flat_buffer buffer;
      for (std::size_t i = 0; i < count; ++i) {
        buffer.clear();
        co_await socket_->async_read(buffer, net::use_awaitable);
      }
    });
  }
  void send(std::size_t count, std::size_t payload_bytes) override {
    run([&]() -> net::awaitable<void> {
      const std::string payload(payload_bytes, 'x');
      for (std::size_t i = 0; i < count; ++i)
        co_await socket_->async_write(net::buffer(payload), net::use_awaitable);
    });
  }
  // A stream of Beast's is good for one session.
  void redial(std::size_t count) override {
    run([&]() -> net::awaitable<void> {
      for (std::size_t i = 0; i < count; ++i) {
        plain_stream socket(context_);
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
  std::unique_ptr<Stream> make_stream(const target& to) {
    if constexpr (std::is_same_v<Stream, secure_stream>) {
      tls_.emplace(net::ssl::context::tls_client);
      tls_->add_certificate_authority(net::buffer(to.authority_pem));
      tls_->set_verify_mode(net::ssl::verify_peer);
      return std::make_unique<Stream>(context_, *tls_);
    } else {
      return std::make_unique<Stream>(context_);
    }
  }
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
  const bool compressed_;
  net::io_context context_{1};
  std::optional<net::ssl::context> tls_;
  const std::unique_ptr<Stream> socket_;
};

}  // namespace

std::unique_ptr<client> make_beast_client(const target& to) {
  if (to.authority_pem.empty()) return std::make_unique<beast_client<plain_stream>>(to);
  return std::make_unique<beast_client<secure_stream>>(to);
}

}  // namespace bench
