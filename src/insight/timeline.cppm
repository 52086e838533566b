/// :timeline — what a connection has lived through, kept for a picture: its states, dials, round trips,
/// queues, messages, and what has happened to it.
module;
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

export module holdfast.insight:timeline;

import holdfast;

namespace holdfast {

/// What a timeline keeps.
export struct timeline_options {
  /// Upper bound of each of two stores. Of events (states, dial steps, commands) the oldest are forgotten. Of
  /// samples and round trips every other one is, so that the whole time stays visible. At least 2.
  std::size_t records = 5'000;
  limit_options limits{};  ///< those of the connection: the queues are drawn against them
};

/// Keeps what has happened to one connection. Set recorder() as `options::trace` before the connection is
/// made, and call sample() regularly, such as once a second. A copy shares the records. Any thread may call
/// any member, and to_svg() and to_html().
export class timeline {
 public:
  /// Keeps nothing yet.
  explicit timeline(timeline_options how = {});

  /// Returns the function for `options::trace`. It keeps what it needs alive.
  [[nodiscard]] std::function<void(const log_record&)> recorder() const;
  /// Keeps one record. Records come in the order of their times, and `event` must live as long as the
  /// timeline.
  void add(const log_record& one);
  /// Keeps the numbers of this moment: how much waits, and what has become of messages.
  void sample(const connection_stats& said);
  /// Keeps a line of `holdfast watch --json`, at the calendar time that it names: do not mix with recorder(),
  /// add() or sample(). Ignores events that the picture does not show. Throws std::invalid_argument for a
  /// line that is no such JSON object.
  void add_line(std::string_view json);

  /// Returns what is kept, in the order of time.
  [[nodiscard]] std::vector<log_record> records() const;
  /// Returns the moment up to which there is something to show: the last one of lines that were added, the
  /// present otherwise.
  [[nodiscard]] clock::time_point end() const;

 private:
  struct implementation;
  std::shared_ptr<implementation> implementation_;  // shared with the recorders
};

/// Returns the picture as SVG 1.1, for light and for dark surroundings: above it one sentence; below, on one
/// axis of time, the band of states, dials with their stages, waits with the rule that has decided them,
/// round trips, queues, messages by outcome, events. Tooltips describe each bar and point.
export std::string to_svg(const timeline& of);
/// Returns a page with the same picture and the last transitions as a table: one file without links. `title`
/// stands above it.
export std::string to_html(const timeline& of, std::string_view title = {});

}  // namespace holdfast
