// The options of the protocol, what is sent in it, and what its server does.
#include "drawing_v1.hpp"

#include <algorithm>
#include <utility>

import holdfast.v1;

namespace sim {

using std::chrono::milliseconds;

clock::duration drawing_v1::some_time() {
  const auto span = std::chrono::duration_cast<milliseconds>(length_).count();
  const auto drawn = static_cast<std::uint64_t>(span) * dice_.below(1'000'000) / 1'000'000;
  return milliseconds(dice_.chance(30) ? drawn - drawn % 250 : drawn);
}

event& drawing_v1::add(plan& out, act what, fault group) {
  return out.events.emplace_back(event{.at = some_time(), .what = what, .group = group});
}

void drawing_v1::add_to(plan& out) {
  draw_options(out);
  draw_letters(out);
  draw_logins(out);
  draw_sessions(out);
  draw_flow(out);
  draw_frames(out);
  draw_commands(out);
  draw_interrupted_bursts(out);
  draw_changing_throttles(out);
  for (std::size_t i = 0; i < out.events.size(); ++i) {
    out.events[i].order = i;
    out.events[i].at = std::min(out.events[i].at, out.length);
  }
  std::ranges::sort(out.events, {}, [](const event& one) { return std::pair(one.at, one.order); });
}

void drawing_v1::draw_options(plan& out) {
  holdfast::v1_options how;
  how.heartbeat = milliseconds(dice_.pick({0, 1'000, 5'000, 20'000, 20'000}));
  if (dice_.chance(10)) how.frame_bytes = 1'024;
  out.frame_bytes = how.frame_bytes;
  out.options.protocol = holdfast::v1(how);
  out.options.subprotocols = {std::string(holdfast::v1_subprotocol)};
  out.options.deadlines.login = milliseconds(dice_.pick({500, 2'000, 10'000}));
}

letter drawing_v1::some_letter() {
  using enum holdfast::offline_rule;
  letter out;
  out.when_offline = dice_.pick({fail, wait, wait, queue});
  out.when_throttled = dice_.pick({holdfast::throttled_rule::fail, holdfast::throttled_rule::drop,
                                   holdfast::throttled_rule::wait, holdfast::throttled_rule::wait});
  out.feature = dice_.chance(50) ? 0 : dice_.below(feature_names.size());
  out.key = dice_.chance(75) ? 0 : dice_.below(key_names.size());
  if (dice_.chance(15)) out.time_to_live = milliseconds(dice_.pick({1, 500, 5'000, 60'000}));
  if (dice_.chance(6)) out.form = dice_.pick({writing::binary, writing::not_json, writing::not_utf8});
  out.detached = dice_.chance(3);
  return out;
}

// Those that are there already get manners, and others come in bursts.
void drawing_v1::draw_letters(plan& out) {
  for (auto& each : out.events) {
    if (each.what == act::send) each.how = some_letter();
  }
  const auto count = dice_.chance(15) ? 0 : dice_.below(60);
  auto at = some_time();
  for (std::uint64_t n = 0; n < count; ++n) {
    if (dice_.chance(30)) at = some_time();
    auto& one = add(out, act::send, fault::manners);
    one.at = at;
    one.when = dice_.pick(
        {moment::between_turns, moment::between_turns, moment::inside_a_turn, moment::at_a_transition});
    one.number = dice_.chance(85) ? dice_.between(14, 120) : dice_.between(120, 3'000);
    one.how = some_letter();
  }
}

void drawing_v1::draw_logins(plan& out) {
  using enum login_answer;
  for (auto n = dice_.chance(50) ? dice_.below(5) : 0; n > 0; --n) {
    auto& one = add(out, act::logins, fault::logins);
    one.number = static_cast<std::size_t>(
        dice_.chance(5) ? dice_.pick({unauthorized, fatal})
                        : dice_.pick({at_once, at_once, at_once, late, late, never, refused, event_first}));
    one.span = dice_.milliseconds(1, 12'000);
  }
  for (auto n = dice_.chance(50) ? dice_.below(4) : 0; n > 0; --n) {
    auto& one = add(out, act::heartbeat, fault::heartbeats);
    one.span = milliseconds(dice_.pick({0, 0, 1, 1'500, 10'000, 30'000}));
    one.which = dice_.chance(30) ? 1 : 0;
  }
}

// What the user does while the client logs in, and takes back a while later.
void drawing_v1::draw_commands(plan& out) {
  using enum act;
  for (auto n = dice_.chance(50) ? dice_.below(5) : 0; n > 0; --n) {
    const auto what = dice_.pick({disconnect, disconnect, background, connect, network_changed, send});
    auto& one = add(out, what, what == background ? fault::background : fault::telling);
    one.when = moment::at_a_login;
    one.span = dice_.milliseconds(0, 20'000);
    one.number = 40;
    one.how.when_offline = holdfast::offline_rule::wait;
  }
}

// More than a link can carry at once, and an end while it is on its way.
void drawing_v1::draw_interrupted_bursts(plan& out) {
  const bool is_slow = std::ranges::any_of(out.events, [](const event& each) {
    return each.what == act::conditions && each.link.largest_piece_bytes < 10'000;
  });
  for (auto n = dice_.chance(40) ? dice_.below(4) : 0; n > 0; --n) {
    const auto at = some_time();
    for (auto count = dice_.between(2, 6); count > 0; --count) {
      auto& one = add(out, act::send, fault::manners);
      one.at = at;
      one.number = is_slow ? dice_.between(200, 800) : dice_.between(10'000, 60'000);
      one.how.when_offline = dice_.pick({holdfast::offline_rule::fail, holdfast::offline_rule::wait});
    }
    const auto what = dice_.pick({act::go_away, act::go_away, act::disconnect, act::reset});
    const auto group = what == act::go_away ? fault::leaving
                       : what == act::reset ? fault::resets
                                            : fault::telling;
    auto& end = add(out, what, group);
    end.at = at + dice_.milliseconds(0, 60);
    end.span = {};
    if (what != act::disconnect) continue;
    const auto again = end.at + dice_.milliseconds(0, 4'000);
    auto& wanted = add(out, act::connect, group);
    wanted.at = again;
    wanted.which = 1;
  }
}

// Messages wait for their feature while others are throttled and lifted.
void drawing_v1::draw_changing_throttles(plan& out) {
  for (auto n = dice_.chance(40) ? dice_.below(4) : 0; n > 0; --n) {
    auto at = some_time();
    for (auto count = dice_.between(2, 5); count > 0; --count) {
      auto& list = add(out, act::throttle, fault::throttling);
      list.at = at;
      list.number = dice_.between(1, 7);
      if (dice_.chance(20)) list.span = dice_.milliseconds(1, 3'000);
      for (auto messages = dice_.below(4); messages > 0; --messages) {
        auto& one = add(out, act::send, fault::manners);
        one.at = at + dice_.milliseconds(0, 3'000);
        one.number = 40;
        one.how = some_letter();
        one.how.feature = dice_.between(1, feature_names.size() - 1);
        one.how.when_throttled = holdfast::throttled_rule::wait;
      }
      at += dice_.milliseconds(100, 4'000);
    }
  }
}

void drawing_v1::draw_sessions(plan& out) {
  for (auto n = dice_.chance(50) ? dice_.below(4) : 0; n > 0; --n)
    add(out, act::forget, fault::lost_sessions);
  for (auto n = dice_.chance(50) ? dice_.below(5) : 0; n > 0; --n) {
    add(out, act::retain, fault::gaps).number = dice_.pick<std::size_t>({0, 1, 5, 1'000'000});
  }
  for (auto n = dice_.below(12); n > 0; --n) {
    auto& one = add(out, act::tell, fault::events);
    one.number = dice_.chance(80) ? dice_.between(1, 6) : dice_.between(10, 100);
    one.which = static_cast<unsigned>(dice_.chance(90)   ? dice_.between(40, 120)
                                      : dice_.chance(90) ? dice_.between(120, 2'000)
                                                         : 20'000);
  }
}

void drawing_v1::draw_flow(plan& out) {
  using enum ack_habit;
  for (auto n = dice_.below(5); n > 0; --n) {
    auto& one = add(out, act::acks, fault::acks);
    one.number = static_cast<std::size_t>(dice_.pick({at_once, late, late, in_batches, twice, never}));
    one.span = dice_.milliseconds(1, 20'000);
    one.which = static_cast<unsigned>(dice_.between(2, 8));
  }
  for (auto n = dice_.chance(60) ? dice_.below(8) : 0; n > 0; --n) {
    auto& one = add(out, act::throttle, fault::throttling);
    one.number = dice_.chance(30) ? 0 : dice_.below(8);
    one.span = dice_.chance(50) ? milliseconds(0) : dice_.milliseconds(1, 30'000);
  }
}

void drawing_v1::draw_frames(plan& out) {
  for (auto n = dice_.chance(40) ? dice_.below(4) : 0; n > 0; --n) {
    add(out, act::go_away, fault::leaving).span = milliseconds(dice_.pick({0, 0, 1, 2'000, 600'000}));
  }
  for (auto n = dice_.chance(30) ? dice_.below(3) : 0; n > 0; --n) {
    add(out, act::error, fault::errors).which = dice_.chance(10) ? 1 : 0;
  }
  for (auto n = dice_.chance(40) ? dice_.below(4) : 0; n > 0; --n) {
    add(out, act::bad_field, fault::bad_fields).number = dice_.below(100);
  }
}

}  // namespace sim
