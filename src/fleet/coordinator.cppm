/// :coordinator — what a fleet needs of a broker: entries with revisions that are changed by compare-and-set,
/// notice of changes, messages and requests. fleet::nats() makes one of NATS; implement it for another
/// broker.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

export module holdfast.fleet_core:coordinator;

import holdfast.core;
import :fleet_error;

namespace holdfast::fleet {

/// One entry, as it was at one moment.
export struct entry {
  std::string name{};          ///< such as "lease.tenant-7"
  std::string value{};         ///< any bytes; the first line ends at '\n'
  std::uint64_t revision = 0;  ///< grows with each change of any entry
};

/// What watch() calls, on the executor that was given to it, one call at a time.
export struct watcher {
  std::function<void(entry)>
      on_entry{};  ///< each entry that there is, then each change: newest last, perhaps repeated
  std::function<void()> on_caught_up{};       ///< all entries that there were have been given
  std::function<void(error_code)> on_lost{};  ///< changes may have been missed; it begins again by itself
};

/// Ends what it stands for when it is destroyed: no function is called any more once the destructor has
/// returned on the executor of the functions. Any thread.
export class registration {
 public:
  virtual ~registration() = default;
};

/// Answers a request: calls `reply` once, at any time, on any thread. Calls on the executor that was given to
/// serve().
export using request_handler =
    std::function<void(std::string payload, std::function<void(std::string answer)> reply)>;

/// A broker, as one process sees it. All names are of A-Z, a-z, 0-9, '-', '_', '=' and '.'. All members may
/// be called from any thread. Operations do not throw; they resume the coroutine on its own executor, and end
/// at the latest after `call_timeout` of their own: with outcome_unknown if the broker may have done it, else
/// with another error. What is cancelled may have been done.
export class coordinator {
 public:
  virtual ~coordinator() = default;

  /// Replaces the value if the entry has the revision `expected`, and returns the new one; zero: makes the
  /// entry if there is none. stale: it has another revision, or exists.
  virtual net::awaitable<result<std::uint64_t>> update(std::string name, std::string value,
                                                       std::uint64_t expected) = 0;
  /// Reads an entry, all of its value; empty: there is none. May return an older revision than the newest.
  virtual net::awaitable<result<std::optional<entry>>> get(std::string name) = 0;
  /// Calls `on` with all entries whose names begin with `prefix` (empty: all), and with their changes, until
  /// the registration is destroyed. Of a value it gives the first line alone: what is behind that is of use
  /// to few, and each worker watches all entries.
  virtual std::unique_ptr<registration> watch(std::string prefix, watcher on, net::any_io_executor where) = 0;
  /// Appends a message to the stream of the fleet's events. One with the same `id` as an earlier one counts
  /// once, for as long as the broker remembers.
  virtual net::awaitable<result<std::uint64_t>> publish(std::string subject, std::string payload,
                                                        std::string id) = 0;
  /// Asks who serves `name`, and returns the answer. no_responder: nobody does; outcome_unknown: no answer
  /// came within `patience`.
  virtual net::awaitable<result<std::string>> request(std::string name, std::string payload,
                                                      clock::duration patience) = 0;
  /// Answers requests to `name` until the registration is destroyed.
  virtual std::unique_ptr<registration> serve(std::string name, request_handler handler,
                                              net::any_io_executor where) = 0;
  /// Returns the size of the largest value that an entry may have, in bytes.
  [[nodiscard]] virtual std::size_t largest_value() const noexcept = 0;
};

}  // namespace holdfast::fleet
