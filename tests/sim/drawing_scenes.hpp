// Scenes: several events that belong together and would hardly ever meet by chance, each for a promise that
// only such a meeting puts to the test. A scene happens in the middle of a random world, whose other events
// may disturb it. Each kind has a generator of its own, as in drawing_ways.hpp.
#pragma once

#include <cstdint>

#include "dice.hpp"
#include "plan.hpp"

namespace sim {

class drawing_scenes {
 public:
  // Adds to `out` what `without` does not leave out.
  drawing_scenes(plan& out, std::uint64_t without) : out_(out), without_(without) {}
  void draw();

 private:
  void draw_partings(dice drawn);
  void draw_talking(dice drawn);
  void draw_uploads(dice drawn);
  void draw_put_off(dice drawn);
  void draw_surrenders(dice drawn);

  [[nodiscard]] clock::duration some_time(dice& drawn) const;
  event& add(clock::duration at, act what);
  void servers(clock::duration at, const server_script& script);
  // From then on a new session over links like this, with servers that do this.
  void begin_anew(clock::duration at, const holdfast::testing::link_conditions& link,
                  const server_script& script);
  // False: the program has a handler, and goes on with that.
  [[nodiscard]] bool reads(reading how);

  plan& out_;
  const std::uint64_t without_;
  fault group_{};  // of the scene that is being drawn
};

}  // namespace sim
