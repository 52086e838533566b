// An acceptor that can be shut and reopened at the same port.
module;
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
#include <boost/asio/use_awaitable.hpp>
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

struct loopback_port::implementation : std::enable_shared_from_this<implementation> {
  implementation(const net::any_io_executor& executor, server& to) : acceptor(executor), behind(to) {}

  void open() {
    const tcp::endpoint at(net::ip::address_v4::loopback(), number);
    acceptor.open(at.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(at);
    acceptor.listen();
    number = acceptor.local_endpoint().port();
    net::co_spawn(
        acceptor.get_executor(),
        [self = shared_from_this(), opening = ++openings] { return self->accept(opening); }, net::detached);
  }

  // Until the port is shut, even if it has been opened again since.
  net::awaitable<void> accept(unsigned opening) {
    for (;;) {
      auto [ec, socket] = co_await acceptor.async_accept(net::as_tuple(net::use_awaitable));
      if (!acceptor.is_open() || opening != openings) co_return;
      if (!ec) behind.accept(transport(std::move(socket)));
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
