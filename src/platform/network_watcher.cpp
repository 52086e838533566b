// One coroutine reads the kernel's messages, another one reports them when the burst is over. Both run on one
// strand.
module;
#ifdef __linux__
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#endif

#include <algorithm>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :wakeup;

namespace holdfast {

struct network_watcher::implementation : std::enable_shared_from_this<implementation> {
  implementation(const net::any_io_executor& executor, news_function call, log_function hook);

  void begin();
  void end();
  void give_up(error_code why);

  const net::any_io_executor strand;
  const news_function on_news;
  const log_function log;
  std::atomic<bool> ended{false};  // set when the handle is destroyed

#ifdef __linux__
  void open(error_code& ec);
  void spawn(net::awaitable<void> (implementation::*routine)());
  net::awaitable<void> listen();
  net::awaitable<void> report();
  void drain();
  void take(std::span<const char> datagram);
  void ask_for(netlink_list what);
  void changed(const network_news& what);

  net::posix::stream_descriptor socket;
  netlink_reader reader;
  std::optional<netlink_list> asked;
  change_burst burst;
  network_news gathered;  // during the burst
  wakeup news;            // wakes report()
#endif
};

network_watcher::network_watcher(const net::any_io_executor& executor, std::function<void()> on_change,
                                 log_function log)
    : network_watcher(
          executor, [call = std::move(on_change)](const network_news&) { call(); }, std::move(log)) {}

network_watcher::network_watcher(const net::any_io_executor& executor, news_function on_news,
                                 log_function log) {
  if (clock::source() != nullptr) return;
  implementation_ = std::make_shared<implementation>(executor, std::move(on_news), std::move(log));
  net::post(implementation_->strand, [self = implementation_] { self->begin(); });
}

network_watcher::network_watcher(network_watcher&&) noexcept = default;
network_watcher& network_watcher::operator=(network_watcher&& other) noexcept {
  const network_watcher old(std::move(*this));
  implementation_ = std::move(other.implementation_);
  return *this;
}

network_watcher::~network_watcher() {
  if (!implementation_) return;
  implementation_->ended = true;
  net::post(implementation_->strand, [self = implementation_] { self->end(); });
}

void network_watcher::implementation::give_up(error_code why) {
  if (!log || ended) return;
  log(log_level::warning,
      "watch_network failed: " + why.message() + ". Call network_changed() when the network changes");
}

#ifdef __linux__

namespace {

constexpr std::size_t datagram_bytes = 32 * 1024;  // the kernel sends no larger ones
constexpr int reads_per_turn = 64;                 // then other handlers get a turn

}  // namespace

network_watcher::implementation::implementation(const net::any_io_executor& executor, news_function call,
                                                log_function hook)
    : strand(net::make_strand(executor)),
      on_news(std::move(call)),
      log(std::move(hook)),
      socket(strand),
      news(strand) {}

void network_watcher::implementation::begin() {
  if (ended) return;
  error_code ec;
  open(ec);
  if (ec) return give_up(ec);
  ask_for(netlink_list::links);
  spawn(&implementation::listen);
  spawn(&implementation::report);
}

void network_watcher::implementation::end() {
  error_code ignored;
  socket.close(ignored);
  news.notify();
}

// Binds the socket before any list is requested, so that no later change is missed.
void network_watcher::implementation::open(error_code& ec) {
  const int made = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  sockaddr_nl us{};
  us.nl_family = AF_NETLINK;
  us.nl_groups =
      RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (made < 0 || ::bind(made, reinterpret_cast<const sockaddr*>(&us), sizeof us) != 0) {
    ec = error_code(errno, boost::system::system_category());
    if (made >= 0) ::close(made);
    return;
  }
  socket.assign(made, ec);
}

void network_watcher::implementation::spawn(net::awaitable<void> (implementation::*routine)()) {
  net::co_spawn(
      strand, [self = shared_from_this(), routine] { return (self.get()->*routine)(); },
      [self = shared_from_this()](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
}

net::awaitable<void> network_watcher::implementation::listen() {
  while (socket.is_open()) {
    const auto [failed] = co_await socket.async_wait(net::posix::stream_descriptor::wait_read,
                                                     net::as_tuple(net::use_awaitable));
    if (failed) co_return give_up(failed);
    drain();
  }
}

net::awaitable<void> network_watcher::implementation::report() {
  while (!ended && socket.is_open()) {
    co_await news.wait_until(burst.due().value_or(clock::time_point::max()));
    if (!ended && burst.take(clock::now())) on_news(std::exchange(gathered, {}));
  }
}

// Reads the messages that have arrived.
void network_watcher::implementation::drain() {
  std::vector<char> place(datagram_bytes);
  for (int reads = 0; reads < reads_per_turn; ++reads) {
    sockaddr_nl from{};
    iovec part{place.data(), place.size()};
    msghdr envelope{};
    envelope.msg_name = &from;
    envelope.msg_namelen = sizeof from;
    envelope.msg_iov = &part;
    envelope.msg_iovlen = 1;
    const auto count = ::recvmsg(socket.native_handle(), &envelope, 0);
    if (count >= 0) {
      if (from.nl_pid == 0) take({place.data(), static_cast<std::size_t>(count)});  // from the kernel only
    } else if (errno == ENOBUFS) {  // messages were lost, so what we know may be wrong
      changed({.unknown = true});
      reader = {};
      ask_for(netlink_list::links);
    } else if (errno != EINTR) {
      const error_code ec(errno, boost::system::system_category());
      if (ec == net::error::would_block) return;
      give_up(ec);
      return end();
    }
  }
}

// Requests the lists one after the other, because the kernel makes one at a time for a socket.
void network_watcher::implementation::take(std::span<const char> datagram) {
  const auto heard = reader.read(datagram);
  if (heard.changed) changed(heard.what);
  if (!heard.list_ended) return;
  if (std::exchange(asked, std::nullopt) == netlink_list::links) ask_for(netlink_list::addresses);
}

// If this fails, the present links or addresses stay unknown, and an old one may be taken for new, once.
void network_watcher::implementation::ask_for(netlink_list what) {
  const auto request = netlink_request(what);
  asked = what;
  error_code ignored;
  socket.write_some(net::buffer(request), ignored);
}

void network_watcher::implementation::changed(const network_news& what) {
  gathered.add(what);
  burst.changed(clock::now());
  news.notify();
}

#else

network_watcher::implementation::implementation(const net::any_io_executor& executor, news_function call,
                                                log_function hook)
    : strand(net::make_strand(executor)), on_news(std::move(call)), log(std::move(hook)) {}

void network_watcher::implementation::begin() { give_up(net::error::operation_not_supported); }
void network_watcher::implementation::end() {}

#endif

}  // namespace holdfast
