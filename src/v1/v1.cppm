/// :v1 — the protocol "holdfast.v1": login, events that are numbered and continued after a drop, messages
/// that are acknowledged and sent again, throttled features, heartbeats. In JSON; docs/protocol.md says every
/// field.
module;
#include <chrono>
#include <cstddef>
#include <string_view>

export module holdfast.v1:v1;

import holdfast;

namespace holdfast {

/// The name to offer in `options::subprotocols`, where the server's choice is checked as well.
export inline constexpr std::string_view v1_subprotocol = "holdfast.v1";

/// How the protocol behaves on our side.
export struct v1_options {
  /// Between two pings, unless the server names another time when the session is ready. Zero: none.
  std::chrono::milliseconds heartbeat{20'000};
  /// The largest frame that is accepted from the server; `options::limits` bounds it as well.
  std::size_t frame_bytes = 1 << 20;
  /// How many arrays and objects a frame may have in each other, its own included, either way.
  unsigned depth = 32;
};

/// Returns the factory for `options::protocol`. Each connection gets a name of its own (128 bits of
/// OpenSSL's entropy), by which a server knows which messages it has got already. A message must be text,
/// and one JSON value; else it is refused with error::message_invalid. What is received is JSON too, as the
/// server wrote it. Throws std::invalid_argument if an option makes no sense.
export protocol_factory v1(v1_options how = {});

}  // namespace holdfast
