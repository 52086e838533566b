// The real network: non-blocking TCP sockets. The lookup_pool resolves the names.
module;
#ifdef __linux__
#include <linux/sockios.h>
#include <sys/ioctl.h>
#endif
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

module holdfast.core;

import :completion;

namespace holdfast {

using tcp = net::ip::tcp;

std::string to_string(const peer_address& value) {
  const auto address = value.address.to_string();
  return (value.address.is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(value.port);
}

transport::transport(tcp_socket connected) : stream_(std::move(connected)) {
  error_code ignored;  // a socket that refuses these options still carries bytes
  auto& socket = std::get<tcp_socket>(stream_);
  if (!socket.non_blocking()) socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
}

std::size_t transport::read_some(std::span<char> into, error_code& ec) {
  if (auto* socket = std::get_if<tcp_socket>(&stream_)) {
    return socket->read_some(net::buffer(into.data(), into.size()), ec);
  }
  return std::get<std::unique_ptr<byte_stream>>(stream_)->read_some(into, ec);
}

std::size_t transport::write_some(std::span<const char> from, error_code& ec) {
  if (auto* socket = std::get_if<tcp_socket>(&stream_)) {
    return socket->write_some(net::buffer(from.data(), from.size()), ec);
  }
  return std::get<std::unique_ptr<byte_stream>>(stream_)->write_some(from, ec);
}

bool transport::writes_from_any_thread() const noexcept {
  const auto* stream = std::get_if<std::unique_ptr<byte_stream>>(&stream_);
  return stream == nullptr || (*stream)->writes_from_any_thread();
}

// On Linux the count includes what has not been sent yet (tcp(7), SIOCOUTQ).
std::optional<std::size_t> transport::unconfirmed_bytes() const noexcept {
  if (const auto* stream = std::get_if<std::unique_ptr<byte_stream>>(&stream_))
    return *stream ? (*stream)->unconfirmed_bytes() : std::nullopt;
#ifdef SIOCOUTQ
  // Asio's native_handle() changes nothing, but is not declared const.
  auto& socket = const_cast<tcp_socket&>(std::get<tcp_socket>(stream_));
  int count = 0;
  if (socket.is_open() && ::ioctl(socket.native_handle(), SIOCOUTQ, &count) == 0 && count >= 0)
    return static_cast<std::size_t>(count);
#endif
  return std::nullopt;
}

std::string transport::error_detail() const {
  const auto* stream = std::get_if<std::unique_ptr<byte_stream>>(&stream_);
  return stream != nullptr && *stream ? (*stream)->error_detail() : std::string();
}

byte_stream::facts transport::known() const {
  if (const auto* stream = std::get_if<std::unique_ptr<byte_stream>>(&stream_))
    return *stream ? (*stream)->known() : byte_stream::facts();
  error_code failed;
  const auto local = std::get<tcp_socket>(stream_).local_endpoint(failed);
  if (failed) return {};
  return {.local = peer_address{local.address(), local.port()}};
}

void transport::close() noexcept {
  if (auto* socket = std::get_if<tcp_socket>(&stream_)) {
    error_code ignored;
    socket->close(ignored);
  } else if (auto& stream = std::get<std::unique_ptr<byte_stream>>(stream_)) {
    stream->close();
  }
}

net::awaitable<error_code> write_all(transport& to, std::string_view bytes) {
  error_code ec;
  while ((!bytes.empty() || to.unsent()) && !ec) {
    bytes.remove_prefix(to.write_some({bytes.data(), bytes.size()}, ec));
    if (!would_block(ec)) continue;
    const auto [failed] = co_await to.async_wait(readiness::writable, net::as_tuple(net::use_awaitable));
    ec = failed;
  }
  co_return ec;
}

namespace {

// A socket's handlers run on their own executor, even if that is the strand. The socket itself is quicker
// without one: an operation on a strand's socket counts and type-erases the strand's work each time.
net::any_io_executor below_strand(const net::any_io_executor& here) {
  if (const auto* on = here.target<concrete_strand>()) return on->get_inner_executor();
  return here;
}

// Makes the socket close-on-exec from the first instant: a child process that another thread starts at this
// moment must not keep the connection open (R49). Asio's own open() cannot do that.
error_code open(tcp::socket& socket, const tcp& protocol) {
  error_code failed;
#ifdef SOCK_CLOEXEC
  const int made = ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (made < 0) return {errno, boost::system::system_category()};
  socket.assign(protocol, made, failed);
  if (failed) ::close(made);
#else
  socket.open(protocol, failed);
  if (!failed && ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC) != 0)
    failed = error_code(errno, boost::system::system_category());
#endif
  return failed;
}

class asio_network final : public network {
 public:
  net::awaitable<result<std::vector<peer_address>>> resolve(std::string host, std::uint16_t port) override {
    const auto found = co_await lookup_pool::of_process().resolve(std::move(host));
    if (found.has_error()) co_return found.error();
    std::vector<peer_address> addresses;
    for (const auto& each : *found) addresses.push_back({each, port});
    co_return addresses;
  }

  net::awaitable<result<transport>> connect(peer_address peer) override {
    tcp::socket socket(below_strand(co_await net::this_coro::executor));
    // Before the connect, which would otherwise do it internally, and the transport would have to do it
    // again.
    auto failed = open(socket, peer.address.is_v6() ? tcp::v6() : tcp::v4());
    if (!failed) socket.non_blocking(true, failed);
    if (failed) co_return failed;
    const auto [ec] = co_await socket.async_connect({peer.address, peer.port}, net::as_tuple(net::deferred));
    if (ec) co_return ec;
    co_return transport(std::move(socket));
  }
};

}  // namespace

std::shared_ptr<network> real_network() {
  static const auto instance = std::make_shared<asio_network>();
  return instance;
}

}  // namespace holdfast
