// What the server has throttled, what the client says about it, and that a message which was sent under a
// throttled feature does not arrive before the client was told that it may.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "journal.hpp"
#include "transitions.hpp"

import holdfast;

namespace sim {

class throttling {
 public:
  struct feature {
    std::string name;
    std::optional<clock::duration> span{};
  };

  throttling(journal& log, const transitions& states) : log_(log), states_(states) {}

  // How the state that is published now can be read; empty: there is no connection any more.
  void look_at(std::function<holdfast::state_change()> published) { published_ = std::move(published); }

  // True: it was throttled.
  bool sent(std::size_t id, std::string_view name, const holdfast::state_change& published) {
    if (!names(published, name)) return false;
    if (id >= sent_under_.size()) sent_under_.resize(id + 1);
    sent_under_[id] = published.sequence;
    return true;
  }
  void arrived(std::size_t id, std::string_view name) {
    if (!published_ || id >= sent_under_.size() || sent_under_[id] == 0) return;
    arrivals_.push_back({id, std::string(name), published_().sequence});
  }
  void told(std::vector<feature> features) { told_.push_back({clock::now(), std::move(features)}); }

  // As the first listener sees it, while a session is open.
  void saw(const holdfast::state_change& change) {
    using enum holdfast::connection_state;
    if (change.to != feature_throttled && change.from != feature_throttled) return;
    if (change.to == disconnected || states_.last_opened()) return;  // a new session begins without
    while (position_ < told_.size() && !agrees(told_[position_], change)) ++position_;
    if (position_ == told_.size())
      log_.violated(change.features.size(), " features are throttled, as the server has never said");
  }

  // When all listeners have been called.
  void check() {
    for (const auto& each : std::exchange(arrivals_, {})) {
      const auto& all = states_.all();
      bool lifted = false;
      for (auto n = sent_under_[each.id]; n < each.sequence && n < all.size(); ++n)
        lifted = lifted || !names(all[n], each.name);  // the transition after number n
      if (!lifted) log_.violated("message ", each.id, " arrived, though its feature is throttled");
    }
  }

 private:
  struct list {
    clock::time_point at;
    std::vector<feature> features;
  };
  struct arrival {
    std::size_t id;
    std::string name;
    std::uint64_t sequence;  // of the state that was published then
  };

  static bool names(const holdfast::state_change& change, std::string_view name) {
    const auto& all = change.features;
    return std::ranges::find(all, name, &holdfast::throttled_feature::name) != all.end();
  }
  // Those whose time is over may be missing.
  static bool agrees(const list& told, const holdfast::state_change& change) {
    std::size_t found = 0;
    for (const auto& each : told.features) {
      const bool named = names(change, each.name);
      found += named ? 1 : 0;
      if (!named && (!each.span || change.time < told.at + *each.span)) return false;
    }
    return found == change.features.size();
  }

  journal& log_;
  const transitions& states_;
  std::function<holdfast::state_change()> published_;
  std::vector<std::uint64_t> sent_under_;  // by message: the transition that was the last one; 0: not held
  std::vector<arrival> arrivals_;
  std::vector<list> told_;
  std::size_t position_ = 0;
};

}  // namespace sim
