// The outbox while a session is open: who encodes, who may go first, and what becomes of each message.
module;
#include <algorithm>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
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
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast;

import :outbox;

namespace holdfast {
namespace {

constexpr std::size_t chunk_bytes = 128 * 1024;  // bounds how long a writer keeps senders from the lock
constexpr std::size_t control_bytes = 1024;      // then only the newest ping is answered
constexpr std::size_t keep_frames = 64;          // what an idle connection may keep

}  // namespace

outbox::outbox(const limit_options& limits, std::shared_ptr<const executors> where,
               std::shared_ptr<const protocol> spoken, std::shared_ptr<journal> log)
    : message_limit_(limits.outbound_messages),
      byte_limit_(limits.outbound_bytes),
      largest_message_(limits.message_bytes),
      where_(std::move(where)),
      protocol_(std::move(spoken)),
      log_(std::move(log)),
      expiry_(where_->strand) {}

// The operation is made behind the write, so that the peer need not wait for it.
void outbox::send(std::string_view payload, const send_options& how, operation::handler_type handler,
                  const net::any_io_executor& fallback) {
  const section lock(*this);
  auto [act, why] = judge(payload, how);
  const auto id = ++last_id_;
  if (act == fate::leaves) why = send_now(id, payload, how);
  if (act == fate::leaves && why) act = fate::refused;
  if (act == fate::waits) {
    return keep(id, payload, how, handler ? operation(std::move(handler), fallback) : operation());
  }
  operation op;
  if (handler) op = operation(std::move(handler), fallback);
  if (act == fate::refused) return tell(op, {delivery::not_sent, why});
  if (act == fate::dropped) return tell(op, {delivery::dropped, why});
  if (!op) return;
  if (!frames_.empty()) {  // the last of the frames is the newest
    cancel_later(op, id);
    frames_.back().op = std::move(op);
  } else if (!unconfirmed_.empty() && unconfirmed_.back().operation_id == id) {
    cancel_later(op, id);
    unconfirmed_.back().op = std::move(op);
  } else {
    op.complete({delivery::written, {}});
  }
}

// Under the lock, although to compress may take long: the order of the messages is that of their compression.
error_code outbox::send_now(std::uint64_t id, std::string_view payload, const send_options& how) {
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
    encoder_.message(data_, how.kind, payload);
  }
  frames_.push_back({id, written_ + data_.size(), payload.size(), {}, std::move(kept)});
  payload_bytes_ += payload.size();
  write_or_wake();
  return {};
}

void outbox::cancel_later(operation& op, std::uint64_t id) {
  op.on_cancel([box = weak_from_this(), id] {
    if (const auto self = box.lock()) self->cancel(id);
  });
}

// The first message of a turn leaves at once, from here: nobody has to be woken for it. Those that follow are
// collected for the writer, so that a burst costs few system calls. A turn ends when the peer has answered,
// or the writer has written what was collected.
void outbox::write_or_wake() {
  if (writer_waits_ && !written_this_turn_ && stream_->writes_from_any_thread()) {
    written_this_turn_.store(true, std::memory_order_relaxed);
    error_code ec;
    write_chunk(ec);  // a failure will meet the writer again, who reports it
    if (nothing_to_write()) return;
  }
  wake_writer();
}

void outbox::open(transport& stream, std::weak_ptr<wakeup> writer,
                  const std::optional<agreed_compression>& agreed) {
  const std::lock_guard lock(mutex_);
  stream_ = &stream;
  writer_ = std::move(writer);
  writer_waits_ = false;
  ready_ = false;
  finishing_ = false;
  last_words_.reset();
  written_ = control_written_ = first_frame_begin_ = 0;
  if (agreed) encoder_.agree(*agreed);
}

void outbox::ping(std::string_view payload) { control(opcode::ping, payload); }

void outbox::protocol_frame(message_kind kind, std::string_view payload) {
  control(kind == message_kind::text ? opcode::text : opcode::binary, payload);
}

// A peer that sends pings and reads no pongs must not fill our memory: it gets the newest (RFC 6455
// section 5.5.3).
void outbox::pong(std::string_view payload) {
  if (const std::lock_guard lock(mutex_); control_.size() >= control_bytes) {
    late_pong_ = std::make_unique<std::string>(payload);
    return;
  }
  control(opcode::pong, payload);
}

void outbox::control(opcode kind, std::string_view payload) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr || finishing_) return;
  encoder_.frame(control_, kind, payload);
  wake_writer();
}

void outbox::finish_behind_messages(std::uint16_t code, std::string_view reason) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr || finishing_ || last_words_) return;
  last_words_ = std::make_unique<std::string>(close_payload(code, reason));
  say_last_words();
}

// Once no message is left.
void outbox::say_last_words() {
  if (!last_words_ || finishing_ || !data_.empty()) return;
  finishing_ = true;
  late_pong_.reset();
  encoder_.frame(control_, opcode::close, *last_words_);
  wake_writer();
}

void outbox::finish(std::uint16_t code, std::string_view reason, error_code why) {
  const section lock(*this);
  if (stream_ == nullptr || finishing_) return;
  finishing_ = true;
  const bool inside = inside_message();
  drop_messages(inside ? 1 : 0, why);
  late_pong_.reset();
  encoder_.close(control_, code, reason);
  wake_writer();
}

bool outbox::nothing_to_write() const noexcept {
  return control_.empty() && data_.empty() && !late_pong_ && !stream_->unsent();
}

outbox::chunk outbox::next_chunk() {
  if (control_.empty() && late_pong_) {
    encoder_.frame(control_, opcode::pong, *late_pong_);
    late_pong_.reset();
  }
  if (control_.empty()) return {&data_, data_.view().substr(0, chunk_bytes)};
  if (!inside_message()) return {&control_, control_.view()};
  return {&data_, data_.view().substr(0, static_cast<std::size_t>(frames_[first_frame_].end - written_))};
}

bool outbox::flush(error_code& ec) {
  for (bool more = true; more && !ec;) {
    const std::lock_guard lock(mutex_);
    more = write_chunk(ec);
  }
  return !ec || would_block(ec);
}

// False: there was nothing to write.
bool outbox::write_chunk(error_code& ec) {
  if (stream_ == nullptr) return false;
  const auto next = next_chunk();
  if (next.bytes.empty() && !stream_->unsent()) return false;
  written(next, stream_->write_some({next.bytes.data(), next.bytes.size()}, ec));
  return true;
}

void outbox::written(const chunk& from, std::size_t count) {
  from.from->consume(count);
  if (from.from == &control_) {
    control_written_ += count;
    return;
  }
  written_ += count;
  while (first_frame_ < frames_.size() && frames_[first_frame_].end <= written_) {
    first_frame_begin_ = frames_[first_frame_].end;
    pop_frame({delivery::written, {}});
  }
  forget_popped();
  say_last_words();
}

void outbox::pop_frame(send_result outcome) {
  auto& first = frames_[first_frame_++];
  if (acknowledged_ && !first.kept.empty()) {
    first.kept.front().op = std::move(first.op);
    first.kept.front().written = true;
    return unconfirmed_.splice(unconfirmed_.end(), first.kept);
  }
  payload_bytes_ -= first.payload_bytes;
  if (first.op) first.op.complete(outcome);
}

void outbox::forget_popped() {
  if (first_frame_ == frames_.size()) {
    frames_.clear();
    if (frames_.capacity() > keep_frames) frames_.shrink_to_fit();
  } else if (first_frame_ < keep_frames || first_frame_ * 2 < frames_.size()) {
    return;
  } else {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(first_frame_));
  }
  first_frame_ = 0;
}

// Keeps the first `kept_count` messages.
void outbox::drop_messages(std::size_t kept_count, error_code why) {
  const auto kept_end = first_frame_ + kept_count;
  take_back(kept_end, why);
  if (kept_end < frames_.size()) frames_.resize(kept_end);
  data_.truncate(kept_count == 0 ? 0 : static_cast<std::size_t>(frames_[first_frame_].end - written_));
  if (kept_count == 0) forget_popped();
}

// Its bytes may be on their way, so nobody can say any more whether the peer gets them.
void outbox::cancel(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(frames_, id, &frame::id);
  if (found != frames_.end() && found->op) {
    return std::exchange(found->op, {}).complete({delivery::in_doubt, net::error::operation_aborted});
  }
  cancel_kept(id);  // also if its frame has left: it may wait to be acknowledged
}

void outbox::close(error_code why) {
  const section lock(*this);
  if (stream_ == nullptr) return;
  stream_ = nullptr;
  ready_ = false;
  throttled_.clear();
  drop_messages(0, why);
  // The one that was under way comes back last, but was the first.
  unconfirmed_.sort([](const auto& a, const auto& b) { return a.number < b.number; });
  if (!expecting_) settle(std::exchange(unconfirmed_, {}), why);
  late_pong_.reset();
  last_words_.reset();
  encoder_ = frame_encoder(peer_role::client);
  control_.truncate(0);
  control_.consume(0);
  data_.consume(0);
  wake_writer();
}

void outbox::wake_writer() {
  if (!std::exchange(writer_waits_, false)) return;
  if (auto writer = writer_.lock())
    net::post(where_->strand, [writer = std::move(writer)] { writer->notify(); });
}

void outbox::release_memory() {
  const std::lock_guard lock(mutex_);
  control_.release();
  data_.release();
  encoder_.release_memory();
}

write_progress outbox::progress() {
  const std::lock_guard lock(mutex_);
  return {.written = written_, .given = written_ + data_.size()};
}

outbox::intake outbox::taken() {
  const std::lock_guard lock(mutex_);
  return {.taken = written_ + control_written_, .control_waits = !control_.empty()};
}

bool outbox::is_finished() {
  const std::lock_guard lock(mutex_);
  return stream_ == nullptr || (finishing_ && nothing_to_write());
}

bool outbox::has_output() {
  const std::lock_guard lock(mutex_);
  written_this_turn_.store(false, std::memory_order_relaxed);
  writer_waits_ = stream_ != nullptr && nothing_to_write();
  return !writer_waits_;
}

}  // namespace holdfast
