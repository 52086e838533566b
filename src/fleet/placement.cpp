// Rendezvous hashing (Thaler and Ravishankar, 1998) with weights, and the bound on loads of Mirrokni, Thorup
// and Zadimoghaddam (2016): a worker whose share is full is passed over.
module;
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.fleet_core;

import :entry_names;
import :placement;

namespace holdfast::fleet {
namespace {

constexpr double most = 1.15;  // of its share a worker takes
constexpr std::size_t turns_of_patience =
    10;                         // of those who have their share: somebody must take it in the end
constexpr double little = 0.9;  // of its share: shards move to it from others

}  // namespace

placement::placement(std::vector<candidate> candidates, std::size_t shards)
    : candidates_(std::move(candidates)), shards_(static_cast<double>(shards)) {
  for (auto& each : candidates_) {
    capacity_ += each.capacity;
    each.hash = stable_hash(each.id);
  }
}

void placement::add_load(std::string_view holder, int by) {
  const auto found = std::ranges::find(candidates_, holder, &candidate::holder);
  if (found == candidates_.end()) return;
  found->load = static_cast<std::uint32_t>(std::max(0, static_cast<int>(found->load) + by));
}

double placement::share(const candidate& of) const noexcept { return shards_ * of.capacity / capacity_; }

bool placement::has_room(const candidate& of, std::uint32_t less) const noexcept {
  const auto load = of.load - std::min(of.load, less);
  return load < of.capacity && load < std::ceil(share(of) * most);
}

bool placement::is_underloaded(const candidate& of) const noexcept {
  return of.load < of.capacity && of.load < share(of) * little;
}

// A shard that moves leaves the worker that gives it with no less than the other had.
bool placement::would_balance(const candidate& from, const candidate& to) noexcept {
  return (from.load - 1.0) * to.capacity > to.load * from.capacity;
}

const candidate* placement::find(std::string_view holder) const noexcept {
  const auto found = std::ranges::find(candidates_, holder, &candidate::holder);
  return found != candidates_.end() ? &*found : nullptr;
}

double placement::score(const candidate& of, std::uint64_t shard) noexcept {
  // A number from 0 to 1, neither included, of both names.
  const auto mixed = (of.hash ^ shard) * 0x9e3779b97f4a7c15ULL;
  const auto drawn = (static_cast<double>((mixed ^ (mixed >> 29U)) >> 11U) + 0.5) / 9007199254740992.0;
  return -of.capacity / std::log(drawn);
}

std::size_t placement::turn_of(std::string_view holder, std::string_view shard, std::string_view last,
                               std::string_view counted) const {
  const auto* self = find(holder);
  const auto less = [&](const candidate& each) { return each.holder == counted ? 1U : 0U; };
  const auto may_take = [&](const candidate& each) { return has_room(each, less(each)); };
  if (self == nullptr || self->load >= self->capacity + less(*self)) return no_turn;
  const auto hash = stable_hash(shard);
  const auto mine = score(*self, hash);
  const bool is_full = !may_take(*self);
  const auto before = static_cast<std::size_t>(std::ranges::count_if(candidates_, [&](const candidate& each) {
    if (&each == self || each.holder == last) return false;
    return is_full ? may_take(each) || score(each, hash) > mine : may_take(each) && score(each, hash) > mine;
  }));
  return is_full ? before + turns_of_patience : before;
}

std::string placement::first_for(std::string_view shard, std::string_view but) const {
  const auto hash = stable_hash(shard);
  const candidate* best = nullptr;
  for (const auto& each : candidates_) {
    if (each.holder == but || !has_room(each)) continue;
    if (best == nullptr || score(each, hash) > score(*best, hash)) best = &each;
  }
  return best != nullptr ? best->holder : std::string();
}

bool placement::may_have_to_move(std::string_view holder) const {
  const auto* self = find(holder);
  if (self == nullptr || self->load <= share(*self)) return false;
  return self->load > std::ceil(share(*self) * most) ||
         std::ranges::any_of(candidates_, [&](const candidate& each) { return is_underloaded(each); });
}

std::string placement::better_holder(std::string_view holder, std::string_view shard) const {
  if (!may_have_to_move(holder)) return {};
  const auto* self = find(holder);
  const auto hash = stable_hash(shard);
  const bool is_overloaded = self->load > std::ceil(share(*self) * most);
  const candidate* best = nullptr;
  for (const auto& each : candidates_) {
    if (&each == self || !is_underloaded(each) || !would_balance(*self, each)) continue;
    if (best == nullptr || score(each, hash) > score(*best, hash)) best = &each;
  }
  if (best == nullptr) return {};
  // Of a worker that has too much any shard moves; else those that belong there by their hash.
  return is_overloaded || score(*best, hash) > score(*self, hash) ? best->holder : std::string();
}

}  // namespace holdfast::fleet
