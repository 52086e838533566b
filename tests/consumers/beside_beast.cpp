// A server on Beast and a connection of holdfast on one context, in one source: headers of Boost and of the
// standard library stand above and below the import. Asio's must stand above.
#include <boost/asio.hpp>
#include <boost/json.hpp>

import holdfast;

#include <boost/asio/ssl.hpp>
#include <boost/beast.hpp>
#include <boost/beast/ssl.hpp>
#include <map>
#include <regex>
#include <string>
#include <thread>

namespace net = boost::asio;
namespace beast = boost::beast;

namespace {

net::awaitable<void> echo_once(net::ip::tcp::acceptor& acceptor) {
  beast::websocket::stream<beast::tcp_stream> peer(co_await acceptor.async_accept(net::use_awaitable));
  co_await peer.async_accept(net::use_awaitable);
  beast::flat_buffer got;
  co_await peer.async_read(got, net::use_awaitable);
  peer.text(peer.got_text());
  co_await peer.async_write(got.data(), net::use_awaitable);
  co_await peer.async_read(got, net::as_tuple(net::use_awaitable));  // the close frame
}

}  // namespace

// Returns 0 if what was sent has come back.
extern "C" int talk_to_beast() {
  net::io_context io;
  net::ip::tcp::acceptor acceptor(io, {net::ip::make_address("127.0.0.1"), 0});
  net::co_spawn(io, echo_once(acceptor), net::detached);

  const boost::json::value sent{{"hello", {1, 2, 3}}};
  boost::json::value received;
  const auto url = "ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + '/';
  holdfast::connection conn(io, {.url = url, .retry = holdfast::retry_policy::once()});
  conn.send_json(sent, {.when_offline = holdfast::offline_rule::wait}, net::detached);
  conn.receive_json([&](holdfast::error_code, const holdfast::json_message& got) {
    received = got.value;
    conn.close();
  });
  conn.run(net::detached);
  io.run();
  return received == sent ? 0 : 1;
}
