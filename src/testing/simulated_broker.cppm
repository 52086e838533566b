/// :simulated_broker — the broker of a fleet in a world, as each process sees it: answers are late, or lost,
/// reads are stale, it restarts, and processes are cut from it. For tests of programs that use
/// holdfast.fleet.
module;
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

export module holdfast.testing:simulated_broker;

import holdfast;
import holdfast.fleet;
import :machine;
import :world;

namespace holdfast::testing {

/// How the broker behaves from now on.
export struct broker_conditions {
  clock::duration latency =
      std::chrono::milliseconds(1);  ///< one way; each message takes up to twice as long
  double slow = 0;                   ///< the chance that a message takes up to 6 s
  double lost = 0;                   ///< the chance that an answer is lost, after the work was done
  double stale = 0;  ///< the chance that a read returns what an entry was before its last change
  clock::duration call_timeout = std::chrono::seconds(2);  ///< by the clock of the caller
  std::size_t largest_value = 1 << 20U;                    ///< of an entry, in bytes
};

/// A message of lease::publish(), as a consumer of the stream sees it.
export struct published_event {
  std::string subject{};  ///< "events." and the name of the key
  std::string payload{};  ///< as it was published
  std::string id{};       ///< of the message; the first of several with one id stands here
};

/// Keeps entries through restarts, as a broker with a file store does. Made inside a world, which it must not
/// outlive. Not thread-safe.
export class simulated_broker {
 public:
  /// Runs, and is empty.
  explicit simulated_broker(world& in);
  ~simulated_broker();
  simulated_broker(const simulated_broker&) = delete;
  simulated_broker& operator=(const simulated_broker&) = delete;

  /// Change it at any time.
  broker_conditions conditions{};

  /// Returns the broker as the process on `from` sees it, for workers and clients there.
  [[nodiscard]] std::shared_ptr<fleet::coordinator> seen_from(machine& from);
  /// Cuts that process off, or lets it in again: nothing passes, and it is not told.
  void cut(const machine& from, bool cut = true);
  /// Holds up what passes between that process, which seen_from() knows, and the broker, both ways, as a
  /// server that is frozen does: calls end without an answer meanwhile, and all of it arrives in its order
  /// when it is let through as often as it was held up.
  void hold_up(const machine& from, bool held = true);
  /// Stops: nobody is answered. What was stored is there after start().
  void stop();
  /// Goes on after stop().
  void start();

  /// Returns the entry, newest revision, as it is stored; null: there is none.
  [[nodiscard]] const fleet::entry* find(const std::string& name) const;
  /// Returns all names of entries that begin with `prefix`, in order.
  [[nodiscard]] std::vector<std::string> names(const std::string& prefix) const;
  /// Calls `next` with each change as it is stored; empty: no longer.
  void on_change(std::function<void(const fleet::entry&)> next);
  /// Returns all events of the stream, in order.
  [[nodiscard]] const std::vector<published_event>& events() const noexcept;
  /// Returns how many updates were taken so far.
  [[nodiscard]] std::uint64_t updates() const noexcept;

 private:
  class memory;
  class view;
  std::shared_ptr<memory> memory_;  // shared with the views
  std::map<const machine*, std::shared_ptr<view>> views_;
};

}  // namespace holdfast::testing
