// :tenancy — one lease as one worker sees it: holder or candidate. Pure: what its own clock and the broker
// say goes in; whether it may act, and what to ask the broker for, comes out. No clock of another machine
// counts. docs/fleet.md has the rules and what they promise.
module;
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

export module holdfast.fleet_core:tenancy;

import holdfast.core;

namespace holdfast::fleet {

// All of the worker's own boot clock, which goes on in a suspend.
export struct lease_times {
  clock::duration lease = std::chrono::seconds(20);
  clock::duration call = std::chrono::seconds(2);  // then an update is tried again
  [[nodiscard]] clock::duration renew() const noexcept { return lease / 4; }
  // After the sending of the last renewal that was taken. The socket is closed within 3/20 after it: together
  // less than the lease time of a clock that is 8 % faster.
  [[nodiscard]] clock::duration give_up() const noexcept { return lease * 7 / 10; }
  [[nodiscard]] clock::duration close() const noexcept { return lease * 3 / 20; }
};

// Who holds a lease, as its entry says.
export struct claim {
  std::uint64_t revision = 0;
  std::string_view holder{};  // empty: nobody
  std::uint64_t nonce = 0;    // of the holder's update
};

export class tenancy {
 public:
  using time_point = clock::time_point;
  enum class wish : std::uint8_t { none, renew, take };

  // Holds the lease; it may be that it must not act any more.
  [[nodiscard]] bool is_holder() const noexcept { return held_ != 0; }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  // The end of the time in which the holder may act.
  [[nodiscard]] time_point acts_until(const lease_times& times) const noexcept {
    return held_ != 0 ? valid_from_ + times.give_up() : time_point::min();
  }
  // Nobody holds it, or the holder has not renewed for the whole lease time while the broker was heard of.
  [[nodiscard]] bool is_free(const lease_times& times, time_point now,
                             time_point in_touch_since) const noexcept {
    return held_ == 0 && now >= free_from(times, in_touch_since);
  }
  // When that will be, if nothing is heard.
  [[nodiscard]] time_point free_from(const lease_times& times, time_point in_touch_since) const noexcept {
    if (!seen_ || held_ != 0) return time_point::max();
    if (nobody_ || was_ours_) return seen_since_;
    if (in_touch_since == time_point::max()) return time_point::max();
    return std::max(seen_since_, in_touch_since) + times.lease;
  }
  // What to ask the broker for now; `wanted`: this worker should take it if it is free.
  [[nodiscard]] wish next(const lease_times& times, time_point now, time_point in_touch_since,
                          bool wanted) const {
    if (sent_ && now - *sent_ < times.call) return wish::none;
    if (held_ != 0) return sent_ || now - valid_from_ >= times.renew() ? wish::renew : wish::none;
    return wanted && is_free(times, now, in_touch_since) ? wish::take : wish::none;
  }
  // When next() may say something else.
  [[nodiscard]] time_point look_at(const lease_times& times, time_point in_touch_since) const noexcept {
    const auto again = sent_ ? *sent_ + times.call : time_point::min();
    if (held_ != 0)
      return std::min(acts_until(times), std::max(again, sent_ ? again : valid_from_ + times.renew()));
    const auto free = free_from(times, in_touch_since);
    return free == time_point::max() ? free : std::max(again, free);
  }
  // The revision that the update expects; zero: there is no entry.
  [[nodiscard]] std::uint64_t expected() const noexcept { return held_ != 0 ? held_ : seen_revision_; }

  // An update leaves, with this nonce.
  void sends(std::uint64_t nonce, time_point now) {
    if (sends_.size() == most_sends) sends_.erase(sends_.begin());
    sends_.emplace_back(nonce, now);
    sent_ = now;
  }
  // It was taken. Valid from its sending: the answer may have come late. Returns whether the lease is news.
  bool taken(std::uint64_t nonce, std::uint64_t revision) {
    const auto begun = std::ranges::find(sends_, nonce, &std::pair<std::uint64_t, time_point>::first);
    if (begun == sends_.end() || revision <= held_) return false;
    if (revision < seen_revision_) return false;  // the entry was changed since
    const bool is_new = held_ == 0;
    if (is_new) epoch_ = revision;
    held_ = revision;
    valid_from_ = begun->second;
    sends_.erase(sends_.begin(), begun + 1);
    sent_.reset();
    // What was before it may be told later, and is no news then; nor after the lease was lost.
    seen_ = was_ours_ = true;
    seen_revision_ = revision;
    nobody_ = false;
    return is_new;
  }
  // It was refused, or cannot have been done: the next may leave at once. An earlier one may have been taken.
  void refused(std::uint64_t nonce) {
    if (!sends_.empty() && sends_.back().first == nonce) sent_.reset();
  }
  // What a read or a watch has brought. Returns whether the lease of this worker has begun or ended by it.
  bool saw(const claim& found, std::string_view self, time_point now) {
    if (seen_ && found.revision < seen_revision_) return false;  // a stale read
    if (!seen_ || found.revision != seen_revision_) seen_since_ = now;
    seen_ = true;
    seen_revision_ = found.revision;
    nobody_ = found.holder.empty();
    const bool is_ours = found.holder == self;
    was_ours_ = is_ours;
    if (is_ours && held_ == 0) return taken(found.nonce, found.revision);
    if (is_ours) {
      if (taken(found.nonce, found.revision); found.revision > held_)
        held_ = found.revision;  // its sending is forgotten
      return false;
    }
    if (held_ == 0 || found.revision <= held_) return false;
    drop();
    return true;
  }
  // There is no entry yet.
  void saw_none(time_point now) { saw({}, "-", now); }
  // It is given up, or has run out: this worker holds nothing any more, and its updates under way count no
  // more.
  void drop() {
    held_ = 0;
    sends_.clear();
    sent_.reset();
  }

 private:
  static constexpr std::size_t most_sends = 16;

  std::uint64_t held_ = 0;  // the revision; zero: not the holder
  std::uint64_t epoch_ = 0;
  std::uint64_t seen_revision_ = 0;
  time_point valid_from_{};
  time_point seen_since_{};
  std::optional<time_point> sent_{};  // the update that has no answer yet
  std::vector<std::pair<std::uint64_t, time_point>> sends_{};
  bool seen_ = false;
  bool nobody_ = false;
  bool was_ours_ = false;
};

}  // namespace holdfast::fleet
