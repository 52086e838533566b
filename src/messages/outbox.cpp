// The outbox while a session is open: which thread writes, and what becomes of each message.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :outbox;

namespace holdfast {
namespace {

constexpr std::size_t keep_frames = 64;  // what an idle connection may keep
// How many messages of a turn leave where they are sent, each by a system call of its own.
constexpr int most_for_all = 1;
constexpr int most_for_one = 16;

}  // namespace

outbox::outbox(const limit_options& limits, std::shared_ptr<const executors> where,
               std::shared_ptr<const protocol> spoken, std::shared_ptr<journal> log,
               std::shared_ptr<measurements> times)
    : limits_{limits.outbound_messages, limits.outbound_bytes, limits.message_bytes},
      where_(std::move(where)),
      protocol_(std::move(spoken)),
      log_(std::move(log)),
      times_(std::move(times)),
      expiry_(where_->strand) {}

// The operation is created after the write, so that it does not delay the message.
void outbox::send(std::string_view payload, const send_options& how, operation::handler_type handler,
                  const net::any_io_executor& fallback) {
  operation op;
  if (refuses_call()) {
    counted_.offered += 1;  // this thread has the lock
    if (handler) op = operation(std::move(handler), fallback);
    return report(op, {delivery::not_sent, error::message_invalid});
  }
  const section lock(*this);
  auto [act, why] = judge(payload, how);
  const auto id = ++last_id_;
  counted_.offered += 1;
  if (act == fate::leaves || act == fate::waits) sets_out(id);
  if (act == fate::leaves) why = send_now(id, payload, how, most_for_all);
  if (act == fate::leaves && why) act = fate::refused;
  if (act == fate::refused) gives_up(id);
  if (handler) op = operation(std::move(handler), fallback);
  if (act == fate::waits) return keep(id, payload, how, std::move(op));
  if (act == fate::refused) return report(op, {delivery::not_sent, why});
  if (act == fate::dropped) return report(op, {delivery::dropped, why});
  if (!op) return;
  if (!frames_.empty()) {  // the last frame is this message
    cancel_later(op, id);
    frames_.all().back().op = std::move(op);
  } else if (!unconfirmed_.empty() && unconfirmed_.back().operation_id == id) {
    cancel_later(op, id);
    unconfirmed_.back().op = std::move(op);
  } else {
    op.complete({delivery::written, {}, session_});
  }
}

// A coroutine that awaits each of its messages has nothing more to send before this one has left, so to
// collect several would only delay them. Several coroutines that send in one turn are better served by one
// system call for all, and get that if the writer found more than one message last time.
outbox::begun outbox::send_at_once(std::string_view payload, const send_options& how,
                                   const net::any_io_executor& fallback) {
  if (is_encoding()) return {};
  const section lock(*this);
  const auto most = collects_ ? most_for_all : most_for_one;
  // gate() before judge(): send() must not let the protocol encode once more what waits.
  if (acknowledged_ || !may_write_here(most) || gate(how).act != fate::leaves ||
      judge(payload, how).act != fate::leaves)
    return {};
  const auto id = ++last_id_;
  counted_.offered += 1;
  sets_out(id);
  const auto failed = send_now(id, payload, how, most);
  if (!failed && frames_.empty()) return {.fate = send_result{delivery::written, {}, session_}};
  auto later = std::make_shared<late_result<send_result>>();
  if (failed) {
    // A refusal takes a turn of the executor, so that a loop of refused messages starves no other work.
    gives_up(id);
    count(delivery::not_sent);
    later->set({delivery::not_sent, failed});
    return {.later = std::move(later), .id = id};
  }
  frames_.all().back().op = operation([later](send_result settled) { later->set(settled); }, fallback);
  return {.later = std::move(later), .id = id};
}

void outbox::await(begun& one, operation op) {
  cancel_later(op, one.id);
  const auto later = std::exchange(one.later, nullptr);
  later->wait(std::move(op));
}

// Compresses under the lock, although that may take long: messages must leave in the order of compression.
error_code outbox::send_now(std::uint64_t id, std::string_view payload, const send_options& how, int most) {
  frames_.reserve_one();
  std::list<kept_message> kept;
  const bool may_be_sent_again = acknowledged_ || how.when_offline != offline_rule::fail;
  if (may_be_sent_again || protocol_) {
    kept.push_back({.operation_id = id,
                    .kind = how.kind,
                    .payload = std::string(payload),
                    .feature = std::string(how.feature),
                    .key = std::string(how.key),
                    .rule = how.when_offline,
                    .expires = expiry_of(how)});
    if (const auto ec = encode_kept(kept.front(), payload)) return ec;
    if (!may_be_sent_again) kept.clear();
  } else {
    buffer_.add_message(how.kind, payload);
  }
  frames_.push_back({id, payload.size(), {}, std::move(kept)});
  payload_bytes_ += payload.size();
  counted_.most_waiting.raise(payload_bytes_.read());
  write_or_wake(most);
  return {};
}

// The writer has nothing to do, the stream can be written to on any thread, and fewer than `most` messages
// have left in this way in this turn.
bool outbox::may_write_here(int most) const noexcept {
  return writer_waits_ && permission_.may_act() &&
         written_this_turn_.load(std::memory_order_relaxed) < most && stream_->writes_from_any_thread();
}

// The sender's thread writes the first message of a turn at once, without waking the writer. Later ones are
// collected for the writer, so that a burst costs few system calls. A turn ends when the peer has sent
// something, or the writer has written what was collected.
void outbox::write_or_wake(int most) {
  if (may_write_here(most)) {
    ++written_this_turn_;
    error_code ec;
    write_chunk(ec);  // the writer will meet the same failure, and report it
    if (nothing_to_write()) return;
  }
  wake_writer();
}

void outbox::open(transport& stream, std::weak_ptr<wakeup> writer,
                  const std::optional<agreed_compression>& agreed, std::uint64_t session) {
  const std::lock_guard lock(mutex_);
  session_ = session;
  stream_ = &stream;
  writer_ = std::move(writer);
  writer_waits_ = false;
  phase_ = phase::login;
  if (agreed) buffer_.agree(*agreed);
}

void outbox::ping(std::string_view payload) { control(opcode::ping, payload); }

bool outbox::protocol_frame(message_kind kind, std::string_view payload) {
  if (refuses_call()) return true;
  const std::lock_guard lock(mutex_);
  if (phase_ == phase::no_session) return true;
  // Many answers to one read may wait although the server reads: only what it does not take counts.
  error_code ec;  // the writer will meet the same failure, and report it
  while (buffer_.control_size() >= limits_.bytes && !ec && write_chunk(ec)) continue;
  if (buffer_.control_size() >= limits_.bytes) return false;
  if (buffer_.add_control(kind == message_kind::text ? opcode::text : opcode::binary, payload)) wake_writer();
  return true;
}

void outbox::control(opcode kind, std::string_view payload) {
  const std::lock_guard lock(mutex_);
  if (phase_ != phase::no_session && buffer_.add_control(kind, payload)) wake_writer();
}

void outbox::pong(std::string_view payload) {
  const std::lock_guard lock(mutex_);
  if (phase_ != phase::no_session && buffer_.add_pong(payload)) wake_writer();
}

void outbox::finish_behind_messages(std::uint16_t code, std::string_view reason) {
  const std::lock_guard lock(mutex_);
  if (phase_ == phase::no_session || buffer_.closed()) return;
  phase_ = phase::leaving;
  buffer_.close_behind_messages(code, reason);
  if (buffer_.closed()) wake_writer();
}

void outbox::finish(std::uint16_t code, std::string_view reason, error_code why) {
  const section lock(*this);
  if (phase_ == phase::no_session || buffer_.closed()) return;
  phase_ = phase::leaving;
  take_back(buffer_.inside_message() ? 1 : 0, why);
  buffer_.close_now(code, reason);
  wake_writer();
}

bool outbox::nothing_to_write() const noexcept { return buffer_.empty() && !stream_->unsent(); }

bool outbox::flush(error_code& ec) {
  for (bool more = true; more && !ec;) {
    const std::lock_guard lock(mutex_);
    more = write_chunk(ec);
  }
  return !ec || would_block(ec);
}

// Returns false if nothing was waiting to be written.
bool outbox::write_chunk(error_code& ec) {
  if (phase_ == phase::no_session || !permission_.may_act()) return false;
  const auto next = buffer_.next();
  if (next.bytes.empty() && !stream_->unsent()) return false;
  written(next.from, stream_->write_some({next.bytes.data(), next.bytes.size()}, ec));
  return true;
}

void outbox::written(send_buffer::queue from, std::size_t count) {
  counted_.bytes += count;
  const auto finished = buffer_.consumed(from, count);
  for (auto& each : frames_.all().first(finished)) has_left(each);
  frames_.pop_front(finished);
}

void outbox::has_left(frame& whole) {
  counted_.payload_bytes += whole.payload_bytes;
  has_come_through(leaves_, whole.id, &measured_times::sends);
  if (acknowledged_ && !whole.kept.empty()) {
    whole.kept.front().op = std::move(whole.op);
    whole.kept.front().written_in = session_;
    return unconfirmed_.splice(unconfirmed_.end(), whole.kept);
  }
  payload_bytes_ -= whole.payload_bytes;
  count(delivery::written);
  if (whole.op) whole.op.complete({delivery::written, {}, session_});
}

void outbox::frame_queue::reserve_one() {
  if (frames_.size() == frames_.capacity()) frames_.reserve(std::max<std::size_t>(1, 2 * frames_.size()));
}

void outbox::frame_queue::pop_front(std::size_t count) {
  first_ += count;
  forget_popped();
}

void outbox::frame_queue::truncate(std::size_t count) {
  frames_.resize(first_ + count);
  forget_popped();
}

void outbox::frame_queue::forget_popped() {
  if (first_ == frames_.size()) {
    frames_.clear();
    if (frames_.capacity() > keep_frames) frames_.shrink_to_fit();
  } else if (first_ < keep_frames || first_ * 2 < frames_.size()) {
    return;
  } else {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(first_));
  }
  first_ = 0;
}

void outbox::cancel_later(operation& op, std::uint64_t id) {
  op.on_cancel([box = weak_from_this(), id](net::cancellation_type type) {
    if (const auto self = box.lock()) self->cancel(id, type);
  });
}

// Once a message is among the frames, its bytes may have left, and it is unknown whether the peer gets them.
// `total` promises that the operation had no effect, so it can only withdraw a message that still waits for a
// session or a feature.
void outbox::cancel(std::uint64_t id, net::cancellation_type type) {
  if (is_encoding()) {
    return net::post(where_->strand, [self = shared_from_this(), id, type] { self->cancel(id, type); });
  }
  const bool ends_the_wait = (type & cancellation_with_effects) != net::cancellation_type::none;
  const std::lock_guard lock(mutex_);
  const auto frames = frames_.all();
  const auto found = std::ranges::find(frames, id, &frame::id);
  // If its frame has left, the message may still wait to be acknowledged.
  if (found == frames.end() || !found->op) return cancel_kept(id, ends_the_wait);
  if (!ends_the_wait) return;
  std::exchange(found->op, {}).complete({delivery::in_doubt, net::error::operation_aborted, session_});
}

void outbox::close(error_code why) {
  const section lock(*this);
  if (phase_ == phase::no_session) return;
  phase_ = phase::no_session;
  throttled_.clear();
  take_back(0, why);
  // finish() may have taken back later messages before the one that was partly written.
  unconfirmed_.sort([](const auto& a, const auto& b) { return a.number < b.number; });
  if (next_ == next_session::none) settle(std::exchange(unconfirmed_, {}), why);
  buffer_.reset();
  wake_writer();
}

void outbox::wake_writer() {
  if (!std::exchange(writer_waits_, false)) return;
  if (auto writer = writer_.lock())
    net::post(where_->strand, [writer = std::move(writer)] { writer->notify(); });
}

void outbox::release_memory() {
  const std::lock_guard lock(mutex_);
  buffer_.release_memory();
}

write_progress outbox::progress() {
  const std::lock_guard lock(mutex_);
  return {.written = buffer_.written(), .given = buffer_.given()};
}

outbox::intake outbox::taken() {
  const std::lock_guard lock(mutex_);
  return {.taken = buffer_.written() + buffer_.control_written(), .control_waits = buffer_.control_waits()};
}

bool outbox::is_finished() {
  const std::lock_guard lock(mutex_);
  return phase_ == phase::no_session || (buffer_.closed() && nothing_to_write());
}

bool outbox::has_output() {
  const std::lock_guard lock(mutex_);
  written_this_turn_.store(0, std::memory_order_relaxed);
  if (!frames_.empty()) collects_ = frames_.size() > 1;
  writer_waits_ = phase_ != phase::no_session && nothing_to_write();
  return !writer_waits_;
}

}  // namespace holdfast
