// :entry_names — what the entries of a fleet are called at the broker: any key as a name that every broker
// can carry, and back; and which shard a key belongs to. Pure.
module;
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

export module holdfast.fleet_core:entry_names;

namespace holdfast::fleet {

// Letters, digits, '-' and '_' as they are, each other byte as "=2E".
export std::string to_name(std::string_view key);
// Empty: to_name() does not make such a name.
export std::optional<std::string> from_name(std::string_view name);

// Any line as the value of a header. Each N is escaped as well: nats-server 2.10 and older look for names
// such as Nats-Expected-Last-Subject-Sequence in the text of all headers, and one in a value would switch the
// comparison of revisions off.
export std::string to_header(std::string_view line);
// Empty: to_header() does not make such a text.
export std::optional<std::string> from_header(std::string_view text);

// The same on each machine and in each version: who holds what depends on it.
export std::uint64_t stable_hash(std::string_view text) noexcept;

// The name of the shard that a key belongs to; `shards` zero: each key is its own.
export std::string shard_of(std::string_view key, std::uint32_t shards);

// Kinds of entries, before to_name() of a key, shard or worker.
export inline constexpr std::string_view key_prefix = "key.";
export inline constexpr std::string_view lease_prefix = "lease.";
export inline constexpr std::string_view worker_prefix = "worker.";
export inline constexpr std::string_view gate_prefix = "gate.";
export inline constexpr std::string_view settings_name = "settings";

// The rest behind the prefix; empty: it begins otherwise.
export std::string_view behind(std::string_view prefix, std::string_view name) noexcept;

}  // namespace holdfast::fleet
