// An acceptor that can be shut and reopened at the same port. Its sockets are close-on-exec from the first
// instant, as those of the library are (R49): Asio's own open() and accept() cannot do that.
module;
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

module holdfast.testing;

import holdfast;

namespace holdfast::testing {

using net::ip::tcp;

namespace {

constexpr std::chrono::milliseconds pause_after_failure{50};

error_code last_error() { return {errno, boost::system::system_category()}; }

void open_descriptor(tcp::acceptor& acceptor) {
#ifdef SOCK_CLOEXEC
  const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (made < 0) throw boost::system::system_error(last_error());
  error_code failed;
  acceptor.assign(tcp::v4(), made, failed);
  if (failed) ::close(made);
  if (failed) throw boost::system::system_error(failed);
#else
  acceptor.open(tcp::v4());
  ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
#endif
  acceptor.non_blocking(true);
}

// Fails if no connection is waiting.
error_code accept_descriptor(tcp::acceptor& acceptor, tcp::socket& into) {
#ifdef SOCK_CLOEXEC
  const int made = ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
#else
  const int made = ::accept(acceptor.native_handle(), nullptr, nullptr);
  if (made >= 0) ::fcntl(made, F_SETFD, FD_CLOEXEC);
#endif
  if (made < 0) return last_error();
  error_code failed;
  into.assign(tcp::v4(), made, failed);
  if (failed) ::close(made);
  return failed;
}

}  // namespace

struct loopback_port::implementation : std::enable_shared_from_this<implementation> {
  implementation(const net::any_io_executor& executor, server& to) : acceptor(executor), behind(to) {}

  void open() {
    const tcp::endpoint at(net::ip::address_v4::loopback(), number);
    open_descriptor(acceptor);
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(at);
    acceptor.listen();
    number = acceptor.local_endpoint().port();
    net::co_spawn(
        acceptor.get_executor(),
        [self = shared_from_this(), opening = ++openings] { return self->accept(opening); }, net::detached);
  }

  // Runs until the port is shut, even if the port has been opened again since.
  net::awaitable<void> accept(unsigned opening) {
    for (;;) {
      const auto [failed] =
          co_await acceptor.async_wait(tcp::acceptor::wait_read, net::as_tuple(net::use_awaitable));
      if (!acceptor.is_open() || opening != openings) co_return;
      if (failed) continue;
      tcp::socket socket(acceptor.get_executor());
      const auto refused = accept_descriptor(acceptor, socket);
      if (!refused) behind.accept(transport(std::move(socket)));
      if (refused && !would_block(refused)) {
        // Such as no free descriptor (EMFILE): the peer stays in the queue, and the acceptor readable.
        net::steady_timer pause(acceptor.get_executor(), pause_after_failure);
        co_await pause.async_wait(net::as_tuple(net::use_awaitable));
      }
    }
  }

  tcp::acceptor acceptor;
  server& behind;
  std::uint16_t number = 0;
  unsigned openings = 0;
};

loopback_port::loopback_port(net::any_io_executor executor, server& behind)
    : implementation_(std::make_shared<implementation>(executor, behind)) {
  implementation_->open();
}

loopback_port::loopback_port(loopback_port&&) noexcept = default;
loopback_port& loopback_port::operator=(loopback_port&&) noexcept = default;

loopback_port::~loopback_port() {
  if (implementation_) shut();
}

std::uint16_t loopback_port::number() const noexcept { return implementation_->number; }
std::string loopback_port::url() const {
  const std::string scheme = implementation_->behind.uses_tls() ? "wss" : "ws";
  return scheme + "://127.0.0.1:" + std::to_string(number()) + "/";
}

void loopback_port::shut() {
  error_code ignored;
  implementation_->acceptor.close(ignored);
}

void loopback_port::reopen() {
  if (!implementation_->acceptor.is_open()) implementation_->open();
}

}  // namespace holdfast::testing
