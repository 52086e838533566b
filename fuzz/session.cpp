// A whole connection with a hostile server, on a simulated network and in virtual time. The input is what
// the server writes, behind eight bytes: what comes before it, in which pieces it leaves, and six things that
// the program does meanwhile.
#include <sanitizer/allocator_interface.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "hostile_server.hpp"
#include "require.hpp"
#include "watched_program.hpp"

import holdfast;
import holdfast.testing;
import holdfast.v1;

namespace {

using namespace fuzzed;

constexpr std::size_t most_bytes = 1 << 20;  // that a connection and the world around it may hold
constexpr std::string_view token = "Zq7-token-of-the-user";

struct settings {
  explicit settings(std::span<const std::uint8_t, 8> bytes)
      : how{.before = static_cast<preface>(bytes[0] & 3U),
            .lines = (bytes[0] & 4U) != 0,
            .login = (bytes[0] & 8U) != 0,
            .pauses = (bytes[0] & 16U) != 0,
            .hangs_up = (bytes[0] & 32U) != 0,
            .piece = std::size_t{1} + bytes[1]},
        reads_all((bytes[0] & 64U) != 0),
        ends_by_close((bytes[0] & 128U) == 0) {
    std::ranges::copy(bytes.subspan<2>(), acts.begin());
  }

  hostility how;
  bool reads_all;
  bool ends_by_close;
  std::array<std::uint8_t, 6> acts{};  // the low four bits say what, the high four when
};

holdfast::options options_of(const settings& chosen, holdfast::testing::world& in) {
  holdfast::options out{.url = "ws://server/"};
  out.network = in.network();
  out.random_seed = 1;
  // Each deadline is met within few seconds, and few attempts: the same input comes with each of them.
  out.retry.base = 2s;
  out.heartbeat = {.ping_interval = 1s, .pong_deadline = 1s, .probe_deadline = 500ms};
  out.deadlines.upgrade = out.deadlines.login = 2s;
  out.limits = {.inbound_messages = 16, .inbound_bytes = 8 << 10, .message_bytes = most_message_bytes};
  out.provider = [](holdfast::credential_request) -> net::awaitable<holdfast::credentials> {
    co_return holdfast::credentials{.token = std::string(token)};
  };
  out.compression.enabled = chosen.how.before == preface::compressed || chosen.how.before == preface::none;
  if (chosen.how.before == preface::v1 || (chosen.how.before == preface::none && chosen.how.login)) {
    out.protocol = holdfast::v1();
    out.subprotocols = {std::string(holdfast::v1_subprotocol)};
  }
  return out;
}

// Thirteen looks, each twice as far apart as the one before: from a millisecond to four seconds.
void live(const settings& chosen, holdfast::testing::world& in, watched_program& program) {
  const auto at_first = __sanitizer_get_current_allocated_bytes();
  for (unsigned step = 0; step < 13; ++step) {
    in.run_for(1ms * (1U << step));
    for (const auto each : chosen.acts) {
      if (each >> 4U == step) program.act(each);
    }
    const auto now = __sanitizer_get_current_allocated_bytes();
    require(now < at_first + most_bytes, "memory is bounded");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 8) return 0;
  settings chosen(std::span<const std::uint8_t, 8>(data, 8));
  chosen.how.input = {reinterpret_cast<const char*>(data) + 8, size - 8};
  if (chosen.how.input.find(token) != std::string_view::npos) return 0;  // what the server says may be shown
  holdfast::testing::world in;
  const hostile_server server(in, chosen.how);
  watched_program program(in, options_of(chosen, in), std::string(token), chosen.reads_all);
  live(chosen, in, program);
  program.end(chosen.ends_by_close);
  return 0;
}
