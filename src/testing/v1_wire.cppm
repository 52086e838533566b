// :v1_wire — frames of "holdfast.v1" as the server has them: a client's are read, and held to every rule of
// docs/protocol.md; a server's are written. Each by itself: what may follow what is not known here.
module;
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

module holdfast.testing:v1_wire;

import holdfast;
import :v1_server;

namespace holdfast::testing {

struct v1_ping {
  std::uint64_t id = 0;
};

struct v1_client_ack {
  std::uint64_t seq = 0;
};

struct v1_unknown {};  // of a later version

struct v1_broken {
  std::string problem;  // one line that names the frame and the field
};

using v1_client_frame = std::variant<v1_hello, v1_message, v1_ping, v1_client_ack, v1_unknown, v1_broken>;

// A message does not say whose it is: its `client` is empty.
v1_client_frame read_client_frame(const message& frame);

[[nodiscard]] bool is_one_json_text(std::string_view text);

struct v1_ready {
  std::string session{};
  bool resumed = false;
  std::uint64_t seq = 0;
  std::optional<std::chrono::milliseconds> heartbeat{};
  std::optional<std::uint64_t> last_id{};
  std::optional<message_gap> gap{};
};

std::string write(const v1_ready& frame);
std::string write(const v1_error& frame);
std::string write(const v1_go_away& frame);
std::string write(const std::vector<v1_throttled>& features);
std::string write_event(std::uint64_t seq, std::string_view data);
std::string write_ack(std::uint64_t id);
std::string write_pong(std::uint64_t id);

}  // namespace holdfast::testing
