// Frames that a server of holdfast.v1 should not send, and some that it may, though nobody does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

import holdfast;

namespace sim {

struct odd_frame {
  std::string text;
  bool breaks_rules = true;  // the client must end the session
  holdfast::message_kind kind = holdfast::message_kind::text;
};

// Any `kind`; `last` is the number of the last event of the session.
inline odd_frame odd_frame_of(std::size_t kind, std::uint64_t last) {
  const auto event = [](std::uint64_t seq) {
    return R"({"type":"event","seq":)" + std::to_string(seq) + R"(,"data":"odd"})";
  };
  const std::array<odd_frame, 26> all{{
      {"this is not JSON"},
      {""},
      {"[]"},
      {"{}"},
      {R"({"type":7})"},
      {R"({"type":"event")"},
      {R"({"type":"ack","id":"one"})"},
      {R"({"type":"ack","id":-1})"},
      {R"({"type":"ack","id":9007199254740993})"},
      {R"({"type":"ack","id":1e2})"},
      {R"({"type":"pong","id":99999999999999999999999999})"},
      {R"({"type":"event","data":1})"},
      {R"({"type":"ack","id":0,"id":0})"},
      {R"({"type":"throttle","features":{}})"},
      {R"({"type":"throttle","features":[{"name":""}]})"},
      {R"({"type":"throttle","features":[{"name":"typing","for_ms":true}]})"},
      {R"({"type":"ready","session":"again","resumed":false,"seq":0})"},
      {event(last + 2)},
      {std::string(40, '[') + std::string(40, ']')},
      {event(last + 1), true, holdfast::message_kind::binary},
      {R"({"type":"news","seq":-1})", false},
      {R"({"type":"pong","id":9007199254740992})", false},
      {R"({"type":"ack","id":0,"more":{"id":[-1]}})", false},
      {R"( { "id" : 0 , "type" : "\u0061ck" } )", false},
      {R"({"type":"error","code":"rate_limited","text":"\u0000\u001b[31m slowly"})", false},
      {R"({"type":"pong","id":0,"x":1,"x":2})", false},
  }};
  return all[kind % all.size()];
}

}  // namespace sim
