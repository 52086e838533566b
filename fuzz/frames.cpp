// Frames from a hostile peer: in whatever pieces they come, the decoder says the same of them, the memory
// that it keeps is bounded by what has come, and what it calls text is UTF-8, whatever the rule for other
// text.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

import holdfast;
import holdfast.wire;

namespace {

using namespace holdfast;

constexpr std::size_t limit = 1 << 16;

std::string in_words(frame_decoder& of, const frame_result& event) {
  auto text = std::to_string(static_cast<int>(event.event)) + ' ' +
              std::to_string(static_cast<int>(event.kind)) + ' ' + std::to_string(event.close_code) + ' ' +
              event.error.message() + ' ';
  if (event.event == frame_event::message) return text + of.take_message(event);
  return text + std::string(event.payload);
}

class reader {
 public:
  reader(peer_role role, bool compressed, utf8_rule rule) : decoder_(role, limit, rule) {
    if (compressed) decoder_.agree({});
  }

  // Whole: all of it at once. Otherwise as a session does, `piece` bytes at a time at most.
  std::vector<std::string> read(std::string_view bytes, std::size_t piece) {
    while (!bytes.empty()) {
      auto place = decoder_.prepare_message();
      const bool direct = !place.empty();
      if (!direct) place = decoder_.prepare(scratch_);
      if (place.empty()) std::abort();  // undecoded bytes are never more than a control frame
      const auto count = std::min({bytes.size(), place.size(), piece});
      std::ranges::copy(bytes.substr(0, count), place.begin());
      bytes.remove_prefix(count);
      direct ? decoder_.commit_message(count) : decoder_.commit(count);
      take_events();
      decoder_.park();
    }
    return said_;
  }

 private:
  void take_events() {
    for (auto event = decoder_.next(); event.event != frame_event::none; event = decoder_.next()) {
      if (event.payload.size() > limit) std::abort();
      const bool is_text = event.event == frame_event::message && event.kind == message_kind::text;
      if (is_text && !is_valid_utf8(event.payload)) std::abort();
      said_.push_back(in_words(decoder_, event));
    }
  }

  frame_decoder decoder_;
  std::array<char, 1024> scratch_{};
  std::vector<std::string> said_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto role = (data[0] & 1U) != 0 ? peer_role::server : peer_role::client;
  const bool compressed = (data[0] & 2U) != 0;
  constexpr std::array rules{utf8_rule::strict, utf8_rule::replace, utf8_rule::as_binary, utf8_rule::strict};
  const auto rule = rules.at(data[0] >> 2U & 3U);
  const std::size_t piece = std::size_t{1} + data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = reader(role, compressed, rule).read(bytes, bytes.size());
  if (whole != reader(role, compressed, rule).read(bytes, piece)) std::abort();
  return 0;
}
