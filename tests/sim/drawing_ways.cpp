// Other links, TLS, compression, and the parts of the public interface that came later.
#include "drawing_ways.hpp"

#include <algorithm>
#include <utility>

namespace sim {

using std::chrono::milliseconds;

void drawing_ways::draw() {
  using step = void (drawing_ways::*)(dice);
  struct way {
    fault group;
    std::uint64_t salt;
    step draw;
  };
  constexpr std::array<way, 16> ways{{
      {fault::moving, 0xF00D, &drawing_ways::draw_moves},
      {fault::rough_links, 0xA001, &drawing_ways::draw_rough_links},
      {fault::half_silence, 0xA002, &drawing_ways::draw_half_silence},
      {fault::tls, 0xA003, &drawing_ways::draw_tls},
      {fault::compression, 0xA004, &drawing_ways::draw_compression},
      {fault::suspends, 0xA005, &drawing_ways::draw_suspends},
      {fault::handlers, 0xA006, &drawing_ways::draw_handlers},
      {fault::providers, 0xA007, &drawing_ways::draw_providers},
      {fault::redirects, 0xA008, &drawing_ways::draw_redirects},
      {fault::endpoints, 0xA009, &drawing_ways::draw_endpoints},
      {fault::addresses, 0xA00A, &drawing_ways::draw_addresses},
      {fault::interim, 0xA00B, &drawing_ways::draw_interim},
      {fault::giving_up, 0xA00C, &drawing_ways::draw_giving_up},
      {fault::lifetimes, 0xA00D, &drawing_ways::draw_lifetime},
      {fault::gates, 0xA00E, &drawing_ways::draw_gate},
      {fault::lateness, 0xA00F, &drawing_ways::draw_lateness},
  }};
  for (const auto& each : ways) {
    if ((without_ & bit(each.group)) == 0) (this->*each.draw)(dice(out_.seed ^ each.salt));
  }
  std::ranges::sort(out_.events, {}, [](const event& each) { return std::pair(each.at, each.order); });
}

clock::duration drawing_ways::some_time(dice& drawn) const {
  return drawn.milliseconds(0, static_cast<std::uint64_t>(out_.length / milliseconds(1)));
}

event& drawing_ways::add(dice& drawn, act what, fault group) {
  event one{.at = some_time(drawn), .order = out_.events.size(), .what = what};
  one.group = group;
  return out_.events.emplace_back(one);
}

void drawing_ways::draw_moves(dice drawn) {
  if (out_.flapping || !drawn.chance(40)) return;
  for (auto n = drawn.between(1, 5); n > 0; --n) {
    add(drawn, act::migrate, fault::moving).when =
        drawn.pick({moment::between_turns, moment::inside_a_turn, moment::at_a_transition});
  }
}

void drawing_ways::draw_rough_links(dice drawn) {
  if (out_.flapping || !drawn.chance(40)) return;
  for (auto& each : out_.events) {
    if (each.what != act::conditions) continue;
    auto& link = each.link;
    if (drawn.chance(40)) link.jitter = milliseconds(drawn.pick({1, 20, 300}));
    if (drawn.chance(25)) link.bytes_per_second = drawn.pick<std::size_t>({2'000, 20'000, 1'000'000});
    if (drawn.chance(25)) link.syn_loss = drawn.pick({0.1, 0.5, 0.9});
    if (drawn.chance(35))
      link.reset_after_bytes = drawn.between(1, drawn.pick<std::uint64_t>({400, 2'000, 30'000}));
    if (link.bytes_per_second == 0) continue;
    const auto full = std::chrono::seconds(2 * link.window_bytes / link.bytes_per_second + 1);
    out_.longest_way = std::max<clock::duration>(out_.longest_way, full + link.latency + link.jitter);
  }
}

void drawing_ways::draw_half_silence(dice drawn) {
  for (auto& each : out_.events) {
    if (each.what == act::silence) each.number = drawn.below(3);
  }
}

void drawing_ways::draw_tls(dice drawn) {
  out_.tls = drawn.chance(20);
  if (out_.tls && !out_.flapping) out_.options.deadlines.tls = milliseconds(drawn.pick({500, 10'000}));
}

void drawing_ways::draw_compression(dice drawn) {
  if (!drawn.chance(30)) return;
  auto& ours = out_.options.compression;
  ours.enabled = true;
  ours.minimum_bytes = drawn.pick<std::size_t>({0, 20, 128});
  ours.level = drawn.pick({1, 6});
  ours.client_no_context_takeover = drawn.chance(30);
  ours.server_no_context_takeover = drawn.chance(30);
  ours.client_max_window_bits = drawn.pick({9, 15});
  ours.server_max_window_bits = drawn.pick({9, 15});
  for (auto& each : out_.served) {
    each.enabled = drawn.chance(80);
    each.minimum_bytes = drawn.pick<std::size_t>({0, 64});
  }
}

void drawing_ways::draw_suspends(dice drawn) {
  for (auto n = drawn.chance(30) ? drawn.between(1, 4) : 0; n > 0; --n) {
    auto& one = add(drawn, act::suspend, fault::suspends);
    one.span = milliseconds(drawn.pick({-3'600'000, 1'000, 4'999, 5'000, 60'000, 3'600'000}));
  }
}

// Whoever has a handler does not receive besides: between the two there is no order.
void drawing_ways::draw_handlers(dice drawn) {
  if (!drawn.chance(15)) return;
  out_.reader = reading::handler;
  std::erase_if(out_.events, [](const event& each) {
    return each.what == act::receive || each.what == act::receive_batch;
  });
  for (auto n = drawn.below(12); n > 0; --n) {
    auto& one = add(drawn, act::handler, fault::handlers);
    one.number = drawn.below(3);
    one.when = drawn.pick({moment::between_turns, moment::inside_a_turn, moment::at_a_transition});
  }
}

void drawing_ways::draw_providers(dice drawn) {
  if (out_.flapping || !drawn.chance(30)) return;
  out_.provides = true;
  out_.options.deadlines.provider = milliseconds(drawn.pick({500, 10'000}));
  for (auto n = drawn.below(6); n > 0; --n) {
    using enum providing;
    auto& one = add(drawn, act::provider, fault::providers);
    one.number = static_cast<std::size_t>(
        drawn.chance(4) ? throws : drawn.pick({at_once, at_once, late, late, never, unreachable}));
    one.span = drawn.milliseconds(1, 12'000);
  }
}

void drawing_ways::draw_redirects(dice drawn) {
  if (out_.flapping || !drawn.chance(25)) return;
  for (auto& each : out_.events) {
    if (each.what != act::server || !drawn.chance(30)) continue;
    each.script = {.how = conduct::redirects, .code = drawn.pick({301U, 302U, 303U, 307U, 308U})};
    each.group = fault::redirects;
  }
}

void drawing_ways::draw_endpoints(dice drawn) {
  if (out_.flapping || !drawn.chance(20)) return;
  out_.endpoints = true;
  auto& how = out_.options.endpoints;
  how.order = drawn.pick({holdfast::endpoint_order::ordered, holdfast::endpoint_order::shuffled});
  how.cool_down = milliseconds(drawn.pick({0, 1'000, 60'000}));
  how.prefer_primary = drawn.chance(30);
  how.next_at_once = drawn.chance(80);
}

// One of them takes the connection and does not do what is wanted then.
void drawing_ways::draw_addresses(dice drawn) {
  if (out_.flapping || out_.endpoints || !drawn.chance(25)) return;
  auto& name = add(drawn, act::name_works, fault::addresses);
  name.number = 3;
  const auto begin = name.at;
  auto& bad = add(drawn, act::server, fault::addresses);
  bad.at = begin;
  bad.which = static_cast<unsigned>(drawn.below(2));
  bad.script = {.how = drawn.pick({conduct::refuses, conduct::never_upgrades, conduct::garbage}),
                .code = 503};
  auto& good = add(drawn, act::server, fault::addresses);
  good.at = begin;
  good.which = 1 - out_.events[out_.events.size() - 2].which;
  add(drawn, act::reset, fault::addresses).at = begin + milliseconds(1);
}

void drawing_ways::draw_interim(dice drawn) { out_.interim = drawn.chance(30); }

void drawing_ways::draw_giving_up(dice drawn) { out_.options.keep_running = drawn.chance(50); }

void drawing_ways::draw_lifetime(dice drawn) {
  if (out_.flapping || !drawn.chance(15)) return;
  out_.options.session.lifetime = milliseconds(drawn.pick({10'000, 30'000, 120'000}));
}

void drawing_ways::draw_lateness(dice drawn) {
  if (!drawn.chance(25)) return;
  out_.options.heartbeat.unresponsive_after = milliseconds(drawn.pick({0, 100, 400}));
  out_.options.heartbeat.least_pong_deadline = milliseconds(drawn.pick({0, 500}));
}

// So quick that nobody waits for longer than a microsecond, but for an attempt that is under way.
void drawing_ways::draw_gate(dice drawn) {
  if (!drawn.chance(20)) return;
  out_.options.gate = holdfast::make_dial_gate({.dials = 1'000,
                                                .interval = milliseconds(1),
                                                .under_way = drawn.pick({0U, 1U}),
                                                .random_seed = out_.seed});
}

}  // namespace sim
