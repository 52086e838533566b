// Until when servers want to be left alone, as far as it can be known from outside: nobody is dialled before
// that, whatever happens on our side, unless the program itself wants it (R53).
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "journal.hpp"
#include "plan.hpp"

import holdfast;

namespace sim {

class wish_model {
 public:
  wish_model(journal& log, const plan& from) : log_(log), policy_(from.options.retry) {}

  // The endpoint with this origin has asked for it, and the policy has heard of it.
  void asked(const std::string& origin, clock::duration wish, clock::time_point now) {
    may_have_asked(wish, now);
    if (now == overruled_at_) return;  // perhaps before it was overruled
    auto& until = certain_[origin];
    until = std::max(until, now + bounded(wish));
  }
  // Somebody has, but it is not known who, or when exactly.
  void may_have_asked(clock::duration wish, clock::time_point now) {
    possible_until_ = std::max<clock::time_point>(possible_until_, now + bounded(wish) + policy_.base);
  }
  // By the program; or there may have been a suspend, in which the time of a wish goes on.
  void overruled(clock::time_point now) {
    certain_.clear();
    overruled_at_ = now;
  }
  void check_dial(const std::string& origin, clock::time_point now) const {
    const auto found = certain_.find(origin);
    if (found == certain_.end() || now >= found->second) return;
    log_.violated(origin, " is dialled ", found->second - now, " before it allows it");
  }
  // Somebody may be waiting for the end of a wish.
  [[nodiscard]] bool may_hold(clock::time_point now) const { return now <= possible_until_; }

 private:
  [[nodiscard]] clock::duration bounded(clock::duration wish) const {
    return std::min<clock::duration>(wish, policy_.retry_after_limit);
  }

  journal& log_;
  const holdfast::retry_policy policy_;
  std::map<std::string, clock::time_point> certain_;
  clock::time_point possible_until_{};
  clock::time_point overruled_at_{};
};

}  // namespace sim
