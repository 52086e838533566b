// A link: bytes are copied with their time of arrival, and a waiter is woken at that time.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

module holdfast.testing;

import holdfast;
import holdfast.wire;
import :link;

namespace holdfast::testing {

std::size_t simulated_link::some(std::size_t most) {
  const auto limit = std::min(most, how_.largest_piece_bytes);
  if (most <= 1 || how_.largest_piece_bytes >= 64 * 1024) return limit;
  return std::uniform_int_distribution<std::size_t>(1, limit)(random_);
}

bool simulated_link::readable(side at) const {
  const auto& self = ends_[at];
  if (reset_) return true;
  if (!self.incoming.empty()) return self.incoming.front().arrives <= time_.now();
  return self.eof_sent && self.eof_arrives <= time_.now();
}

// As a socket does: not before a good part of the window is free, or pieces would grow ever smaller.
bool simulated_link::writable(side at) const {
  return reset_ || hears_of_end(at) || ends_[other(at)].pending_bytes <= how_.window_bytes / 2;
}

// A closed peer answers later bytes with a reset, if neither direction is cut off.
bool simulated_link::hears_of_end(side at) const {
  const auto& peer = ends_[other(at)];
  return peer.closed && !peer.cut_off && !ends_[at].cut_off;
}

// Returns when the last of `count` bytes arrives at `at`: in order, and no sooner than the link can carry
// them.
clock::time_point simulated_link::arrival(side at, std::size_t count) {
  auto& end = ends_[at];
  end.free_from = std::max(end.free_from, time_.now());
  if (how_.bytes_per_second != 0) {
    end.free_from += std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(
        static_cast<double>(count) / static_cast<double>(how_.bytes_per_second)));
  }
  auto way = how_.latency;
  if (how_.jitter > clock::duration{})
    way += clock::duration(std::uniform_int_distribution<clock::rep>(0, how_.jitter.count())(random_));
  end.last_arrival = std::max(end.last_arrival, end.free_from + way);
  return end.last_arrival;
}

// The receiver of the last bytes has time to read them before the reset.
void simulated_link::count_towards_reset(std::size_t count, clock::time_point arrives) {
  const auto before = std::exchange(written_bytes_, written_bytes_ + count);
  const auto limit = how_.reset_after_bytes;
  if (!limit || before >= *limit || written_bytes_ < *limit) return;
  silence(silenced::both_ways);
  time_.schedule(arrives + how_.latency, executor_, [link = weak_from_this()](error_code) {
    if (const auto self = link.lock()) self->reset();
  });
}

std::size_t simulated_link::read(side at, std::span<char> into, error_code& ec) {
  auto& self = ends_[at];
  ec = {};
  if (self.closed) ec = net::error::bad_descriptor;
  if (!ec && reset_) ec = net::error::connection_reset;
  if (!ec && !readable(at)) ec = net::error::would_block;
  if (!ec && self.incoming.empty()) ec = net::error::eof;
  if (ec || into.empty()) return 0;
  auto& front = self.incoming.front();
  auto count = std::min({into.size(), front.bytes.size(), how_.largest_piece_bytes});
  if (std::bernoulli_distribution()(random_)) count = some(count);
  std::memcpy(into.data(), front.bytes.data(), count);
  front.bytes.erase(0, count);
  if (front.bytes.empty()) self.incoming.pop_front();
  self.pending_bytes -= count;
  wake();
  return count;
}

std::size_t simulated_link::write(side at, std::span<const char> from, error_code& ec) {
  auto& peer = ends_[other(at)];
  ec = {};
  if (ends_[at].closed) ec = net::error::bad_descriptor;
  if (!ec && reset_) ec = net::error::connection_reset;
  if (!ec && hears_of_end(at)) ec = net::error::broken_pipe;
  if (!ec && peer.pending_bytes >= how_.window_bytes) ec = net::error::would_block;
  if (ec || from.empty()) return 0;
  if (at == client && on_use_) std::exchange(on_use_, {})();
  auto most = std::min(from.size(), how_.window_bytes - peer.pending_bytes);
  if (how_.reset_after_bytes && written_bytes_ < *how_.reset_after_bytes)
    most = std::min(most, *how_.reset_after_bytes - written_bytes_);
  const auto count = some(most);
  peer.pending_bytes += count;
  peer.given_bytes += count;
  if (peer.cut_off) {  // the bytes fill the window and never arrive
    peer.lost_bytes += count;
    return count;
  }
  const auto arrives = arrival(other(at), count);
  peer.incoming.push_back({arrives, std::string(from.data(), count)});
  look_again_at(arrives);
  count_towards_reset(count, arrives);
  return count;
}

// Counts what has arrived at `at`, read or not.
std::size_t simulated_link::arrived_bytes(side at) const {
  const auto& end = ends_[at];
  auto count = end.given_bytes - end.lost_bytes;
  for (auto each = end.incoming.rbegin(); each != end.incoming.rend() && each->arrives > time_.now(); ++each)
    count -= each->bytes.size();
  return count;
}

std::optional<std::size_t> simulated_link::unconfirmed_bytes(side at) const {
  const auto& self = ends_[at];
  if (self.closed) return std::nullopt;
  return ends_[other(at)].given_bytes - self.confirmed_bytes.value_or(arrived_bytes(other(at)));
}

void simulated_link::silence(silenced which) {
  for (const auto at : {client, server}) {
    const bool reached = which == (at == client ? silenced::to_server : silenced::to_client);
    if (reached || std::exchange(ends_[at].cut_off, true)) continue;
    ends_[at].confirmed_bytes = arrived_bytes(other(at));
  }
}

void simulated_link::wait(side at, readiness kind, byte_stream::ready_handler handler) {
  auto& waiter = kind == readiness::readable ? ends_[at].read_waiter : ends_[at].write_waiter;
  waiter = std::move(handler);
  if (ends_[at].closed) return complete(waiter, net::error::operation_aborted);
  wake();
}

void simulated_link::close(side at) {
  auto& self = ends_[at];
  if (std::exchange(self.closed, true)) return;
  complete(self.read_waiter, net::error::operation_aborted);
  complete(self.write_waiter, net::error::operation_aborted);
  auto& peer = ends_[other(at)];
  if (peer.cut_off || peer.closed) return;
  peer.eof_sent = true;
  peer.eof_arrives = std::max(time_.now() + how_.latency, peer.last_arrival);
  look_again_at(peer.eof_arrives);
}

void simulated_link::reset() {
  reset_ = true;
  wake();
}

void simulated_link::forget_waiters() {
  const auto keep_alive = shared_from_this();
  for (auto& each : ends_) {
    const auto waiters =
        std::make_pair(std::exchange(each.read_waiter, {}), std::exchange(each.write_waiter, {}));
  }
}

void simulated_link::look_again_at(clock::time_point when) {
  time_.schedule(when, executor_, [link = weak_from_this()](error_code) {
    if (const auto self = link.lock()) self->wake();
  });
}

void simulated_link::wake() {
  for (const auto at : {client, server}) {
    if (readable(at)) complete(ends_[at].read_waiter, {});
    if (writable(at)) complete(ends_[at].write_waiter, {});
  }
}

void simulated_link::complete(byte_stream::ready_handler& waiter, error_code ec) {
  if (!waiter) return;
  net::post(executor_, [executor = executor_, ec, handler = std::exchange(waiter, {})]() mutable {
    const auto own = net::get_associated_executor(handler, executor);
    net::dispatch(own, net::append(std::move(handler), ec));
  });
}

}  // namespace holdfast::testing
