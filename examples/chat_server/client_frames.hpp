// What a client may say: the frames of the profile "holdfast.v1" as values. One learns to let JSON end at the
// door: behind it, a frame has the right types or does not exist.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>

struct resume_request {
  std::string session;
  std::uint64_t last_seq = 0;
};

// The first frame of each socket.
struct hello {
  std::string client;
  std::string token{};
  std::optional<resume_request> resume{};
};

struct message {
  std::uint64_t id = 0;
  std::string feature{};
  boost::json::value data{};
};

struct ping {
  std::uint64_t id = 0;
};

// The client has got all events up to and including this one.
struct events_received {
  std::uint64_t seq = 0;
};

// Of a type that we do not know: passed over, so that newer clients can speak to older servers.
struct unknown_frame {};

using client_frame = std::variant<unknown_frame, hello, message, ping, events_received>;

// what() is one line for the client.
struct bad_frame : std::runtime_error {
  using runtime_error::runtime_error;
};

// Throws bad_frame. Fields that we do not know are passed over.
client_frame parse_client_frame(std::string_view text);
