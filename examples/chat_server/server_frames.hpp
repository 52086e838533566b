// What the server says: the other half of the profile "holdfast.v1", one function per frame. One learns to
// send one text to many without copying it for each.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "resume_buffer.hpp"

// A frame on its way out, written in up to three pieces.
struct server_frame {
  std::string head;
  event_data data{};  // of an event
  std::string_view tail{};

  [[nodiscard]] std::array<boost::asio::const_buffer, 3> buffers() const;
  [[nodiscard]] std::size_t size_bytes() const;
};

struct ready_facts {
  std::string_view session;
  bool resumed = false;
  std::uint64_t seq = 0;  // the first event that follows is the one after this
  std::chrono::milliseconds heartbeat{};
  std::uint64_t last_id = 0;  // the newest message of this client that we have; 0: none
  std::optional<event_gap> gap{};
};

server_frame ready_frame(const ready_facts& facts);
server_frame event_frame(numbered_event event);
server_frame ack_frame(std::uint64_t id);
server_frame pong_frame(std::uint64_t id);
// Typing is throttled for so long; nothing: it is no longer.
server_frame throttle_frame(std::optional<std::chrono::milliseconds> typing_for);
server_frame go_away_frame(std::string_view reason, std::chrono::milliseconds reconnect_in);
server_frame error_frame(std::string_view code, std::string_view text, bool fatal);
