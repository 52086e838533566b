// Events of the server: the program gets them in order, once, without a hole that it was not told of, and
// learns with `connected` what the server has said about its session. For worlds in holdfast.v1.
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

class continuity {
 public:
  continuity(journal& log, const holdfast::limit_options& limits) : log_(log), limits_(limits) {}

  // The server. A session whose first event has the number `base` + 1; sessions are counted from 0.
  std::size_t begin(std::uint64_t base);
  // The next event of a session, as JSON.
  std::string make(std::size_t session, std::size_t size);
  [[nodiscard]] std::uint64_t last_of(std::size_t session) const { return sessions_[session].last; }
  // What it says to a login on the link with this number.
  void ready(std::size_t link, std::size_t session, bool resumed,
             const std::optional<holdfast::message_gap>& gap);

  // The client, as the first listener sees it.
  void connected(const holdfast::state_change& change);
  void received(holdfast::message_kind kind, std::string_view payload);
  void received_batch(const holdfast::message_batch& batch);
  // The link of the login that was last told to the program; empty: there was none.
  [[nodiscard]] std::optional<std::size_t> link() const noexcept { return told_link_; }
  // The session whose login was the last one to be told to the program; empty: there was none.
  [[nodiscard]] std::optional<std::size_t> session() const noexcept { return session_; }

  // When all listeners have been called.
  void check();
  // All events of the session have come.
  [[nodiscard]] bool complete() const;

 private:
  struct given {
    std::uint64_t base;
    std::uint64_t last;
    std::vector<holdfast::message_gap> gaps{};  // that the program was told of
  };
  struct login {
    std::size_t link;
    std::size_t session;
    bool resumed;
    std::optional<holdfast::message_gap> gap;
  };
  struct event {
    std::size_t session;
    std::uint64_t number;
  };
  void check(const event& one);
  void pass_gaps();

  journal& log_;
  const holdfast::limit_options limits_;
  std::vector<given> sessions_;
  std::optional<login> login_;            // the last one
  std::optional<std::size_t> told_link_;  // the last one of which `connected` was told
  std::optional<std::size_t> session_;
  std::vector<event> received_;  // and not yet checked
  std::optional<std::size_t> reading_;
  std::uint64_t next_ = 0;  // event of the session that is being read
};

}  // namespace sim
