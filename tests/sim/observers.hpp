// All who look on: cursors, quick and slow, waiters for the next state, and listeners. Whatever they see
// must be what the first listener saw, in the same order, unless they are told how much they missed.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "journal.hpp"
#include "ledger.hpp"

import holdfast;
import holdfast.testing;

namespace sim {

class observers {
 public:
  observers(holdfast::testing::world& in, journal& log, ledger& operations)
      : world_(in), log_(log), operations_(operations) {}

  void watch(const holdfast::connection& conn, clock::duration pause);
  void next_state(holdfast::connection& conn);
  void wait_for(holdfast::connection& conn, holdfast::connection_state wanted);
  void add_listener(holdfast::connection& conn, std::size_t id, bool replay);
  void remove_listener(holdfast::connection& conn, std::size_t id);
  void handle_destroyed();
  // Compares with what the first listener saw.
  void check(const std::vector<holdfast::state_change>& all);

 private:
  struct listener {
    bool removed = false;
    std::uint64_t last = 0;
  };
  struct seen {
    std::string_view who;
    holdfast::state_change change;
  };
  net::awaitable<void> follow(holdfast::state_watch cursor, clock::duration pause);
  void called(listener& one, const holdfast::observed_change& change);

  holdfast::testing::world& world_;
  journal& log_;
  ledger& operations_;
  std::array<std::shared_ptr<listener>, 4> listeners_;  // shared with the callbacks; empty: not added
  std::vector<seen> seen_;
  bool gone_ = false;
};

}  // namespace sim
