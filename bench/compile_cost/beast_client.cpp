// What a program does with Beast alone for one connection: for the time that it takes to compile.
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <iostream>

namespace net = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;

net::awaitable<void> print_messages() {
  auto executor = co_await net::this_coro::executor;
  net::ip::tcp::resolver resolver(executor);
  websocket::stream<beast::tcp_stream> ws(executor);
  const auto found = co_await resolver.async_resolve("127.0.0.1", "8080", net::use_awaitable);
  co_await beast::get_lowest_layer(ws).async_connect(found, net::use_awaitable);
  co_await ws.async_handshake("127.0.0.1:8080", "/", net::use_awaitable);
  co_await ws.async_write(net::buffer("hello", 5), net::use_awaitable);
  for (;;) {
    beast::flat_buffer buffer;
    co_await ws.async_read(buffer, net::use_awaitable);
    std::cout << "received: " << beast::make_printable(buffer.data()) << std::endl;
  }
}

int main() {
  net::io_context io;
  net::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto...) { io.stop(); });
  net::co_spawn(io, print_messages(), [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
  });
  io.run();
}
