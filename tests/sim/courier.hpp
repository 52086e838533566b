// Follows every message: what was sent, what the server received whole, what it sent back, what came out at
// the end. For worlds without a protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "journal.hpp"

import holdfast;

namespace sim {

class courier {
 public:
  courier(journal& log, const holdfast::limit_options& limits) : log_(log), limits_(limits) {}

  // The client.
  std::size_t prepare(std::size_t size, holdfast::message_kind kind, bool valid);
  [[nodiscard]] std::string payload(std::size_t id) const;
  [[nodiscard]] holdfast::message_kind kind(std::size_t id) const { return sent_[id].kind; }
  // `open`: a session was open for certain when it was sent.
  void started(std::size_t id, bool open);
  // It is the program's answer, in its turn, to a message of this session, and nothing is in its way.
  void answers(std::size_t id, std::size_t session) { sent_[id].answers = session; }
  // So little was sent of late that the next message leaves at once, if the link is free.
  [[nodiscard]] bool has_room_for_more() const;
  void settled(std::size_t id, const holdfast::send_result& result);
  void cancelled(std::size_t id) { sent_[id].cancelled = true; }
  void received(holdfast::message_kind kind, std::string_view payload);
  void received_batch(const holdfast::message_batch& batch);

  // The server. Sessions are numbered from 0.
  std::size_t open_session();
  // What to send back as an echo.
  void arrived(std::size_t session, holdfast::message_kind kind, std::string_view payload);
  void echoed(std::size_t session, std::string_view payload);
  std::string make(std::size_t session, std::size_t size);

  // After all is over.
  void check_truth();
  // After each step: what is accepted and not settled is within the limits.
  // How many of those from `id` on were not sent, because the connection was closed.
  [[nodiscard]] std::size_t lost_since(std::size_t id) const;
  [[nodiscard]] std::size_t count() const noexcept { return sent_.size(); }
  void check_bounds();

 private:
  struct outgoing {
    std::size_t size;
    holdfast::message_kind kind;
    bool valid;
    bool open = false;
    bool cancelled = false;
    bool detached = true;
    std::optional<holdfast::send_result> result{};
    std::optional<std::size_t> arrived_in{};
    std::optional<std::size_t> answers{};
    clock::time_point at{};
  };
  void check_answer(std::size_t id) const;
  struct session {
    std::vector<std::size_t> arrived{};
    std::vector<std::uint64_t> sent{};  // tokens
    std::size_t own = 0;                // messages of the server's own
  };
  void check_large(std::size_t bytes);
  void check_gap(std::size_t before, std::size_t after);

  journal& log_;
  const holdfast::limit_options limits_;
  std::vector<outgoing> sent_;
  std::vector<std::size_t> waiting_;  // sent and not settled
  std::vector<session> sessions_;
  std::size_t reading_session_ = 0;
  std::size_t reading_position_ = 0;
};

}  // namespace sim
