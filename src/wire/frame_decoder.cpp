// Decoding: an uncompressed message in one complete frame is handed out in place. Any other is assembled in
// message_, and its text is validated as it arrives.
module;
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

import :masking;

namespace holdfast {

struct frame_decoder::header {
  unsigned opcode = 0;
  bool final = false;
  bool reserved_bits = false;
  bool compressed = false;
  bool masked = false;
  bool minimal = true;
  std::uint32_t mask = 0;
  std::uint64_t length = 0;
  std::size_t size = 0;  // of the header itself
};

namespace {

constexpr std::uint64_t reserve_bytes = 128 * 1024;
constexpr std::uint64_t worth_reading_directly = 8 * 1024;
constexpr std::size_t max_control_payload = 125;  // RFC 6455 section 5.5
constexpr unsigned all_reserved_bits = 0x70;

std::uint64_t big_endian(const char* bytes, std::size_t count) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8U | static_cast<unsigned char>(bytes[i]);
  return value;
}

// The codes that a close frame may carry (RFC 6455 section 7.4 and the IANA registry).
bool may_be_sent(std::uint64_t code) noexcept {
  if (code >= 3000) return code <= 4999;
  return (code >= close_codes::normal && code <= close_codes::unsupported_data) ||
         (code >= close_codes::invalid_payload && code <= close_codes::bad_gateway);
}

}  // namespace

void frame_decoder::agree(const agreed_compression& agreed) {
  reserved_bits_ = all_reserved_bits & ~compressed_bit;
  inflater_ = std::make_unique<inflater>(role_ == peer_role::client ? agreed.server : agreed.client, limit_);
}

void frame_decoder::release_memory() noexcept {
  if (inflater_) inflater_->release();
}

std::span<char> frame_decoder::prepare(std::span<char> scratch) {
  const auto kept = std::min(size_, scratch.size());
  if (kept < size_) return {};
  if (kept != 0 && data_ != scratch.data()) std::memmove(scratch.data(), data_, kept);
  parked_.clear();
  data_ = scratch.data();
  return scratch.subspan(kept);
}

// Inside a payload nothing else is undecoded, so its rest can be read straight into the message.
std::span<char> frame_decoder::prepare_message() {
  if (over_ || compressed_ || size_ != 0 || payload_left_ < worth_reading_directly) return {};
  prepared_ = static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, reserve_bytes));
  message_.resize(message_.size() + prepared_);
  return {message_.data() + message_.size() - prepared_, prepared_};
}

void frame_decoder::commit_message(std::size_t count) {
  const auto before = message_.size() - std::exchange(prepared_, 0);
  message_.resize(before + count);
  if (masked_) {
    apply_mask(message_.data() + before, message_.data() + before, count, mask_);
    mask_ = turned(mask_, count);
  }
  scan_text(before);
  payload_left_ -= count;
  frame_is_read_ = payload_left_ == 0;
}

void frame_decoder::feed(std::string_view bytes) {
  park();
  const auto consumed = static_cast<std::size_t>(data_ - parked_.data());
  parked_.append(bytes);
  data_ = parked_.data() + consumed;
  size_ += bytes.size();
}

void frame_decoder::park() {
  if (size_ != 0 && (data_ < parked_.data() || data_ > parked_.data() + parked_.size())) {
    parked_.assign(data_, size_);
  } else if (size_ != 0) {
    // Moves the rest to the front only if no more is left than was consumed, so that repeated parking is
    // cheap.
    const auto consumed = static_cast<std::size_t>(data_ - parked_.data());
    if (consumed < size_) return;
    parked_.erase(0, consumed);
    parked_.shrink_to_fit();
  } else {
    std::string().swap(parked_);
  }
  data_ = parked_.data();
}

void frame_decoder::skip(std::size_t count) noexcept {
  data_ += count;
  size_ -= count;
}

frame_result frame_decoder::fail(error_code why, std::uint16_t close_code) {
  over_ = true;
  size_ = 0;
  return {.event = frame_event::failed, .close_code = close_code, .error = why};
}

bool frame_decoder::parse_header(header& into) {
  if (size_ < 2) return false;
  const auto first = static_cast<unsigned char>(data_[0]);
  const auto second = static_cast<unsigned char>(data_[1]);
  const unsigned short_length = second & 0x7FU;
  const std::size_t length_bytes = short_length == 127 ? 8 : short_length == 126 ? 2 : 0;
  into.masked = (second & 0x80U) != 0;
  into.size = 2 + length_bytes + (into.masked ? 4 : 0);
  if (size_ < into.size) return false;
  into.opcode = first & 0x0FU;
  into.final = (first & 0x80U) != 0;
  const bool begins_message = into.opcode == 1 || into.opcode == 2;
  into.compressed = (first & compressed_bit) != 0;
  into.reserved_bits = (first & (begins_message ? reserved_bits_ : all_reserved_bits)) != 0;
  into.length = length_bytes == 0 ? short_length : big_endian(data_ + 2, length_bytes);
  into.minimal =
      length_bytes == 0 || (into.length > (length_bytes == 2 ? 125U : 0xFFFFU) && into.length >> 63U == 0);
  if (into.masked) std::memcpy(&into.mask, data_ + 2 + length_bytes, 4);
  return true;
}

// Checks everything that makes a frame illegal by its header alone (RFC 6455 sections 5.1, 5.2, 5.4, 5.5).
// The size of a compressed message is checked while it is inflated.
frame_result frame_decoder::check(const header& frame) {
  const bool is_control = frame.opcode >= 8;
  const bool known = frame.opcode <= 2 || (frame.opcode >= 8 && frame.opcode <= 10);
  const bool from_client = role_ == peer_role::server;
  if (frame.reserved_bits || !known || frame.masked != from_client || !frame.minimal) {
    return fail(error::protocol_violation, close_codes::protocol_error);
  }
  if (is_control && (!frame.final || frame.length > max_control_payload)) {
    return fail(error::protocol_violation, close_codes::protocol_error);
  }
  if (!is_control && (frame.opcode == 0) != in_message_)
    return fail(error::protocol_violation, close_codes::protocol_error);
  const bool too_long = frame.length > limit_ - std::min(limit_, message_.size());
  if (!is_control && too_long && !frame.compressed && (frame.opcode != 0 || !compressed_)) {
    return fail(error::message_too_big, close_codes::message_too_big);
  }
  return {};
}

frame_result frame_decoder::next() {
  if (handed_out_) {
    message_.clear();
    handed_out_ = false;
  }
  for (header frame; !over_;) {
    if (payload_left_ != 0 || std::exchange(frame_is_read_, false)) {
      const auto event = continue_payload();
      if (event.event != frame_event::none || payload_left_ != 0) return event;
      continue;
    }
    if (!parse_header(frame)) return {};
    if (auto failure = check(frame); failure.event != frame_event::none) return failure;
    if (frame.opcode >= 8) return size_ < frame.size + frame.length ? frame_result{} : control(frame);
    const auto event = data(frame);
    if (event.event != frame_event::none) return event;
  }
  size_ = 0;
  return {};
}

frame_result frame_decoder::control(const header& frame) {
  char* const begin = data_ + frame.size;
  const auto length = static_cast<std::size_t>(frame.length);
  if (frame.masked) apply_mask(begin, begin, length, frame.mask);
  skip(frame.size + length);
  const std::string_view payload(begin, length);
  if (frame.opcode == 0x9) return {.event = frame_event::ping, .payload = payload};
  if (frame.opcode == 0xA) return {.event = frame_event::pong, .payload = payload};
  if (length == 0) {
    over_ = true;
    return {.event = frame_event::close, .close_code = close_codes::no_status};
  }
  if (length == 1 || !may_be_sent(big_endian(begin, 2)))
    return fail(error::protocol_violation, close_codes::protocol_error);
  if (!is_valid_utf8(payload.substr(2))) return fail(error::invalid_utf8, close_codes::invalid_payload);
  over_ = true;
  return {.event = frame_event::close,
          .payload = payload.substr(2),
          .close_code = static_cast<std::uint16_t>(big_endian(begin, 2))};
}

frame_result frame_decoder::data(const header& frame) {
  if (frame.opcode != 0) kind_ = frame.opcode == 1 ? message_kind::text : message_kind::binary;
  const bool whole =
      frame.final && frame.opcode != 0 && size_ - frame.size >= frame.length && !frame.compressed;
  char* const begin = data_ + frame.size;
  if (whole) {
    const auto length = static_cast<std::size_t>(frame.length);
    if (frame.masked) apply_mask(begin, begin, length, frame.mask);
    skip(frame.size + length);
    const std::string_view payload(begin, length);
    bad_text_ = kind_ == message_kind::text && !is_valid_utf8(payload);
    return complete(payload);
  }
  skip(frame.size);
  if (frame.opcode != 0) {
    compressed_ = frame.compressed;
    text_ = {};
    bad_text_ = false;
  }
  in_message_ = true;
  final_ = frame.final;
  masked_ = frame.masked;
  mask_ = frame.mask;
  payload_left_ = frame.length;
  // Reserves room for the payload, so that the message is not moved while it grows. The room is bounded,
  // because a header can announce any length.
  if (!compressed_) {
    message_.reserve(message_.size() +
                     static_cast<std::size_t>(std::min<std::uint64_t>(frame.length, reserve_bytes)));
  }
  return payload_left_ == 0 ? continue_payload() : frame_result{};
}

// Memory grows with the bytes that have arrived. The length that a header announces adds at most
// reserve_bytes.
frame_result frame_decoder::continue_payload() {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, size_));
  if (masked_) {
    apply_mask(data_, data_, count, mask_);
    mask_ = turned(mask_, count);
  }
  payload_left_ -= count;
  const bool last = payload_left_ == 0 && final_;
  const auto before = message_.size();
  error_code failure;
  if (compressed_) {
    failure = inflate_payload(count, last);
  } else {
    message_.append(data_, count);
  }
  skip(count);
  scan_text(before);
  // The first fault of the message counts, however the message is split: invalid text may come before data
  // that does not inflate.
  if (bad_text_ && rule_ == utf8_rule::strict) return fail(error::invalid_utf8, close_codes::invalid_payload);
  if (failure) {
    const bool too_big = failure == error::message_too_big;
    return fail(failure, too_big ? close_codes::message_too_big : close_codes::protocol_error);
  }
  if (!last) return {};
  handed_out_ = true;
  bad_text_ = kind_ == message_kind::text && !text_.complete();
  return complete(message_);
}

// Validates the text of the message from byte `from` on.
void frame_decoder::scan_text(std::size_t from) {
  if (kind_ == message_kind::binary || bad_text_) return;
  bad_text_ = !text_.feed(std::string_view(message_).substr(from));
}

error_code frame_decoder::inflate_payload(std::size_t count, bool last) {
  if (const auto ec = inflater_->feed({data_, count}, message_)) return ec;
  return last ? inflater_->finish(message_) : error_code{};
}

frame_result frame_decoder::complete(std::string_view payload) {
  in_message_ = false;
  if (bad_text_) return complete_bad_text(payload);
  return {.event = frame_event::message, .kind = kind_, .payload = payload};
}

frame_result frame_decoder::complete_bad_text(std::string_view payload) {
  if (rule_ == utf8_rule::strict) return fail(error::invalid_utf8, close_codes::invalid_payload);
  if (rule_ == utf8_rule::as_binary) {
    return {.event = frame_event::message, .kind = message_kind::binary, .payload = payload};
  }
  auto repaired = replace_bad_utf8(payload, limit_);  // one byte can become three, beyond the limit
  if (!repaired) return fail(error::message_too_big, close_codes::message_too_big);
  message_ = std::move(*repaired);
  handed_out_ = true;
  return {.event = frame_event::message, .kind = message_kind::text, .payload = message_};
}

std::string frame_decoder::take_message(const frame_result& event) {
  if (owns(event)) return std::exchange(message_, {});
  return std::string(event.payload);
}

}  // namespace holdfast
