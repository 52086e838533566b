// A world in which both sides speak holdfast.v1.
#pragma once

#include <string>
#include <vector>

#include "received.hpp"

import holdfast.v1;

// What a connection needs to speak it.
inline void speak_v1(options& given) {
  given.protocol = v1();
  given.subprotocols = {std::string(v1_subprotocol)};
}

struct v1_scenario : scenario {
  explicit v1_scenario(std::uint64_t seed = 1) : scenario(seed) { speak_v1(given); }

  // Starts, and is connected.
  connection& connect() {
    start();
    BOOST_REQUIRE(reaches(connection_state::connected));
    return *conn;
  }
  // What the connection has received so far is in `got`, from now on.
  void listen() { net::co_spawn(in.executor(), receive_into(*conn, got), net::detached); }
  // What the server has processed.
  [[nodiscard]] std::vector<std::string> said() const {
    std::vector<std::string> out;
    for (auto& each : at.messages()) out.push_back(std::move(each.data));
    return out;
  }

  v1_server at{backend};
  std::vector<std::string> got;
};

using texts = std::vector<std::string>;

// For clients that write their frames by hand: `given.protocol` is null.
inline const std::string hello_by_hand =
    R"({"type":"hello","version":1,"client":"0123456789abcdef0123456789abcdef"})";
inline std::string hello_by_hand_with(const std::string& field) {
  return hello_by_hand.substr(0, hello_by_hand.size() - 1) + ',' + field + '}';
}
