// The reading side of a session: reads the socket, decodes, and delivers messages. The writing side is
// tend(). The side that detects the end calls end(), which ends both.
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

module holdfast.core;

import :completion;
import :session;

// clang 19 assumes that the interface unit naming this specialization emits its members, but it does not.
template class boost::asio::any_completion_handler<void(boost::system::error_code, std::chrono::nanoseconds)>;

namespace holdfast {
namespace {

constexpr std::size_t large_bytes = 32 * 1024;       // from this size, a copy costs more than a system call
constexpr std::size_t beginning_bytes = 4 * 1024;    // of a message to read when large ones are expected
constexpr int reads_per_turn = 16;                   // then other coroutines of the strand get a turn
constexpr std::size_t most_scanned_bytes = 8 << 20;  // more than a host usually buffers for a socket
constexpr std::size_t most_dropped_at_once = 1 << 20;
constexpr std::chrono::seconds silent_pause{5};  // then a warning is logged that the program does not receive

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

session::session(surroundings of, opened_socket socket, random_source& random, session_listener& listener)
    : where_(std::move(of.where)),
      options_(std::move(of.settings)),
      inbox_(std::move(of.in)),
      outbox_(std::move(of.out)),
      log_(std::move(of.log)),
      number_(of.number),
      bytes_received_(*of.bytes_received),
      listener_(listener),
      stream_(std::move(socket.stream)),
      decoder_(peer_role::client, options_->limits.message_bytes, options_->invalid_text),
      liveness_(options_->heartbeat, clock::now(), random_phase(options_->heartbeat, random)),
      work_(where_->strand) {
  if (!socket.first_bytes.empty()) decoder_.feed(socket.first_bytes);
  bytes_received_ += socket.first_bytes.size();
  const auto& how = options_->congestion;
  if (!how.features.empty()) link_ = std::make_unique<link_watch>(congestion(how));
}

void session::open(const std::optional<agreed_compression>& agreed) {
  if (agreed) decoder_.agree(*agreed);
  outbox_->open(stream_, std::shared_ptr<wakeup>(shared_from_this(), &work_), agreed, number_);
}

void session::speak(std::shared_ptr<protocol> spoken, const session_facts& facts) {
  conversation_ = std::make_unique<conversation>(*options_, std::move(spoken), outbox_,
                                                 static_cast<session_listener&>(*this), make_waker());
  conversation_->open(facts);
}

std::function<void()> session::make_waker() {
  return [weak = weak_from_this(), where = where_] {
    net::post(where->strand, [weak] {
      const auto self = weak.lock();
      if (!self || self->over_) return;
      self->conversation_->wake();
      self->work_.notify();
    });
  };
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
        // Lets the receivers of these messages run first: their answers are more urgent than the next read,
        // and the memory that they release is still in the cache.
        decoder_.park();
        co_await net::async_initiate<const net::deferred_t&, void()>(
            [this](auto handler) {
              post_to(where_->strand, [handler = std::move(handler)]() mutable { std::move(handler)(); });
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

// Reads until it would have to wait. If the peer's end came together with messages, it is acted on only after
// the program has had a turn with them (R64).
session::pause session::read_on() {
  gives_way_ = false;
  for (int reads = 1; !over_; ++reads) {
    const auto delivered = delivered_;
    const bool went_on = decode();
    if (over_) break;
    if (delivered_ != delivered) {
      gives_way_ = true;
      return pause::give_way;
    }
    if (peer_end_) {
      act_on_end();
      continue;
    }
    follow_protocol();
    if (over_) break;
    if (!went_on) {
      // The inbox is full, so the answer to our close frame cannot be reached. If a session is to follow this
      // one, wait instead: the program gets all earlier messages first.
      if (ending_ && !hand_over_by_ && outbox_->is_finished()) end(ending_->reason);
      return over_ ? pause::over : pause::no_room;
    }
    if (socket_is_empty_) return pause::no_bytes;
    read_some();
    if (reads == reads_per_turn) return pause::give_way;
  }
  return pause::over;
}

// A large message is read directly into its final memory, so the read that brings its header must be short.
std::size_t session::read_some() {
  auto place = decoder_.prepare_message();
  const bool direct = !place.empty();
  if (!direct) place = decoder_.prepare(large_messages_ ? scratch().first(beginning_bytes) : scratch());
  error_code ec;
  const auto count = stream_.read_some(place, ec);
  socket_is_empty_ = count < place.size();  // a short read: wait without another read
  direct ? decoder_.commit_message(count) : decoder_.commit(count);
  if (count == 0 && stream_.has_heard()) liveness_.heard_bytes(clock::now());
  took(count, ec);
  return count;
}

// Waits with memory of the session's own, because other sessions use the scratch memory meanwhile.
net::awaitable<void> session::read_first_bytes() {
  decoder_.park();
  if (std::exchange(was_idle_, false)) first_bytes_.shrink();
  const auto place = decoder_.prepare(first_bytes_.place());
  constexpr auto token = net::as_tuple(net::deferred);
  const auto read = [this, place](auto handler) {
    // Completes off the strand, goes onto it for our work, and leaves it for the handler of the receiver.
    stream_.async_read_some(
        place, net::bind_executor(where_->own, [this, handler = std::move(handler)](
                                                   error_code failed, std::size_t bytes) mutable {
          completion_scope scope(where_->own);
          dispatch_to(where_->strand, [handler = std::move(handler), failed, bytes]() mutable {
            std::move(handler)(failed, bytes);
          });
          scope.leave();
        }));
  };
  const auto [ec, count] =
      co_await net::async_initiate<decltype(token), void(error_code, std::size_t)>(read, token);
  decoder_.commit(count);
  socket_is_empty_ = count != 0 && count < place.size();
  if (count == place.size()) first_bytes_.grow();
  if (!over_) took(count, ec);
}

void session::took(std::size_t count, error_code ec) {
  if (late_told_) work_.notify();
  if (stream_.unsent()) work_.notify();  // reading can make a TLS stream queue an answer
  if (count != 0) {
    bytes_received_ += count;
    read_at_ = clock::now();
    liveness_.heard_bytes(read_at_);
    outbox_->next_turn();
    if (conversation_ && decoder_.is_inside_message()) conversation_->heard_part(read_at_);
  } else if (ec && !would_block(ec)) {
    lost(ec == net::error::eof ? make_error_code(error::connection_lost) : ec);
  }
}

// Back-pressure: the socket is not read, so that TCP holds the peer back (R40).
net::awaitable<void> session::wait_for_room() {
  decoder_.park();
  liveness_.pause();
  if (conversation_) conversation_->pause();
  if (link_) link_->judge.pause();
  reader_waits_ = true;
  waits_held_ = is_held();
  pause_warned_at_ = clock::now() + silent_pause;
  work_.notify();
  if (waits_held_) {
    co_await inbox_->wait_for_wake();
  } else {
    co_await inbox_->wait_for_room();
  }
  reader_waits_ = false;
  if (hand_over_by_ && ending_) ending_->close_by = clock::now() + options_->close_timeout;
  liveness_.resume(clock::now());
  if (conversation_) conversation_->resume(clock::now());
  work_.notify();
}

// When all our output has left while the inbox is full, the rest of the input is read and dropped: closing a
// socket with unread bytes resets it, and that can destroy what we wrote last (R61). A protocol must not see
// messages that are dropped: it would not request them again.
bool session::is_held() const {
  if (scanning_) return false;
  return !outbox_->may_act() || (conversation_ && conversation_->holds());
}

bool session::drops_messages() const {
  if (scanning_) return true;
  if (conversation_) return false;
  return ending_ && !hand_over_by_ && outbox_->is_finished();
}

// The link is broken while the program does not receive: the peer's close frame may be among the unread bytes
// (R66).
void session::scan_for_end() {
  scanning_ = true;
  bool more = true;
  for (std::size_t bytes = 0; more && bytes < most_scanned_bytes;) {
    decode();
    const auto count = over_ || peer_end_ ? 0 : read_some();
    bytes += count;
    more = count != 0;
  }
  if (peer_end_ && !over_) act_on_end();
  if (!over_) lost(broken_->why);
}

// Delivers complete messages. Returns false if the inbox is full and more may be waiting.
bool session::decode() {
  thread_local message_batch decoded;  // used only during this call, so one per thread is enough
  decoded.clear();
  decoded.stamp(number_, read_at_);
  if (ending_ && ending_->lingers) {
    while (decoder_.next().event != frame_event::none) continue;  // discarded: only the end of TCP is awaited
    return true;
  }
  if (is_held()) return false;
  auto space = inbox_->room();
  // Once a message is dropped, all later ones are: the program must not get a sequence with a gap.
  const bool drops = dropped_ != 0 || (space.messages == 0 && drops_messages());
  if (drops) space = {.messages = most_dropped_at_once, .bytes = most_dropped_at_once};
  if (space.messages == 0) return false;
  while (!peer_end_ && decoded.size() < space.messages && decoded.size_bytes() < space.bytes) {
    const auto event = decoder_.next();
    if (event.event == frame_event::none || over_) break;
    if (event.event == frame_event::message) {
      take(event, decoded);
      if (conversation_ && conversation_->wants_to_end()) break;
    } else {
      handle(event);
    }
  }
  const bool filled = decoded.size() >= space.messages || decoded.size_bytes() >= space.bytes;
  if (drops) dropped_ += decoded.size();
  if (drops || !options_->receive_messages) decoded.clear();
  if (!decoded.empty()) {
    ++delivered_;
    inbox_->put(decoded);
  }
  return drops || !filled;
}

void session::take(const frame_result& event, message_batch& into) {
  // Most small messages lie in the scratch memory. They are copied once, into one contiguous block.
  large_messages_ = event.payload.size() >= large_bytes;
  if (conversation_ && scanning_) return;  // dropped unseen: it requests them again
  if (conversation_) {
    // Once the session is closing, a login must not succeed any more: its result would not be published.
    if (ending_ && !conversation_->is_ready()) return;
    conversation_->received({event.kind, event.payload, number_, read_at_}, into);
    if (conversation_->take_new_deadline()) work_.notify();
  } else if (decoder_.owns(event)) {
    into.take_back(event.kind, decoder_.take_message(event));
  } else {
    into.push_back(event.kind, event.payload);
  }
}

void session::handle(const frame_result& event) {
  switch (event.event) {
    case frame_event::ping:
      outbox_->pong(event.payload);
      break;
    case frame_event::pong:
      handle_pong(event.payload);
      break;
    case frame_event::close:
    case frame_event::failed:
      peer_end_ =
          std::make_unique<peer_end>(event.event, event.close_code, std::string(event.payload), event.error);
      break;
    case frame_event::none:
    case frame_event::message:
      break;
  }
}

}  // namespace holdfast
