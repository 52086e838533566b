// What connection::stats() says, against what the program has done and seen, and what has passed over the
// links.
#pragma once

#include <cstddef>
#include <cstdint>

#include "surroundings.hpp"

import holdfast;

namespace sim {

class numbers {
 public:
  // A message is given to send().
  void offers() { ++offered_; }
  // The program has got so many messages.
  void takes(std::size_t count) { taken_ += count; }

  // `over`: run() has ended.
  void check(const holdfast::connection_stats& said, const holdfast::state_change& last, bool over,
             const surroundings& around) const {
    auto& log = around.log;
    if (around.wire != nullptr) around.wire->check(said, log);
    const auto& sent = said.messages_sent;
    const auto ended = sent.written + sent.acked + sent.not_sent + sent.in_doubt + sent.dropped;
    if (sent.offered != offered_)
      log.violated("stats: ", sent.offered, " messages were offered, but send() was called for ", offered_);
    if (ended > sent.offered) log.violated("stats: ", ended, " messages have ended, of ", sent.offered);
    if (over && sent.pending() != 0) log.violated("stats: ", sent.pending(), " messages wait for ever");
    if (said.messages_received - said.unread_messages < taken_)
      log.violated("stats: ", said.messages_received, " messages were received, ", said.unread_messages,
                   " of them wait, but the program has ", taken_);
    // One may be open already that is not usable yet.
    if (said.sessions < last.session || said.sessions > last.session + 1)
      log.violated("stats: ", said.sessions, " sessions, the last is number ", last.session);
    if (said.attempts < said.sessions) log.violated("stats: fewer attempts than sessions");
    if (said.connected_for > said.age) log.violated("stats: connected for longer than it exists");
    if (transitions::is_open(last.to) && last.time < holdfast::clock::now() &&
        said.connected_for == holdfast::clock::duration())
      log.violated("stats: connected, but for no time");
  }

 private:
  std::uint64_t offered_ = 0;
  std::uint64_t taken_ = 0;
};

}  // namespace sim
