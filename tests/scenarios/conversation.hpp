// What tests of the last words of a session have in common: servers that write down what they get, and frames
// that leave in one write.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "faults.hpp"

// What the server got, in all of its sessions, in order.
struct received_log {
  server::script script() {
    return [all = all_](server_session& session) { return collect(session, all); };
  }
  [[nodiscard]] const std::vector<std::string>& messages() const { return *all_; }

 private:
  using list = std::shared_ptr<std::vector<std::string>>;
  static net::awaitable<void> collect(server_session& session, list all) {
    while (auto next = co_await session.receive()) all->push_back(std::move(next->payload));
  }
  list all_ = std::make_shared<std::vector<std::string>>();
};

// The server sends `bytes` in one write, then listens, and writes down what it gets.
inline net::awaitable<void> say_raw(server_session& session, std::string bytes, received_log* log) {
  co_await session.send_raw(bytes);
  co_await log->script()(session);
}

// Frames of the server, to be sent in one write.
class server_frames {
 public:
  server_frames& text(std::string_view payload) { return add(opcode::text, payload); }
  server_frames& ping(std::string_view payload) { return add(opcode::ping, payload); }
  server_frames& close(std::uint16_t code, std::string_view reason = {}) {
    return add(opcode::close, close_payload(code, reason));
  }
  [[nodiscard]] std::string bytes() const { return std::string(queue_.view()); }

 private:
  server_frames& add(opcode kind, std::string_view payload) {
    encode_frame(queue_, peer_role::server, kind, payload);
    return *this;
  }
  byte_queue queue_;
};

inline bool mentions(const scenario& s, std::string_view words) {
  return std::ranges::any_of(s.log_lines,
                             [&](const std::string& line) { return line.find(words) != std::string::npos; });
}
