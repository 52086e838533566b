// What outlives a socket: a session, and what is known of a client. One learns to keep these apart: a socket
// may break at any time, a session is resumed by the next one, and a client may begin a new session.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "peer.hpp"
#include "resume_buffer.hpp"
#include "typing_rate.hpp"

struct session {
  std::string id;
  std::string client;
  resume_buffer events;
  // Empty while the client is away. Shared with the coroutines that read and write it.
  std::shared_ptr<peer> socket{};
  peer::clock::time_point gone_since{};
  std::map<std::string, std::string> rooms{};  // each with the name that the client has there

  // Numbers the event and sends it, now or when the client is back.
  void give(event_data data) {
    auto event = events.add(std::move(data));
    if (socket) socket->send(event_frame(std::move(event)));
  }
};

struct client_record {
  std::uint64_t last_id = 0;  // the newest message that we have from it
  typing_rate typing;
  session* current = nullptr;  // a client has one session at a time
  peer::clock::time_point last_hello{};
};
