// The side of a session that reads, and what it makes of that. The other side is tend(). Whoever finds the
// end calls end(), which ends both.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "planted_bugs.hpp"

module holdfast;

import :completion;
import :session;

// clang 19 takes the members of this one for emitted by the interface unit that names it, where they are not.
template class boost::asio::any_completion_handler<void(boost::system::error_code, std::chrono::nanoseconds)>;

namespace holdfast {
namespace {

constexpr std::size_t large_bytes = 32 * 1024;     // from here on a copy costs more than a system call
constexpr std::size_t beginning_bytes = 4 * 1024;  // of a message, when large ones are expected
constexpr int reads_per_turn = 16;                 // then the other coroutines of the strand get theirs

// Used only between two suspensions, so one per thread serves any number of connections.
std::span<char> scratch() {
  thread_local const auto memory = std::make_unique_for_overwrite<std::array<char, 64 * 1024>>();
  return *memory;
}

clock::duration random_phase(const heartbeat_options& given, random_source& random) {
  return clock::duration(
      std::uniform_int_distribution<clock::rep>(0, clock::duration(given.ping_interval).count())(random));
}

}  // namespace

session::session(net::any_io_executor executor, std::shared_ptr<const options> given,
                 std::shared_ptr<inbox> in, std::shared_ptr<outbox> out, opened_socket socket,
                 random_source& random)
    : executor_(std::move(executor)),
      strand_(out->strand()),
      options_(std::move(given)),
      inbox_(std::move(in)),
      outbox_(std::move(out)),
      stream_(std::move(socket.stream)),
      engine_(peer_role::client, options_->limits.message_bytes),
      liveness_(options_->heartbeat, clock::now(), random_phase(options_->heartbeat, random)),
      work_(strand_) {
  if (!socket.first_bytes.empty()) engine_.feed(socket.first_bytes);
}

void session::open(const std::optional<agreed_compression>& agreed) {
  if (agreed) engine_.agree(*agreed);
  outbox_->open(stream_, std::shared_ptr<wakeup>(shared_from_this(), &work_), agreed);
}

void session::speak(std::shared_ptr<protocol> spoken, const session_facts& facts, session_events on) {
  conversation_ = std::make_unique<conversation>(*options_, std::move(spoken), outbox_, std::move(on));
  conversation_->open(facts);
}

net::awaitable<void> session::serve() {
  tend();
  return read();
}

net::awaitable<void> session::read() {
  for (;;) {
    switch (read_on()) {
      case pause::over:
        co_return;
      case pause::give_way:
        // Lets those run who wait for what we have read: their answer is more urgent than to ask the socket
        // for more, and memory that they give back is still warm.
        engine_.park();
        co_await net::async_initiate<const net::deferred_t&, void()>(
            [this](auto handler) {
              post_to(strand_, [handler = std::move(handler)]() mutable { std::move(handler)(); });
            },
            net::deferred);
        break;
      case pause::no_room:
        co_await wait_for_room();
        break;
      case pause::no_bytes:
        co_await read_first_bytes();
    }
  }
}

// As far as it goes without waiting.
session::pause session::read_on() {
  for (int reads = 1; !over_; ++reads) {
    const auto delivered = delivered_;
    if (!decode()) {
      // Nobody receives any more: the answer to our close frame is out of reach. Where a session is to follow
      // this one, the program gets all that was sent before.
      if (ending_ && !hand_over_by_) end(ending_->reason);
      return over_ ? pause::over : pause::no_room;
    }
    if (over_) break;
    if (delivered_ != delivered) return pause::give_way;
    if (socket_is_empty_) return pause::no_bytes;
    read_some();
    if (reads == reads_per_turn) return pause::give_way;
  }
  return pause::over;
}

// A large message is read where it will stay. For that, not much of it may be read together with its header.
void session::read_some() {
  auto place = engine_.prepare_message();
  const bool direct = !place.empty();
  if (!direct) place = engine_.prepare(large_messages_ ? scratch().first(beginning_bytes) : scratch());
  error_code ec;
  const auto count = stream_.read_some(place, ec);
  socket_is_empty_ = count < place.size();  // a short read: wait without asking it again
  direct ? engine_.commit_message(count) : engine_.commit(count);
  took(count, ec);
}

// Waits for bytes in memory of our own, because the scratch memory is for others meanwhile.
net::awaitable<void> session::read_first_bytes() {
  engine_.park();
  if (std::exchange(was_idle_, false)) first_bytes_.shrink();
  const auto place = engine_.prepare(first_bytes_.place());
  constexpr auto token = net::as_tuple(net::deferred);
  const auto [ec, count] = co_await net::async_initiate<decltype(token), void(error_code, std::size_t)>(
      [this, place](auto handler) {
        // Completes off the strand, goes onto it for our work, and leaves it for that of the program.
        stream_.async_read_some(
            place, net::bind_executor(executor_, [this, handler = std::move(handler)](
                                                     error_code failed, std::size_t bytes) mutable {
              completion_scope scope(executor_);
              dispatch_to(strand_, [handler = std::move(handler), failed, bytes]() mutable {
                std::move(handler)(failed, bytes);
              });
              scope.leave();
            }));
      },
      token);
  engine_.commit(count);
  socket_is_empty_ = count != 0 && count < place.size();
  if (count == place.size()) first_bytes_.grow();
  if (!over_) took(count, ec);
}

void session::took(std::size_t count, error_code ec) {
  if (stream_.unsent()) work_.notify();  // reading can make a stream of TLS answer
  if (count != 0) {
    liveness_.heard_bytes(clock::now());
    outbox_->next_turn();
  } else if (ec && !would_block(ec)) {
    lost(ec == net::error::eof ? make_error_code(error::connection_lost) : ec);
  }
}

// Back-pressure: the socket is not read, so that TCP holds the peer back (R40).
net::awaitable<void> session::wait_for_room() {
  engine_.park();
  liveness_.pause();
  if (conversation_) conversation_->pause();
  if (link_) link_->judge.pause();
  reader_waits_ = true;
  co_await inbox_->wait_for_room();
  reader_waits_ = false;
  if (hand_over_by_ && ending_) ending_->close_by = clock::now() + options_->close_timeout;
  liveness_.resume(clock::now());
  if (conversation_) conversation_->resume(clock::now());
  work_.notify();
}

// Hands on what is whole; false: the inbox is full, and there may be more.
bool session::decode() {
  thread_local message_batch decoded;  // used within this call only, so one per thread will do
  decoded.clear();
  const auto room = inbox_->room();
  if (room.messages == 0) return false;
  while (decoded.size() < room.messages && decoded.size_bytes() < room.bytes) {
    const auto event = engine_.next();
    if (event.event == frame_event::none || over_) break;
    if (event.event == frame_event::message) {
      // Most small messages lie in the scratch memory, and are copied once, behind each other.
      large_messages_ = event.payload.size() >= large_bytes;
      if (conversation_) {
        // A login that is given up must not succeed any more: nobody would hear what it has brought.
        const bool given_up = ending_ && !conversation_->is_ready();
        if (given_up && !planted::has(planted::bug::ready_after_stop)) continue;
        conversation_->received({event.kind, event.payload}, decoded);
        follow_protocol();
      } else if (engine_.owns(event)) {
        decoded.take_back(event.kind, engine_.take_message(event));
      } else {
        decoded.push_back(event.kind, event.payload);
      }
    } else {
      handle(event);
    }
  }
  const bool filled = decoded.size() >= room.messages || decoded.size_bytes() >= room.bytes;
  if (!decoded.empty()) {
    ++delivered_;
    inbox_->put(decoded);
  }
  return !filled;
}

void session::handle(const frame_result& event) {
  // While we are closing, however the peer ends it: the reason is our own (R8).
  if (ending_ && (event.event == frame_event::close || event.event == frame_event::failed))
    return end(ending_->reason);
  switch (event.event) {
    case frame_event::ping:
      outbox_->pong(event.payload);
      break;
    case frame_event::pong:
      handle_pong(event.payload);
      break;
    case frame_event::close:
      outbox_->finish(event.close_code, {}, error::closed_by_peer);  // the answer (section 5.5.1)
      return end({.error = error::closed_by_peer,
                  .at = stage::session,
                  .close_code = event.close_code,
                  .close_text = std::string(event.payload)});
    case frame_event::failed:
      return peer_failed(event);
    case frame_event::none:
    case frame_event::message:
      break;
  }
}

void session::peer_failed(const frame_result& event) {
  outbox_->finish(event.close_code, event.error.message(), event.error);
  end({.error = event.error, .at = stage::session});
}

void session::lost(error_code why) {
  end(ending_ ? ending_->reason : change_reason{.error = why, .at = stage::session});
}

}  // namespace holdfast
