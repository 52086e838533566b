// :kept_change — a transition as the ring keeps it. Most have few texts, and those of one connection repeat
// each other, but each connection keeps up to 64 of them: an idle one, two.
module;
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

module holdfast.core:kept_change;

import :state;
import :time;

namespace holdfast {

class kept_change {
 public:
  // `before` is the transition before it, if there is one: they share what is equal.
  kept_change(state_change given, const kept_change* before);
  [[nodiscard]] state_change restored() const;

 private:
  using shared_text = std::shared_ptr<const std::string>;

  static shared_text share(std::string text, const shared_text& before);

  // All of it; null: what follows is all.
  std::unique_ptr<const state_change> whole_;
  std::uint64_t sequence_;
  std::uint64_t session_;
  clock::time_point time_;
  shared_text origin_;  // null: empty
  shared_text peer_;
  unsigned attempt_;
  connection_state from_;
  connection_state to_;
  bool flapping_;
  bool resumed_;
};

}  // namespace holdfast
