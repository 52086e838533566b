// The options of a connection, its network and its servers.
#include <algorithm>

#include "drawing.hpp"
#include "drawing_scenes.hpp"
#include "drawing_v1.hpp"
#include "drawing_ways.hpp"

namespace sim {

using holdfast::connect_mode;
using holdfast::testing::port_behaviour;

void drawing::draw_options() {
  auto& given = out_.options;
  if (dice_.chance(25)) given.mode = connect_mode::manual;
  given.heartbeat.ping_interval = milliseconds(dice_.pick({1'000, 5'000, 20'000, 20'000}));
  given.heartbeat.pong_deadline = milliseconds(dice_.pick({500, 2'000, 10'000, 10'000}));
  given.heartbeat.pong_only = dice_.chance(10);
  given.deadlines.attempt = milliseconds(dice_.pick({2'000, 5'000, 20'000}));
  given.deadlines.resolve = milliseconds(dice_.pick({500, 5'000}));
  given.deadlines.connect = milliseconds(dice_.pick({500, 10'000}));
  given.deadlines.upgrade = milliseconds(dice_.pick({1'000, 10'000}));
  given.close_timeout = milliseconds(dice_.pick({100, 1'000, 3'000, 3'000}));
  given.background_grace = milliseconds(dice_.pick({2'000, 30'000}));
  if (dice_.chance(40)) {
    auto& limits = given.limits;
    limits.inbound_messages = dice_.pick<std::size_t>({1, 2, 64});
    limits.inbound_bytes = dice_.pick<std::size_t>({1, 64, 4'096, 1 << 20});
    limits.outbound_messages = dice_.pick<std::size_t>({1, 4, 1'024});
    limits.outbound_bytes = dice_.pick<std::size_t>({64, 4'096, 1 << 20});
    limits.message_bytes = dice_.pick<std::size_t>({256, 8'192, 16 << 20});
    limits.upgrade_bytes = dice_.pick<std::size_t>({1'024, 16 << 10});
  }
  auto& retry = given.retry;
  const bool usual = dice_.chance(50);
  holdfast::retry_policy drawn;
  drawn.base = milliseconds(dice_.pick({100, 500, 2'000}));
  drawn.factor = dice_.pick({1.0, 1.5, 2.0, 10.0});
  drawn.cap = milliseconds(dice_.pick({2'000, 30'000}));
  drawn.first_spread = milliseconds(dice_.pick({0, 1'000}));
  drawn.stable_after = milliseconds(dice_.pick({1'000, 10'000}));
  drawn.retry_after_limit = milliseconds(dice_.pick({5'000, 60'000}));
  if (dice_.chance(15)) drawn.attempt_limit = static_cast<unsigned>(dice_.between(1, 4));
  drawn.retry_first_connect = !dice_.chance(8);
  drawn.refusals_before_final = drawn.factor < 2.0 ? 2 : 5;  // not drawn: older seeds keep their meaning
  if (!usual && !out_.flapping) retry = drawn;
  if (!out_.flapping) return;
  given.mode = connect_mode::automatic;
  given.deadlines = {};  // each dial is to become a session
}

holdfast::testing::link_conditions drawing::link() {
  holdfast::testing::link_conditions out;
  out.latency = milliseconds(dice_.pick({0, 1, 1, 20, 50, 250, 1'000}));
  out.window_bytes = dice_.pick<std::size_t>({256, 4'096, 64 << 10, 64 << 10});
  if (scale_ == scale::small) out.largest_piece_bytes = dice_.pick<std::size_t>({100, 1'000, 16 << 10});
  if (scale_ == scale::tiny) out.largest_piece_bytes = dice_.pick<std::size_t>({1, 3, 40});
  return out;
}

void drawing::draw_network() {
  at_once(act::conditions, fault::slow_link).link = link();
  for (auto n = dice_.below(4); n > 0; --n) add(act::conditions, fault::slow_link).link = link();
  for (auto n = dice_.below(5); n > 0; --n) add(act::reset, fault::resets);
  for (auto n = dice_.below(4); n > 0; --n) add(act::silence, fault::silence);
  for (auto n = dice_.chance(40) ? dice_.below(6) : 0; n > 0; --n) {
    auto& one =
        add(dice_.pick({act::name_works, act::name_works, act::name_fails, act::name_hangs}), fault::names);
    one.number = dice_.below(4);
    one.span = milliseconds(dice_.pick({0, 10, 499, 500, 3'000, 60'000}));
  }
  for (auto n = dice_.chance(40) ? dice_.below(6) : 0; n > 0; --n) {
    auto& one = add(act::port, fault::ports);
    one.which = static_cast<unsigned>(dice_.below(2));
    one.number = dice_.below(3);
  }
}

server_script drawing::script(fault& group) {
  using enum conduct;
  server_script out;
  out.how = dice_.pick({echoes, echoes, echoes, closes, closes, drops, silent, never_upgrades, refuses,
                        garbage, bad_frame, reads_slowly, floods, floods_pings, fragments, no_pongs});
  out.span = dice_.chance(30)   ? milliseconds(0)
             : dice_.chance(50) ? dice_.milliseconds(1, 1'000)
                                : dice_.milliseconds(1'000, 60'000);
  group = fault::sessions;
  switch (out.how) {
    case closes:
      out.code =
          dice_.pick({1000U, 1001U, 1002U, 1003U, 1005U, 1007U, 1008U, 1009U, 1011U, 1012U, 1013U, 4000U});
      break;
    case refuses:
      group = fault::refusals;
      out.code = dice_.pick({200U, 302U, 401U, 403U, 404U, 426U, 429U, 429U, 500U, 503U, 503U, 503U});
      out.size = dice_.pick<std::size_t>({0, 1, 3, 30, 1'000});
      break;
    case never_upgrades:
      group = fault::refusals;
      break;
    case garbage:
    case bad_frame:
      group = fault::bad_bytes;
      out.code = static_cast<unsigned>(dice_.below(9));
      break;
    case reads_slowly:
      out.size = dice_.between(1, 400);
      out.span = dice_.milliseconds(1, 3'000);
      break;
    case floods:
      group = fault::floods;
      out.code = static_cast<unsigned>(dice_.between(1, scale_ == scale::tiny ? 20 : 400));
      out.size = std::min<std::size_t>(message_size(), 2'000);
      break;
    case floods_pings:
      group = fault::floods;
      out.code = static_cast<unsigned>(dice_.between(1, 200));
      out.span = milliseconds(dice_.pick({0, 0, 10, 500}));
      break;
    case fragments:
      out.size = dice_.between(1, 100);
      break;
    default:
      break;
  }
  return out;
}

void drawing::draw_servers() {
  for (const unsigned which : {0U, 1U}) {
    for (auto n = dice_.below(7) + 1; n > 0; --n) {
      fault group{};
      auto drawn = script(group);
      auto& one = n == 1 ? at_once(act::server, group) : add(act::server, group);
      one.which = which;
      if (n == 1 && out_.flapping) {
        drawn.how = dice_.chance(80) ? conduct::closes : conduct::drops;
        drawn.code = dice_.pick({1000U, 1001U, 1008U, 1011U, 1012U, 1013U, 4000U});
        drawn.span = {};
        one.group = fault::sessions;
      }
      one.script = drawn;
    }
  }
}

std::size_t drawing::message_size() {
  const std::size_t most = scale_ == scale::tiny ? 300 : scale_ == scale::small ? 8'000 : 80'000;
  const auto drawn = dice_.chance(75)   ? dice_.between(12, 120)
                     : dice_.chance(80) ? dice_.between(120, 5'000)
                                        : dice_.between(5'000, 80'000);
  return std::min<std::size_t>(drawn, most);
}

plan make_plan(std::uint64_t seed, std::chrono::minutes length, std::uint64_t without) {
  auto out = drawing(seed, length).draw();
  drawing_v1 further(seed, length);
  const bool speaks = further.speaks() && !out.flapping && (without & bit(fault::protocol)) == 0;
  if (speaks) further.add_to(out);
  drawing_ways(out, without).draw();
  drawing_scenes(out, without).draw();
  std::erase_if(out.events, [&](const event& one) { return (without & bit(one.group)) != 0; });
  if ((without & bit(fault::options)) != 0) {
    out.options = {.mode = out.options.mode,
                   .subprotocols = out.options.subprotocols,
                   .protocol = out.options.protocol,
                   .compression = out.options.compression,
                   .keep_running = out.options.keep_running};
  }
  if ((without & bit(fault::manners)) != 0) {
    for (auto& each : out.events) each.how = {};
  }
  if ((without & bit(fault::sessions)) != 0) out.flapping = false;
  return out;
}

}  // namespace sim
