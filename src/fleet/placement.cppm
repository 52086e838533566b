// :placement — who should hold a shard: each worker computes it alone, from what it sees, and it is a hint;
// who does hold it, the lease says. Rendezvous hashing, weighted by capacity, with bounded loads. Pure.
module;
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

export module holdfast.fleet_core:placement;

namespace holdfast::fleet {

export struct candidate {
  std::string holder{};    // the worker's id and run
  std::string id{};        // the same worker over several runs: what the hash is of
  double capacity = 1;     // above zero
  std::uint32_t load = 0;  // shards that it holds, or is about to take
  std::uint64_t hash = 0;  // of the id; placement sets it
};

export class placement {
 public:
  // Those that may hold something; `shards`: how many there are to be held.
  placement(std::vector<candidate> candidates, std::size_t shards);

  [[nodiscard]] const std::vector<candidate>& candidates() const noexcept { return candidates_; }
  void set_shards(std::size_t shards) noexcept { shards_ = static_cast<double>(shards); }
  // Changes the load of a candidate, by one shard.
  void add_load(std::string_view holder, int by);
  // Its turn to take a free shard, which the worker `last` has let go: 0 is the first; no_turn: its capacity
  // is used up. The shard counts in the load of `counted`, if it does in any.
  [[nodiscard]] std::size_t turn_of(std::string_view holder, std::string_view shard, std::string_view last,
                                    std::string_view counted) const;
  // To whom a holder should hand the shard over; empty: it stays. A shard stays while the imbalance is small.
  [[nodiscard]] std::string better_holder(std::string_view holder, std::string_view shard) const;
  // Whether some shard of the holder may have to move: cheaper than to ask for each.
  [[nodiscard]] bool may_have_to_move(std::string_view holder) const;
  // The first turn of the shard, without the holder `but`; empty: nobody has room.
  [[nodiscard]] std::string first_for(std::string_view shard, std::string_view but) const;

  static constexpr std::size_t no_turn = static_cast<std::size_t>(-1);

 private:
  [[nodiscard]] double share(const candidate& of) const noexcept;
  [[nodiscard]] bool has_room(const candidate& of, std::uint32_t less = 0) const noexcept;
  [[nodiscard]] bool is_underloaded(const candidate& of) const noexcept;
  [[nodiscard]] static bool would_balance(const candidate& from, const candidate& to) noexcept;
  [[nodiscard]] const candidate* find(std::string_view holder) const noexcept;
  static double score(const candidate& of, std::uint64_t shard) noexcept;

  std::vector<candidate> candidates_;
  double shards_;
  double capacity_ = 0;
};

}  // namespace holdfast::fleet
