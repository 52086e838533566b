// The server's frames as JSON text.
#include "server_frames.hpp"

#include <utility>

namespace {

namespace json = boost::json;

server_frame to_frame(const json::object& whole) { return {.head = json::serialize(whole)}; }

}  // namespace

std::array<boost::asio::const_buffer, 3> server_frame::buffers() const {
  return {boost::asio::buffer(head), data ? boost::asio::buffer(*data) : boost::asio::const_buffer(),
          boost::asio::buffer(tail)};
}

std::size_t server_frame::size_bytes() const { return boost::asio::buffer_size(buffers()); }

server_frame ready_frame(const ready_facts& facts) {
  json::object out{{"type", "ready"},
                   {"session", facts.session},
                   {"resumed", facts.resumed},
                   {"seq", facts.seq},
                   {"heartbeat_ms", facts.heartbeat.count()}};
  if (facts.last_id != 0) out["last_id"] = facts.last_id;
  if (facts.gap) out["gap"] = json::object{{"from", facts.gap->from}, {"to", facts.gap->to}};
  return to_frame(out);
}

server_frame event_frame(numbered_event event) {
  return {.head = R"({"type":"event","seq":)" + std::to_string(event.seq) + R"(,"data":)",
          .data = std::move(event.data),
          .tail = "}"};
}

server_frame ack_frame(std::uint64_t id) { return to_frame({{"type", "ack"}, {"id", id}}); }

server_frame pong_frame(std::uint64_t id) { return to_frame({{"type", "pong"}, {"id", id}}); }

server_frame throttle_frame(std::optional<std::chrono::milliseconds> typing_for) {
  json::array features;
  if (typing_for) {
    features.push_back(
        json::object{{"name", "typing"}, {"reason", "too many"}, {"for_ms", typing_for->count()}});
  }
  return to_frame({{"type", "throttle"}, {"features", std::move(features)}});
}

server_frame go_away_frame(std::string_view reason, std::chrono::milliseconds reconnect_in) {
  return to_frame({{"type", "go_away"}, {"reason", reason}, {"reconnect_in_ms", reconnect_in.count()}});
}

server_frame error_frame(std::string_view code, std::string_view text, bool fatal) {
  return to_frame({{"type", "error"}, {"code", code}, {"text", text}, {"fatal", fatal}});
}
