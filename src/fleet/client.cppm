/// :client — any process that is no worker: it adds and removes keys, sees who holds what, and sends through
/// the holder.
module;
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

export module holdfast.fleet_core:client;

import holdfast.core;
import :coordinator;

namespace holdfast::fleet {

/// How client::send() sends.
export struct send_through {
  message_kind kind = message_kind::text;  ///< of the message
  /// For so long it looks for the holder, and the holder for a session; from 1 ms to an hour.
  std::chrono::milliseconds patience = std::chrono::seconds(10);
};

/// A worker, as its entry says.
export struct worker_status {
  std::string id{};            ///< worker_options::id
  std::uint64_t capacity = 0;  ///< in shards
  bool draining = false;       ///< it takes no more
  std::uint64_t shards = 0;    ///< leases in its name
};

/// A key, as its entries say. A worker that has crashed stands here until another one has taken the key.
export struct key_status {
  std::string key{};        ///< as it was added
  std::string value{};      ///< the same
  std::string worker{};     ///< the id of the holder; empty: none
  std::uint64_t epoch = 0;  ///< of the lease; zero: it was never held
};

/// All of a fleet, as it was at about one moment.
export struct fleet_status {
  std::vector<worker_status>
      workers{};  ///< in the order of their ids; workers that have ended without drain() as well
  std::vector<key_status> keys{};  ///< in order
  std::uint32_t shards = 0;        ///< worker_options::shards; zero: each key has its own lease
};

/// Copies share what they know. Any thread may call any member. Operations may be cancelled (terminal): what
/// they have begun may be done.
export class client {
 public:
  /// The coordinator of the fleet, as for its workers.
  explicit client(std::shared_ptr<coordinator> broker);

  /// Adds a key, or gives it another value: its coroutine is then begun anew. A key has 1 to 256 bytes of any
  /// kind. A value may have any bytes, too, on NATS some 50,000 of plain text, less of others (too_large).
  /// Throws std::invalid_argument. Fails as coordinator::update() does.
  net::awaitable<result<void>> add(std::string key, std::string value = {}) const;
  /// Removes a key: whoever holds it stops. Fails with unknown_key, and as coordinator::update() does.
  net::awaitable<result<void>> remove(std::string key) const;
  /// Sends through the connection that the holder of `key` has attached to its lease, and returns what became
  /// of the message there. not_sent with unknown_key, with not_held: nobody has held the key within
  /// `patience`, with too_large, or with what the broker said last (unavailable, refused, …). in_doubt with
  /// outcome_unknown: the holder did not answer, and may have sent it. Calls to the broker that end without
  /// an answer may make it longer than `patience`.
  net::awaitable<send_result> send(std::string key, std::string text, send_through how = {}) const;
  /// Returns all workers and keys.
  net::awaitable<result<fleet_status>> status() const;
  /// Asks a worker to drain, as worker::drain() does. Fails with no_responder if no such worker runs.
  net::awaitable<result<void>> drain(std::string worker_id) const;

 private:
  struct knowledge;
  std::shared_ptr<knowledge> known_;  // shared by copies
};

}  // namespace holdfast::fleet
