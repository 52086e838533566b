// :v1_frames — the frames of "holdfast.v1" as values: what a server sent, or in one line what is wrong with
// it, and what a client sends. Each frame by itself: what may follow what is for v1.cpp to judge.
module;
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

module holdfast.v1:v1_frames;

import holdfast;

namespace holdfast::v1_frames {

// From the server. Durations are at most a year, whatever it wrote: so none overflows.

struct ready {
  std::string session;
  bool resumed = false;
  std::uint64_t seq = 0;
  std::optional<std::chrono::milliseconds> heartbeat;
  std::optional<std::uint64_t> last_id;
  std::optional<message_gap> gap;
};

struct event {
  std::uint64_t seq = 0;
  std::string_view data;  // a piece of the frame
};

struct ack {
  std::uint64_t id = 0;
};

struct pong {
  std::uint64_t id = 0;
};

struct throttled {
  std::string name;
  std::string reason;
  std::optional<std::chrono::milliseconds> duration;
};

struct throttle {
  std::vector<throttled> features;
};

struct go_away {
  std::string reason;
  std::chrono::milliseconds wait{};
  std::string endpoint{};
};

struct refusal {  // the frame "error"
  std::string code;
  std::string text;
  bool fatal = false;
};

struct unknown {};  // of a later version

struct malformed {
  std::string problem;  // one line that names the frame and the field; nothing that the server wrote
};

using server_frame = std::variant<ready, event, ack, pong, throttle, go_away, refusal, unknown, malformed>;

// In time and memory that is linear in the size of the frame.
server_frame parse(std::string_view frame, std::size_t depth);

// To the server.

struct resume {
  std::string session;
  std::uint64_t last_seq = 0;
};

std::string hello(std::string_view client, std::string_view token, const std::optional<resume>& earlier);
std::string ping(std::uint64_t id);
std::string client_ack(std::uint64_t seq);
// error::message_invalid: the payload is not one JSON text that fits into a frame of this depth, or the name
// of the feature is not UTF-8.
result<std::string> message(const outgoing_message& given, std::size_t depth);

}  // namespace holdfast::v1_frames
