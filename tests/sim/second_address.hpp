// Of two addresses, the one that has failed above TCP is not the first to be tried again (R47), written down
// as seen from outside: only where nothing but that can explain which address was reached.
#pragma once

#include <algorithm>
#include <string>

#include "journal.hpp"
#include "plan.hpp"

import holdfast;

namespace sim {

class second_address {
 public:
  second_address(journal& log, const plan& from)
      : log_(log),
        is_simple_(!from.endpoints && !from.provides && std::ranges::none_of(from.events, leads_elsewhere)) {}

  // The network has changed, or may within this time: what an attempt that was under way has met there counts
  // no more.
  void any_may_follow(clock::duration within = {}) {
    failed_.clear();
    network_since_ = clock::now() + within;
  }
  // How many addresses the name has from now on, and whether both of them take a connection at once.
  void name_leads_to(std::size_t count) {
    has_two_ = count == 2;
    failed_.clear();
  }
  // Whether of two addresses the first that is tried is the first to answer.
  void ways_are_even(bool even) {
    is_even_ = even;
    failed_.clear();
  }

  void saw(const holdfast::state_change& change) {
    using enum holdfast::connection_state;
    if (change.to == connecting) began_ = change.time;
    if (change.to == connecting || change.from == disconnected) return;
    if (change.to != disconnected) return reached(change.peer);
    const auto& why = change.reason;
    const bool above_tcp = why.at == holdfast::stage::tls || why.at == holdfast::stage::upgrade;
    const bool by_program = why.error == holdfast::error::disconnect_requested ||
                            why.error == holdfast::error::closed ||
                            why.error == holdfast::error::in_background;
    if (change.from != connecting || !above_tcp || by_program) return failed_.clear();
    reached(why.peer);
    const bool counts = why.http_status == 0 || why.http_status == 101 || why.http_status >= 500;
    if (counts && began_ > network_since_ && has_two_ && is_even_ && is_simple_) failed_ = why.peer;
  }

 private:
  static bool leads_elsewhere(const event& one) {
    return one.what == act::migrate || one.what == act::go_away || one.what == act::port ||
           (one.what == act::server && one.script.how == conduct::redirects);
  }
  void reached(const std::string& address) {
    if (!failed_.empty() && failed_ == address)
      log_.violated("address ", address, " has just failed, and is tried again before the other one");
    failed_.clear();
  }

  journal& log_;
  const bool is_simple_;
  bool has_two_ = false;
  bool is_even_ = false;
  std::string failed_;  // in the last attempt
  clock::time_point began_{};
  clock::time_point network_since_{};
};

}  // namespace sim
