// The chat itself: rooms, and who is told what. It knows sessions, but neither sockets nor frames: one learns
// to keep a program apart from the profile that carries its messages.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "session.hpp"

// What a client asked for cannot be done; what() tells it why.
struct refused : std::runtime_error {
  using runtime_error::runtime_error;
};

class chat {
 public:
  // Does what `data` asks for. What is not an object with an "op" that we know is passed over.
  void handle(session& from, const boost::json::value& data);
  void leave_all(session& who);

 private:
  struct request {
    session& from;
    const boost::json::object& data;
    std::string room;
  };

  void join(const request& what);
  void leave(session& who, const std::string& room);
  void say(const request& what);
  void tell_typing(const request& what);
  void tell_read(const request& what);

  void give_all(const std::string& room, const boost::json::object& event, const session* but = nullptr);

  std::map<std::string, std::vector<session*>> rooms_;  // none is empty; in the order in which they joined
  std::uint64_t said_count_ = 0;
};
