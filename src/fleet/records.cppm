// :records — the values of a fleet's entries, as text: a line of JSON, and for leases the states of the
// sessions below it, which only the next holder reads. Pure.
module;
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

export module holdfast.fleet_core:records;

import holdfast.core;

namespace holdfast::fleet {

// By key; empty texts are left out.
export using session_states = std::map<std::string, std::string, std::less<>>;

export struct lease_record {
  std::string holder{};     // the worker's id, '/', and the name of its run; empty: nobody
  std::uint64_t nonce = 0;  // of the update
  std::uint64_t epoch = 0;  // zero: this very revision
  std::string next{};       // of an entry without holder: who shall take it
  std::string states{};     // of write_states()
};
export std::string write_lease(const lease_record& given);
// Empty: it is no such record.
export std::optional<lease_record> read_lease(std::string_view text);

export std::string write_states(const session_states& given);
export session_states read_states(std::string_view text);

export struct worker_record {
  std::string run{};           // distinguishes two processes under one id
  std::uint64_t capacity = 0;  // in keys
  bool draining = false;
  std::uint64_t beat = 0;  // grows, so that each entry differs from the one before
};
export std::string write_worker(const worker_record& given);
export std::optional<worker_record> read_worker(std::string_view text);

export struct key_record {
  bool removed = false;
  std::string value{};
};
export std::string write_key(const key_record& given);
export std::optional<key_record> read_key(std::string_view text);

export struct settings_record {
  std::uint32_t shards = 0;
  std::uint64_t lease_ms = 0;
  bool operator==(const settings_record&) const = default;
};
export std::string write_settings(const settings_record& given);
export std::optional<settings_record> read_settings(std::string_view text);

// A message through the holder of a key, and what became of it.
export struct send_request {
  std::string key{};
  std::string text{};
  message_kind kind = message_kind::text;
  std::uint64_t wait_ms = 0;  // for a session of the holder's connection; zero: refused while there is none
};
export std::string write_request(const send_request& given);
export std::optional<send_request> read_request(std::string_view text);
export inline constexpr std::string_view drain_request = "drain";  // in the place of a send_request
export struct send_answer {
  bool held = true;  // false: ask another worker
  send_result result{};
};
export std::string write_answer(const send_answer& given);
export std::optional<send_answer> read_answer(std::string_view text);

}  // namespace holdfast::fleet
