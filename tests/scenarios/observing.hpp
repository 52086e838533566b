// What scenarios about observers share: reading a cursor, and writing down what it gave.
#pragma once

#include <cstdint>

#include "scenario.hpp"

// How an operation ended, and how often.
struct ended_wait {
  int calls = 0;
  error_code ec;
  observed_change change;

  auto handler() {
    return [this](error_code how, observed_change what) {
      ++calls;
      ec = how;
      change = std::move(what);
    };
  }
};

struct reading {
  std::vector<observed_change> seen;
  std::optional<error_code> ended;
};

inline net::awaitable<void> read_to_the_end(state_watch watch, reading& out) {
  for (;;) {
    auto [ec, change] = co_await watch.next_state(net::as_tuple(net::deferred));
    if (ec) out.ended = ec;
    if (ec) co_return;
    out.seen.push_back(std::move(change));
  }
}

inline net::awaitable<void> ask_to_the_end(connection& conn, reading& out) {
  for (;;) {
    auto [ec, change] = co_await conn.next_state(net::as_tuple(net::deferred));
    if (ec) out.ended = ec;
    if (ec) co_return;
    out.seen.push_back(std::move(change));
  }
}

// The next item of a cursor, which must be there without any time passing.
inline observed_change take(scenario& s, state_watch& watch) {
  ended_wait taken;
  watch.next_state(taken.handler());
  s.in.settle();
  BOOST_REQUIRE(taken.calls == 1);
  BOOST_REQUIRE(!taken.ec);
  return taken.change;
}

// The same of the first transition after that number.
inline observed_change take(scenario& s, connection& conn, std::uint64_t after) {
  ended_wait taken;
  conn.next_state(after, taken.handler());
  s.in.settle();
  BOOST_REQUIRE(taken.calls == 1);
  BOOST_REQUIRE(!taken.ec);
  return taken.change;
}

// "1:connecting 2:connected"
inline std::string trail(const std::vector<observed_change>& changes) {
  std::string out;
  for (const auto& each : changes) {
    out += (out.empty() ? "" : " ") + std::to_string(each.sequence) + ':' + std::string(to_string(each.to));
  }
  return out;
}

inline void drop_after(scenario& s, clock::duration span) {
  s.in.run_for(span);
  s.in.network()->reset_links();
  s.in.run_for(10s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
}
