/// :frame — the vocabulary of WebSocket frames (RFC 6455 section 5): values only.
module;
#include <cstdint>

export module holdfast:frame;

namespace holdfast {

/// RFC 6455 section 5.6: text is UTF-8, binary is anything.
export enum class message_kind : std::uint8_t {
  text,    ///< UTF-8
  binary,  ///< any bytes
};

/// The end of a connection that a frame comes from (RFC 6455 section 5.1: only a client masks its frames).
export enum class peer_role : std::uint8_t {
  client,  ///< the end that asked for the upgrade
  server,  ///< the end that answered it
};

/// RFC 6455 section 5.2; continuation frames are never sent.
export enum class opcode : std::uint8_t {
  text = 0x1,    ///< the message is UTF-8
  binary = 0x2,  ///< the message is any bytes
  close = 0x8,   ///< nothing but the answer follows (RFC 6455 section 5.5.1)
  ping = 0x9,    ///< wants a pong with the same payload (section 5.5.2)
  pong = 0xA,    ///< answers a ping (section 5.5.3)
};

}  // namespace holdfast
