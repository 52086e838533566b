/// :frame — the vocabulary of WebSocket frames (RFC 6455 section 5): values only.
module;
#include <cstdint>

export module holdfast.core:frame;

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

// RSV1 of a message's first frame: it is compressed (RFC 7692 section 6).
inline constexpr unsigned compressed_bit = 0x40;

/// RFC 6455 section 5.2; continuation frames are never sent.
export enum class opcode : std::uint8_t {
  text = 0x1,    ///< the message is UTF-8
  binary = 0x2,  ///< the message is any bytes
  close = 0x8,   ///< nothing but the answer follows (RFC 6455 section 5.5.1)
  ping = 0x9,    ///< wants a pong with the same payload (section 5.5.2)
  pong = 0xA,    ///< answers a ping (section 5.5.3)
};

/// Codes of close frames with a meaning of their own (RFC 6455 section 7.4.1; from 1012 on, IANA's registry).
/// Those from 3000 to 4999 belong to programs.
export struct close_codes {
  static constexpr std::uint16_t normal = 1000;               ///< the session has served its purpose
  static constexpr std::uint16_t going_away = 1001;           ///< the end that closes shuts down, or moves on
  static constexpr std::uint16_t protocol_error = 1002;       ///< the other end broke the protocol
  static constexpr std::uint16_t unsupported_data = 1003;     ///< a message of a kind that is not accepted
  static constexpr std::uint16_t no_status = 1005;            ///< the frame had no code; never on the wire
  static constexpr std::uint16_t invalid_payload = 1007;      ///< a text message was not UTF-8
  static constexpr std::uint16_t policy_violation = 1008;     ///< a message was refused; no other code fits
  static constexpr std::uint16_t message_too_big = 1009;      ///< a message was larger than is accepted
  static constexpr std::uint16_t mandatory_extension = 1010;  ///< the server did not agree to an extension
  static constexpr std::uint16_t internal_error = 1011;       ///< a fault of the end that closes
  static constexpr std::uint16_t service_restart = 1012;      ///< the server restarts
  static constexpr std::uint16_t try_again_later = 1013;      ///< the server is overloaded
  static constexpr std::uint16_t bad_gateway = 1014;          ///< a server behind the server failed
};

}  // namespace holdfast
