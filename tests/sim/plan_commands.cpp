// What the user will do: commands at random times, half of them in bursts, and sometimes an early end.
#include "drawing.hpp"

namespace sim {

void drawing::draw_command(clock::duration at) {
  using enum act;
  event one{.at = at};
  one.what = dice_.pick({connect,
                         connect,
                         disconnect,
                         retry_now,
                         network_changed,
                         background,
                         foreground,
                         foreground,
                         send,
                         send,
                         send,
                         send,
                         send,
                         send,
                         receive,
                         receive_batch,
                         ping,
                         ping,
                         next_state,
                         wait_for,
                         watch,
                         add_listener,
                         remove_listener,
                         cancel,
                         cancel});
  one.when = dice_.pick(
      {moment::between_turns, moment::between_turns, moment::inside_a_turn, moment::at_a_transition});
  one.number = dice_.below(4);
  one.which = static_cast<unsigned>(dice_.below(2));
  one.group = fault::telling;
  const auto size = message_size();
  const auto bytes_kind = static_cast<unsigned>(dice_.chance(5) ? dice_.between(2, 3) : dice_.below(2));
  switch (one.what) {
    case background:
    case foreground:
      one.group = fault::background;
      break;
    case send:
      one.number = size;
      one.which = bytes_kind;
      [[fallthrough]];
    case receive:
    case receive_batch:
    case ping:
      one.group = fault::messages;
      break;
    case watch:
      one.span = milliseconds(dice_.pick({0, 0, 10, 5'000, 40'000}));
      [[fallthrough]];
    case next_state:
    case wait_for:
    case add_listener:
    case remove_listener:
      one.group = fault::observers;
      break;
    case cancel:
      one.number = dice_.below(1'000);
      one.group = fault::cancelling;
      break;
    default:
      break;
  }
  out_.events.push_back(one);
}

// Half of the commands come in bursts at one and the same instant.
void drawing::draw_commands() {
  const auto count = dice_.chance(20) ? 0 : dice_.below(70);
  auto at = some_time();
  for (std::uint64_t n = 0; n < count; ++n) {
    if (dice_.chance(50)) at = some_time();
    draw_command(at);
  }
  draw_ending();
}

void drawing::draw_ending() {
  const auto drawn = dice_.below(100);
  auto& one = add(drawn < 8 ? act::destroy : drawn < 12 ? act::close : act::cancel_run, fault::ending);
  one.when = dice_.pick({moment::between_turns, moment::inside_a_turn, moment::at_a_transition});
  if (drawn >= 15) out_.events.pop_back();
}

}  // namespace sim
