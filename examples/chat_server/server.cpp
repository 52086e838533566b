// The coroutines of the server: one accepts, two serve each socket, and one looks at all deadlines.
#include "server.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

namespace net = boost::asio;
using namespace net::experimental::awaitable_operators;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_sockets = 1200;  // more than sessions, for those that have not said hello
constexpr auto tick_interval = 50ms;
constexpr auto restart_takes = 500ms;

}  // namespace

server::server(net::io_context& io, const settings& given)
    : given_(given), acceptor_(io, {net::ip::address_v4::loopback(), given.port}), tick_(io) {}

void server::start() {
  net::co_spawn(acceptor_.get_executor(), accept_all(), net::detached);
  net::co_spawn(acceptor_.get_executor(), watch_the_clock(), net::detached);
}

void server::stop() {
  is_stopping_ = true;
  acceptor_.close();
  for (const auto& [socket, speaks_for] : sockets_) {
    socket->ask_to_leave("the server is being shut down", restart_takes);
    socket->close(1012, "shutdown");
  }
}

net::awaitable<void> server::accept_all() {
  while (!is_stopping_) {
    auto [ec, socket] = co_await acceptor_.async_accept(net::as_tuple(net::deferred));
    if (is_stopping_) co_return;
    if (ec) {  // such as no more descriptors: wait until others have gone
      net::steady_timer pause(acceptor_.get_executor(), 100ms);
      co_await pause.async_wait(net::as_tuple(net::deferred));
    } else if (sockets_.size() < most_sockets) {
      net::co_spawn(acceptor_.get_executor(), serve(std::make_shared<peer>(std::move(socket))),
                    net::detached);
    }
  }
}

net::awaitable<void> server::serve(socket_pointer from) {
  if (is_stopping_) co_return;
  sockets_.emplace(from, nullptr);
  const bool opened = co_await from->open();
  if (opened) {
    auto conversation = read_all(from) && from->write_all();
    co_await std::move(conversation);
  }
  disconnect(from);
}

net::awaitable<void> server::read_all(socket_pointer from) {
  for (;;) {
    try {
      const auto text = co_await from->receive();
      if (!text) break;
      if (!from->is_closing()) handle_text(from, *text);
    } catch (const bad_frame& wrong) {
      from->fail("bad_request", wrong.what());
    } catch (const std::exception&) {
      from->fail("internal", "something went wrong here");
    }
  }
  from->drop();
}

// It looks often enough that no deadline needs a timer of its own.
net::awaitable<void> server::watch_the_clock() {
  while (!is_stopping_ || !sockets_.empty()) {
    tick_.expires_after(tick_interval);
    co_await tick_.async_wait(net::as_tuple(net::deferred));
    const auto now = peer::clock::now();
    for (const auto& [socket, speaks_for] : sockets_) socket->check_deadlines(now);
    lift_penalties(now);
    end_abandoned_sessions(now);
  }
}
