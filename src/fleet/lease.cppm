/// :lease — the right of this process to act for one key, as the program's coroutine for that key sees it.
module;
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

export module holdfast.fleet_core:lease;

import holdfast.core;

namespace holdfast::fleet {

class tenant;

/// The right to act for `key()`. worker::run() passes one to each coroutine; it is valid until that coroutine
/// ends. Any thread may call any member.
export class lease {
 public:
  /// Of the worker; programs get theirs from worker::run().
  explicit lease(tenant& of) noexcept : tenant_(of) {}
  lease(const lease&) = delete;
  lease& operator=(const lease&) = delete;

  /// Returns the key that is held.
  [[nodiscard]] const std::string& key() const noexcept;
  /// Returns what fleet::client::add() has given with the key.
  [[nodiscard]] const std::string& value() const noexcept;
  /// Returns the fencing token: the revision of the entry at which this worker took the lease. Each later
  /// holder of the key has a greater one.
  [[nodiscard]] std::uint64_t epoch() const noexcept;
  /// Returns whether the program may act for the key at this moment, by the worker's own clock. Once it is
  /// false for good, the coroutine is cancelled.
  [[nodiscard]] bool holds() const noexcept;

  /// Ties `conn` to the lease. Before connection::run(), once in a coroutine; `conn` must not outlive it.
  ///
  /// - The session of the last holder goes on, if `options::protocol` can do that
  /// (connection::import_state()).
  /// - Nothing is delivered and nothing leaves while holds() is false; when the lease is lost, the connection
  /// ends with
  ///   error::lease_lost.
  /// - When the key is handed over, it closes as by connection::export_state(): receive() gets what has
  /// arrived, then
  ///   error::closed, and the coroutine should return.
  /// - client::send() sends through it.
  ///
  /// Throws std::logic_error if run() was called already, or another connection is attached.
  void attach(connection& conn);

  /// Appends a message to the stream of the fleet's events, under "events." and the name of the key. Its id
  /// there (in NATS the header Nats-Msg-Id) is "name.epoch.number", or "name..id" if `id` is not empty: an
  /// event of the backend that has an id of its own is then counted once, even if the next holder gets it
  /// again. Fails with error::lease_lost if the lease does not hold, and as coordinator::publish() does.
  /// Cancellation: terminal; it may have been published.
  net::awaitable<result<std::uint64_t>> publish(std::string payload, std::string id = {});

  /// Returns when the coroutine should end: the key is to be handed over, or the lease is lost. Only needed
  /// without a connection that tells it. Cancellation: terminal.
  net::awaitable<void> ended();

 private:
  tenant& tenant_;
};

}  // namespace holdfast::fleet
