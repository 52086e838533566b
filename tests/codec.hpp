// Both halves of one end of a WebSocket in one object: what a test reads with, and what it writes with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

import holdfast;
import holdfast.wire;

class codec : public holdfast::frame_decoder {
 public:
  codec(holdfast::peer_role role, std::size_t message_limit_bytes,
        holdfast::utf8_rule invalid_text = holdfast::utf8_rule::strict)
      : frame_decoder(role, message_limit_bytes, invalid_text), encoder_(role) {}

  void agree(const holdfast::agreed_compression& agreed) {
    frame_decoder::agree(agreed);
    encoder_.agree(agreed);
  }
  void release_memory() noexcept {
    frame_decoder::release_memory();
    encoder_.release_memory();
  }
  void write_message(holdfast::message_kind kind, std::string_view payload) {
    encoder_.message(output_, kind, payload);
  }
  void write_ping(std::string_view payload) { encoder_.frame(output_, holdfast::opcode::ping, payload); }
  void write_pong(std::string_view payload) { encoder_.frame(output_, holdfast::opcode::pong, payload); }
  void write_close(std::uint16_t code, std::string_view reason) { encoder_.close(output_, code, reason); }
  [[nodiscard]] std::string_view output() const noexcept { return output_.view(); }
  [[nodiscard]] std::size_t output_bytes() const noexcept { return output_.size(); }
  void consume(std::size_t count) noexcept { output_.consume(count); }

 private:
  holdfast::frame_encoder encoder_;
  holdfast::byte_queue output_;
};
