// Compresses messages like those of a chat with given settings of zlib: for a tool that counts instructions.
//
//   deflate_curve LEVEL MEMORY_LEVEL STRATEGY WINDOW_BITS COUNT     prints bytes per message, before and
//   after
#include <zlib.h>

#include <charconv>
#include <cstddef>
#include <exception>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "conversation.hpp"

namespace {

constexpr std::size_t tail_bytes = 4;  // not sent (RFC 7692 section 7.2.1)

int number(std::string_view text) {
  int out = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), out).ptr != text.data() + text.size())
    throw std::invalid_argument("not a number: " + std::string(text));
  return out;
}

void compress(std::span<char*> settings) {
  z_stream stream{};
  if (deflateInit2(&stream, number(settings[0]), Z_DEFLATED, -number(settings[3]), number(settings[1]),
                   number(settings[2])) != Z_OK)
    throw std::invalid_argument("zlib refuses these settings");
  const int count = number(settings[4]);
  bench::conversation source;
  std::string place(4 * bench::conversation::message_bytes, '\0');
  std::size_t before = 0;
  std::size_t after = 0;
  for (int n = 0; n < count; ++n) {
    auto message = source.next();
    before += message.size();
    stream.next_in = reinterpret_cast<Bytef*>(message.data());
    stream.avail_in = static_cast<uInt>(message.size());
    stream.next_out = reinterpret_cast<Bytef*>(place.data());
    stream.avail_out = static_cast<uInt>(place.size());
    deflate(&stream, Z_SYNC_FLUSH);
    after += place.size() - stream.avail_out - tail_bytes;
  }
  deflateEnd(&stream);
  std::cout << before / static_cast<std::size_t>(count) << ' ' << after / static_cast<std::size_t>(count)
            << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 6) return compress(std::span(argv, 6).subspan(1)), 0;
    std::cerr << "usage: deflate_curve LEVEL MEMORY_LEVEL STRATEGY WINDOW_BITS COUNT\n";
  } catch (const std::exception& e) {
    std::cerr << "deflate_curve: " << e.what() << '\n';
  }
  return 2;
}
