// What happens in each scene, and what the world must be like so that it can happen.
#include "drawing_scenes.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sim {

using holdfast::testing::link_conditions;
using std::chrono::milliseconds;

namespace {

constexpr auto moment_later = 1ms;

link_conditions calm_link(dice& drawn) { return {.latency = milliseconds(drawn.pick({1, 20, 50}))}; }

}  // namespace

void drawing_scenes::draw() {
  using step = void (drawing_scenes::*)(dice);
  struct scene {
    fault group;
    std::uint64_t salt;
    step draw;
  };
  constexpr std::array<scene, 5> scenes{{
      {fault::partings, 0xB001, &drawing_scenes::draw_partings},
      {fault::talking, 0xB002, &drawing_scenes::draw_talking},
      {fault::uploads, 0xB003, &drawing_scenes::draw_uploads},
      {fault::put_off, 0xB004, &drawing_scenes::draw_put_off},
      {fault::surrenders, 0xB005, &drawing_scenes::draw_surrenders},
  }};
  if (out_.flapping) return;
  for (const auto& each : scenes) {
    group_ = each.group;
    if ((without_ & bit(each.group)) == 0) (this->*each.draw)(dice(out_.seed ^ each.salt));
  }
  std::ranges::sort(out_.events, {}, [](const event& each) { return std::pair(each.at, each.order); });
}

clock::duration drawing_scenes::some_time(dice& drawn) const {
  return drawn.milliseconds(0, static_cast<std::uint64_t>(out_.length / milliseconds(1)));
}

event& drawing_scenes::add(clock::duration at, act what) {
  const event one{
      .at = std::min(at, out_.length), .order = out_.events.size(), .what = what, .group = group_};
  return out_.events.emplace_back(one);
}

void drawing_scenes::servers(clock::duration at, const server_script& script) {
  for (const unsigned which : {0U, 1U}) {
    auto& one = add(at, act::server);
    one.which = which;
    one.script = script;
  }
}

void drawing_scenes::begin_anew(clock::duration at, const link_conditions& link,
                                const server_script& script) {
  add(at, act::conditions).link = link;
  servers(at, script);
  add(at + moment_later, act::reset);
}

bool drawing_scenes::reads(reading how) {
  if (out_.reader == reading::handler) return false;
  out_.reader = how;
  return true;
}

// The last messages of a session, each of which is answered, come together with its close frame (R64).
void drawing_scenes::draw_partings(dice drawn) {
  if (out_.options.protocol || !drawn.chance(20) || !reads(reading::eager)) return;
  out_.replies = true;
  for (auto n = drawn.between(1, 3); n > 0; --n) {
    const auto begin = some_time(drawn);
    begin_anew(begin, calm_link(drawn),
               {.how = conduct::parts,
                .span = drawn.milliseconds(0, 3'000),
                .code = drawn.pick({1000U, 1001U, 1011U, 1012U, 4000U}),
                .size = drawn.between(1, 8)});
    servers(begin + drawn.milliseconds(5'000, 40'000), {});
  }
}

// The client wants to leave while the inbox is full and more is coming; then the program receives again.
void drawing_scenes::draw_talking(dice drawn) {
  if (out_.options.protocol || !drawn.chance(12) || !reads(reading::lazy)) return;
  out_.options.limits.inbound_messages = drawn.between(1, 3);
  out_.options.close_timeout = milliseconds(drawn.pick({1'000, 3'000}));
  for (auto n = drawn.between(1, 4); n > 0; --n) {
    const auto begin = some_time(drawn);
    begin_anew(begin, calm_link(drawn),
               {.how = conduct::talks,
                .span = drawn.milliseconds(20, 200),
                .code = static_cast<unsigned>(drawn.between(100, 300)),
                .size = drawn.between(20, 200)});
    const auto leaves = begin + drawn.milliseconds(2'500, 8'000);
    add(leaves, act::disconnect);
    for (auto count = drawn.between(1, 6); count > 0; --count)
      add(leaves + drawn.milliseconds(1, 1'500), drawn.pick({act::receive, act::receive_batch}));
    add(leaves + out_.options.close_timeout + drawn.milliseconds(0, 2'000), act::connect).which = 1;
    servers(leaves + 10s, {});
  }
}

// Each of them takes longer than a ping may wait for its answer (R62).
void drawing_scenes::draw_uploads(dice drawn) {
  if (out_.options.protocol || !drawn.chance(15) || !reads(reading::eager)) return;
  auto& given = out_.options;
  given.heartbeat.ping_interval = milliseconds(drawn.pick({1'000, 5'000}));
  given.heartbeat.pong_deadline = milliseconds(10'000);
  given.limits = {};
  for (auto n = drawn.between(1, 2); n > 0; --n) {
    const auto begin = some_time(drawn);
    auto link = calm_link(drawn);
    link.bytes_per_second = drawn.pick<std::size_t>({2'500, 4'000});
    link.largest_piece_bytes = 300;  // so that some of it arrives all the time
    const auto full = std::chrono::seconds(2 * link.window_bytes / link.bytes_per_second + 1);
    out_.longest_way = std::max<clock::duration>(out_.longest_way, full + link.latency);
    begin_anew(begin, link, {});
    const auto sent = begin + drawn.milliseconds(2'500, 8'000);
    for (auto count = drawn.between(1, 3); count > 0; --count)
      add(sent, act::send).number = drawn.between(30'000, 80'000);
    add(sent + drawn.milliseconds(60'000, 90'000), act::conditions).link = {};
  }
}

// The server that wants to be left alone has a session all the while, which then ends (R53).
void drawing_scenes::draw_put_off(dice drawn) {
  if (!drawn.chance(25)) return;
  for (auto n = drawn.between(1, 2); n > 0; --n) {
    const auto begin = some_time(drawn);
    begin_anew(begin, calm_link(drawn), {});
    const auto moves = begin + out_.options.retry.stable_after + drawn.milliseconds(3'000, 10'000);
    servers(moves - moment_later,
            {.how = conduct::refuses, .code = 503, .size = drawn.pick<std::size_t>({10, 30, 1'000})});
    add(moves, act::migrate);
    const auto ends = moves + drawn.milliseconds(200, 3'000);
    add(ends, act::reset);
    if (drawn.chance(30)) add(ends + drawn.milliseconds(0, 500), act::network_changed);
    servers(ends + drawn.milliseconds(0, 60'000), {});
  }
}

// The provider says that another attempt is of no use (G32); later the program wants one all the same.
void drawing_scenes::draw_surrenders(dice drawn) {
  if (!out_.provides || !drawn.chance(40)) return;
  const auto begin = some_time(drawn);
  add(begin, act::provider).number = static_cast<std::size_t>(providing::gives_up);
  add(begin + moment_later, act::reset);
  const auto again = begin + drawn.milliseconds(1'000, 60'000);
  add(again, act::provider).number = static_cast<std::size_t>(providing::at_once);
  add(again, act::connect).which = 1;
}

}  // namespace sim
