// The outbox: who encodes, who may go first, and what becomes of each message.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast;

import :outbox;

namespace holdfast {
namespace {

constexpr std::size_t chunk_bytes = 128 * 1024;  // bounds how long a writer keeps senders from the lock
constexpr std::size_t keep_frames = 64;          // what an idle connection may keep

}  // namespace

outbox::outbox(const limit_options& limits, net::any_io_executor strand)
    : message_limit_(limits.outbound_messages),
      byte_limit_(limits.outbound_bytes),
      strand_(std::move(strand)) {}

// RFC 6455 section 8.1: a text message that is not UTF-8 would make the peer close the connection; refuse it
// here.
error_code outbox::refusal(message_kind kind, std::string_view payload) const {
  if (stream_ == nullptr || finishing_) return refusal_;
  if (payload.size() > byte_limit_) return error::message_too_big;
  if (kind == message_kind::text && !is_valid_utf8(payload)) return error::invalid_utf8;
  const bool full =
      frames_.size() - first_frame_ >= message_limit_ || payload_bytes_ + payload.size() > byte_limit_;
  return full ? make_error_code(error::outbound_full) : error_code{};
}

void outbox::send(message_kind kind, std::string_view payload, operation op) {
  const std::lock_guard lock(mutex_);
  if (const auto why = refusal(kind, payload)) {
    if (op) op.complete({delivery::not_sent, why});
    return;
  }
  const auto id = ++last_id_;
  if (op) {
    op.on_cancel([box = weak_from_this(), id] {
      if (const auto self = box.lock()) self->cancel(id);
    });
  }
  encode_frame(data_, peer_role::client, kind == message_kind::text ? opcode::text : opcode::binary, payload);
  frames_.push_back({id, written_ + data_.size(), payload.size(), std::move(op)});
  payload_bytes_ += payload.size();
  wake_writer();
}

void outbox::open(transport& stream) {
  const std::lock_guard lock(mutex_);
  stream_ = &stream;
  finishing_ = false;
  written_ = first_frame_begin_ = 0;
}

void outbox::ping(std::string_view payload) { control(opcode::ping, payload); }
void outbox::pong(std::string_view payload) { control(opcode::pong, payload); }

void outbox::control(opcode kind, std::string_view payload) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr || finishing_) return;
  encode_frame(control_, peer_role::client, kind, payload);
  wake_writer();
}

void outbox::finish(std::uint16_t code, std::string_view reason, error_code why) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr || finishing_) return;
  finishing_ = true;
  const bool inside = inside_message();
  drop_messages(inside ? 1 : 0, why);
  encode_frame(control_, peer_role::client, opcode::close, close_payload(code, reason));
  wake_writer();
}

outbox::chunk outbox::next_chunk() {
  if (control_.empty()) return {&data_, data_.view().substr(0, chunk_bytes)};
  if (!inside_message()) return {&control_, control_.view()};
  return {&data_, data_.view().substr(0, static_cast<std::size_t>(frames_[first_frame_].end - written_))};
}

bool outbox::flush(error_code& ec) {
  for (;;) {
    const std::lock_guard lock(mutex_);
    if (stream_ == nullptr) return true;
    const auto next = next_chunk();
    if (next.bytes.empty()) return true;
    written(next, stream_->write_some({next.bytes.data(), next.bytes.size()}, ec));
    if (ec) return ec == net::error::would_block || ec == net::error::try_again;
  }
}

void outbox::written(const chunk& from, std::size_t count) {
  from.from->consume(count);
  if (from.from == &control_) return;
  written_ += count;
  while (first_frame_ < frames_.size() && frames_[first_frame_].end <= written_) {
    first_frame_begin_ = frames_[first_frame_].end;
    pop_frame({delivery::written, {}});
  }
  forget_popped();
}

void outbox::pop_frame(send_result outcome) {
  auto& first = frames_[first_frame_++];
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

// Keeps the first `keep` messages.
void outbox::drop_messages(std::size_t keep, error_code why) {
  const auto kept_end = first_frame_ + keep;
  for (auto i = kept_end; i < frames_.size(); ++i) {
    payload_bytes_ -= frames_[i].payload_bytes;
    if (frames_[i].op) frames_[i].op.complete({delivery::not_sent, why});
  }
  if (kept_end < frames_.size()) frames_.resize(kept_end);
  data_.truncate(keep == 0 ? 0 : static_cast<std::size_t>(frames_[first_frame_].end - written_));
  if (keep == 0) forget_popped();
}

// Its bytes may be on their way, so nobody can say any more whether the peer gets them.
void outbox::cancel(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(frames_, id, &frame::id);
  if (found != frames_.end() && found->op) {
    std::exchange(found->op, {}).complete({delivery::in_doubt, net::error::operation_aborted});
  }
}

void outbox::close(error_code why) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr) return;
  stream_ = nullptr;
  drop_messages(0, why);
  control_.truncate(0);
  control_.consume(0);
  data_.consume(0);
  wake_writer();
}

void outbox::retire(error_code why) {
  const std::lock_guard lock(mutex_);
  refusal_ = why;
}

void outbox::wake_writer() {
  if (writer_) net::post(strand_, std::exchange(writer_, {}));
}

net::awaitable<void> outbox::wait_for_output() {
  return net::async_initiate<const net::use_awaitable_t<>&, void()>(
      [this](auto handler) {
        const std::lock_guard lock(mutex_);
        writer_ = std::move(handler);
        if (stream_ == nullptr || !control_.empty() || !data_.empty()) wake_writer();
      },
      net::use_awaitable);
}

}  // namespace holdfast
