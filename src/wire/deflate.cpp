// Compresses and decompresses messages with zlib. No other file includes zlib: its allocations and its error
// codes stay here.
module;
#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>

module holdfast.core;

namespace holdfast {
namespace {

using namespace std::string_view_literals;

constexpr auto tail = "\x00\x00\xFF\xFF"sv;       // end of an empty block; not sent (RFC 7692 section 7.2.1)
constexpr int smallest_window_bits = 9;           // that zlib supports without a header
constexpr std::size_t largest_piece = 1U << 30U;  // zlib counts in 32 bits

using room = std::array<char, 16 * 1024>;

std::string_view take_piece(std::string_view& from) {
  const auto piece = from.substr(0, largest_piece);
  from.remove_prefix(piece.size());
  return piece;
}

void set_input(z_stream& stream, std::string_view bytes) {
  stream.next_in = reinterpret_cast<const Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
}

void set_output(z_stream& stream, room& place) {
  stream.next_out = reinterpret_cast<Bytef*>(place.data());
  stream.avail_out = static_cast<uInt>(place.size());
}

// Appends, but grows the capacity ahead of need only up to `limit`.
void append(std::string& to, std::string_view bytes, std::size_t limit) {
  const auto wanted = to.size() + bytes.size();
  if (wanted > to.capacity()) {
    std::string grown;
    grown.reserve(std::max(wanted, std::min(2 * to.capacity(), limit)));
    grown.append(to);
    to.swap(grown);
  }
  to.append(bytes);
}

}  // namespace

struct deflater::state {
  // The window takes 2^(bits + 2) bytes, hashes and symbols 2^(memory level + 9). More than 16 KiB for these
  // make a message of a kilobyte no smaller (docs/performance.md, Compression).
  state(int level, int window_bits) {
    const int memory_level = std::min(window_bits - 7, 5);
    if (deflateInit2(&stream, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~state() { deflateEnd(&stream); }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  z_stream stream{};
};

deflater::deflater(compression_direction how, int level, std::size_t minimum_bytes)
    : how_(how),
      level_(level),
      minimum_bytes_(how.window_bits < smallest_window_bits ? std::numeric_limits<std::size_t>::max()
                                                            : minimum_bytes) {}
deflater::~deflater() = default;
deflater::deflater(deflater&&) noexcept = default;
deflater& deflater::operator=(deflater&&) noexcept = default;

void deflater::compress(std::string_view message, std::string& payload) {
  payload.clear();
  // An empty message is an empty block without its tail (section 7.2.3.6). zlib would not write two of them
  // in a row.
  if (message.empty()) return payload.push_back('\0');
  if (!state_) state_ = std::make_unique<state>(level_, std::max(how_.window_bits, smallest_window_bits));
  auto& stream = state_->stream;
  room place;
  while (!message.empty()) {
    set_input(stream, take_piece(message));
    do {
      set_output(stream, place);
      deflate(&stream, message.empty() ? Z_SYNC_FLUSH : Z_NO_FLUSH);
      payload.append(place.data(), place.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  payload.resize(payload.size() - tail.size());
  if (!how_.context_takeover) deflateReset(&stream);
}

void deflater::release() noexcept {
  if (!how_.context_takeover) state_.reset();
}

struct inflater::state {
  explicit state(int window_bits) {
    if (inflateInit2(&stream, -window_bits) != Z_OK) throw std::bad_alloc();
  }
  ~state() { inflateEnd(&stream); }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  z_stream stream{};
};

inflater::inflater(compression_direction how, std::size_t limit_bytes) : how_(how), limit_(limit_bytes) {}
inflater::~inflater() = default;
inflater::inflater(inflater&&) noexcept = default;
inflater& inflater::operator=(inflater&&) noexcept = default;

error_code inflater::feed(std::string_view piece, std::string& message) {
  inside_message_ = true;
  while (!piece.empty()) {
    if (const auto ec = run(take_piece(piece), message, Z_SYNC_FLUSH)) return ec;
  }
  return {};
}

error_code inflater::run(std::string_view input, std::string& message, int flush) {
  // A window larger than agreed reads the same data. Where 8 bits are agreed, a peer that uses zlib may write
  // with 9.
  if (!state_) state_ = std::make_unique<state>(std::max(how_.window_bits, smallest_window_bits));
  auto& stream = state_->stream;
  set_input(stream, input);
  room place;
  do {
    set_output(stream, place);
    const int outcome = inflate(&stream, flush);
    if (outcome == Z_MEM_ERROR) throw std::bad_alloc();
    // Bytes before a fault are handed out, so that the faults of a message are found in the same order,
    // however the message is split.
    const auto count = place.size() - stream.avail_out;
    const auto allowed = std::min(count, limit_ - std::min(limit_, message.size()));
    append(message, {place.data(), allowed}, limit_);
    if (allowed < count) return error::message_too_big;
    if (outcome != Z_OK && outcome != Z_STREAM_END && outcome != Z_BUF_ERROR)
      return error::protocol_violation;
    // After a final block another one may follow (section 7.2.3.4) and refer to data before it, so the window
    // is kept. Saving it and restoring it with inflateSetDictionary would let two bytes of a peer cost us 64
    // KiB.
    ended_ = outcome == Z_STREAM_END;
    if (ended_) inflateResetKeep(&stream);
  } while (stream.avail_in != 0 || (stream.avail_out == 0 && !ended_));
  return {};
}

error_code inflater::finish(std::string& message) {
  // A peer that ends with a final block should add an empty block, to which the tail belongs, but not all do.
  if (!ended_) {
    // Z_BLOCK stops at the end of each block, so that data_type shows whether the tail ended one.
    if (const auto ec = run(tail, message, Z_BLOCK)) return ec;
    if ((state_->stream.data_type & 128) == 0 && !ended_) return error::protocol_violation;
  }
  inside_message_ = ended_ = false;
  if (!how_.context_takeover) inflateReset(&state_->stream);
  return {};
}

void inflater::release() noexcept {
  if (!how_.context_takeover && !inside_message_) state_.reset();
}

}  // namespace holdfast
