// The order in which frames leave, and where each message ends.
module;
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

module holdfast.core;

namespace holdfast {
namespace {

constexpr std::size_t chunk_bytes = 128 * 1024;  // bounds how long a writer keeps senders from the lock
constexpr std::size_t control_bytes = 1024;      // beyond that, only the newest ping is answered

// Returns the size of the first frame in `bytes`, from its header (RFC 6455 section 5.2). It must be whole.
std::size_t size_of_frame(std::string_view bytes) {
  const auto byte = [bytes](std::size_t index) {
    return std::size_t{static_cast<unsigned char>(bytes[index])};
  };
  const std::size_t mask_bytes = (byte(1) & 0x80U) != 0 ? 4 : 0;
  const std::size_t short_length = byte(1) & 0x7FU;
  const std::size_t length_bytes = short_length == 127 ? 8 : short_length == 126 ? 2 : 0;
  std::size_t length = length_bytes == 0 ? short_length : 0;
  for (std::size_t i = 0; i < length_bytes; ++i) length = length << 8U | byte(2 + i);
  return 2 + length_bytes + mask_bytes + length;
}

}  // namespace

void send_buffer::add_message(message_kind kind, std::string_view payload,
                              std::span<const std::string> attachments) {
  add_message(kind, payload);
  for (const auto& each : attachments) {
    joints_.push_back(given());
    add_message(message_kind::binary, each);
  }
}

bool send_buffer::add_control(opcode kind, std::string_view payload) {
  if (closed_) return false;
  encoder_.frame(control_, kind, payload);
  return true;
}

bool send_buffer::add_pong(std::string_view payload) {
  if (closed_ || control_.size() < control_bytes) return add_control(opcode::pong, payload);
  late_pong_ = std::make_unique<std::string>(payload);
  return true;
}

void send_buffer::close_behind_messages(std::uint16_t code, std::string_view reason) {
  if (closed_ || last_words_) return;
  last_words_ = std::make_unique<std::string>(close_payload(code, reason));
  add_last_words();
}

void send_buffer::close_now(std::uint16_t code, std::string_view reason) {
  if (closed_) return;
  drop_waiting();
  add_close(close_payload(code, reason));
}

void send_buffer::drop_messages() {
  drop_waiting();
  add_last_words();
}

void send_buffer::drop_waiting() {
  messages_.truncate(rest_);
  joints_.clear();  // those of a message that has begun were passed when it began
}

void send_buffer::add_last_words() {
  if (last_words_ && messages_.empty()) add_close(*last_words_);
}

void send_buffer::add_close(std::string_view payload) {
  encoder_.frame(control_, opcode::close, payload);
  late_pong_.reset();
  last_words_.reset();
  closed_ = true;
}

send_buffer::chunk send_buffer::next() {
  if (control_.empty() && late_pong_) {
    encoder_.frame(control_, opcode::pong, *late_pong_);
    late_pong_.reset();
  }
  if (control_.empty()) return {queue::messages, messages_.view().substr(0, chunk_bytes)};
  if (!inside_message()) return {queue::control, control_.view()};
  return {queue::messages, messages_.view().substr(0, rest_)};
}

std::size_t send_buffer::consumed(queue from, std::size_t count) {
  if (from == queue::control) {
    count = std::min(count, control_.size());
    control_.consume(count);
    control_written_ += count;
    return 0;
  }
  const auto bytes = messages_.view();
  count = std::min(count, bytes.size());
  std::size_t finished = inside_message() && rest_ <= count ? 1 : 0;
  auto end = rest_;  // of the messages that have begun, as an offset from the first waiting byte
  while (end < count) {
    end = end_of_message(bytes, end);
    if (end <= count) ++finished;
  }
  rest_ = end - count;
  messages_.consume(count);
  written_ += count;
  add_last_words();
  return finished;
}

// Passes over the joints of the message that begins here.
std::size_t send_buffer::end_of_message(std::string_view bytes, std::size_t begin) {
  auto end = begin + size_of_frame(bytes.substr(begin));
  auto joint = joints_.begin();
  for (; joint != joints_.end() && *joint == written_ + end; ++joint) end += size_of_frame(bytes.substr(end));
  joints_.erase(joints_.begin(), joint);
  return end;
}

void send_buffer::release_memory() noexcept {
  control_.release();
  messages_.release();
  encoder_.release_memory();
}

void send_buffer::reset() {
  encoder_ = frame_encoder(peer_role::client);
  for (auto* each : {&control_, &messages_}) {
    each->truncate(0);
    each->consume(0);  // frees memory that is too large to keep
  }
  late_pong_.reset();
  last_words_.reset();
  joints_.clear();
  written_ = control_written_ = 0;
  rest_ = 0;
  closed_ = false;
}

}  // namespace holdfast
