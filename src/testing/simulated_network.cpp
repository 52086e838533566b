// Names and ports of the simulated network; the links themselves are in :link.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
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
import holdfast.wire;
import :link;

namespace holdfast::testing {
namespace {

constexpr clock::duration connect_patience = std::chrono::seconds(127);  // that of Linux: seven SYNs

// The time of the world is the clock of its thread, so a plain timer waits in virtual time.
net::awaitable<void> wait_until(clock::time_point when) {
  timer pause(co_await net::this_coro::executor);
  co_await pause.async_wait_until(when, net::as_tuple(net::use_awaitable));
}

}  // namespace

simulated_network::simulated_network(net::any_io_executor executor, virtual_time& time, random_source& random)
    : executor_(std::move(executor)), time_(time), random_(random) {}

simulated_network::~simulated_network() = default;

void simulated_network::add_name(std::string name, std::vector<net::ip::address> addresses,
                                 clock::duration delay) {
  names_[std::move(name)] = {.addresses = std::move(addresses), .delay = delay};
}

void simulated_network::break_name(const std::string& name, error_code ec) {
  names_[name].failure = ec;
  names_[name].never_ends = !ec;
}

simulated_network::port_entry* simulated_network::find(const peer_address& at) {
  const auto found = std::ranges::find(ports_, at, &port_entry::at);
  return found == ports_.end() ? nullptr : &*found;
}

void simulated_network::listen(peer_address at, on_accept handler) {
  if (auto* known = find(at)) {
    known->handler = std::move(handler);
  } else {
    ports_.push_back({at, std::move(handler)});
  }
}

void simulated_network::behave(const peer_address& at, port_behaviour how) {
  if (auto* known = find(at)) {
    known->behaviour = how;
  } else {
    ports_.push_back({at, {}, how});
  }
}

void simulated_network::reset_links() {
  for (const auto& each : links_) {
    if (const auto link = each.lock()) link->reset();
  }
}

void simulated_network::silence_links(silenced which) {
  for (const auto& each : links_) {
    if (const auto link = each.lock()) link->silence(which);
  }
}

std::size_t simulated_network::open_links() const {
  return static_cast<std::size_t>(std::ranges::count_if(links_, [](const auto& each) {
    const auto link = each.lock();
    return link && link->open_at(simulated_link::client);
  }));
}

void simulated_network::count_links_in_use() {
  const auto now = std::ranges::count_if(links_, [](const auto& each) {
    const auto link = each.lock();
    return link && link->in_use();
  });
  most_open_ = std::max(most_open_, static_cast<std::size_t>(now));
}

net::awaitable<result<std::vector<peer_address>>> simulated_network::resolve(std::string host,
                                                                             std::uint16_t port) {
  error_code not_literal;
  if (const auto address = net::ip::make_address(host, not_literal); !not_literal) {
    co_return std::vector<peer_address>{{address, port}};
  }
  const auto found = names_.find(host);
  if (found == names_.end()) co_return net::error::make_error_code(net::error::host_not_found);
  const auto entry = found->second;
  const auto ends = entry.never_ends ? clock::time_point::max() : clock::now() + entry.delay;
  co_await wait_until(ends);
  if (entry.failure) co_return entry.failure;
  std::vector<peer_address> out;
  out.reserve(entry.addresses.size());
  for (const auto& address : entry.addresses) out.push_back({address, port});
  co_return out;
}

// From connect_patience on, the result means that the connect is given up.
clock::duration simulated_network::time_to_connect(const link_conditions& how) {
  clock::duration waited{};
  for (clock::duration again = std::chrono::seconds(1); waited < connect_patience; again *= 2) {
    const bool lost = how.syn_loss > 0 && std::bernoulli_distribution(how.syn_loss)(random_);
    if (!lost) break;
    waited += again;
  }
  return waited + 2 * how.latency;
}

net::awaitable<result<transport>> simulated_network::connect(peer_address peer) {
  const auto self = shared_from_this();
  const auto how = conditions;
  const auto* port = find(peer);
  if (port != nullptr && port->behaviour == port_behaviour::swallows)
    co_await wait_until(clock::time_point::max());
  const auto takes = time_to_connect(how);
  co_await wait_until(clock::now() + std::min(takes, connect_patience));
  if (takes >= connect_patience) co_return net::error::make_error_code(net::error::timed_out);
  port = find(peer);
  if (port == nullptr || !port->handler || port->behaviour != port_behaviour::accepts) {
    co_return net::error::make_error_code(net::error::connection_refused);
  }
  ++connects_;
  const auto link =
      std::make_shared<simulated_link>(executor_, time_, random_, how, [network = weak_from_this()] {
        if (const auto alive = network.lock()) alive->count_links_in_use();
      });
  std::erase_if(links_, [](const auto& each) { return each.expired(); });
  links_.push_back(link);
  net::post(executor_, [handler = port->handler, link] {
    handler(transport(std::make_unique<simulated_stream>(link, simulated_link::server)));
  });
  co_return transport(std::make_unique<simulated_stream>(link, simulated_link::client));
}

void simulated_network::shut_down() {
  ports_.clear();
  names_.clear();
  for (const auto& each : std::exchange(links_, {})) {
    if (const auto link = each.lock()) link->forget_waiters();
  }
}

}  // namespace holdfast::testing
