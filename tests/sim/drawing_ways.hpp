// What was thought of after the rest. Each has a generator of its own, so that all else in a world stays what
// it was, and a seed that has once found something goes on to show it.
#pragma once

#include <cstdint>

#include "dice.hpp"
#include "plan.hpp"

namespace sim {

class drawing_ways {
 public:
  // Adds to `out` what `without` does not leave out.
  drawing_ways(plan& out, std::uint64_t without) : out_(out), without_(without) {}
  void draw();

 private:
  void draw_moves(dice drawn);
  void draw_rough_links(dice drawn);
  void draw_half_silence(dice drawn);
  void draw_tls(dice drawn);
  void draw_compression(dice drawn);
  void draw_suspends(dice drawn);
  void draw_handlers(dice drawn);
  void draw_providers(dice drawn);
  void draw_redirects(dice drawn);
  void draw_endpoints(dice drawn);
  void draw_addresses(dice drawn);
  void draw_interim(dice drawn);
  void draw_giving_up(dice drawn);
  void draw_lifetime(dice drawn);
  void draw_gate(dice drawn);
  void draw_lateness(dice drawn);
  [[nodiscard]] clock::duration some_time(dice& drawn) const;
  event& add(dice& drawn, act what, fault group);

  plan& out_;
  const std::uint64_t without_;
};

}  // namespace sim
